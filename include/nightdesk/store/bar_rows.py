"""Bars and corporate actions as they came, every version with the instants between which it was known.

One writer at a time holds the market's lock until it commits and reads the clock under it, and so does who
asks for an instant up to which everything is known: no version turns up later with an earlier `known_at`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.book import Book
from nightdesk.core.calendar import Calendar, get_calendar
from nightdesk.core.names import former_names
from nightdesk.store.ahead import NamedQuery, reading_once
from nightdesk.store.binary import Labels, copy_in
from nightdesk.store.checked_frames import (
    KINDS,
    CheckedFrame,
    Instants,
    instant,
    read_actions,
    read_bars,
)
from nightdesk.store.db import CLOCK, Connection, Cursor, cursor, lock_key, now, one, transaction
from nightdesk.store.panels import read_changes
from nightdesk.store.queries import query
from nightdesk.store.restating import turn_back
from nightdesk.store.rows import read_row, read_rows
from nightdesk.store.stored_bars import Flags, read_stored

if TYPE_CHECKING:
    import pandas as pd

MARKET_LOCK = lock_key("market")
#: Written bars after which the planner is given new figures of the table at once.
LONG_HISTORY = 100_000

_NO_OPTIONS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Saved:
    """What became of the rows of a frame: facts not known before, changed ones, and those known already.

    `restated` of them came in other prices than those of their own day and were turned back first.
    """

    new: int = 0
    corrected: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    restated: int = 0


@dataclass(frozen=True)
class SavedMarket:
    """What became of bars and actions that came together, and when they came (database clock, UTC).

    `restatements` says in words what was read from bars that came back multiplied.
    """

    bars: Saved
    actions: Saved
    at: datetime
    restatements: tuple[str, ...] = ()


def known_now(conn: Connection) -> datetime:
    """The instant up to which everything is known: what is stored after this call is known later.

    It waits for a write on its way, and writes wait for the end of the caller's transaction. No write may
    follow in that transaction itself: two such callers would wait for each other.
    """
    with cursor(conn) as cur:  # by itself it is a transaction too, in which the lock is held
        cur.execute(f"SELECT pg_advisory_xact_lock_shared({MARKET_LOCK}); {CLOCK}")
        return _instant_of(cur.fetchone())


def _instant_of(row: tuple[Any, ...] | None) -> datetime:
    if row is None:
        raise LookupError("the database's clock gave no instant")
    return cast(datetime, row[0])


def save_market(
    conn: Connection,
    book: Book,
    bars: pd.DataFrame,
    actions: pd.DataFrame | None = None,
    *,
    inception: date,
    complete: tuple[date, date] | None = None,
) -> SavedMarket:
    """Store what a feed gave: new facts, and new versions of changed ones; a known fact writes nothing.

    What differs by rounding alone is the same fact. Bars that a source restated for a split are turned back
    into the prices of their own day first, and the split is stored where it was not known: see
    `nightdesk.core.corporate.restatement`.

    A row is known from the moment it is stored. That moment is set back to when the market itself made it
    known only for days before the first stored bar of its symbol, before `inception`, and before any day that
    a decision has read: what was decided without a bar is decided without it again.

    Parameters
    ----------
    conn : Connection
        In a transaction of the caller, or by itself.
    book : Book
        Says the calendar and which symbols trade without end.
    bars : DataFrame
        Columns symbol, session, open, high, low, close, volume (NaN where unknown), source.
    actions : DataFrame, optional
        Columns symbol, session (the ex-date), kind, value, source, other, cash, note. What a person stated
        (source "person") is not replaced by what a source gives.
    inception : date
        The book's first decided session.
    complete : tuple of (date, date), optional
        First and last day for which `actions` is all that the sources of `bars` have of its symbols: what is
        stored of that source, symbol and span and is not among them is withdrawn.

    Raises
    ------
    Refused
        As `read_bars` and `read_actions` of `nightdesk.store.checked_frames`; nothing is stored then.
    """
    calendar = get_calendar(book.calendar)
    continuous = book.continuous_symbols
    first = f"SELECT pg_advisory_xact_lock({MARKET_LOCK}); {query('stage_actions')}; {CLOCK}"
    with transaction(conn, first) as row, cursor(conn) as cur:
        arrived = _instant_of(row)
        facts = read_bars(bars, calendar, continuous, arrived)
        named = () if actions is None else actions["symbol"]
        ids = symbol_ids(cur, {*facts.symbols, *map(str, named)})
        asks = [NamedQuery("stored_days", {"symbols": list(ids)}), NamedQuery("first_origin_decided_on")]
        with reading_once(conn, asks):
            spans = stored_days(conn, ids)
            before = min(inception, first_day_decided_on(conn, calendar) or inception)
        stored = read_stored(cur, facts, ids, spans)
        differs = stored.compared(facts)
        turned = turn_back(conn, facts, stored, differs.price, actions)
        if turned.bars is not facts:
            differs = stored.compared(turned.bars)
        facts, actions = turned.bars, turned.actions
        moves = None if actions is None else read_actions(actions, calendar, continuous)
        history = _History(spans, before, arrived)
        saved = _write_bars(cur, facts, ~stored.found, differs.price | differs.volume, ids, history)
        saved_moves = Saved()
        if moves is not None:
            saved_moves = _write_actions(cur, moves, ids, history)
            if complete is not None:
                saved_moves = replace(saved_moves, withdrawn=_withdraw(cur, facts, ids, complete, arrived))
    return SavedMarket(replace(saved, restated=turned.count), saved_moves, arrived, turned.words)


def stored_days(conn: Connection, symbols: Iterable[str]) -> dict[str, tuple[date, date]]:
    """First and last day of the stored bars of each of `symbols`; without those that have none."""
    rows = read_rows(conn, "stored_days", symbols=list(symbols))
    return {row["symbol"]: (row["first"], row["last"]) for row in rows}


def first_told(conn: Connection, symbol: str, beside: Sequence[str]) -> date | None:
    """The first day of which another source than some has told a daily bar; None where there is none."""
    row = read_row(conn, "first_told", symbol=symbol, beside=list(beside))
    return None if row is None else row["first"]


def market_changed(conn: Connection, book: Book, first: date, last: date, since: datetime) -> bool:
    """Whether a panel of `book` from `first` to `last` reads something else of the market than at `since`."""
    known = read_changes(conn, last, now(conn)) if book.schedule.rhythm == "daily" else ()
    row = read_row(
        conn,
        "market_changed",
        symbols=[*book.panel_symbols, *former_names(book.panel_symbols, known)],
        continuous=list(book.continuous_symbols),
        first=first,
        last=last,
        since=since,
    )
    return row is not None and bool(row["changed"])


@dataclass(frozen=True)
class LateAction:
    """An action of a symbol that was held, and the decision whose settling should have booked it.

    `session` is its ex-date, `settled` the session of that decision and `settled_as_of` its instant;
    `known_at` when it came, changed or went, after that was decided.
    """

    symbol: str
    session: date
    kind: str
    settled: date
    settled_as_of: datetime
    known_at: datetime


def late_ask(
    book: str, symbols: Sequence[str], as_of: datetime, known_by: datetime, on: Mapping[str, str]
) -> NamedQuery:
    """What `late_actions` asks, given the same."""
    values = {"symbols": list(symbols), "as_of": as_of, "known_by": known_by}
    options = {"contracts": list(on), "underlyings": list(on.values())}
    return NamedQuery("late_actions", {"book": book, **values, **options})


def late_actions(
    conn: Connection,
    book: str,
    symbols: Sequence[str],
    as_of: datetime,
    known_by: datetime,
    on: Mapping[str, str] = _NO_OPTIONS,
) -> tuple[LateAction, ...]:
    """Actions settled before `as_of` that came, changed or went after they were.

    Parameters
    ----------
    conn : Connection
        Where it is read.
    book : str
        Whose positions and settlings count.
    symbols : sequence of str
        The book's.
    as_of : datetime
        The decision that is being settled.
    known_by : datetime
        What became known later is not looked at.
    on : mapping of contract to symbol
        The options of the book: who holds one holds the actions of its underlying too.
    """
    ask = late_ask(book, symbols, as_of, known_by, on)
    rows = read_rows(conn, ask.query_name, **ask.values)
    return tuple(LateAction(**row) for row in rows)


def symbol_ids(cur: Cursor, names: Iterable[str]) -> dict[str, int]:
    """The number of each symbol, given to it when it has none; the caller holds the market's lock."""
    cur.execute(f"{query('name_symbols')}; {query('symbol_numbers')}", {"symbols": sorted(names)})
    return dict(cur.fetchall())


