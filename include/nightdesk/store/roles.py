"""The roles of the database: an owner migrates, a writer runs the desk, a reader looks.

Rights belong to three groups that nobody logs in as (`GROUPS`); a user of the database is a member of one of
them. Where they are lacking, and whoever migrates may not make them, one user does all, as it is on a simple
installation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from psycopg2 import errors, sql

from nightdesk.core.errors import Refused
from nightdesk.store.db import Connection, cursor, one, sql_folder, transaction

OWNER, WRITER, READER = "nightdesk_owner", "nightdesk_writer", "nightdesk_reader"
GROUPS = (OWNER, WRITER, READER)

#: Files in sql/roles: a database administrator may run them all, in this order.
GROUPS_FILE, OWNERSHIP_FILE, GRANTS_FILE = "groups.sql", "ownership.sql", "grants.sql"


def statements() -> str:
    """What a database administrator runs to set the roles up, as one text."""
    users = "\n".join(
        f"-- CREATE ROLE desk_{group.removeprefix('nightdesk_')} LOGIN PASSWORD '...' IN ROLE {group};"
        for group in GROUPS
    )
    parts = [document(name).rstrip() for name in (GROUPS_FILE, OWNERSHIP_FILE)]
    return "\n\n".join(
        [
            *parts,
            "-- Users of your own, one a role; their addresses go into NIGHTDESK_OWNER_DATABASE_URL,\n"
            f"-- NIGHTDESK_DATABASE_URL (the writer) and NIGHTDESK_READER_DATABASE_URL.\n{users}",
            "-- Then `nightdesk db migrate` as the owner: it gives the roles their rights.",
        ]
    )


def document(name: str) -> str:
    """The text of a file in ``sql/roles``; `Refused` when it is not there."""
    path = sql_folder() / "roles" / name
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refused(f"{path} is missing: it is a part of the project") from None


def lacking_roles(conn: Connection) -> tuple[str, ...]:
    """Those of `GROUPS` that the server does not have."""
    with cursor(conn) as cur:
        cur.execute("SELECT name FROM unnest(%s) AS name WHERE to_regrole(name) IS NULL", (list(GROUPS),))
        return tuple(name for (name,) in cur.fetchall())


def hand_over(conn: Connection) -> bool:
    """Make the role `OWNER` the owner of the desk's tables, whoever has loaded them.

    Returns
    -------
    bool
        Whether they are its now: False where it has no rights in this database, or the user is not of it.
    """
    with transaction(conn), cursor(conn) as cur:
        cur.execute(
            "SELECT pg_has_role(oid, 'MEMBER') AND has_database_privilege(oid, current_database(), 'CREATE') "
            "FROM pg_roles WHERE rolname = %s",
            (OWNER,),
        )
        row = cur.fetchone()
        if row is None or not row[0]:
            return False
        cur.execute(document(OWNERSHIP_FILE))
    return True


@contextmanager
def as_owner(conn: Connection) -> Iterator[None]:
    """Act as `OWNER` within the block, where the user belongs to it and the tables are, or will be, its own.

    What a migration makes then belongs to the role, and not to whoever happened to migrate.
    """
    with cursor(conn) as cur:
        cur.execute(
            "SELECT pg_has_role(r.oid, 'MEMBER') AND current_user <> r.rolname AND ("
            "s.nspowner = r.oid "
            "OR s.oid IS NULL AND has_database_privilege(r.oid, current_database(), 'CREATE')) "
            "FROM pg_roles r LEFT JOIN pg_namespace s ON s.nspname = 'nightdesk' WHERE r.rolname = %s",
            (OWNER,),
        )
        row = cur.fetchone()
        acts = row is not None and bool(row[0])
        if acts:
            cur.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))
    try:
        yield
    finally:
        if acts and not conn.closed:
            with cursor(conn) as cur:
                cur.execute("RESET ROLE")


def give_rights(conn: Connection) -> bool:
    """Make the roles where they are lacking and the user may, and give them their rights.

    Returns
    -------
    bool
        Whether rights were given now: False where that was done before, or the roles are lacking.

    Raises
    ------
    Refused
        When the tables are another user's, who is the one to do it.
    """
    lacking = lacking_roles(conn)
    if lacking and not _make_roles(conn):
        return False
    text = document(GRANTS_FILE)
    checksum = hashlib.sha256(text.encode()).hexdigest()
    if not lacking and _given(conn) == {GRANTS_FILE: checksum}:
        return False
    with transaction(conn), cursor(conn) as cur:
        cur.execute(text)
        cur.execute(
            "INSERT INTO nightdesk.role_grants (document, checksum) VALUES (%s, %s) "
            "ON CONFLICT (document) DO UPDATE "
            "SET checksum = excluded.checksum, granted_at = excluded.granted_at",
            (GRANTS_FILE, checksum),
        )
    return True


def _make_roles(conn: Connection) -> bool:
    """Whether the roles are there now: a user who may not make them leaves it to an administrator."""
    with cursor(conn) as cur:
        cur.execute("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        if not one(cur)[0]:
            return False
    try:
        with transaction(conn), cursor(conn) as cur:
            cur.execute(document(GROUPS_FILE))
    except (errors.DuplicateObject, errors.UniqueViolation):
        # Another database of the server makes them at this moment.
        return not lacking_roles(conn)
    except Refused:
        return False
    return True


def _given(conn: Connection) -> Mapping[str, str]:
    """Which rights were given last, by file; nothing where the roles were made anew since."""
    with cursor(conn) as cur:
        cur.execute(
            "SELECT to_regclass('nightdesk.role_grants') IS NOT NULL "
            "AND has_schema_privilege(%s, 'nightdesk', 'USAGE')",
            (READER,),
        )
        if not one(cur)[0]:
            return {}
        cur.execute("SELECT document, checksum FROM nightdesk.role_grants")
        return dict(cur.fetchall())
