"""Restoring a backup: into a database without the desk's tables, or in the place of one that is kept.

What can be wrong is looked for before anything is touched. A database that is replaced is never changed: the
backup is loaded beside it, looked at, and the two swap their names in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import make_dsn, parse_dsn

from nightdesk.core.errors import NightdeskError, Refused
from nightdesk.machine import postgres, supervisor
from nightdesk.machine.backup_place import BackupPlace
from nightdesk.machine.home import Home
from nightdesk.machine.loading_dumps import Dump, checked_dump, compare_with_manifest, load, programs_of
from nightdesk.machine.logins import ensure_logins
from nightdesk.machine.restore_target import (
    RestoreTarget,
    drop_fresh,
    drop_unfinished,
    look_at,
    make_beside,
    missing_roles,
    restoring_alone,
    roles_of_others,
    swap,
)
from nightdesk.operations.integrity import BookVerified, verify_all
from nightdesk.store.backup_rows import RestoreRecord, add_restore, end_open_backup
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, address, cursor, transaction
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.migrations import migrate
from nightdesk.store.roles import hand_over
from nightdesk.version import code_version


@dataclass(frozen=True)
class Restored:
    """What was restored.

    Attributes
    ----------
    dump : str
        Name of the file.
    made_at : datetime
        The instant whose state the database has now, UTC.
    into : str
        The database, without a password.
    kept_as : str or None
        Name of the database that it took the place of, beside it.
    migrated : tuple of str
        Migrations that were applied after it.
    notes : tuple of str
        What a person must know.
    verified : tuple of BookVerified
        Every book, verified after it.
    """

    dump: str
    made_at: datetime
    into: str
    kept_as: str | None
    migrated: tuple[str, ...]
    notes: tuple[str, ...]
    verified: tuple[BookVerified, ...]


@dataclass(frozen=True)
class Wish:
    """What a person wants of a restore.

    Attributes
    ----------
    source : str
        ``newest``, or a dump or its manifest.
    who : str
        The person.
    into : str or None
        The libpq address of another database than the desk's.
    replace : bool
        Whether it may take the place of a database that holds the desk's tables.
    adopting : str or None
        Why the backup of another installation is taken.
    """

    source: str
    who: str
    into: str | None = None
    replace: bool = False
    adopting: str | None = None


def restore(home: Home, environ: Mapping[str, str], wish: Wish, *, place: str | None = None) -> Restored:
    """Restore a backup, and verify every book in it.

    Raises
    ------
    Refused
        When the backup is not whole, of newer code or another installation, or the target is in use or holds
        something; the target is untouched then.
    Transient
        When the server went away; the target is untouched then too.
    """
    if wish.into is not None and wish.replace:
        raise Refused(
            "--into takes an empty database: name it alone, or replace the desk's own with --replace"
        )
    with checked_dump(BackupPlace.find(home, environ, place), wish.source) as dump:
        url = postgres.restoring_url(home, environ) if wish.into is None else wish.into
        target = look_at(url)
        _must_be_free(home, target, own=wish.into is None)
        _must_be_welcome(target, dump, wish)
        done = _replaced if target.holds_desk else _filled
        made, kept_as = done(dump, target, wish)
        if wish.into is None and not environ.get(postgres.DATABASE_VARIABLE):
            ensure_logins(home, anew=True)
        with closing(connect(url, checked=True)) as conn:
            verified = verify_all(conn)
    return Restored(
        dump=dump.manifest.file,
        made_at=dump.manifest.made_at,
        into=address(url) or "",
        kept_as=kept_as,
        migrated=made.migrated,
        notes=made.notes,
        verified=verified,
    )


def _must_be_free(home: Home, target: RestoreTarget, *, own: bool) -> None:
    """Refuse a database that somebody works with, with who does."""
    using = list(target.users)
    watching = supervisor.process_id(home) if own else None
    if watching is not None:
        using.insert(0, f"the desk's supervisor (process {watching})")
    if using:
        raise Refused(
            f"the database {target.shown} is in use by {'; '.join(using)}. End them first: `nightdesk down` "
            "(or pause the DAGs and end what is connected), then restore. Nothing was changed"
        )


def _must_be_welcome(target: RestoreTarget, dump: Dump, wish: Wish) -> None:
    manifest = dump.manifest
    if wish.adopting is not None and not wish.adopting.strip():
        raise Refused(
            "--adopt-installation wants a reason: why is another installation's backup the right one?"
        )
    if target.other_tables:
        raise Refused(
            f"the database {target.shown} has a schema nightdesk that the desk did not make "
            f"({target.other_tables} tables, no migrations): name an empty database"
        )
    if not target.holds_desk:
        return
    if not wish.replace:
        raise Refused(
            f"the database {target.shown} holds the desk's tables (installation {target.installation}, "
            f"{len(target.books)} books): --replace keeps it under another name and puts the backup in its "
            "place; --into URL takes an empty database. Nothing was changed"
        )
    if target.installation != manifest.installation and wish.adopting is None:
        raise Refused(
            f"the backup is of installation {manifest.installation}, the database {target.shown} of "
            f"{target.installation}. The mark is part of every order at a real broker: two desks "
            "with one mark "
            "take each other's orders for their own. If this backup is the right one and its desk "
            "is gone, say "
            'so: --adopt-installation "REASON". Nothing was changed'
        )


@dataclass(frozen=True)
class _Made:
    """What became of a loaded dump."""

    migrated: tuple[str, ...]
    notes: tuple[str, ...]


def _filled(dump: Dump, target: RestoreTarget, wish: Wish) -> tuple[_Made, None]:
    """Load into a database without the desk's tables, in one transaction; taken out where it is wrong."""
    notes = _load(dump, target.url, jobs=None)
    with closing(connect(target.url, checked=False)) as conn:
        try:
            return _finish(conn, dump, target, wish, None, notes), None
        except BaseException:
            with suppress(NightdeskError), transaction(conn), cursor(conn) as cur:
                cur.execute("DROP SCHEMA nightdesk CASCADE")
            raise


