"""The database: its connection and what a fault on it means, transactions, locks and its clock.

A connection stands in autocommit: a read leaves no transaction open behind it, and what belongs together is
one `transaction` block. Functions of this room never commit for their caller.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import psycopg2
import psycopg2.extensions
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, parse_dsn

from nightdesk.core.errors import Refused, Transient
from nightdesk.store.faults import in_words

Connection = psycopg2.extensions.connection
Cursor = psycopg2.extensions.cursor

DATABASE_VARIABLE = "NIGHTDESK_DATABASE_URL"

_LOCK_POLL_SECONDS = 0.02


def address(url: str) -> str | None:
    """Where `url` leads, for messages: user, host, port and database, never the password.

    None when it is no address. Of a password with an unencoded ``/`` or ``@`` libpq takes a piece for host,
    port or database; that too is no address, and libpq's own words on it would show the piece.
    """
    try:
        parts = parse_dsn(url)
    except psycopg2.ProgrammingError:
        return None
    host = parts.get("host") or parts.get("hostaddr") or "the local socket"
    if "@" in host + parts.get("dbname", "") or not parts.get("port", "5432").replace(",", "").isdecimal():
        return None
    port = f":{parts['port']}" if "port" in parts else ""
    user = f"{parts['user']}@" if "user" in parts else ""
    return f"{user}{host}{port}/{parts.get('dbname', '')}"


@contextmanager
def cursor(conn: Connection) -> Iterator[Cursor]:
    """A cursor on `conn`; a lost connection, a deadlock or a time-out is raised as `Transient`.

    A server that does not allow it (read-only, a missing grant) is `Refused`. Other faults (a broken
    constraint, a wrong statement) are defects and keep their class.
    """
    with in_words(address(conn.dsn)), conn.cursor() as opened:
        yield opened


@contextmanager
def transaction(
    conn: Connection, first: str = "", values: Mapping[str, Any] | None = None
) -> Iterator[tuple[Any, ...] | None]:
    """All or nothing: committed at the end of the block, rolled back when it raises.

    Inside another block it is a savepoint: when it raises and the caller goes on, only its work is undone.

    Parameters
    ----------
    conn : Connection
        In autocommit.
    first : str, optional
        Statements that travel with the beginning: the block is given the first row of the last of them.
    values : mapping of str to object, optional
        What they are given.
    """
    nested = not is_idle(conn)
    begin, commit, undo = (
        ("SAVEPOINT inner_block", "RELEASE SAVEPOINT inner_block", "ROLLBACK TO SAVEPOINT inner_block")
        if nested
        else ("BEGIN", "COMMIT", "ROLLBACK")
    )
    with in_words(address(conn.dsn)):
        try:
            yield _begin(conn, begin, first, values)
        except BaseException:
            if not conn.closed:
                _undo(conn, undo)
            raise
        if nested or not is_idle(conn):  # else the last statement took the commit along
            _execute(conn, commit)


def is_idle(conn: Connection) -> bool:
    """Whether no transaction is open."""
    return bool(conn.info.transaction_status == TRANSACTION_STATUS_IDLE)


@contextmanager
def hurried(conn: Connection, seconds: float) -> Iterator[None]:
    """Let no statement of the block take longer than `seconds`, waits for locks included: `Transient`."""
    with cursor(conn) as cur:
        cur.execute("SELECT current_setting('statement_timeout')")
        before = one(cur)[0]
        _bound(cur, f"{round(seconds * 1000)}")
    try:
        yield
    finally:
        with suppress(psycopg2.Error), conn.cursor() as cur:  # on a lost connection nothing is left to bound
            _bound(cur, before)


#: The database's clock, asked as a statement.
CLOCK = "SELECT clock_timestamp()"


def now(conn: Connection) -> datetime:
    """The database's clock, in UTC: the one clock that all processes of the desk share."""
    with cursor(conn) as cur:
        cur.execute(CLOCK)
        return cast(datetime, one(cur)[0])


