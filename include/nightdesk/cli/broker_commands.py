"""`recover`, `rebuild-from-broker`, `adopt`, `resend`, `resolve`: what a person does about a broker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, FeedName, Json, Reason
from nightdesk.cli.output import show

if TYPE_CHECKING:
    from nightdesk.operations.rebuild import Rebuilt
    from nightdesk.operations.recover import Recovered

#: How a command is told of a decision.
OptionOf = Callable[[datetime], str]

OneBook = Annotated[
    str | None,
    typer.Argument(
        metavar="BOOK", help="A book in books/; by default every started one.", show_default=False
    ),
]
Disown = Annotated[
    bool, typer.Option("--disown", help="What is at the broker is not the desk's.", show_default=False)
]
OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="Client order id, as `trace` shows it.")]


@app.command(epilog=example("nightdesk recover", "nightdesk recover multi_asset"))
def recover(book: OneBook = None, json: Json = False) -> None:
    """Put right what a crash cut off, and say which sessions to run again.

    Asks the broker about every order of which it is not known whether it arrived, cancels what still works
    though its session is over, collects executions, and keeps a record. Harmless when nothing had happened.
    Of all books, one that cannot be recovered hinders no other, and makes the status 1.
    """
    from nightdesk.core.errors import NightdeskError
    from nightdesk.operations.recover import recover as recover_book
    from nightdesk.session.entry import open_standing
    from nightdesk.store.book_rows import started_books

    done, failed = [], []
    with database() as conn:
        for name in [one.book for one in started_books(conn)] if book is None else [book]:
            try:
                with open_standing(name, conn=conn) as context:
                    done.append((recover_book(context), context.schedule.option_of))
            except NightdeskError as error:
                if book is not None:
                    raise
                failed.append(f"{name} was not recovered: {error}")
    show(
        {"recovered": [asdict(one) for one, _ in done]},
        as_json=json,
        text=lambda: [line for one, option_of in done for line in _told(one, option_of)],
    )
    for words in failed:
        typer.echo(f"nightdesk: {words}", err=True)
    if failed:
        raise typer.Exit(1)


def _told(done: Recovered, option_of: OptionOf) -> list[str]:
    """A recovery in lines for people."""
    seconds = (done.ended_at - done.began_at).total_seconds()
    found = [
        *(f"  {decision} {step}: cut off" for decision, step in done.cut_off),
        *(f"  {name}: {status}" for name, status in done.collected.moved.items()),
        *(f"  {name}: cancelled, its time is over" for name in done.collected.overdue),
        *(f"  {name}: expired, it never reached the broker" for name in done.expired),
    ]
    to_run = [f"  next: nightdesk run {done.book} {option_of(as_of)}" for as_of in done.to_run]
    return [
        f"{done.book}: recovered in {seconds:.1f} s" + ("" if found else ", nothing was cut off"),
        *found,
        *to_run,
    ]


@app.command("rebuild-from-broker", epilog=example("nightdesk rebuild-from-broker alpaca_swing"))
def rebuild_from_broker(book: BookName, feed: FeedName = None, json: Json = False) -> None:
    """Make a book's lost orders and fills again, after its database was restored from a backup.

    Runs the decisions that are missing, in order; which orders they sent, and what became of them, the broker
    says. Nothing is sent.
    """
    from nightdesk.operations.rebuild import rebuild
    from nightdesk.session.entry import open_standing

    progress = print if not json else lambda words: None
    with database() as conn, open_standing(book, conn=conn, feed=feed) as context:
        done, option_of = rebuild(context, progress), context.schedule.option_of
    show(asdict(done), as_json=json, text=lambda: _rebuilt(done, option_of))


def _rebuilt(done: Rebuilt, option_of: OptionOf) -> list[str]:
    """A rebuild in lines for people."""
    following = "" if done.to_run is None else f"next: nightdesk run {done.book} {option_of(done.to_run)}"
    return [
        f"{done.book}: {len(done.decisions)} decisions run again, {len(done.orders)} orders made again",
        *(f"  {name}: as it is at the broker" for name in done.orders),
        *(
            f"  {name}: NOBODY'S, no strategy can be told behind it: settling tells what it executed as a "
            f"difference, and `nightdesk adopt {done.book}` takes that over"
            for name in done.nobodys
        ),
        *(f"  {name}: not sent by this desk" for name in done.others),
        *([f"  {following}"] if following else []),
    ]


@app.command(epilog=example('nightdesk adopt multi_asset --reason "a dividend was withheld abroad"'))
def adopt(book: BookName, reason: Reason, json: Json = False) -> None:
    """Take the broker's figures over where ledger and broker differ.

    The next settling books what the newest one found to differ, as adjustments of their own. The kill switch
    stays as it is: `resume` releases it.
    """
    import getpass

    from nightdesk.operations.adopt import adopt as adopt_difference
    from nightdesk.session.entry import open_standing

    who = getpass.getuser()
    with database() as conn, open_standing(book, conn=conn) as context:
        done, name = adopt_difference(context, reason=reason, who=who), context.book.name
    show(
        {
            "book": name,
            "session": done.session,
            "amounts": done.amounts,
            "reason": reason,
            "who": who,
        },
        as_json=json,
        text=lambda: [
            f"{name}: {item} {amount:+f}, booked by the settling of {done.session}"
            for item, amount in done.amounts.items()
        ],
    )


@app.command(epilog=example('nightdesk resend alpaca_swing ORDER --reason "cancelled by mistake"'))
def resend(book: BookName, order: OrderId, reason: Reason, json: Json = False) -> None:
    """Send what an ended order left unfilled once more, as an order of its own.

    Only while the decision's own orders may be sent: until the open that they were meant for, of an hour's
    until the next decision. The kill switch and the other rules hold.
    """
    import getpass

    from nightdesk.core.errors import Refused
    from nightdesk.operations.resend import resend as send_again
    from nightdesk.session.entry import open_standing
    from nightdesk.store.order_rows import find_order

    with database() as conn, open_standing(book, conn=conn) as context:
        found = find_order(conn, order)
        if found is None or found.order.book != context.book.name:
            raise Refused(
                f"book {context.book.name} has no order {order}: `nightdesk trace` shows its orders"
            )
        at = context.at(found.order.as_of)
        sent, name = send_again(at, order, reason=reason, who=getpass.getuser()), context.book.name
    now = sent.order
    show(
        {"book": name, "order": now.client_order_id, "generation": now.generation, "status": sent.status},
        as_json=json,
        text=lambda: [
            f"{name}: {now.side} {now.quantity} {now.symbol} is {sent.status} as {now.client_order_id}"
        ],
    )


@app.command(
    epilog=example(
        'nightdesk resolve alpaca_swing ORDER --reason "sent before the database was restored"',
        'nightdesk resolve alpaca_swing ORDER --disown --reason "I sent it by hand"',
    )
)
def resolve(
    book: BookName, order: OrderId, reason: Reason, disown: Disown = False, json: Json = False
) -> None:
    """Say what an order is whose id stands for another one at the broker.

    The broker's order is taken over as what was sent, and what it executes is booked. With --disown it is
    not the desk's: ours ends as never sent, and `resend` may send it under an id of its own.
    """
    import getpass

    from nightdesk.operations.resolve import resolve as resolve_order
    from nightdesk.session.entry import open_standing

    with database() as conn, open_standing(book, conn=conn) as context:
        done = resolve_order(context, order, reason=reason, who=getpass.getuser(), disowned=disown)
    own = done.order
    show(
        {"book": own.book, "order": order, "status": done.status, "quantity": own.quantity},
        as_json=json,
        text=lambda: [f"{own.book}: {order} is {done.status}, to {own.side} {own.quantity} {own.symbol}"],
    )
