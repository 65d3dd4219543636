"""Notices of exercise and assignment: facts of which none is ever changed, a later one takes their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from nightdesk.accounting.exercise_notices import ExerciseNotice
from nightdesk.core.masking import mask_line, one_line
from nightdesk.store.db import Connection
from nightdesk.store.rows import add_rows, read_rows


@dataclass(frozen=True, slots=True)
class StatedNotice:
    """A notice, and when it was stated (UTC)."""

    notice: ExerciseNotice
    known_at: datetime


def notices_of(conn: Connection, book: str, session: date) -> tuple[StatedNotice, ...]:
    """All notices that were ever stated of a session, in the order in which they were."""
    return tuple(map(_stated, read_rows(conn, "exercise_notices_of", book=book, session=session)))


def notices_since(conn: Connection, book: str, first: date = date.min) -> tuple[StatedNotice, ...]:
    """All notices of a session and those after it, in the order in which they were stated."""
    return tuple(map(_stated, read_rows(conn, "exercise_notices_since", book=book, first=first)))


def add_notices(conn: Connection, book: str, notices: Sequence[ExerciseNotice]) -> None:
    """State some more, reasons masked and on one line."""
    rows = [
        {
            "book": book,
            "session": one.session,
            "symbol": one.symbol,
            "kind": one.kind,
            "quantity": one.quantity,
            "reason": mask_line(one.reason),
            "who": one_line(one.who),
        }
        for one in notices
    ]
    add_rows(conn, "exercise_notices", rows)


def _stated(row: dict[str, Any]) -> StatedNotice:
    known_at = row.pop("known_at")
    return StatedNotice(ExerciseNotice(**row), known_at)
