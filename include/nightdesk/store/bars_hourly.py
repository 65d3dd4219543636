"""Hourly bars as they came, every version with the instants between which it was known; panels of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.book import Book
from nightdesk.core.calendar import as_instant, get_calendar
from nightdesk.core.corporate.findings import INFERRED_SOURCE
from nightdesk.core.errors import Refused
from nightdesk.core.hours import build_hourly_panel
from nightdesk.core.panel import Action, Floats, Panel, book_columns
from nightdesk.core.schedule import Instants, Schedule, hourly, schedule_of
from nightdesk.store.bar_rows import MARKET_LOCK, Saved, first_day_decided_on, save_market, symbol_ids
from nightdesk.store.binary import copy_in
from nightdesk.store.checked_frames import PRICES, instant
from nightdesk.store.db import CLOCK, Connection, Cursor, cursor, now, transaction
from nightdesk.store.hour_reading import read_hours
from nightdesk.store.panels import read_panel
from nightdesk.store.queries import query
from nightdesk.store.rows import read_row, read_rows

if TYPE_CHECKING:
    import pandas as pd

#: What stands behind the name of the source of an action that came with hours.
OF_HOURS = " hours"


@dataclass(frozen=True)
class SavedHours:
    """What became of hours that came together, and when they came (database clock, UTC)."""

    bars: Saved
    at: datetime


def save_hours(conn: Connection, book: Book, bars: pd.DataFrame, *, inception: date) -> SavedHours:
    """Store hours that a feed gave: new ones, and new versions of changed ones; a known one writes nothing.

    What differs by rounding alone is the same bar. A bar is known from the moment it is stored; that moment
    is set back to its end + the book's delay for hours before the first stored one of its symbol, before
    `inception`, and before any day that a decision has read: what was decided without a bar is decided
    without it again.

    Parameters
    ----------
    conn : Connection
        In a transaction of the caller, or by itself.
    book : Book
        Says the calendar, which symbols trade without end and, where it decides hourly, the delay.
    bars : DataFrame
        Columns symbol, end (UTC), open, high, low, close, volume (NaN where unknown), source.
    inception : date
        The book's first decided session.

    Raises
    ------
    Refused
        A missing column, a price that is no finite number, a duplicate, an end that is none of the schedule,
        an hour that is not over; with symbol and end of the first such row. Nothing is stored then.
    """
    schedule = _hours_of(book)
    with transaction(conn), cursor(conn) as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (MARKET_LOCK,))
        arrived = now(conn)
        hours = _checked(bars, schedule, book.continuous_symbols, arrived)
        if not len(hours.end):
            return SavedHours(Saved(), arrived)
        ids = symbol_ids(cur, hours.symbols)
        span = {"first": as_instant(hours.end.min()), "last": as_instant(hours.end.max())}
        cur.execute(query("make_months_of_hours"), span)
        before = min(inception, first_day_decided_on(conn, schedule.calendar) or inception)
        known_at = _known_at(cur, hours, schedule, before, arrived)
        return SavedHours(_write(cur, hours, ids, known_at, arrived, span), arrived)


def _hours_of(book: Book) -> Schedule:
    """The hours of a book; of one that decides daily those that an hourly one has where it says nothing."""
    return schedule_of(book) if book.schedule.rhythm == "hourly" else hourly(get_calendar(book.calendar))


def stored_hours(conn: Connection, symbols: Collection[str]) -> dict[str, tuple[datetime, datetime]]:
    """End of the first and the last stored hour of each of `symbols`; without those that have none."""
    with cursor(conn) as cur:
        cur.execute(query("stored_hours"), {"symbols": list(symbols)})
        return {name: (first, last) for name, first, last in cur.fetchall()}


def save_actions_of_hours(
    conn: Connection,
    book: Book,
    bars: pd.DataFrame,
    actions: pd.DataFrame,
    *,
    inception: date,
    complete: tuple[date, date],
) -> Saved:
    """Store the corporate actions that came with hours, and withdraw those that came once and no longer do.

    What a source of days or a person says of a symbol and day counts alone, so the days of the same ingest
    are to be stored before. The source of a stated action has `OF_HOURS` behind its name; one that is
    inferred stays, as one from days does.

    Parameters
    ----------
    conn : Connection
        In a transaction of the caller, or by itself.
    book : Book
        An hourly one.
    bars : DataFrame
        The hours that came, as `save_hours` takes them: say which sources have answered of which symbols.
    actions : DataFrame
        As `nightdesk.store.bar_rows.save_market` takes them.
    inception : date
        The book's first decided session.
    complete : tuple of (date, date)
        First and last day for which `actions` is all that these sources have.

    Raises
    ------
    Refused
        As `save_market`; nothing is stored then.
    """
    with transaction(conn, f"SELECT pg_advisory_xact_lock({MARKET_LOCK}); {CLOCK}") as row:
        names = sorted({*bars["symbol"], *actions["symbol"]})
        stored = read_rows(conn, "actions_in_force", symbols=names, first=date.min, last=date.max)
        said = {(one["symbol"], one["session"]) for one in stored if not one["source"].endswith(OF_HOURS)}
        keys = list(zip(actions["symbol"], actions["session"].dt.date, strict=True))
        fresh = actions.loc[np.array([key not in said for key in keys], dtype=bool)]
        inferred = fresh["source"] == INFERRED_SOURCE
        fresh = fresh.assign(source=fresh["source"].where(inferred, fresh["source"] + OF_HOURS))
        saved = Saved()
        if len(fresh):
            saved = save_market(conn, book, bars.iloc[:0], fresh, inception=inception).actions
        answered = bars[["symbol", "source"]].drop_duplicates()
        gone = read_rows(
            conn,
            "withdraw_actions_of_hours",
            at=None if row is None else row[0],
            first=complete[0],
            last=complete[1],
            symbols=answered["symbol"].tolist(),
            sources=[f"{one}{OF_HOURS}" for one in answered["source"]],
            given_symbols=fresh["symbol"].tolist(),
            given_days=fresh["session"].dt.date.tolist(),
            given_kinds=fresh["kind"].tolist(),
        )
        return replace(saved, withdrawn=len(gone))


def hours_changed(conn: Connection, book: Book, first: date, until: datetime, since: datetime) -> bool:
    """Whether a panel of the book, of its hours or gathered from some, reads something else of them than at
    `since`.
    """
    daily = book.schedule.rhythm == "daily"
    row = read_row(
        conn,
        "hours_changed",
        symbols=list(book.hour_closes if daily else book.panel_symbols),
        after=schedule_of(book).before(schedule_of(book).first_of(first)),
        until=until,
        since=since,
    )
    return row is not None and bool(row["changed"])


def read_hourly_panel(
    conn: Connection,
    book: Book,
    first: date,
    as_of: datetime,
    known_by: datetime,
    *,
    hours_from: date | None = None,
) -> Panel:
    """The panel of an hourly book up to one decision, as it was known at an instant.

    Parameters
    ----------
    conn : Connection
        Where it is read.
    book : Book
        Says the schedule and the columns, `book.panel_symbols`.
    first : date
        First session of its days.
    as_of : datetime
        The decision: the last row.
    known_by : datetime
        Of every bar and action the version that was known at this instant; one not known by then is absent.
    hours_from : date, optional
        First session of its hours; default: `first`.

    Returns
    -------
    Panel
        Of hours; its days are the sessions that were over at `as_of`.

    Raises
    ------
    Refused
        When nothing is decided at `as_of`.
    """
    schedule, columns = schedule_of(book), book_columns(book)
    begins = hours_from or first
    length = schedule.index(as_of) + 1 - schedule.index(schedule.first_of(begins))
    last = schedule.session_of(as_of)
    days = read_panel(conn, book, first, last, known_by)
    after = schedule.before(schedule.first_of(begins))
    bars = read_hours(conn, book.panel_symbols, after, as_of, known_by)
    actions = [
        Action(day=np.datetime64(one.pop("session")), **one)
        for one in read_rows(
            conn,
            "panel_actions",
            symbols=list(book.panel_symbols),
            first=begins,
            last=last,
            known_by=known_by,
        )
    ]
    return build_hourly_panel(schedule, days, columns, bars, actions, first=begins).until(length)


@dataclass(frozen=True)
class _Hours:
    """Hours as arrays of shape (n_rows,), sorted by end and symbol; see
    `nightdesk.store.checked_frames.CheckedFrame`.
    """

    symbols: tuple[str, ...]
    sources: tuple[str, ...]
    symbol: NDArray[np.intp]
    source: NDArray[np.intp]
    end: Instants
    values: Mapping[str, Floats]


def _checked(
    frame: pd.DataFrame, schedule: Schedule, continuous: Collection[str], present: datetime
) -> _Hours:
    import pandas as pd

    needed = ("symbol", "end", *PRICES, "volume", "source")
    lacking = [name for name in needed if name not in frame]
    if lacking:
        raise Refused(f"hours lack {', '.join(lacking)}: the columns {', '.join(needed)} are needed")
    symbol, symbols = pd.factorize(frame["symbol"], sort=True)
    source, sources = pd.factorize(frame["source"], sort=True)
    end = frame["end"].to_numpy().astype("datetime64[s]")
    if (symbol < 0).any() or (source < 0).any() or np.isnat(end).any():
        raise Refused("an hour without a symbol, an end or a source: nothing was stored")
    order = np.lexsort((symbol, end))
    values = {name: frame[name].to_numpy(np.float64)[order] for name in (*PRICES, "volume")}
    hours = _Hours(
        tuple(map(str, symbols)), tuple(map(str, sources)), symbol[order], source[order], end[order], values
    )
    for name in PRICES:
        _refuse(hours, ~np.isfinite(values[name]), f"an hour without a finite {name}")
    _refuse(hours, np.isinf(values["volume"]), "an hour of infinite volume")
    without_end = set(continuous)
    endless = np.array([one in without_end for one in hours.symbols], dtype=bool)[hours.symbol]
    whole = hours.end == hours.end.astype("datetime64[h]")
    on_schedule = np.where(endless, whole, np.isin(hours.end, schedule.ends))
    _refuse(hours, ~on_schedule, f"an hour that ends at no hour of {schedule.calendar.name}")
    _refuse(
        hours, hours.end > instant(present), f"an hour that is not over (it is {present:%Y-%m-%d %H:%M} UTC)"
    )
    again = (hours.symbol[1:] == hours.symbol[:-1]) & (hours.end[1:] == hours.end[:-1])
    _refuse(hours, np.append(again, False)[: len(hours.end)], "an hour that is given twice")
    return hours


def _refuse(hours: _Hours, wrong: NDArray[np.bool_], what: str) -> None:
    if not wrong.any():
        return
    at = int(np.argmax(wrong))
    more = f", and {int(wrong.sum()) - 1} more such rows" if wrong.sum() > 1 else ""
    symbol, source = hours.symbols[hours.symbol[at]], hours.sources[hours.source[at]]
    raise Refused(f"{symbol} {hours.end[at]} from {source}: {what}{more}; nothing was stored")


def _known_at(cur: Cursor, hours: _Hours, schedule: Schedule, before: date, arrived: datetime) -> Instants:
    """When each hour became known: as it arrived, save for history that no decision can have missed."""
    cur.execute(query("stored_hours"), {"symbols": list(hours.symbols)})
    stored = {name: instant(first) for name, first, _ in cur.fetchall()}
    first = np.array([stored.get(name, np.datetime64("NaT")) for name in hours.symbols], "datetime64[us]")
    oldest = first[hours.symbol]
    end = hours.end.astype("datetime64[us]")
    history = (schedule.sessions_of(hours.end) < np.datetime64(before, "D")) & (
        np.isnat(oldest) | (end < oldest)
    )
    came = instant(arrived)
    known: Instants = np.where(history, np.minimum(end + np.timedelta64(schedule.delay), came), came)
    return known


def _write(
    cur: Cursor,
    hours: _Hours,
    ids: Mapping[str, int],
    known_at: Instants,
    at: datetime,
    span: Mapping[str, datetime],
) -> Saved:
    """Write the versions that differ from the newest ones, all rows at once."""
    numbers = np.array([ids[name] for name in hours.symbols], dtype=np.int32)
    cur.execute(query("stage_hours"))
    copy_in(
        cur,
        "incoming_hours",
        {
            "symbol_id": numbers[hours.symbol],
            "bar_end": hours.end.astype("datetime64[us]"),
            "known_at": known_at,
            "source_code": hours.source.astype(np.int16),
            **hours.values,
        },
    )
    # Without figures about the rows just staged the planner takes them for a handful.
    cur.execute("ANALYZE incoming_hours")
    cur.execute(query("supersede_hours"), {"at": at, **span})
    corrected = cur.rowcount
    cur.execute(query("insert_hours"), {"sources": list(hours.sources), **span})
    written = cur.rowcount
    return Saved(new=written - corrected, corrected=corrected, unchanged=len(hours.end) - written)
