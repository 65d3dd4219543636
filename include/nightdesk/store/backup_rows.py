"""Backups, restores and drills: what was tried, what came of it, and what a dump must hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from nightdesk.core.masking import mask_line
from nightdesk.store.db import Connection
from nightdesk.store.queries import query
from nightdesk.store.rows import read_row, read_rows

#: Of so many of its newest closed decisions a backup keeps the hash of what was decided.
HASHED_DECISIONS = 5

#: What is said of an attempt of which nobody told the end.
CUT_OFF = "its process ended in the middle, without a word"


@dataclass(frozen=True)
class StoredBackup:
    """An attempt to make a backup; see the comments of the table `backups`."""

    backup_id: int
    began_at: datetime
    ended_at: datetime | None
    place: str
    file: str | None
    bytes: int | None
    sha256: str | None
    code_version: str
    newest_migration: str
    error: str | None
    deleted_at: datetime | None


@dataclass(frozen=True)
class BackupStanding:
    """How the backups stand: the newest one, and the newest attempt since that failed.

    Attributes
    ----------
    at : datetime
        Now, by the desk's clock.
    begun_at : datetime or None
        Since when there is something to lose: when the first book was started.
    made_at, place, file
        Of the newest backup; None where there is none.
    failed_at, failed_place, error
        Of the newest attempt since; None where none has failed.
    """

    at: datetime
    begun_at: datetime | None
    made_at: datetime | None
    place: str | None
    file: str | None
    failed_at: datetime | None
    failed_place: str | None
    error: str | None


@dataclass(frozen=True)
class ClosedDecisions:
    """What a database holds of a book.

    Attributes
    ----------
    closed : int
        Decisions that are closed.
    newest : datetime or None
        The newest of them, UTC.
    hashes : mapping of str to str
        SHA-256 of what each of the newest ones decided, by its instant in ISO form, the newest first.
    """

    closed: int
    newest: datetime | None
    hashes: dict[str, str]


@dataclass(frozen=True)
class StoredDrill:
    """A rehearsal of a restore; see the comments of the table `drills`."""

    drill_id: int
    began_at: datetime
    ended_at: datetime | None
    place: str
    file: str | None
    made_at: datetime | None
    outcome: Literal["ok", "failed"] | None
    books: int | None
    decisions: int | None
    differing: int | None
    restore_seconds: float | None
    verify_seconds: float | None
    decide_seconds: float | None
    words: str | None


@dataclass(frozen=True)
class RestoreRecord:
    """What a database says of the backup that it was restored from; see the comments of `restores`."""

    place: str
    file: str
    sha256: str
    made_at: datetime
    restored_by: str
    code_version: str
    kept_as: str | None
    installation_before: str | None
    reason: str | None


def closed_decisions(conn: Connection, newest: int = HASHED_DECISIONS) -> dict[str, ClosedDecisions]:
    """What the database holds of every started book, by name."""
    return {
        row["book"]: ClosedDecisions(
            row["closed"],
            row["newest"],
            {
                as_of.isoformat(): decision_hash(conn, row["book"], as_of)
                for as_of in newest_closed(conn, row["book"], newest)
            },
        )
        for row in read_rows(conn, "closed_of_books")
    }


def newest_closed(conn: Connection, book: str, newest: int) -> list[datetime]:
    """Instants of the newest closed decisions of a book, descending."""
    return [row["as_of"] for row in read_rows(conn, "newest_closed", book=book, newest=newest)]


def decision_hash(conn: Connection, book: str, as_of: datetime) -> str:
    """SHA-256 of all that a decision said, wanted, was allowed, ordered, executed and was worth."""
    digest = hashlib.sha256()
    for row in read_rows(conn, "decision_lines", book=book, as_of=as_of):
        digest.update(f"{row['line']}\n".encode())
    return digest.hexdigest()


def hash_kind() -> str:
    """What names the question that `decision_hash` asks: of another one the hashes are others."""
    return hashlib.sha256(query("decision_lines").encode()).hexdigest()[:12]


def roles_with_rights(conn: Connection) -> tuple[str, ...]:
    """Roles to which rights on the schema were given, by name."""
    return tuple(row["role"] for row in read_rows(conn, "roles_with_rights"))


def unreadable_tables(conn: Connection) -> tuple[str, ...]:
    """Tables and sequences of the desk that the connection's user may not read by themselves, by name."""
    return tuple(row["named"] for row in read_rows(conn, "unreadable_tables"))


def begin_backup(conn: Connection, place: str, code_version: str, newest_migration: str) -> int:
    """Note that a backup begins; its number. Attempts before it that never ended were cut off."""
    read_rows(conn, "fail_cut_off_backups", error=CUT_OFF)
    begun = {"place": place, "code_version": code_version, "newest_migration": newest_migration}
    row = read_row(conn, "begin_backup", **begun)
    assert row is not None
    return int(row["backup_id"])


def end_backup(conn: Connection, backup_id: int, *, file: str, size: int, sha256: str) -> None:
    """Note that a backup is whole and in its place."""
    read_rows(conn, "end_backup", backup_id=backup_id, file=file, bytes=size, sha256=sha256)


def end_open_backup(conn: Connection, *, file: str, size: int, sha256: str) -> None:
    """Note in a restored database that the attempt which goes on in it has made its dump."""
    read_rows(conn, "end_open_backup", file=file, bytes=size, sha256=sha256)


def fail_backup(conn: Connection, backup_id: int, error: str) -> None:
    """Note why an attempt failed."""
    read_rows(conn, "fail_backup", backup_id=backup_id, error=mask_line(error))


def note_cut_off(conn: Connection) -> None:
    """Note of the attempts that never ended that they were cut off; to be called while none is made."""
    read_rows(conn, "fail_cut_off_backups", error=CUT_OFF)


def note_deleted(conn: Connection, place: str, files: Iterable[str]) -> None:
    """Note that dumps of a place were deleted for their age."""
    read_rows(conn, "note_deleted_backups", place=place, files=list(files))


def stored_backups(conn: Connection, newest: int = 50) -> list[StoredBackup]:
    """The newest attempts, newest first."""
    return [StoredBackup(**row) for row in read_rows(conn, "stored_backups", newest=newest)]


def backup_standing(conn: Connection) -> BackupStanding:
    """How the backups stand."""
    row = read_row(conn, "backup_standing")
    assert row is not None
    return BackupStanding(**row)


def add_restore(conn: Connection, record: RestoreRecord) -> int:
    """Note in a restored database where it is from; the number of the row."""
    row = read_row(conn, "add_restore", **asdict(record))
    assert row is not None
    return int(row["restore_id"])


def begin_drill(conn: Connection, place: str) -> int:
    """Note that a drill begins; its number."""
    row = read_row(conn, "begin_drill", place=place)
    assert row is not None
    return int(row["drill_id"])


def end_drill(conn: Connection, drill_id: int, **found: Any) -> None:
    """Note what a drill found: the columns of its table from `outcome` to `words`, `file` and `made_at`."""
    read_rows(conn, "end_drill", drill_id=drill_id, **found)


def stored_drills(conn: Connection, newest: int = 50) -> list[StoredDrill]:
    """The newest drills, newest first."""
    return [StoredDrill(**row) for row in read_rows(conn, "stored_drills", newest=newest)]
