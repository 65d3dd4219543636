"""A database that a backup is restored into: what it holds, who works with it, and swapping it."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.core.masking import one_line
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, address, cursor, lock_key, lone_lock, one

#: What names a database of a restore that has not ended, in its name and in its comment.
_UNFINISHED, _COMMENT = "_restoring_", "Nightdesk: a restore that has not ended"
_LONGEST_STEM = 30
#: Settings whose values are lists, which are written without quotes around the whole.
_LISTS = ("search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries")
_USERS_TOLD = 5
#: So often, and so far apart (s), it is looked whether those who are connected stay.
_LOOKS, _PAUSE = 5, 0.2


@dataclass(frozen=True)
class RestoreTarget:
    """A database as it was found.

    Attributes
    ----------
    url : str
        Its libpq address.
    name : str
    users : tuple of str
        Who else is connected, in words.
    holds_desk : bool
        Whether it holds tables of the desk.
    installation : str or None
        The mark in it; None where there is none.
    books : tuple of str
        Its started books.
    other_tables : int
        Tables in a schema of the desk's name that the desk did not make.
    """

    url: str
    name: str
    users: tuple[str, ...]
    holds_desk: bool
    installation: str | None
    books: tuple[str, ...]
    other_tables: int

    @property
    def shown(self) -> str:
        """Its address for people."""
        return address(self.url) or self.name


def look_at(url: str) -> RestoreTarget:
    """Look at a database; nothing is changed.

    Raises
    ------
    Refused, Transient
        When it cannot be opened.
    """
    with closing(connect(url, checked=False)) as conn, cursor(conn) as cur:
        cur.execute("SELECT current_database()")
        name = str(one(cur)[0])
        cur.execute(
            "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace('nightdesk') "
            "AND relkind IN ('r', 'p')"
        )
        tables = {str(row[0]) for row in cur.fetchall()}
        holds = "migrations" in tables
        marks: list[str] = []
        if "installation" in tables:
            cur.execute("SELECT mark FROM nightdesk.installation")
            marks = [str(row[0]) for row in cur.fetchall()]
        books: list[str] = []
        if "books" in tables:
            cur.execute("SELECT book FROM nightdesk.books ORDER BY book")
            books = [str(row[0]) for row in cur.fetchall()]
        return RestoreTarget(
            url=url,
            name=name,
            users=_users_who_stay(conn),
            holds_desk=holds,
            installation=marks[0] if marks else None,
            books=tuple(books),
            other_tables=0 if holds else len(tables),
        )


def _users_who_stay(conn: Connection) -> tuple[str, ...]:
    """Who else is connected, and still is a moment later: the server ends a closed connection a bit after."""
    for _ in range(_LOOKS):
        found = _users(conn)
        if not found:
            break
        time.sleep(_PAUSE)
    return found


def _users(conn: Connection) -> tuple[str, ...]:
    """Who else is connected to the database, in words."""
    with cursor(conn) as cur:
        cur.execute(
            "SELECT coalesce(nullif(application_name, ''), 'a program'), coalesce(usename, ''), "
            "coalesce(host(client_addr), 'this machine'), a.pid, backend_start, "
            "EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory') "
            "FROM pg_stat_activity a WHERE datname = current_database() AND a.pid <> pg_backend_pid() "
            "AND coalesce(backend_type, 'client backend') = 'client backend' ORDER BY backend_start"
        )
        found = [
            f"{one_line(program)} of user {one_line(user)} at {where} (server process {pid}, since "
            f"{began:%Y-%m-%d %H:%M} UTC{', holds a lock of the desk' if locks else ''})"
            for program, user, where, pid, began, locks in cur.fetchall()
        ]
    more = len(found) - _USERS_TOLD
    return (*found[:_USERS_TOLD], *([f"and {more} more"] if more > 0 else []))


def missing_roles(conn: Connection, roles: Sequence[str]) -> tuple[str, ...]:
    """Those of some roles that the server does not have."""
    with cursor(conn) as cur:
        cur.execute("SELECT rolname::text FROM pg_roles WHERE rolname = ANY(%s)", (list(roles),))
        here = {row[0] for row in cur.fetchall()}
    return tuple(one for one in roles if one not in here and not one.startswith("pg_"))


def roles_of_others(conn: Connection, roles: Sequence[str]) -> tuple[str, ...]:
    """Those of some roles in whose name the connection's user may not act."""
    with cursor(conn) as cur:
        cur.execute("SELECT rolname::text FROM pg_roles WHERE pg_has_role(oid, 'USAGE')")
        own = {row[0] for row in cur.fetchall()}
    return tuple(one for one in roles if one not in own)


def make_beside(target: RestoreTarget) -> tuple[str, str]:
    """Make an empty database beside a target, with its encoding and its settings.

    Returns
    -------
    tuple of str
        Its name, and the name that the target can be kept under.

    Raises
    ------
    Refused
        When the user may not make databases.
    """
    stem = _stem(target.name)
    fresh = f"{stem}{_UNFINISHED}{uuid.uuid4().hex[:8]}"
    kept_as = f"{stem}_before_{datetime.now(UTC):%Y%m%dt%H%M%S}_{uuid.uuid4().hex[:4]}"
    with _maintenance(target.url) as conn, cursor(conn) as cur:
        cur.execute(
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider::text "
            "FROM pg_database WHERE datname = %s",
            (target.name,),
        )
        encoding, collate, kind, provider = one(cur)
        words = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {}").format(
            sql.Identifier(fresh), sql.Literal(encoding)
        )
        if provider == "c":
            words += sql.SQL(" LC_COLLATE {} LC_CTYPE {}").format(sql.Literal(collate), sql.Literal(kind))
        cur.execute(words)
        cur.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(fresh), sql.Literal(_COMMENT))
        )
        _give_settings(conn, target.name, fresh)
    return fresh, kept_as


