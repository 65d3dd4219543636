"""Alerts and people's answers as the cockpit lists them, of the books that a visitor may see."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from nightdesk.store.db import Connection
from nightdesk.store.message_rows import Level
from nightdesk.store.rows import read_rows


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert; its instants are None where it never came to that, `book` where it is the desk's."""

    alert_id: int
    alert_key: str
    level: Level
    book: str | None
    session: date | None
    subject: str
    body: str
    created_at: datetime
    sent_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """What somebody said of a book's drawdown level: ask, review, confirm, reject, or a level that is set.

    `session` is the first one whose decision reads it; `level` is None but for a level that is set.
    """

    risk_event_id: int
    book: str
    session: date
    kind: str
    reason: str
    who: str
    created_at: datetime
    level: int | None


def alert_page(
    conn: Connection,
    books: Collection[str],
    *,
    rows: int,
    book: str | None = None,
    level: str | None = None,
    acknowledged: bool | None = None,
    before: int | None = None,
) -> tuple[AlertRow, ...]:
    """Alerts of the desk and of `books`, the newest first.

    Parameters
    ----------
    conn : Connection
    books : collection of str
        Those that may be seen.
    rows : int
        At most so many.
    book, level : str, optional
        Of this book, of this level alone.
    acknowledged : bool, optional
        Only those that somebody has acknowledged, or that nobody has.
    before : int, optional
        Alerts with a smaller number.
    """
    asked = {"book": book, "level": level, "acknowledged": acknowledged, "before": before, "rows": rows}
    return tuple(AlertRow(**row) for row in read_rows(conn, "alert_page", books=list(books), **asked))


def told_books(conn: Connection) -> tuple[str, ...]:
    """The books that alerts are of, those among them that are gone since."""
    return tuple(row["book"] for row in read_rows(conn, "told_books"))


def unacknowledged(conn: Connection, books: Collection[str]) -> dict[str, int]:
    """How many alerts of the desk and of `books` nobody has acknowledged, by level."""
    rows = read_rows(conn, "unacknowledged_alerts", books=list(books))
    return {row["level"]: row["alerts"] for row in rows}


def answers_of_people(
    conn: Connection, books: Collection[str], *, rows: int, before: int | None = None
) -> tuple[AnswerRow, ...]:
    """What was asked and said of the drawdown levels of `books`, the newest first."""
    asked = {"books": list(books), "rows": rows, "before": before}
    return tuple(AnswerRow(**row) for row in read_rows(conn, "answers_of_people", **asked))
