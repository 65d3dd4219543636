"""Making a backup: a dump of the desk's tables and its manifest, whole or not there.

The dump is written under another name, then renamed; the manifest comes last, and what has none is no backup.
So a process that is killed anywhere leaves no backup or a whole one, and the next attempt takes its remains
away. Counts, hashes and dump are of one snapshot.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from nightdesk.core.errors import NightdeskError, Refused
from nightdesk.machine import postgres
from nightdesk.machine.backup_manifest import DUMP, BookContents, Manifest
from nightdesk.machine.backup_place import PART, PREFIX, BackupPlace, find_backups
from nightdesk.machine.home import Home
from nightdesk.machine.pg_programs import Programs, dump_programs
from nightdesk.operations.backup_concerns import tell_backups
from nightdesk.store.backup_rows import (
    ClosedDecisions,
    begin_backup,
    closed_decisions,
    end_backup,
    fail_backup,
    hash_kind,
    note_deleted,
    roles_with_rights,
    unreadable_tables,
)
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, lock_key, lone_lock, now, transaction
from nightdesk.store.installation import installation_mark
from nightdesk.store.migrations import applied_names
from nightdesk.version import code_version

#: Backups are kept so long; the newest one is, however old it is.
KEPT_BACKUP_DAYS = 30

#: Where dumps for an object store are written first, in the folder of records.
_DRAFTS = "backup-"

#: The snapshot lives as long as its transaction, which waits for pg_dump.
_ONE_SNAPSHOT = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; "
    "SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_export_snapshot()"
)


@dataclass(frozen=True)
class BackupMade:
    """What was done: the backup's manifest, its place, and the dumps that were deleted for their age."""

    manifest: Manifest
    place: str
    deleted: tuple[str, ...]

    def words(self) -> str:
        """The same in a line."""
        gone = f"; deleted for their age: {', '.join(self.deleted)}" if self.deleted else ""
        return f"{self.manifest.words()}; in {self.place}{gone}"


def make_backup(
    home: Home,
    environ: Mapping[str, str],
    *,
    to: str | None = None,
    keep_days: int = KEPT_BACKUP_DAYS,
    seconds: float | None = None,
) -> BackupMade:
    """Make a backup of the desk's tables, and delete those that are old.

    Every attempt is a row of `backups`; one that fails is told (`tell_backups`).

    Parameters
    ----------
    home : Home
        The desk.
    environ : mapping of str to str
        Where the address of the database is, ``NIGHTDESK_BACKUP``, and the keys of an object store.
    to : str, optional
        A folder, or ``s3://BUCKET/PREFIX``; default: that of the environment, else ``backups`` of the desk.
    keep_days : int
        Backups of this installation in the place that are older are deleted, never the newest.
    seconds : float, optional
        After so long pg_dump is ended.

    Raises
    ------
    Refused
        When another backup is being made, no pg_dump fits the server, or the place takes nothing.
    Transient
        When the server went away in the middle, or the store does not answer.
    """
    if keep_days < 1:
        raise Refused(f"backup: {keep_days} days: what is kept must be at least the last day")
    place = BackupPlace.find(home, environ, to)
    url = postgres.database_url(home, environ)
    with closing(connect(url, environ, checked=True)) as conn, lone_lock(conn, lock_key("backup")) as alone:
        if not alone:
            raise Refused(
                "another backup of this database is being made: let it end; `nightdesk backups` lists "
                "what is there"
            )
        with _recorded(conn, url, place) as number:
            manifest = _make(conn, _readers(conn, url, home, environ), home, place, seconds)
            end_backup(conn, number, file=manifest.file, size=manifest.bytes, sha256=manifest.sha256)
        deleted = thin(conn, place, manifest.installation, keep_days)
        tell_backups(conn)
    return BackupMade(manifest, str(place), deleted)


def thin(conn: Connection, place: BackupPlace, installation: str, keep_days: int) -> tuple[str, ...]:
    """Delete the backups of an installation that are older than so many days, but for the newest.

    The manifest goes first: what is left of one that was cut off is no backup.
    """
    own = [one for one in find_backups(place).backups if one.installation == installation]
    limit = now(conn) - timedelta(days=keep_days)
    old = [one for one in own[1:] if one.made_at < limit]
    for one in old:
        place.delete(one.name)
        place.delete(one.file)
    note_deleted(conn, str(place), [one.file for one in old])
    return tuple(one.file for one in old)


@contextmanager
def _recorded(conn: Connection, url: str, place: BackupPlace) -> Iterator[int]:
    """A row for the attempt; one that fails is noted and told, over another connection where this is gone."""
    number = begin_backup(conn, str(place), code_version(), applied_names(conn)[-1])
    try:
        yield number
    except (NightdeskError, OSError) as error:
        try:
            _note_failure(conn, number, error)
        except NightdeskError:  # with the server's end this connection has ended
            with suppress(NightdeskError), closing(connect(url)) as fresh:
                _note_failure(fresh, number, error)
        raise


