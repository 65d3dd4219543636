"""`broker`, `accounts`, `transfer`: how a book's accounts stand, whose orders are there, money among them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json
from nightdesk.cli.output import show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nightdesk.brokers import Broker
    from nightdesk.core.book import Book
    from nightdesk.session.context import Context
    from nightdesk.store.db import Connection
    from nightdesk.store.foreign_order_rows import ForeignOrder

Claim = Annotated[
    bool,
    typer.Option("--claim", help="Let the orders be there that the book did not send; wants --reason."),
]
Contract = Annotated[
    str | None,
    typer.Option(
        "--contract", metavar="SYMBOL=NUMBER", help="Which contract at IBKR a symbol is.", show_default=False
    ),
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
def broker(
    book: BookName, claim: Claim = False, reason: Because = "", contract: Contract = None, json: Json = False
) -> None:
    """Ask a book's broker how its account stands.

    Its clock, cash and margin, what bars it from trading, and orders there that the book did not send; of a
    real account before the book's first run too. While there is such an order, the book adds no risk, and
    beside another installation of the desk it sends nothing. Cancel them at the broker, or claim them: they
    may be there. Where IBKR has several contracts under the name of a symbol, --contract says which it is.
    """
    import getpass

    from nightdesk.cli.book_commands import open_book
    from nightdesk.core.errors import Refused
    from nightdesk.session.entry import open_standing
    from nightdesk.session.foreign_orders import claim as claim_foreign
    from nightdesk.session.foreign_orders import words_of
    from nightdesk.store.book_rows import book_record

    if reason and not claim:
        raise Refused("--reason goes with --claim")
    claimed: tuple[ForeignOrder, ...] = ()
    with database() as conn:
        at = open_book(book)
        if book_record(conn, at.name) is None and not at.simulated and not claim:
            # What is set up can be tried before anything is decided.
            if contract is not None:
                _name_contract(conn, at, contract)
            each = [_unstarted(conn, at, name) for name in at.account_names]
        else:
            with open_standing(book, conn=conn) as context:
                if contract is not None:
                    _name_contract(conn, context.book, contract)
                if claim:
                    claimed = claim_foreign(context, reason=reason, who=getpass.getuser())
                each = [_account(context, name) for name in at.account_names]
    told, names = {"claimed": [words_of(one) for one in claimed]}, at.account_names
    if len(each) == 1:
        found = {**each[0], **told}
        show(found, as_json=json, text=lambda: _told(found))
    else:
        document = {
            "book": at.name,
            "accounts": [{"name": name, **one} for name, one in zip(names, each, strict=True)],
            **told,
        }
        show(document, as_json=json, text=lambda: _told_each(document))


@app.command(epilog=example("nightdesk accounts two_brokers"))
def accounts(book: BookName, json: Json = False) -> None:
    """Show the accounts of a started book: broker, cash, value, open orders, as of its newest mark."""
    from nightdesk.cli.book_commands import open_book
    from nightdesk.cli.status_lines import account_lines
    from nightdesk.core.errors import Refused

    name = open_book(book).name
    with database() as conn:
        found = account_documents(conn, name, several_only=False)
    if not found:
        raise Refused(f"book {name!r} was never started: `nightdesk run {name}` decides its first session")
    show({"book": name, "accounts": found}, as_json=json, text=lambda: [f"{name}:", *account_lines(found)])


@app.command(
    epilog=example('nightdesk transfer two_brokers stocks coins 5000 --reason "more room for coins"')
)
def transfer(
    book: BookName,
    source: Annotated[str, typer.Argument(metavar="FROM", help="Account of the book that gives.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Account of the book that receives.")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Dollars, such as 2500 or 2500.50.")],
    reason: Annotated[str, typer.Option("--reason", metavar="WORDS", help="Why; kept with it.")],
    json: Json = False,
) -> None:
    """Move money from one account of a book to another.

    The next decision books it in both. Between real accounts you move the money at the brokers.
    """
    import getpass
    from decimal import Decimal, InvalidOperation

    from nightdesk.core.errors import Refused
    from nightdesk.operations.transfer import transfer as move
    from nightdesk.session.entry import open_standing

    try:
        dollars = Decimal(amount)
    except InvalidOperation:
        dollars = Decimal("NaN")
    if not dollars.is_finite():
        raise Refused(f"found the amount {amount!r}; name dollars, such as 2500 or 2500.50")
    who = getpass.getuser()
    with database() as conn, open_standing(book, conn=conn) as context:
        done = move(context, source, target, dollars, reason=reason, who=who)
        name, session = context.book.name, context.schedule.session_of(done.as_of)
    document = {
        "book": name, "transfer": done.number, "session": session, "from": source, "to": target,
        "amount": done.amount, "reason": reason, "who": who,
    }  # fmt: skip
    show(
        document,
        as_json=json,
        text=lambda: [
            f"{name}: {done.amount:,.2f} dollars go from {source} to {target} with the settling of {session}"
        ],
    )


def account_documents(conn: Connection, book: str, *, several_only: bool) -> list[dict[str, Any]]:
    """The accounts of a started book at its newest mark; none of one that was never started, nor, with
    `several_only`, of a book of one account.
    """
    from nightdesk.store.book_rows import book_record
    from nightdesk.store.ledger_rows import account_marks_of, latest_marked, read_mark
    from nightdesk.store.transfer_rows import orders_by_account, transfers_of

    record = book_record(conn, book)
    if record is None or (several_only and len(record.whole) == 1):
        return []
    settled, orders = latest_marked(conn, book), orders_by_account(conn, book)
    mark = None if settled is None else read_mark(conn, book, settled)
    marks = {} if settled is None else {one.account: one for one in account_marks_of(conn, book, settled)}
    coming = [] if settled is None else [one for one in transfers_of(conn, book) if one.as_of > settled]
    out = []
    for one in record.whole:
        own = marks.get(one.name) or (mark if len(record.whole) == 1 else None)
        out.append(
            {
                "name": one.name,
                "broker": one.broker,
                "account": one.account,
                "session": None if mark is None else mark.session,
                "cash": None if own is None else own.cash,
                "positions_value": None if own is None else own.positions_value,
                "value": None if own is None else own.nav,
                "open_orders": orders.get(one.name, 0),
                "coming": sum((at.amount for at in coming if at.target == one.name), Decimal(0))
                - sum((at.amount for at in coming if at.source == one.name), Decimal(0)),
            }
        )
    return out


def _name_contract(conn: Connection, book: Book, named: str) -> None:
    """Keep which contract at IBKR a symbol of the book is; the next order asks IBKR whether there is one."""
    from nightdesk.brokers.ibkr_contract_store import KIND, whole_number
    from nightdesk.core.errors import Refused
    from nightdesk.store.broker_contract_rows import name_contract

    symbol, number = whole_number(named)
    if symbol not in book.universe:
        raise Refused(f"book {book.name} trades no {symbol}: --contract names a symbol of its universe")
    name_contract(conn, KIND, symbol, number)


def _told_each(document: Mapping[str, Any]) -> Iterator[str]:
    for one in document["accounts"]:
        yield f"account {one['name']}:"
        yield from (f"  {line}" for line in _told({**one, "claimed": ()}))
    yield from (f"  claimed: {one}" for one in document["claimed"])


def _account(context: Context, name: str) -> dict[str, Any]:
    """What the broker of an account says, beside the database's clock and mark."""
    from nightdesk.session.broker_session import contact
    from nightdesk.session.foreign_orders import look_for_foreign, words_of

    with contact(context, name) as at:
        foreign = () if at.simulated else look_for_foreign(context, name, at)
        return _stands(context.conn, context.book, at, [words_of(one) for one in foreign])