def _replaced(dump: Dump, target: RestoreTarget, wish: Wish) -> tuple[_Made, str]:
    """Load beside the database, and swap the names."""
    with restoring_alone(target), _beside(target) as fresh:
        notes = _load(dump, _url_of(target.url, fresh.name), jobs=2)
        with closing(connect(_url_of(target.url, fresh.name), checked=False)) as conn:
            made = _finish(conn, dump, target, wish, fresh.kept_as, notes)
        swap(target, fresh.name, fresh.kept_as)
    return made, fresh.kept_as


@dataclass(frozen=True)
class _Fresh:
    """A database beside the target, and the name that the target will be kept under."""

    name: str
    kept_as: str


@contextmanager
def _beside(target: RestoreTarget) -> Iterator[_Fresh]:
    """A new database beside the target; it is gone again where the block raises."""
    drop_unfinished(target)
    name, kept_as = make_beside(target)
    try:
        yield _Fresh(name, kept_as)
    except BaseException:
        with suppress(NightdeskError):
            drop_fresh(target, name)
        raise


def _load(dump: Dump, url: str, jobs: int | None) -> tuple[str, ...]:
    """Load, with the rights of roles where they can be given; what a person must know."""
    with closing(connect(url, checked=False)) as conn:
        programs, server = programs_of(dump, conn), conn.server_version // 10000
        lacking = missing_roles(conn, dump.manifest.roles)
        barred = () if lacking else roles_of_others(conn, dump.givers)
    load(dump, programs, url, server, rights=not lacking and not barred, jobs=jobs)
    if barred:
        return (
            f"the rights of roles were left out, since this user may not give any in the name of "
            f"{', '.join(barred)}; the desk's own roles have theirs anew",
        )
    if not lacking:
        return ()
    return (
        f"the rights of roles were left out, since this server has no {', '.join(lacking)}: make "
        "the roles, and "
        "grant them their rights anew (`nightdesk db roles`, `nightdesk db migrate`)",
    )


def _finish(
    conn: Connection,
    dump: Dump,
    target: RestoreTarget,
    wish: Wish,
    kept_as: str | None,
    notes: tuple[str, ...],
) -> _Made:
    """Compare what was loaded with the manifest, migrate it, and have it say where it is from."""
    manifest = dump.manifest
    wrong = compare_with_manifest(conn, manifest)
    if wrong:
        raise Refused(f"{manifest.file} does not hold what its manifest says: {'; '.join(wrong)}")
    hand_over(conn)
    migrated = migrate(conn)
    other = None if target.installation in (None, manifest.installation) else target.installation
    with transaction(conn):
        end_open_backup(conn, file=manifest.file, size=manifest.bytes, sha256=manifest.sha256)
        number = add_restore(
            conn,
            RestoreRecord(
                place=dump.place,
                file=manifest.file,
                sha256=manifest.sha256,
                made_at=manifest.made_at,
                restored_by=wish.who,
                code_version=code_version(),
                kept_as=kept_as,
                installation_before=other,
                reason=None if wish.adopting is None else wish.adopting.strip(),
            ),
        )
        _tell(conn, number, dump, target, wish, kept_as)
    return _Made(migrated, notes)


def _tell(
    conn: Connection, number: int, dump: Dump, target: RestoreTarget, wish: Wish, kept_as: str | None
) -> None:
    kept = f"\nThe database that was there before is kept as {kept_as}." if kept_as is not None else ""
    why = f"\nAnother installation was adopted: {wish.adopting}" if wish.adopting else ""
    raise_alert(
        conn,
        f"restore {number} {dump.manifest.file}",
        "WARNING",
        f"The database was restored to {dump.manifest.made_at:%Y-%m-%d %H:%M} UTC",
        f"{wish.who} restored {dump.manifest.words()}\nfrom {dump.place} into {target.shown}.{kept}{why}\n\n"
        "What was decided and said since is not in it. Orders that have left since are at the brokers: "
        "`nightdesk rebuild-from-broker BOOK` for each book at a real one, then run the decisions "
        "that are missing.",
    )


def _url_of(url: str, database: str) -> str:
    return str(make_dsn(**{**parse_dsn(url), "dbname": database}))
