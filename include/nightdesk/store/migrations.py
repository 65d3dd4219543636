"""The schema: plain SQL files, applied in the order of their names, each once and whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from psycopg2.errors import InvalidSchemaName, UndefinedTable

from nightdesk.core.errors import Refused
from nightdesk.store.closes import give_closes
from nightdesk.store.db import Connection, cursor, lock_key, named_lock, sql_folder, transaction
from nightdesk.store.queries import query
from nightdesk.store.roles import as_owner, give_rights
from nightdesk.store.rows import forget_primary_keys

#: It names decisions by their instants: of sessions without a run only the calendars know the close.
BY_INSTANT = "031_decision_instants.sql"

_MIGRATIONS_TABLE = """
CREATE SCHEMA IF NOT EXISTS nightdesk;
CREATE TABLE IF NOT EXISTS nightdesk.migrations (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightdesk.migrations IS 'The migrations that made this schema';
COMMENT ON COLUMN nightdesk.migrations.name IS 'File name in sql/migrations';
COMMENT ON COLUMN nightdesk.migrations.checksum IS 'SHA-256 of the file when it was applied, hexadecimal';
COMMENT ON COLUMN nightdesk.migrations.applied_at IS 'When it was applied, UTC';
"""


def migrate(conn: Connection, folder: Path | None = None) -> tuple[str, ...]:
    """Bring the schema up to date, and the rights of its roles; two at once are harmless.

    Parameters
    ----------
    conn : Connection
        Its user must be allowed to create a schema.
    folder : Path, optional
        Plain SQL files that apply in the order of their names, each once and whole; default: the project's
        ``sql/migrations``.

    Returns
    -------
    tuple of str
        Names of the files that were applied now.

    Raises
    ------
    Refused
        When a file that was applied has changed since or is gone, or a new one sorts before an applied one.
    """
    files = _files(folder)
    sums = _sums(files)
    with named_lock(conn, lock_key("migrations")), as_owner(conn), cursor(conn) as cur:
        applied = _applied(conn)
        _check_applied(sums, applied)
        pending = tuple(files)[len(applied) :]
        if not applied:
            with transaction(conn):
                cur.execute(_MIGRATIONS_TABLE)
        for name in pending:
            with transaction(conn):
                cur.execute("SET LOCAL statement_timeout = 0")  # a change of a long table takes its time
                if name == BY_INSTANT:
                    give_closes(cur)
                cur.execute(files[name])
                cur.execute(
                    "INSERT INTO nightdesk.migrations (name, checksum) VALUES (%s, %s)", (name, sums[name])
                )
        if files.keys() >= _files(None).keys():  # rights are of all tables, so not of a schema half-way
            give_rights(conn)
    if pending:
        forget_primary_keys(conn)
    return pending


def check_schema(conn: Connection, folder: Path | None = None) -> None:
    """Make sure that the schema is the one which this code knows: no migration more, less or another.

    Parameters
    ----------
    conn : Connection
        A server that only reads will do.
    folder : Path, optional
        The migrations of this code; default: the project's ``sql/migrations``.

    Raises
    ------
    Refused
        With what differs and what to do: update the code, restore a file, or bring the schema up to date.
    """
    check_applied(_applied(conn), folder)


def check_applied(applied: Mapping[str, str], folder: Path | None = None) -> None:
    """The same of a schema whose migrations were read, checksums by name in their order."""
    sums = _sums(_files(folder))
    _check_applied(sums, applied)
    lacking = [name for name in sums if name not in applied]
    if lacking:
        raise Refused(
            f"the database lacks {len(lacking)} of the desk's migrations, {lacking[0]} first: "
            "bring its schema up to date with `nightdesk db migrate`, as a user who may"
        )


def applied_names(conn: Connection) -> tuple[str, ...]:
    """Names of the applied migrations, in their order; none where there is no schema."""
    return tuple(_applied(conn))


def known_names(folder: Path | None = None) -> tuple[str, ...]:
    """Names of the migrations of this code, in their order; default: the project's ``sql/migrations``."""
    return tuple(_files(folder))


def _files(folder: Path | None) -> dict[str, str]:
    folder = sql_folder() / "migrations" if folder is None else folder
    with os.scandir(folder) as found:
        stats = {one.name: one.stat() for one in found if one.name.endswith(".sql")}
    return {
        name: _text(folder / name, stats[name].st_mtime_ns, stats[name].st_size) for name in sorted(stats)
    }


# Each new connection compares them: a file is read again when it has changed.
@lru_cache(maxsize=1024)
def _text(path: Path, _changed_at: int, _size: int) -> str:
    return path.read_text(encoding="utf-8")


def _sums(files: Mapping[str, str]) -> dict[str, str]:
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}


def _applied(conn: Connection) -> dict[str, str]:
    """Names and checksums of the applied migrations, in their order; none where there is no schema."""
    try:
        with cursor(conn) as cur:
            cur.execute(query("applied_migrations"))
            return dict(cur.fetchall())
    except (UndefinedTable, InvalidSchemaName):
        return {}


def _check_applied(sums: Mapping[str, str], applied: Mapping[str, str]) -> None:
    """The applied files must be the first ones of the folder, unchanged."""
    missing = sorted(set(applied) - set(sums))
    if missing:
        raise Refused(
            f"the database was migrated by newer code: it holds {', '.join(missing)}, "
            "which this code does not have. Update the code"
        )
    for found, name in zip(sums, applied, strict=False):
        if found != name:
            raise Refused(
                f"migration {found} sorts before {name}, which is applied already: give it a later number"
            )
        if sums[name] != applied[name]:
            raise Refused(
                f"migration {name} has changed since it was applied: "
                "restore the file, and put the change into a new one"
            )
