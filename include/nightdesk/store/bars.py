"""Bars and corporate actions as they came, every version with the instants between which it was known.

One writer at a time holds the market's lock until it commits and reads the clock under it, and so does who
asks for an instant up to which everything is known: no version turns up later with an earlier `known_at`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from nightdesk.book import Book
from nightdesk.calendar import get_calendar
from nightdesk.store.binary import copy_in
from nightdesk.store.db import Connection, Cursor, cursor, lock_key, now, transaction
from nightdesk.store.facts import KINDS, Facts, Instants, instant, read_actions, read_bars
from nightdesk.store.rows import query

if TYPE_CHECKING:
    import pandas as pd

MARKET_LOCK = lock_key("market")


@dataclass(frozen=True)
class Saved:
    """What became of the rows of a frame: facts not known before, changed ones, and those known already."""

    new: int = 0
    corrected: int = 0
    unchanged: int = 0
    withdrawn: int = 0


@dataclass(frozen=True)
class SavedMarket:
    """What became of bars and actions that came together, and when they came (database clock, UTC)."""

    bars: Saved
    actions: Saved
    at: datetime


def known_now(conn: Connection) -> datetime:
    """The instant up to which everything is known: what is stored after this call is known later.

    It waits for a write on its way, and writes wait for the end of the caller's transaction. No write may
    follow in that transaction itself: two such callers would wait for each other.
    """
    with transaction(conn), cursor(conn) as cur:
        cur.execute("SELECT pg_advisory_xact_lock_shared(%s)", (MARKET_LOCK,))
        return now(conn)


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

    A row is known from the moment it is stored. Only for days before both the first stored bar of its symbol
    and `inception` that moment is set back to when the market itself made it known.

    Parameters
    ----------
    conn : Connection
        In a transaction of the caller, or by itself.
    book : Book
        Says the calendar and which symbols trade without end.
    bars : DataFrame
        Columns symbol, session, open, high, low, close, volume (NaN where unknown), source.
    actions : DataFrame, optional
        Columns symbol, session (the ex-date), kind, value, source.
    inception : date
        The book's first decided session.
    complete : tuple of (date, date), optional
        First and last day for which `actions` is all that the sources of `bars` have of its symbols: what is
        stored of that source, symbol and span and is not among them is withdrawn.

    Raises
    ------
    Refused
        As `read_bars` and `read_actions` of `nightdesk.store.facts`; nothing is stored then.
    """
    calendar = get_calendar(book.calendar)
    continuous = [name for name, instrument in book.universe.items() if instrument.continuous]
    with transaction(conn), cursor(conn) as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (MARKET_LOCK,))
        arrived = now(conn)
        facts = read_bars(bars, calendar, continuous, arrived)
        moves = None if actions is None else read_actions(actions, calendar, continuous)
        symbols = {*facts.symbols, *(() if moves is None else moves.symbols)}
        ids, spans = _symbol_ids(cur, symbols), stored_days(conn, symbols)
        saved = _write(cur, "bars", facts, ids, _known_at(facts, spans, inception, arrived), arrived)
        saved_moves = Saved()
        if moves is not None:
            known_at = _known_at(moves, spans, inception, arrived)
            saved_moves = _write(cur, "actions", moves, ids, known_at, arrived)
            if complete is not None:
                saved_moves = replace(saved_moves, withdrawn=_withdraw(cur, facts, ids, complete, arrived))
    return SavedMarket(saved, saved_moves, arrived)


def stored_days(conn: Connection, symbols: Iterable[str]) -> dict[str, tuple[date, date]]:
    """First and last day of the stored bars of each of `symbols`; without those that have none."""
    with cursor(conn) as cur:
        cur.execute(query("stored_days"), {"symbols": list(symbols)})
        return {name: (first, last) for name, first, last in cur.fetchall()}


def _symbol_ids(cur: Cursor, names: Iterable[str]) -> dict[str, int]:
    """The number of each symbol, given to it when it has none; the caller holds the market's lock."""
    cur.execute(query("name_symbols"), {"symbols": sorted(names)})
    cur.execute(query("symbol_numbers"), {"symbols": sorted(names)})
    return dict(cur.fetchall())


def _known_at(
    facts: Facts, spans: Mapping[str, tuple[date, date]], inception: date, arrived: datetime
) -> Instants:
    """When each row became known: as it arrived, save for history that no decision can have missed."""
    first = [spans[name][0] if name in spans else None for name in facts.symbols]
    oldest = np.array(first, dtype="datetime64[D]")[facts.symbol]
    history = (facts.day < np.datetime64(inception, "D")) & (np.isnat(oldest) | (facts.day < oldest))
    known: Instants = np.where(history, np.minimum(facts.completed, instant(arrived)), instant(arrived))
    return known


def _write(
    cur: Cursor, table: str, facts: Facts, ids: Mapping[str, int], known_at: Instants, at: datetime
) -> Saved:
    """Write the versions that differ from the newest ones, all rows at once."""
    cur.execute(query(f"stage_{table}"))
    numbers = np.array([ids[name] for name in facts.symbols], dtype=np.int32)
    kind = {} if facts.kind is None else {"kind_code": facts.kind.astype(np.int16)}
    copy_in(
        cur,
        f"incoming_{table}",
        {
            "symbol_id": numbers[facts.symbol],
            "session": facts.day,
            "known_at": known_at,
            "source_code": facts.source.astype(np.int16),
            **kind,
            **facts.values,
        },
    )
    # Without figures about the rows just staged the planner takes them for a handful.
    cur.execute(f"ANALYZE incoming_{table}")
    cur.execute(query(f"supersede_{table}"), {"at": at, "kinds": list(KINDS)})
    corrected = cur.rowcount
    cur.execute(query(f"insert_{table}"), {"sources": list(facts.sources), "kinds": list(KINDS)})
    written = cur.rowcount
    return Saved(new=written - corrected, corrected=corrected, unchanged=len(facts) - written)


def _withdraw(
    cur: Cursor, bars: Facts, ids: Mapping[str, int], complete: tuple[date, date], at: datetime
) -> int:
    """End the newest versions of actions that their source no longer gives; how many."""
    pairs = np.unique(np.column_stack([bars.symbol, bars.source]), axis=0)
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