def first_day_decided_on(conn: Connection, calendar: Calendar) -> date | None:
    """The first day of which any decision so far read bars; None while there is no decision."""
    row = read_row(conn, "first_origin_decided_on")
    # A market that never closes gathers its first bar from the days since the session before.
    return None if row is None or row["origin"] is None else calendar.shift(row["origin"], -1)


@dataclass(frozen=True)
class _History:
    """What says when rows became known: the stored days of each symbol, the first day that a decision may
    have read, and when the rows arrived.
    """

    spans: Mapping[str, tuple[date, date]]
    before: date
    arrived: datetime

    def known_at(self, facts: CheckedFrame) -> Instants:
        """As it arrived, save for history that no decision can have missed; shape (n_rows,)."""
        first = [self.spans[name][0] if name in self.spans else None for name in facts.symbols]
        oldest = np.array(first, dtype="datetime64[D]")[facts.symbol]
        history = (facts.day < np.datetime64(self.before, "D")) & (np.isnat(oldest) | (facts.day < oldest))
        arrived = instant(self.arrived)
        known: Instants = np.where(history, np.minimum(facts.completed, arrived), arrived)
        return known


def _write_bars(
    cur: Cursor,
    facts: CheckedFrame,
    fresh: Flags,
    changed: Flags,
    ids: Mapping[str, int],
    history: _History,
) -> Saved:
    """Write the bars of which nothing is stored, and new versions of those that differ from what is."""
    new, corrected = int(fresh.sum()), int(changed.sum())
    if new:
        rows = _bar_columns(facts, ids, fresh)
        texts = Labels(_taken(facts.source, fresh), facts.sources)
        known_at = _taken(history.known_at(facts), fresh)
        copy_in(cur, "nightdesk.bars", {**rows, "known_at": known_at, "source": texts})
    if corrected:
        cur.execute(query("stage_bars"))
        codes = {"source_code": facts.source[changed].astype(np.int16)}
        copy_in(cur, "incoming_bars", {**_bar_columns(facts, ids, changed), **codes})
        # Without figures about the rows just staged the planner takes them for a handful.
        named = {"at": history.arrived, "sources": list(facts.sources)}
        cur.execute(f"ANALYZE incoming_bars; {query('supersede_bars')}", named)
        (written,) = one(cur)
        if written != corrected:
            raise LookupError(f"{corrected} bars differ from stored ones and {written} were superseded")
    if new + corrected >= LONG_HISTORY:
        # What reads them next is planned by how many there are. Nobody at work on the table is waited for.
        cur.execute("ANALYZE (SKIP_LOCKED) nightdesk.bars")
    return Saved(new=new, corrected=corrected, unchanged=len(facts) - new - corrected)


