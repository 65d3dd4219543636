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

CONNECT_TIMEOUT_SECONDS = 5

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
    environ = os.environ if environ is None else environ
    url = environ.get(DATABASE_VARIABLE) or None if url is None else url
    if url is None:
        raise Refused(
            f"{DATABASE_VARIABLE} is not set: give the address of the desk's database, "
            "postgresql://user:password@host:port/database (`make run` and `nightdesk` set it themselves)"
        )
    shown = address(url)
    if shown is None:
        raise Refused(
            f"{DATABASE_VARIABLE} is not an address of PostgreSQL: expected "
            "postgresql://user:password@host:port/database, with special characters percent-encoded"
        )
    try:
        conn: Connection = psycopg2.connect(
            url, connect_timeout=CONNECT_TIMEOUT_SECONDS, application_name="nightdesk", **_KEEPALIVE
        )
        conn.set_session(autocommit=True)
        answers = _set_up_and_read(conn, ahead) if checked else None
        if answers is None:
            with conn.cursor() as cursor:
                cursor.execute(_SET_UP)
    except psycopg2.Error as error:
        raise failed_connection(error, shown, DATABASE_VARIABLE) from None
    if checked:
        try:
            _check(conn, answers)
        except BaseException:
            conn.close()
            raise
    return conn


def _set_up_and_read(conn: Connection, ahead: Iterable[NamedQuery]) -> Answers | None:
    """Set the connection up and read the schema's marks, and `ahead`, in one call; None where it has none."""
    asked = together(conn, [APPLIED, PRIMARY_KEYS, *ahead])
    with conn.cursor() as cursor:
        try:
            cursor.execute(f"{_SET_UP}; {asked.text}")
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
