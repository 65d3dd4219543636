"""`trace`: the whole story of a symbol on a day, from its bars to its fills."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.book_commands import open_book
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import NEWEST, AsOf, BookName, Day, Json
from nightdesk.cli.output import show

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.store.db import Connection


@app.command(
    epilog=example("nightdesk trace multi_asset newest GLD", "nightdesk trace multi_asset 2026-11-19 GLD")
)
def trace(
    book: BookName,
    day: Day,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="A symbol of the book.")],
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Tell the story of a symbol on a day, from bars to fills.

    The bars are those that the decision knew; all else is what was stored of it.
    """
    from nightdesk.operations.trace import trace as story_of
    from nightdesk.session.entry import open_context

    loaded = open_book(book)
    if loaded.members is None:
        _check_symbol(loaded, symbol)
    _check_day(loaded, day, as_of)
    with (
        database() as conn,
        open_context(book, as_of or _newest(conn, loaded, day), conn=conn) as context,
    ):
        _check_symbol(context.book, symbol)
        story = story_of(context, symbol)
    show(story, as_json=json, text=lambda: _lines(story))


def _check_symbol(book: Book, symbol: str) -> None:
    """Refuse a symbol that the book has no bars of."""
    from nightdesk.core.errors import Refused

    if symbol not in book.panel_symbols:
        which = f"they are {', '.join(book.panel_symbols)}"
        if book.members is not None:
            which = f"`nightdesk members {book.name}` lists its members"
        raise Refused(f"{symbol} is not a symbol of book {book.name}: {which}")


def _newest(conn: Connection, book: Book, day: date | Literal["newest"]) -> date | datetime:
    """The session that was named; of the word, the newest decision that was begun.

    Raises
    ------
    Refused
        When the book has none.
    """
    from nightdesk.core.errors import Refused
    from nightdesk.store.run_rows import newest_begun

    if day != NEWEST:
        return day
    newest = newest_begun(conn, book.name)
    if newest is None:
        raise Refused(
            f"book {book.name} has decided nothing yet: `nightdesk run {book.name} --session newest`"
        )
    return newest


def _check_day(book: Book, day: date | Literal["newest"], as_of: datetime | None) -> None:
    """Wrong usage where an instant lies in another session than the one that was named."""
    from nightdesk.core.schedule import schedule_of

    if as_of is not None and schedule_of(book).session_of(as_of) != day:
        raise typer.BadParameter(f"{as_of} is no instant of session {day}", param_hint="'--as-of'")


def _lines(story: Mapping[str, Any]) -> Iterator[str]:
    from nightdesk.alerts.figures import instant, money, number

    yield f"{story['symbol']} in book {story['book']}, {story['noun']} {story['name']}"
    yield f"decided as of {instant(story['as_of'])}, with what was known by {instant(story['known_by'])}"
    failed = [row for row in story["quality"] if row["outcome"] != "passed"]
    regime = story["regime"]
    rested = {one["client_order_id"] for one in story["orders"] if one["order_type"] in ("stop", "oco")}
    parts: dict[str, Iterable[str]] = {
        "bars": map(_bar, story["bars"]),
        **({"hours of the session": map(_bar, story["hours"])} if story["hours"] else {}),
        "corporate actions": (
            f"{row['session']}  {row['kind']} {row['value']:g}" for row in story["actions"]
        ),
        f"data checks not passed, of {len(story['quality'])}": map(_finding, failed),
        "factors": (f"{name}  {number(value, 6)}" for name, value in story["factors"].items()),
        "regime": [] if regime is None else [f"{regime['regime']}, VIX {number(regime['vix'])}"],
        "signals": (line for row in story["signals"] for line in (_signal(row), *_figures(row))),
        f"position at the mark, NAV {money(story['nav'])}": map(_position, story["positions"]),
        "target": (line for row in story["targets"] for line in (_target(row), *_figures(row))),
        "dropped by filters": (f"{row['strategy']}: {row['words']}" for row in story["dropped"]),
        "drawdown level": [] if story["level"] is None else [story["level"]],
        **({"limited by hand": story["overrides"]} if story["overrides"] else {}),
        "gate": (row["words"] for row in story["verdicts"]),
        "orders": (line for order in story["orders"] for line in _order(order)),
        "fills": (
            _fill(row, story["noun"], rested=row["client_order_id"] in rested) for row in story["fills"]
        ),
        "between strategies": map(_cross, story["crosses"]),
    }
    for title, lines in parts.items():
        found = list(lines)
        yield ""
        yield title if found else f"{title}: none"
        yield from (f"  {line}" for line in found)