@contextmanager
def book_lock(conn: Connection, book: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the one lock of `book` for the block; the server frees it when the connection ends, in any way.

    Parameters
    ----------
    conn : Connection
        The connection that commits what the lock protects: when it is lost, so is the work.
    book : str
        Name of the book.
    wait_seconds : float
        How long to wait for another holder.

    Raises
    ------
    Transient
        When another connection still holds it then.
    """
    key = book_lock_key(book)
    deadline = time.monotonic() + wait_seconds
    while not _try_lock(conn, key):
        if time.monotonic() >= deadline:
            raise Transient(
                f"another run works on book {book} (waited {wait_seconds:g} s): let it end, then try again"
            )
        time.sleep(_LOCK_POLL_SECONDS)
    with held_book_lock(conn, book):
        yield


@contextmanager
def held_book_lock(conn: Connection, book: str) -> Iterator[None]:
    """The lock of `book`, which this connection has taken, until the end of the block."""
    try:
        yield
    finally:
        give_back(conn, book_lock_key(book))


def book_lock_key(book: str) -> int:
    """The advisory lock of `book`."""
    return lock_key(f"book {book}")


@contextmanager
def named_lock(conn: Connection, key: int) -> Iterator[None]:
    """Hold the advisory lock `key` for the block, waiting for it as long as it takes."""
    while not _try_lock(conn, key):
        time.sleep(_LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        give_back(conn, key)


@contextmanager
def lone_lock(conn: Connection, key: int) -> Iterator[bool]:
    """Whether the advisory lock `key` was free, and is held for the block: who comes second need not wait."""
    held = _try_lock(conn, key)
    try:
        yield held
    finally:
        if held:
            give_back(conn, key)


def lock_key(name: str) -> int:
    """The advisory lock of `name`: 64 bits of its hash, so that no registry of numbers is kept."""
    return int.from_bytes(hashlib.sha256(f"nightdesk {name}".encode()).digest()[:8], "big", signed=True)


def one(cur: Cursor) -> tuple[Any, ...]:
    """The next row of a statement that always gives one."""
    row = cur.fetchone()
    if row is None:
        raise LookupError(f"no row from {cur.query!r}")
    return row


def sql_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The project's ``sql`` folder: in ``NIGHTDESK_ROOT`` where that is set, else beside ``include``.

    Raises
    ------
    Refused
        When there is none.
    """
    named = (os.environ if environ is None else environ).get("NIGHTDESK_ROOT") or ""
    return _sql_folder(Path(named).expanduser().absolute() if named else Path(__file__).parents[3])


# Every query asks for it; that there is none is not kept.
@lru_cache(maxsize=16)
def _sql_folder(named: Path) -> Path:
    root = named.resolve()
    folder = root / "sql"
    if not (folder / "migrations").is_dir():
        raise Refused(f"no sql/migrations in {root}: name the project's folder in NIGHTDESK_ROOT")
    return folder


def _bound(cur: Cursor, most: str) -> None:
    cur.execute("SELECT set_config('statement_timeout', %s, false)", (most,))


def give_back(conn: Connection, key: int) -> None:
    """Give an advisory lock of the connection back."""
    # With its connection the lock is gone too; the fault that took it is on its way up already.
    if conn.closed:
        return
    with suppress(psycopg2.OperationalError, psycopg2.InterfaceError), conn.cursor() as cur:
        cur.execute("SELECT pg_advisory_unlock(%s)", (key,))


def _execute(conn: Connection, statement: str) -> None:
    with conn.cursor() as cur:
        cur.execute(statement)


def _begin(
    conn: Connection, begin: str, first: str, values: Mapping[str, Any] | None
) -> tuple[Any, ...] | None:
    with conn.cursor() as cur:
        cur.execute(f"{begin}; {first}" if first else begin, values)
        return None if cur.description is None else cur.fetchone()


def _undo(conn: Connection, statement: str) -> None:
    # A connection that was lost has nothing to undo, and what broke it is the fault to be told.
    try:
        _execute(conn, statement)
    except psycopg2.Error as error:
        # Of a server that is gone the driver may say so by the class of all its errors, then without a code.
        lost = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) or error.pgcode is None
        if not lost:
            raise
        conn.close()


def _try_lock(conn: Connection, key: int) -> bool:
    with cursor(conn) as cur:
        cur.execute("SELECT pg_try_advisory_lock(%s)", (key,))
        return bool(one(cur)[0])
