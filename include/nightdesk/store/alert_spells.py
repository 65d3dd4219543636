"""Conditions that last: told when they begin, not again while they go on, and once when they are over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from nightdesk.store.db import Connection, cursor
from nightdesk.store.message_rows import Level
from nightdesk.store.rows import read_row, read_rows

Kind = Literal[
    "quarantine", "no_bar", "reference", "feed", "late_data", "limit", "band", "retry", "dispute",
    "book_file", "bundle", "backup",
]  # fmt: skip


@dataclass(frozen=True)
class AlertSpell:
    """A condition that was told and is not over.

    `subject` is the symbol, source, limit, strategy or step; `level` that of the gravest alert that was
    raised of it; `session` the one at which it was told, None for what belongs to none; `created_at` is in
    UTC.
    """

    spell_id: int
    kind: Kind
    subject: str
    level: Level
    session: date | None
    created_at: datetime


def open_spells(conn: Connection, book: str, kinds: Collection[Kind]) -> dict[tuple[Kind, str], AlertSpell]:
    """The spells of a book (of the desk where it is empty) that are not over, by kind and subject."""
    found = (AlertSpell(**row) for row in read_rows(conn, "open_spells", book=book, kinds=list(kinds)))
    return {(one.kind, one.subject): one for one in found}


def newest_spell_session(conn: Connection, book: str) -> date | None:
    """The newest session at which a spell of a book was told; None when none ever was."""
    row = read_row(conn, "newest_spell_session", book=book)
    return None if row is None else row["session"]


def begin_spell(
    conn: Connection, book: str, kind: Kind, subject: str, level: Level, session: date | None
) -> None:
    """Note that a condition was told, or that it was told again at a graver level."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.alert_spells (book, kind, subject, level, session) "
            "VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (book, kind, subject) WHERE closed_at IS NULL DO UPDATE SET level = excluded.level",
            (book, kind, subject, level, session),
        )


def end_spell(conn: Connection, spell_id: int) -> None:
    """Note that a condition is over."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.alert_spells SET closed_at = greatest(clock_timestamp(), created_at) "
            "WHERE spell_id = %s AND closed_at IS NULL",
            (spell_id,),
        )


@dataclass(frozen=True)
class Through:
    """A step that was told to fail, and the first attempt since that ended well, at `ended_at` (UTC)."""

    spell_id: int
    book: str
    session: date
    step: str
    ended_at: datetime


def is_retried(conn: Connection, step: str) -> bool:
    """Whether it was told of any book that a step fails, and is not over."""
    row = read_row(conn, "step_is_retried", step=step)
    return row is not None and bool(row["retried"])


def got_through(conn: Connection) -> tuple[Through, ...]:
    """The steps whose spell of retries is open, and that have got through since."""
    return tuple(Through(**row) for row in read_rows(conn, "got_through"))
