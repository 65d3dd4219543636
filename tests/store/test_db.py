"""The connection: what a fault on it means, transactions, locks."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from nightdesk.core.errors import Refused, Transient
from nightdesk.store.connection import READER_VARIABLE, connect, connect_reader
from nightdesk.store.db import Connection, address, book_lock, cursor, now, one, sql_folder, transaction


@pytest.fixture
def other(database: str) -> Iterator[Connection]:
    connection = connect(database)
    yield connection
    connection.close()


@pytest.fixture
def table(conn: Connection) -> str:
    with cursor(conn) as cur:
        cur.execute("CREATE TABLE nightdesk.scratch (n integer PRIMARY KEY)")
    return "nightdesk.scratch"


def numbers(conn: Connection) -> list[int]:
    with cursor(conn) as cur:
        cur.execute("SELECT n FROM nightdesk.scratch ORDER BY n")
        return [n for (n,) in cur.fetchall()]


def add(conn: Connection, n: int) -> None:
    with cursor(conn) as cur:
        cur.execute("INSERT INTO nightdesk.scratch VALUES (%s)", (n,))


def add_all(conn: Connection, *numbers: int) -> None:
    for n in numbers:
        add(conn, n)


def kill(conn: Connection, by: Connection) -> None:
    with cursor(by) as cur:
        cur.execute("SELECT pg_terminate_backend(%s, 5000)", (conn.info.backend_pid,))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://desk:hunter2@127.0.0.1:1/nightdesk",
        "postgresql://desk@/nightdesk?host=/nowhere&password=hunter2",
    ],
)
def test_a_server_that_does_not_answer_is_a_passing_fault_named_without_the_password(url: str) -> None:
    with pytest.raises(Transient, match=r"cannot be reached.*NIGHTDESK_DATABASE_URL") as caught:
        connect(url)
    assert "hunter2" not in str(caught.value)
    assert "desk@" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://x/hunter2",
        "postgresql://desk:hun/ter2@host/db",
        "postgresql://desk:hun@ter2@host/db",
        "postgresql://host/db?hunter2=1",
    ],
)
def test_what_is_no_address_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(Refused, match="is not an address of PostgreSQL") as caught:
        connect(url)
    assert "ter2" not in str(caught.value)


def test_a_missing_address_is_refused_with_the_name_of_its_variable() -> None:
    with pytest.raises(Refused, match="NIGHTDESK_DATABASE_URL is not set"):
        connect(environ={})


def test_a_database_that_does_not_exist_is_refused_at_once(database: str) -> None:
    with pytest.raises(Refused, match=r'refuses.*"no_such_one" does not exist'):
        connect(re.sub(r"/test_\w+", "/no_such_one", database))


def test_a_reader_reads_in_utc_within_ten_seconds_and_writes_nothing(database: str, table: str) -> None:
    # The address's own settings do not make it another.
    url = f"{database}&options=-cstatement_timeout%3D60000%20-ctimezone%3DCET"
    reader = connect_reader({READER_VARIABLE: url, "NIGHTDESK_DATABASE_URL": "postgresql://127.0.0.1:1/none"})
    try:
        with cursor(reader) as cur:
            cur.execute("SELECT current_setting('statement_timeout'), current_setting('TimeZone')")
            assert one(cur) == ("10s", "UTC")
        assert numbers(reader) == []
        with pytest.raises(Refused, match="is read-only"):
            add(reader, 1)
        with pytest.raises(Refused, match="is read-only"), transaction(reader):
            add(reader, 1)
        assert numbers(reader) == []
    finally:
        reader.close()


def test_without_an_address_of_its_own_a_reader_looks_as_the_desk_itself(database: str, table: str) -> None:
    reader = connect_reader({"NIGHTDESK_DATABASE_URL": database, READER_VARIABLE: ""})
    try:
        with pytest.raises(Refused, match="is read-only"):
            add(reader, 1)
    finally:
        reader.close()
    with pytest.raises(Refused, match="NIGHTDESK_DATABASE_URL is not set"):
        connect_reader({})
    with pytest.raises(Transient, match=r"cannot be reached.*NIGHTDESK_READER_DATABASE_URL") as caught:
        connect_reader({READER_VARIABLE: "postgresql://look:hunter2@127.0.0.1:1/nightdesk"})
    assert "hunter2" not in str(caught.value)


def test_an_address_is_shown_with_user_host_and_database_only() -> None:
    assert address("postgresql://desk:hunter2@db.example:5433/night") == "desk@db.example:5433/night"


def test_a_transaction_is_kept_whole_or_undone_whole(conn: Connection, table: str) -> None:
    with transaction(conn):
        add(conn, 1)
    with pytest.raises(psycopg2.errors.UniqueViolation), transaction(conn):
        add_all(conn, 2, 1)
    assert numbers(conn) == [1]


def test_an_inner_block_that_fails_undoes_its_own_work_only(
    conn: Connection, other: Connection, table: str
) -> None:
    with transaction(conn):
        add(conn, 1)
        with pytest.raises(psycopg2.errors.UniqueViolation), transaction(conn):
            add_all(conn, 2, 1)
        add(conn, 3)
        assert numbers(other) == []
    assert numbers(other) == [1, 3]


def test_a_killed_connection_is_a_passing_fault_and_leaves_nothing_half_written(
    conn: Connection, other: Connection, table: str
) -> None:
    def write() -> None:
        with transaction(conn):
            add(conn, 1)
            kill(conn, by=other)
            add(conn, 2)

    with pytest.raises(Transient, match=r"did not finish.*Try again"):
        write()
    assert numbers(other) == []
    assert conn.closed


def test_a_connection_killed_between_statements_is_a_passing_fault(
    conn: Connection, other: Connection
) -> None:
    kill(conn, by=other)
    with pytest.raises(Transient):
        now(conn)


def test_the_clock_is_the_databases_in_utc_and_moves_within_a_transaction(conn: Connection) -> None:
    with transaction(conn):
        first = now(conn)
        assert first.utcoffset() == timedelta(0)
        assert now(conn) > first
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=1)


def test_one_holder_has_a_books_lock_and_another_is_told_after_its_wait(
    conn: Connection, other: Connection
) -> None:
    with book_lock(conn, "multi_asset"):
        started = time.monotonic()
        with (
            pytest.raises(Transient, match="another run works on book multi_asset"),
            book_lock(other, "multi_asset", wait_seconds=0.2),
        ):
            pass
        assert time.monotonic() - started >= 0.2
        with book_lock(other, "another_book"):
            pass
    with book_lock(other, "multi_asset"):
        pass


def test_whoever_waits_for_a_books_lock_gets_it_when_it_is_free(conn: Connection, other: Connection) -> None:
    order = []

    def wait() -> None:
        with book_lock(other, "b", wait_seconds=10):
            order.append("second")

    thread = threading.Thread(target=wait)
    with book_lock(conn, "b"):
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_lock_ends_with_the_connection_that_held_it(conn: Connection, other: Connection) -> None:
    with book_lock(conn, "b"):
        kill(conn, by=other)
        with book_lock(other, "b", wait_seconds=5):
            pass


HOLDS_ONE_AND_WAITS_FOR_ANOTHER = """
from nightdesk.store.db import book_lock, cursor, transaction
from nightdesk.store.connection import READER_VARIABLE, connect, connect_reader
conn = connect()
with book_lock(conn, "b"), transaction(conn), cursor(conn) as cur:
    cur.execute("LOCK TABLE nightdesk.runs")
