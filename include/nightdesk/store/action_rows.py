"""Corporate actions that a person states: dated facts beside what the sources give, and before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from nightdesk.core.panel import Action, ActionKind
from nightdesk.store.bar_rows import MARKET_LOCK
from nightdesk.store.db import Connection, cursor, now, transaction
from nightdesk.store.rows import read_rows

#: The source of what a person stated.
PERSON = "person"


@dataclass(frozen=True)
class StatedAction:
    """A live action as it is stored; `source` is a feed's name or `PERSON`."""

    symbol: str
    session: date
    kind: ActionKind
    value: float
    other: str
    cash: float
    note: str
    source: str
    known_at: datetime


def known_symbols(conn: Connection, symbols: Sequence[str] = ()) -> tuple[str, ...]:
    """Symbols of which the store has ever had a bar or an action; of those named, or all."""
    rows = read_rows(conn, "known_symbols", symbols=list(symbols))
    return tuple(row["symbol"] for row in rows)


def live_actions(
    conn: Connection, symbol: str = "", session: date | None = None, kind: str = ""
) -> tuple[StatedAction, ...]:
    """The actions that stand now, by session and symbol; changes of a source's adjustment left out."""
    rows = read_rows(
        conn, "live_actions", symbol=symbol, first=session or date.min, last=session or date.max, kind=kind
    )
    return tuple(StatedAction(**row) for row in rows)


def state_action(conn: Connection, action: Action) -> bool:
    """Store what a person states, in place of what stood for that symbol, session and kind.

    Returns
    -------
    bool
        False where a person has stated the same already.
    """
    with transaction(conn), cursor(conn) as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (MARKET_LOCK,))
        held = live_actions(conn, action.symbol, action.day.astype(date), action.kind)
        same = (action.value, action.other, action.cash)
        if any((one.value, one.other, one.cash, one.source) == (*same, PERSON) for one in held):
            return False
        at = now(conn)
        read_rows(conn, "end_action", **_key(action), at=at, source=None, note="")
        row = {"value": action.value, "other": action.other, "cash": action.cash, "note": action.note}
        read_rows(conn, "add_action", **_key(action), **row, at=at, source=PERSON)
    return True


def withdraw_action(conn: Connection, symbol: str, session: date, kind: ActionKind, note: str) -> bool:
    """Take back what a person stated; `note` is added to its own. False where no person has stated it."""
    with transaction(conn), cursor(conn) as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (MARKET_LOCK,))
        key = {"symbol": symbol, "session": session, "kind": kind}
        return bool(read_rows(conn, "end_action", **key, at=now(conn), source=PERSON, note=note))


def _key(action: Action) -> dict[str, object]:
    return {"symbol": action.symbol, "session": action.day.astype(date), "kind": action.kind}