def _stem(name: str) -> str:
    """The beginning of the names beside a database, no other's: a name of PostgreSQL has at most 63 bytes."""
    if len(name.encode()) <= _LONGEST_STEM:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: _LONGEST_STEM - 9].decode(errors='ignore')}_{mark}"


def _give_settings(conn: Connection, source: str, fresh: str) -> None:
    """Give a database the settings of another, and its rights where it has rights of its own."""
    with cursor(conn) as cur:
        cur.execute(
            "SELECT r.rolname::text, unnest(s.setconfig) FROM pg_db_role_setting s "
            "JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole "
            "WHERE d.datname = %s",
            (source,),
        )
        for role, setting in cur.fetchall():
            name, _, value = setting.partition("=")
            words = sql.SQL(value) if name in _LISTS else sql.Literal(value)
            whose = (
                sql.SQL("DATABASE {}").format(sql.Identifier(fresh))
                if role is None
                else sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), sql.Identifier(fresh))
            )
            cur.execute(sql.SQL("ALTER {} SET {} TO {}").format(whose, sql.Identifier(name), words))
        cur.execute(
            "SELECT r.rolname::text, a.privilege_type FROM pg_database d, aclexplode(d.datacl) a "
            "LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = %s",
            (source,),
        )
        rights = cur.fetchall()
        if rights:
            cur.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(fresh)))
        for role, right in rights:
            cur.execute(
                sql.SQL("GRANT {} ON DATABASE {} TO {}").format(
                    sql.SQL(right),
                    sql.Identifier(fresh),
                    sql.SQL("PUBLIC") if role is None else sql.Identifier(role),
                )
            )


def swap(target: RestoreTarget, fresh: str, kept_as: str) -> None:
    """Give a fresh database the name of the target, which takes another, both at once or neither.

    Raises
    ------
    Transient
        When somebody has connected to the target meanwhile.
    """
    with _maintenance(target.url) as conn, cursor(conn) as cur:
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        try:
            cur.execute("BEGIN")
            for before, after in ((target.name, kept_as), (fresh, target.name)):
                cur.execute(rename.format(sql.Identifier(before), sql.Identifier(after)))
            cur.execute(
                sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                    sql.Identifier(target.name), sql.Literal("Nightdesk")
                )
            )
            cur.execute("COMMIT")
        except psycopg2.errors.ObjectInUse as error:
            cur.execute("ROLLBACK")
            raise Transient(
                f"the database {target.shown} was opened by somebody while the backup was loaded "
                "beside it, and "
                "stays as it is: end who uses it, then restore again"
            ) from error


def drop_unfinished(target: RestoreTarget) -> None:
    """Drop what restores into a target left beside it that did not end; to be asked in `restoring_alone`.

    Nobody else restores then, so whatever is connected there is left of one that was killed: its pg_restore,
    which may be between two connections, or a statement that the server still works at. One that was killed
    as it began has left no comment. What this user may not drop stays.
    """
    prefix = f"{_stem(target.name)}{_UNFINISHED}"
    with _maintenance(target.url) as conn, cursor(conn) as cur:
        cur.execute(
            "SELECT datname::text FROM pg_database d WHERE datname ~ %s "
            "AND coalesce(shobj_description(d.oid, 'pg_database'), %s) = %s",
            (f"^{re.escape(prefix)}[0-9a-f]{{8}}$", _COMMENT, _COMMENT),
        )
        for (name,) in cur.fetchall():
            with suppress(psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ObjectInUse):
                cur.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def drop_fresh(target: RestoreTarget, fresh: str) -> None:
    """Drop a database that `make_beside` has made, and end what still works in it."""
    with _maintenance(target.url) as conn, cursor(conn) as cur:
        cur.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(fresh)))


@contextmanager
def restoring_alone(target: RestoreTarget) -> Iterator[None]:
    """Be the only one who restores beside a target, for the block; `Refused` where another does."""
    with _maintenance(target.url) as conn, lone_lock(conn, lock_key(f"restore {target.name}")) as alone:
        if not alone:
            raise Refused(
                f"another restore into {target.shown} is under way: let it end. Nothing was changed"
            )
        yield


@contextmanager
def _maintenance(url: str) -> Iterator[Connection]:
    """A connection to the server that is in none of the databases that change."""
    parts, failed = parse_dsn(url), []
    for name in ("postgres", "template1"):
        try:
            conn = connect(make_dsn(**{**parts, "dbname": name}), checked=False)
        except NightdeskError as error:
            failed.append(str(error))
            continue
        with closing(conn):
            yield conn
        return
    raise Refused(
        f"beside {address(url)} no database postgres can be opened, from which another is made: {failed[0]}. "
        "Make an empty database and name it with --into"
    )