"""


def test_a_lock_ends_with_its_process_even_while_the_server_waits_for_another_lock(
    conn: Connection, other: Connection
) -> None:
    with transaction(other), cursor(other) as held:
        held.execute("LOCK TABLE nightdesk.runs IN SHARE MODE")
        holder = subprocess.Popen([sys.executable, "-c", HOLDS_ONE_AND_WAITS_FOR_ANOTHER])
        try:
            await_waiting(conn)
        finally:
            holder.kill()
            holder.wait(10)
        with book_lock(conn, "b", wait_seconds=10):
            pass


def await_waiting(conn: Connection) -> None:
    """Look until a server of this database waits for a lock on a table."""
    deadline = time.monotonic() + 30
    with cursor(conn) as cur:
        while time.monotonic() < deadline:
            cur.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event = 'relation'"
            )
            if one(cur)[0]:
                return
            time.sleep(0.05)
    pytest.fail("nobody waits for the table")


def test_the_sql_folder_is_that_of_the_named_project(tmp_path: Path) -> None:
    assert (sql_folder({}) / "migrations" / "001_market.sql").is_file()
    with pytest.raises(Refused, match="NIGHTDESK_ROOT"):
        sql_folder({"NIGHTDESK_ROOT": os.fspath(tmp_path)})
    (tmp_path / "sql" / "migrations").mkdir(parents=True)
    assert sql_folder({"NIGHTDESK_ROOT": os.fspath(tmp_path)}) == tmp_path / "sql"
