"""A book's drawdown levels: its risk state after each decision, the moves, and what people said of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from nightdesk.risk import LevelChange, RiskEvent, RiskState
from nightdesk.store.db import Connection
from nightdesk.store.risk_event_rows import store_risk_fact
from nightdesk.store.rows import LATEST, read_row, read_rows


def read_risk_events(
    conn: Connection, book: str, session: date, as_of: datetime = LATEST
) -> tuple[RiskEvent, ...]:
    """What was said of a book's drawdown levels and counts by a decision, in the order in which it counts.

    `as_of` is the decision's instant; by default the last one of the session.
    """
    rows = read_rows(conn, "risk_facts", book=book, session=session, as_of=as_of)
    return tuple(RiskEvent(**{**row, "level": row["level"] or 0}) for row in rows)


def save_risk_event(conn: Connection, book: str, fact: RiskEvent, *, key: str | None = None) -> bool:
    """Store what was said of a book's drawdown level.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    book : str
        A started book.
    fact : RiskEvent
    key : str, optional
        Names the event: told twice under one key, it is stored once. Default: every call is its own event.

    Returns
    -------
    bool
        Whether it was stored now.

    Raises
    ------
    Refused
        When no reason or person is given.
    """
    return store_risk_fact(
        conn,
        book,
        fact.session,
        fact.kind,
        reason=fact.reason,
        who=fact.who,
        key=key,
        what="a word on a drawdown level",
        level=fact.level or None,
        after=fact.after,
    )


def read_risk_state(conn: Connection, book: str, as_of: datetime) -> RiskState | None:
    """Where a book's risk stood after a decision; None when that was not kept."""
    row = read_row(conn, "risk_state_row", book=book, as_of=as_of)
    return None if row is None else _state(conn, book, as_of, row)


def average_correlation(conn: Connection, book: str, as_of: datetime) -> float:
    """Over the pairs that were held or wanted in a decision; NaN where none was known, or none was kept."""
    row = read_row(conn, "average_correlation", book=book, as_of=as_of)
    return math.nan if row is None else float(row["average_correlation"])


@dataclass(frozen=True, slots=True)
class LeftState:
    """The state of a book's risk, and the decision that left it: at `as_of` in `session`."""

    as_of: datetime
    session: date
    state: RiskState


def newest_risk_state(conn: Connection, book: str, as_of: datetime = LATEST) -> LeftState | None:
    """The newest state up to a decision; None when none was ever kept."""
    row = read_row(conn, "newest_risk_state", book=book, as_of=as_of)
    if row is None:
        return None
    return LeftState(row["as_of"], row["session"], _state(conn, book, row["as_of"], row))


def _state(conn: Connection, book: str, as_of: datetime, row: Mapping[str, Any]) -> RiskState:
    caps = read_rows(conn, "risk_cap_rows", book=book, as_of=as_of)
    return RiskState(
        level=row["level"],
        peak=row["peak_nav"],
        highest=row["highest_nav"],
        drawdown=row["drawdown"],
        since=row["since"],
        sessions=row["sessions"],
        deepest=row["deepest"],
        since_low=row["since_low"],
        calm=row["calm"],
        answered_by=row["answered_by"],
        recovery=row["recovery"],
        level_caps={one["symbol"]: one["level_cap"] for one in caps if one["level_cap"] is not None},
        stop_caps={one["symbol"]: one["stop_cap"] for one in caps if one["stop_cap"] is not None},
        halved=frozenset(one["symbol"] for one in caps if one["halved"]),
    )


def risk_state_row(state: RiskState) -> dict[str, Any]:
    """A state as its table holds it, without the numbers it was judged by."""
    return {
        "level": state.level,
        "peak_nav": state.peak,
        "highest_nav": state.highest,
        "drawdown": state.drawdown,
        "since": state.since,
        "sessions": state.sessions,
        "deepest": state.deepest,
        "since_low": state.since_low,
        "calm": state.calm,
        "answered_by": state.answered_by,
        "recovery": state.recovery,
    }


def risk_cap_rows(state: RiskState) -> list[dict[str, Any]]:
    """What is still to be cut, and what stops have halved, a row a symbol."""
    symbols = sorted(state.level_caps.keys() | state.stop_caps.keys() | state.halved)
    return [
        {
            "symbol": symbol,
            "level_cap": state.level_caps.get(symbol),
            "stop_cap": state.stop_caps.get(symbol),
            "halved": symbol in state.halved,
        }
        for symbol in symbols
    ]


def level_changes(
    conn: Connection, book: str, first: date = date.min, last: date = date.max
) -> tuple[LevelChange, ...]:
    """The moves between drawdown levels in a span of sessions, ascending."""
    return tuple(
        LevelChange(
            session=row["session"],
            before=row["level_before"],
            after=row["level_after"],
            cause=row["cause"],
            drawdown=row["drawdown"],
            nav=row["nav"],
            peak=row["peak_nav"],
            who=row["who"],
            sessions=row["sessions"],
        )
        for row in read_rows(conn, "level_change_rows", book=book, first=first, last=last)
    )


def level_change_row(change: LevelChange) -> dict[str, Any]:
    """A move as its table holds it."""
    return {
        "level_before": change.before,
        "level_after": change.after,
        "cause": change.cause,
        "drawdown": change.drawdown,
        "nav": change.nav,
        "peak_nav": change.peak,
        "who": change.who,
        "sessions": change.sessions,
    }
