"""A person states a corporate action, or takes one back; what it does to the books is said before."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from nightdesk.accounting.actions import corporate_actions
from nightdesk.accounting.ledger import Entry, Ledger
from nightdesk.core.book import Book
from nightdesk.core.calendar import Calendar, get_calendar
from nightdesk.core.errors import NightdeskError, Refused
from nightdesk.core.panel import Action, ActionKind
from nightdesk.session.auto_stop import session_after
from nightdesk.store.action_rows import (
    PERSON,
    StatedAction,
    known_symbols,
    live_actions,
    state_action,
    withdraw_action,
)
from nightdesk.store.book_rows import started_books
from nightdesk.store.db import Connection, now
from nightdesk.store.ledger_rows import latest_marked, positions_of, read_ledger

CALENDAR = "XNYS"


#: Which of ratio, amount, cash and into a kind needs, and which it may have.
NEEDS: Mapping[ActionKind, tuple[frozenset[str], frozenset[str]]] = {
    "split": (frozenset({"ratio"}), frozenset()),
    "dividend": (frozenset({"amount"}), frozenset()),
    "capital_gain": (frozenset({"amount"}), frozenset()),
    "return_of_capital": (frozenset({"amount"}), frozenset()),
    "symbol_change": (frozenset({"into"}), frozenset({"ratio"})),
    "merger": (frozenset(), frozenset({"cash", "into", "ratio"})),
    "spin_off": (frozenset({"into", "ratio", "cash"}), frozenset()),
    "delisting": (frozenset({"cash"}), frozenset()),
}


@dataclass(frozen=True)
class Effect:
    """What an action does to one book that holds its symbol.

    Attributes
    ----------
    book : str
    entries : tuple of Entry
        On what it holds at its newest mark, at the newest prices.
    profit : Decimal
        Dollars that they realise.
    booked_in : date
        The session whose settling books it.
    late : bool
        Whether that is after the action's own session.
    refused : str
        Why it cannot be booked; empty where it can.
    """

    book: str
    entries: tuple[Entry, ...]
    profit: Decimal
    booked_in: date
    late: bool
    refused: str = ""


def make_action(
    kind: ActionKind,
    symbol: str,
    session: date,
    given: Mapping[str, float | str],
    *,
    note: str,
    named: Callable[[str], str] = str,
) -> Action:
    """The action that a person's figures make.

    Parameters
    ----------
    kind, symbol, session
        What it is, of what, and from whose open it counts.
    given : mapping of str to float or str
        Of ratio (shares after for one before), amount and cash (dollars a share) and into (the new symbol)
        those that the person gave.
    note : str
        Who states it, and why.
    named : callable
        How a figure is called where the person gives it, for the words of a refusal.

    Raises
    ------
    Refused
        When a figure is missing, is none that the kind has, or makes no action.
    """
    needed, allowed = NEEDS[kind]
    for name in sorted(needed - given.keys()):
        raise Refused(f"a {kind} needs {named(name)}")
    for name in sorted(given.keys() - needed - allowed):
        raise Refused(f"a {kind} has no {named(name)}")
    if kind == "merger":
        if not given:
            raise Refused(
                f"a merger needs {named('cash')}, or {named('into')} and {named('ratio')}, or all three"
            )
        if ("into" in given) != ("ratio" in given):
            raise Refused(f"a merger for shares needs both {named('into')} and {named('ratio')}")
    if given.get("into") == symbol:
        raise Refused(f"{named('into')} {symbol} is the symbol itself")
    if given.get("amount") == 0 or (kind in ("merger", "spin_off") and given.get("cash") == 0):
        raise Refused(f"a {kind} of 0 dollars is none; a loss of everything is a delisting")
    if given.get("ratio") == 0:
        raise Refused(f"{named('ratio')} 0 is none: shares after for one before, such as 1.5")
    if kind == "split" and given.get("ratio") == 1:
        raise Refused("a split of 1:1 changes nothing")
    value = given.get("ratio", given.get("amount", 1.0 if kind == "symbol_change" else 0.0))
    day, into = np.datetime64(session, "D"), str(given.get("into", ""))
    return Action(symbol, day, kind, float(value), into, float(given.get("cash", 0.0)), note)


def state(
    conn: Connection, action: Action, *, books: Mapping[str, Book], calendar: str = CALENDAR
) -> tuple[bool, tuple[Effect, ...]]:
    """Store what a person states, and say what it does.

    Parameters
    ----------
    conn : Connection
    action : Action
        With who stated it, and why, as its note.
    books : mapping of name to Book
        The books as they are written now; one whose file is broken may be absent.
    calendar : str
        Whose sessions count.

    Returns
    -------
    changed : bool
        False where the same was stated before.
    effects : tuple of Effect
        One a started book that holds the symbol.

    Raises
    ------
    Refused
        When the session is a holiday or lies too far ahead, or the symbol is not known.
    """
    session = action.day.astype(date)
    days = get_calendar(calendar)
    _must_be_near(conn, days, session)
    _must_be_known(conn, action.symbol)
    effects = tuple(_effects(conn, action, books, days))
    return state_action(conn, action), effects


def withdraw(conn: Connection, kind: ActionKind, symbol: str, session: date, note: str) -> StatedAction:
    """Take back what a person stated; `note` says who does so and why.

    What was booked of it stays; see `nightdesk.session.settle`.

    Raises
    ------
    Refused
        When nothing of the kind stands, or a source gave it.
    """
    found = live_actions(conn, symbol, session, kind)
    if not found:
        raise Refused(
            f"no {kind} of {symbol} on {session} stands: `nightdesk action list {symbol}` shows what does"
        )
    (one,) = found
    if one.source != PERSON:
        raise Refused(
            f"the {kind} of {symbol} on {session} was given by {one.source}, which would give it again: "
            "state the right one in its place, and that counts before the source's"
        )
    withdraw_action(conn, symbol, session, kind, note)
    return one


def _must_be_near(conn: Connection, days: Calendar, session: date) -> None:
    days.index(session)  # refuses a holiday, with the sessions beside it
    ahead = days.shift(days.latest_completed(now(conn)), 1)
    if session > ahead:
        raise Refused(
            f"{session} is too far ahead: the newest session that an action can be stated for is {ahead}, "
            "which is settled next"
        )


def _must_be_known(conn: Connection, symbol: str) -> None:
    if known_symbols(conn, [symbol]):
        return
    close = difflib.get_close_matches(symbol, known_symbols(conn), n=3)
    hint = f" (did you mean {', '.join(close)}?)" if close else ""
    raise Refused(f"no bar of {symbol} was ever stored{hint}: an action is of a symbol that a book trades")


def _effects(conn: Connection, action: Action, books: Mapping[str, Book], days: Calendar) -> Iterator[Effect]:
    session = action.day.astype(date)
    for record in started_books(conn):
        newest = latest_marked(conn, record.book)
        ledger = None if newest is None else read_ledger(conn, record.book, newest)
        if newest is None or ledger is None or all(one.symbol != action.symbol for one in ledger.held()):
            continue
        rows = positions_of(conn, record.book, newest)
        prices = {row["symbol"]: float(row["price"]) for row in rows if row["price"] is not None}
        late = session <= days.session_of(newest)
        booked_in = session_after(days, newest) if late else session
        try:
            made = _entries(action, ledger, prices, books.get(record.book))
        except NightdeskError as error:
            yield Effect(record.book, (), Decimal(0), booked_in, late, str(error))
            continue
        after = ledger.apply(made)
        profit = sum((one.realised for one in after.positions.values()), Decimal(0))
        profit -= sum((one.realised for one in ledger.positions.values()), Decimal(0))
        yield Effect(record.book, made, profit, booked_in, late)


def _entries(
    action: Action, ledger: Ledger, prices: Mapping[str, float], book: Book | None
) -> tuple[Entry, ...]:
    """What the action books on a ledger, at the newest prices."""
    units = {one.symbol: Decimal(1) for one in ledger.held()}
    if book is not None:
        of_members = {} if book.members is None else dict.fromkeys(units, book.members.each.unit)
        units = of_members | {symbol: instrument.unit for symbol, instrument in book.universe.items()}
    split: dict[str, float] = {}
    dividend: dict[str, float] = {}
    events: tuple[Action, ...] = ()
    match action.kind:
        case "split":
            split = {action.symbol: action.value}
            prices = {**prices, action.symbol: prices.get(action.symbol, np.nan) / action.value}
        case "dividend":
            dividend = {action.symbol: action.value}
        case "accept" | "adjustment":
            return ()
        case _:
            events = (action,)
    return corporate_actions(ledger, action.day.astype(date), split, dividend, prices, units, events)