def _unstarted(conn: Connection, book: Book, name: str) -> dict[str, Any]:
    """The same of a book that was never started: each open order is one that it did not send."""
    import os
    from contextlib import closing

    from nightdesk.brokers import make

    with closing(make(book.in_account(name), conn, os.environ)) as at:
        opened = [
            f"{one.side} {one.quantity:f} {one.symbol}: {one.client_order_id}" for one in at.open_orders()
        ]
        return _stands(conn, book, at, opened)


def _stands(conn: Connection, book: Book, at: Broker, foreign: Sequence[str]) -> dict[str, Any]:
    from nightdesk.store.db import now
    from nightdesk.store.installation import installation_mark

    account, clock = at.account(), at.clock()
    return {
        "book": book.name,
        "account": account.name,
        "mark": installation_mark(conn),
        "simulated": at.simulated,
        "clock": clock,
        "database_clock": now(conn),
        "cash": account.cash,
        "buying_power": account.buying_power,
        "net_liquidation": account.net_liquidation,
        "excess_liquidity": account.excess_liquidity,
        "initial_margin": account.initial_margin,
        "maintenance_margin": account.maintenance_margin,
        "obstacles": {name or "all": list(why) for name, why in account.obstacles.items() if why},
        "notes": list(account.notes),
        "foreign_orders": list(foreign),
    }


def _told(found: Mapping[str, Any]) -> Iterator[str]:
    from nightdesk.alerts.figures import money

    power = found["buying_power"]
    yield f"{found['book']}: account {found['account']}, orders with the mark {found['mark']}"
    yield f"  cash {money(found['cash'])}" + ("" if power is None else f", buying power {money(power)}")
    if found["excess_liquidity"] is not None:
        yield (
            f"  worth {money(found['net_liquidation'])}, beyond the maintenance margin of "
            f"{money(found['maintenance_margin'])} it has {money(found['excess_liquidity'])}; "
            f"the initial margin is {money(found['initial_margin'])}"
        )
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