def _bar(row: Mapping[str, Any]) -> str:
    from nightdesk.alerts.figures import price, quantity

    prices = ", ".join(f"{name} {price(row[name])}" for name in ("open", "high", "low", "close"))
    known = f"{row['source']}, known {row['known_at']:%Y-%m-%d %H:%M} UTC"
    period = row["session"] if "session" in row else f"to {row['bar_end']:%Y-%m-%d %H:%M} UTC"
    return f"{period}  {prices}, volume {quantity(row['volume'])} ({known})"


def _finding(row: Mapping[str, Any]) -> str:
    return f"{row['outcome']} {row['check_name']}: {row['detail']}"


def _signal(row: Mapping[str, Any]) -> str:
    from nightdesk.alerts.figures import percent

    about = "" if row["side"] == "long" or row["action"] == "hold" else f" ({row['action']} {row['side']})"
    said = f"{row['direction']}{about}, confidence {percent(row['confidence'])}: {row['words']}"
    return f"{row['strategy']}{' (injected)' if row['injected'] else ''}: {said}"


def _figures(row: Mapping[str, Any]) -> Iterator[str]:
    """The figures beneath a signal or target that has any."""
    from nightdesk.alerts.figure_table import figures_in_words

    if row["figures"]:
        yield f"  {figures_in_words(row['figures'])}"


def _position(row: Mapping[str, Any]) -> str:
    from nightdesk.alerts.figures import money, quantity

    worth = f"cost {money(row['cost'])}, worth {money(row['market_value'])}"
    realised = money(row["realised"], signed=True)
    return f"{row['strategy']}: {quantity(row['quantity'])}, {worth}, realised {realised}"


def _target(row: Mapping[str, Any]) -> str:
    from nightdesk.alerts.figures import percent, quantity

    wanted = f"{quantity(row['quantity'])} ({percent(row['weight'])} of NAV)"
    why = f", {row['why']}" if row["why"] else ""
    carried = f", allocation {percent(row['allocation'])} of its capital" if row["allocation"] else ""
    if row["reduce_to"]:
        carried += f", sold down to {quantity(row['reduce_to'])} until that is done"
    left = "" if row["allowed"] is None else f", {quantity(row['allowed'])} after the gate"
    return f"{row['strategy']}: held {quantity(row['held'])}, wanted {wanted}{left}{carried}{why}"


def _order(order: Mapping[str, Any]) -> Iterator[str]:
    from nightdesk.alerts.figures import price, quantity
    from nightdesk.core.account_terms import MAIN

    what = f"{order['side']} {quantity(order['quantity'])}, decided at {price(order['reference_price'])}"
    for name in ("limit", "stop", "target"):
        if order[f"{name}_price"] is not None:
            what += f", {name} {price(order[f'{name}_price'])}"
    if order["account"] != MAIN:
        what += f", in account {order['account']}"
    yield f"{what}: {order['status']} ({order['client_order_id']})"
    for event in order["events"]:
        yield f"  {event['status']} in {event['decision']}: {event['cause']}"


def _fill(row: Mapping[str, Any], noun: str, *, rested: bool) -> str:
    from nightdesk.alerts.figures import money, number, price, quantity

    # Within a session an order meets the mean of an hour, and one that rested the price that it rested at.
    market = "reached" if rested else "open" if noun == "session" else "market"
    at = f"at {price(row['price'])} ({market} {price(row['reference_price'])})"
    what = f"{row['side']} {quantity(row['quantity'])}"
    slippage = f"slippage {number(row['realised_bps'])} bp, expected {number(row['expected_bps'])} bp"
    return f"{row['decision']}  {what} {at}, commission {money(row['commission'])}, {slippage}"


def _cross(row: Mapping[str, Any]) -> str:
    from nightdesk.alerts.figures import price, quantity

    word = "receives" if row["quantity"] > 0 else "gives"
    return f"{row['strategy']} {word} {quantity(abs(row['quantity']))} at the close of {price(row['price'])}"
