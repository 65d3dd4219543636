"""`broker`: how a book's account stands at its broker, and whose orders are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json
from nightdesk.cli.output import show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nightdesk.session.context import Context

Claim = Annotated[
    bool,
    typer.Option("--claim", help="Let the orders be there that the book did not send; wants --reason."),
]
Because = Annotated[
    str, typer.Option("--reason", metavar="WORDS", help="Why they may be there; kept with them.")
]


@app.command(
    epilog=example(
        "nightdesk broker alpaca_swing",
        'nightdesk broker alpaca_swing --claim --reason "my own stop loss, it stays"',
    )
)
def broker(book: BookName, claim: Claim = False, reason: Because = "", json: Json = False) -> None:
    """Ask a book's broker how its account stands.

    Its clock and cash, what bars it from trading, and orders there that the book did not send. While there is
    one, the book adds no risk, and beside another installation of the desk it sends nothing. Cancel them at
    the broker, or claim them: they may be there.
    """
    import getpass

    from nightdesk.core.errors import Refused
    from nightdesk.session.entry import open_standing
    from nightdesk.session.foreign_orders import claim as claim_foreign
    from nightdesk.session.foreign_orders import words_of

    if reason and not claim:
        raise Refused("--reason goes with --claim")
    with database() as conn, open_standing(book, conn=conn) as context:
        claimed = claim_foreign(context, reason=reason, who=getpass.getuser()) if claim else ()
        found = {**_account(context), "claimed": [words_of(one) for one in claimed]}
    show(found, as_json=json, text=lambda: _told(found))


def _account(context: Context) -> dict[str, Any]:
    """What the broker says, beside the database's clock and mark."""
    from nightdesk.session.broker_session import contact
    from nightdesk.session.foreign_orders import look_for_foreign, words_of
    from nightdesk.store.db import now
    from nightdesk.store.installation import installation_mark

    with contact(context) as at:
        account, clock = at.account(), at.clock()
        foreign = () if at.simulated else look_for_foreign(context, at)
    return {
        "book": context.book.name,
        "account": account.name,
        "mark": installation_mark(context.conn),
        "simulated": at.simulated,
        "clock": clock,
        "database_clock": now(context.conn),
        "cash": account.cash,
        "buying_power": account.buying_power,
        "obstacles": {name or "all": list(why) for name, why in account.obstacles.items() if why},
        "notes": list(account.notes),
        "foreign_orders": [words_of(one) for one in foreign],
    }


def _told(found: Mapping[str, Any]) -> Iterator[str]:
    from nightdesk.alerts.figures import money

    power = found["buying_power"]
    yield f"{found['book']}: account {found['account']}, orders with the mark {found['mark']}"
    yield f"  cash {money(found['cash'])}" + ("" if power is None else f", buying power {money(power)}")
    if not found["simulated"]:
        yield (
            f"  its clock {found['clock']:%Y-%m-%d %H:%M:%S} UTC, "
            f"the database's {found['database_clock']:%Y-%m-%d %H:%M:%S} UTC"
        )
    for classes, why in found["obstacles"].items():
        yield f"  CANNOT TRADE {classes}: {'; '.join(why)}"
    yield from (f"  note: {one}" for one in found["notes"])
    yield from (f"  FOREIGN ORDER: {one}" for one in found["foreign_orders"])
    yield from (f"  claimed: {one}" for one in found["claimed"])
    if not (found["obstacles"] or found["foreign_orders"]):
        yield "  nothing bars it from trading"