def _note_failure(conn: Connection, number: int, error: Exception) -> None:
    fail_backup(conn, number, str(error))
    tell_backups(conn)


def _make(conn: Connection, url: str, home: Home, place: BackupPlace, seconds: float | None) -> Manifest:
    server = conn.server_version // 10000
    programs = dump_programs(server)
    place.make_ready()
    _clear_remains(place, home)
    with transaction(conn, _ONE_SNAPSHOT) as row, _draft(place, home) as draft:
        assert row is not None
        made_at, installation = now(conn), installation_mark(conn)
        name = _free_name(place, installation, made_at)
        facts = (closed_decisions(conn), roles_with_rights(conn), applied_names(conn)[-1])
        _dump(programs, url, str(row[0]), draft, seconds)
        manifest = Manifest(
            file=name,
            made_at=made_at,
            installation=installation,
            code_version=code_version(),
            newest_migration=facts[2],
            server=server,
            programs=programs.major,
            bytes=draft.stat().st_size,
            sha256=sha256_of(draft),
            hashed_by=hash_kind(),
            roles=facts[1],
            books={book: _contents(one) for book, one in facts[0].items()},
        )
        _publish(place, draft, manifest)
    return manifest


def _readers(conn: Connection, url: str, home: Home, environ: Mapping[str, str]) -> str:
    """The address of a user who may read all of the desk: its own, or its reader's.

    The writer writes a table of parts by the table alone, and pg_dump reads part by part.
    """
    closed = unreadable_tables(conn)
    if not closed:
        return url
    reader = postgres.addresses(home, environ).reader
    if reader:
        return reader
    raise Refused(
        f"the backup was not made: the database's user may not read {closed[0]} by itself "
        f"(of {len(closed)}). Name a user of the role nightdesk_reader in {postgres.READER_VARIABLE}"
    )


def _contents(one: ClosedDecisions) -> BookContents:
    return BookContents(one.closed, None if one.newest is None else one.newest.isoformat(), one.hashes)


def _dump(programs: Programs, url: str, snapshot: str, draft: Path, seconds: float | None) -> None:
    arguments = ["--format=custom", "--schema=nightdesk", f"--snapshot={snapshot}", f"--file={draft}"]
    arguments += ["--lock-wait-timeout=60s"]
    programs.run("pg_dump", arguments, url, what="the backup was not made", seconds=seconds)


def _publish(place: BackupPlace, draft: Path, manifest: Manifest) -> None:
    """Give the dump its name, then the manifest: with it the backup is there."""
    words = draft.with_name(f"{draft.name}-manifest")
    try:
        place.keep(draft, manifest.file)
        try:
            _private(words)
            words.write_text(manifest.text(), encoding="utf-8")
            place.keep(words, manifest.name)
        except BaseException:
            with suppress(NightdeskError, OSError):
                place.delete(manifest.file)
            raise
    except OSError as error:
        raise _not_taken(place, error) from error
    finally:
        words.unlink(missing_ok=True)


@contextmanager
def _draft(place: BackupPlace, home: Home) -> Iterator[Path]:
    """An empty file that its owner alone can read: beside its place, or here for an object store."""
    if place.is_remote:
        home.run.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=_DRAFTS, dir=home.run) as folder:
            yield _private(Path(folder) / f"{PREFIX}{os.getpid()}{PART}")
        return
    path = place.folder / f".{PREFIX}{os.getpid()}{PART}"
    try:
        yield _private(path)
    except PermissionError as error:
        raise _not_taken(place, error) from error
    finally:
        path.unlink(missing_ok=True)


def _private(path: Path) -> Path:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise Refused(
            f"the backup was not made: {path} cannot be written: {error.strerror or error}. "
            "Make room there, let the desk's user write there, or name another place"
        ) from error
    return path


def _not_taken(place: BackupPlace, error: OSError) -> Refused:
    return Refused(
        f"the backup was not made: {place} takes it not: {error.strerror or error}. "
        "Make room there, let the desk's user write there, or name another place"
    )


def _clear_remains(place: BackupPlace, home: Home) -> None:
    """Take away what attempts left that were killed; nobody else is at work, since the lock is held."""
    for folder in home.run.glob(f"{_DRAFTS}*"):
        shutil.rmtree(folder, ignore_errors=True)
    if place.is_remote:
        return
    for path in place.folder.glob(f".{PREFIX}*{PART}*"):
        with suppress(OSError):
            path.unlink()


def _free_name(place: BackupPlace, installation: str, made_at: datetime) -> str:
    """A name that no file of the place has."""
    taken, stem = place.sizes(), f"{PREFIX}{installation}-{made_at:%Y%m%dT%H%M%SZ}"
    number, name = 1, stem
    while f"{name}{DUMP}" in taken:
        number, name = number + 1, f"{stem}-{number + 1}"
    return f"{name}{DUMP}"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
