"""What several pages of the cockpit read: decisions, the history of NAV, alerts that wait."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.core.errors import Refused
from nightdesk.store.db import Connection
from nightdesk.store.rows import read_row, read_rows


@dataclass(frozen=True, slots=True)
class NavRow:
    """A book's value at the last mark of a session; `drawdown` is 1 - NAV / highest NAV, 0 or more."""

    session: date
    as_of: datetime
    nav: Decimal
    drawdown: float


def newest_decision(conn: Connection, book: str) -> dict[str, Any] | None:
    """The newest decision of a book (session, as_of, known_by, status and what came of it); None without."""
    found = read_rows(conn, "newest_decisions", book=book, newest=1)
    return found[0] if found else None


def decision_at(conn: Connection, book: str, when: str) -> dict[str, Any] | None:
    """A decision by its instant (ISO 8601) or its session, of several in one the last; None without.

    Raises
    ------
    Refused
        When `when` is neither.
    """
    instant = session = None
    try:
        if len(when) == len("2026-11-20"):
            session = date.fromisoformat(when)
        else:
            instant = datetime.fromisoformat(when)
    except ValueError:
        raise Refused(
            f"as_of: found {when[:40]!r}; expected `newest`, a session such as 2026-11-20, or an instant"
        ) from None
    if instant is not None and instant.tzinfo is None:
        raise Refused(f"as_of: {when[:40]} tells no time zone: write 2026-11-20T21:00:00Z")
    return read_row(conn, "decision_at", book=book, instant=instant, session=session)


def nav_history(conn: Connection, book: str, newest: int) -> tuple[NavRow, ...]:
    """NAV and drawdown at the last mark of each of the newest sessions, ascending."""
    return tuple(NavRow(**row) for row in read_rows(conn, "nav_history", book=book, newest=newest))


def waiting_alerts(conn: Connection) -> Mapping[str, Mapping[str, int]]:
    """How many alerts nobody has acknowledged, by book (empty: of the desk) and level.

    Warnings count for a week, what is graver until somebody acknowledges it.
    """
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in read_rows(conn, "alerts_by_level"):
        found[row["book"]][row["level"]] = row["alerts"]
    return found
