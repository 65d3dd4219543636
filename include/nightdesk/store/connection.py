"""Opening a connection to the database: its address, its bounds of time, the schema that it must have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg2
import psycopg2.extensions

from nightdesk.core.errors import Refused
from nightdesk.store.ahead import Answers, NamedQuery, came_with, together
from nightdesk.store.db import DATABASE_VARIABLE, Connection, address, one
from nightdesk.store.faults import failed_connection
from nightdesk.store.tls import check_tls

CONNECT_TIMEOUT_SECONDS = 5

#: Where the database answers a user who only looks; not set: `DATABASE_VARIABLE`, in read-only transactions.
READER_VARIABLE = "NIGHTDESK_READER_DATABASE_URL"
#: Longer than any page's statement takes; one that hangs must not keep the page's worker.
READ_TIMEOUT = "10s"

#: What the schema says of itself.
APPLIED, PRIMARY_KEYS = NamedQuery("applied_migrations"), NamedQuery("primary_keys")


#: What every session of the desk sets where its server, database, user or address sets nothing.
SESSION_SETTINGS = {
    # A server that waits for a lock sees only so that the process it works for was killed: until then it
    # would keep the locks that the next attempt needs. Servers before version 14 cannot.
    "client_connection_check_interval": "1s",
    # Longer than any statement takes (years of bars of a large book: seconds, on a busy machine a minute),
    # and no longer than a task of Airflow may.
    "statement_timeout": "10min",
    # A dry run holds its rows to its end. Advisory locks are polled, so this never ends the wait for a book.
    "lock_timeout": "2min",
}


#: In one statement; a setting that the server does not know is left out.
_SET_UP = (
    "SET TIME ZONE 'UTC'; SELECT set_config(name, wanted, false) FROM (VALUES {}) AS ours (name, wanted) "
    "WHERE current_setting(name, true) = '0'"
).format(", ".join(f"('{name}', '{wanted}')" for name, wanted in SESSION_SETTINGS.items()))


#: After `_SET_UP`, whatever the server or the address say: a reader that may write would be none.
_READ_ONLY = f"SET default_transaction_read_only = on; SET statement_timeout = '{READ_TIMEOUT}'"

#: A machine that is gone is noticed after two minutes, not after the two hours of the system.
_KEEPALIVE: Mapping[str, Any] = {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6}


def connect(
    url: str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    checked: bool | None = None,
    ahead: Iterable[NamedQuery] = (),
) -> Connection:
    """Open a connection in autocommit, with times in UTC and with bounds of time (`SESSION_SETTINGS`).

    Parameters
    ----------
    url : str, optional
        A libpq address, ``postgresql://user:password@host:port/database``; by default that of
        ``NIGHTDESK_DATABASE_URL``.
    environ : mapping of str to str, optional
        The environment.
    checked : bool, optional
        Whether the schema must be the one that this code knows; by default where no `url` is given. What
        tells people of a refusal does without.
    ahead : iterable of NamedQuery, optional
        What the first block of `nightdesk.store.ahead.reading_once` will need: it comes with the check.

    Raises
    ------
    Transient
        When nothing answers there, or the server starts, ends or is full.
    Refused
        When no address is known, it is not one, the server refuses it (password, no such database), or its
        schema is another one.
    """
    checked = url is None if checked is None else checked
    named = _named(url, environ, DATABASE_VARIABLE)
    return _open(named, DATABASE_VARIABLE, environ, _SET_UP, checked, ahead)


def connect_reader(environ: Mapping[str, str] | None = None) -> Connection:
    """Open a connection that only reads: for pages, exports and figures, which must not disturb the desk.

    Its user is the reader's (`READER_VARIABLE`); where none is named, the desk's own, whose transactions are
    then read-only. It is in autocommit, with times in UTC; no statement takes longer than `READ_TIMEOUT`.

    Parameters
    ----------
    environ : mapping of str to str, optional
        The environment.

    Raises
    ------
    Transient
        When nothing answers there, or the server starts, ends or is full.
    Refused
        When no address is known, it is not one, the server refuses it, or its schema is another one.
    """
    environ = os.environ if environ is None else environ
    variable = READER_VARIABLE if environ.get(READER_VARIABLE) else DATABASE_VARIABLE
    named = _named(None, environ, variable)
    return _open(named, variable, environ, f"{_SET_UP}; {_READ_ONLY}", True, ())


def _named(url: str | None, environ: Mapping[str, str] | None, variable: str) -> str:
    """The address to open: `url`, else what `variable` holds."""
    environ = os.environ if environ is None else environ
    url = environ.get(variable) or None if url is None else url
    if url is None:
        raise Refused(
            f"{variable} is not set: give the address of the desk's database, "
            "postgresql://user:password@host:port/database (`make run` and `nightdesk` set it themselves)"
        )
    return url


def _open(
    url: str,
    variable: str,
    environ: Mapping[str, str] | None,
    set_up: str,
    checked: bool,
    ahead: Iterable[NamedQuery],
) -> Connection:
    """Open the address that `variable` names, run `set_up` on it and, when `checked`, check its schema."""
    shown = address(url)
    if shown is None:
        raise Refused(
            f"{variable} is not an address of PostgreSQL: expected "
            "postgresql://user:password@host:port/database, with special characters percent-encoded"
        )
    check_tls(url, variable, environ)
    try:
        conn: Connection = psycopg2.connect(
            url, connect_timeout=CONNECT_TIMEOUT_SECONDS, application_name="nightdesk", **_KEEPALIVE
        )
        conn.set_session(autocommit=True)
        answers = _set_up_and_read(conn, set_up, ahead) if checked else None
        if answers is None:
            with conn.cursor() as cursor:
                cursor.execute(set_up)
    except psycopg2.Error as error:
        raise failed_connection(error, shown, variable) from None
    if checked:
        try:
            _check(conn, answers)
        except BaseException:
            conn.close()
            raise
    return conn


def _set_up_and_read(conn: Connection, set_up: str, ahead: Iterable[NamedQuery]) -> Answers | None:
    """Set the connection up and read the schema's marks, and `ahead`, in one call; None where it has none."""
    asked = together(conn, [APPLIED, PRIMARY_KEYS, *ahead])
    with conn.cursor() as cursor:
        try:
            cursor.execute(f"{set_up}; {asked.text}")
        except psycopg2.ProgrammingError:  # the check tells what is wrong
            return None
        return asked.answers(one(cursor))


def _check(conn: Connection, answers: Answers | None) -> None:
    """Refuse another schema than that of this code; keep what was read of it, and for the opener."""
    from nightdesk.store.migrations import check_applied, check_schema
    from nightdesk.store.rows import note_primary_keys

    if answers is None:
        check_schema(conn)
        return
    check_applied({row["name"]: row["checksum"] for row in answers[APPLIED.key]})
    note_primary_keys(conn, answers[PRIMARY_KEYS.key])
    came_with(conn, answers)