def _bar_columns(facts: CheckedFrame, ids: Mapping[str, int], rows: Flags) -> dict[str, NDArray[Any]]:
    """Symbol, session, prices and volume of some rows, by the column that they are written to."""
    numbers = np.array([ids[name] for name in facts.symbols], dtype=np.int32)
    every = {"symbol_id": numbers[facts.symbol], "session": facts.day, **facts.values}
    return {name: _taken(values, rows) for name, values in every.items()}


def _taken[D: np.generic](values: NDArray[D], rows: Flags) -> NDArray[D]:
    """Some rows; of a first history, which is all of them, without a copy."""
    return values if rows.all() else values[rows]


def _write_actions(cur: Cursor, facts: CheckedFrame, ids: Mapping[str, int], history: _History) -> Saved:
    """Write the versions of actions that differ from the newest ones, all rows at once."""
    numbers = np.array([ids[name] for name in facts.symbols], dtype=np.int32)
    texts = {f"{name}_code": codes.astype(np.int32) for name, (codes, _) in facts.texts.items()}
    named = {"sources": list(facts.sources), "kinds": list(KINDS)}
    named |= {f"{name}_texts": list(known) for name, (_, known) in facts.texts.items()}
    copy_in(
        cur,
        "incoming_actions",
        {
            "symbol_id": numbers[facts.symbol],
            "session": facts.day,
            "known_at": history.known_at(facts),
            "source_code": facts.source.astype(np.int16),
            "kind_code": np.asarray(facts.kind, dtype=np.int16),
            **texts,
            **facts.values,
        },
    )
    # Without figures about the rows just staged the planner takes them for a handful.
    statements = ["ANALYZE incoming_actions", query("supersede_actions"), query("insert_actions")]
    cur.execute("; ".join(statements), {"at": history.arrived, **named})
    corrected, written = one(cur)
    return Saved(new=written - corrected, corrected=corrected, unchanged=len(facts) - written)


def _withdraw(
    cur: Cursor, bars: CheckedFrame, ids: Mapping[str, int], complete: tuple[date, date], at: datetime
) -> int:
    """End the newest versions of actions that their source no longer gives; how many."""
    codes = np.flatnonzero(np.bincount(bars.symbol * len(bars.sources) + bars.source))
    pairs = [divmod(code, len(bars.sources)) for code in codes.tolist()]
    cur.execute(
        query("withdraw_actions"),
        {
            "symbols": [ids[bars.symbols[symbol]] for symbol, _ in pairs],
            "sources": [bars.sources[source] for _, source in pairs],
            "first": complete[0],
            "last": complete[1],
            "kinds": list(KINDS),
            "at": at,
        },
    )
    return cur.rowcount
