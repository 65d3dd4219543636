"""What a fault of the database is called: a sentence, no traceback, and whether to try again."""

import re
import socket
import threading
import time
from collections.abc import Iterator

import psycopg2
import pytest

from nightdesk.core.errors import Refused, Transient
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, book_lock, cursor, one, transaction


@pytest.fixture
def other(database: str) -> Iterator[Connection]:
    connection = connect(database)
    yield connection
    connection.close()


@pytest.fixture
def as_trader(database: str, conn: Connection) -> Iterator[str]:
    """The address of the database for a user without rights, who may have one connection."""
    with cursor(conn) as cur:
        cur.execute("CREATE ROLE trader LOGIN CONNECTION LIMIT 1")
    yield re.sub(r"//postgres@", "//trader@", database)
    with cursor(conn) as cur:
        cur.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'trader'")
        cur.execute("DROP ROLE trader")


def run(conn: Connection, statement: str) -> None:
    with cursor(conn) as cur:
        cur.execute(statement)


def test_a_server_that_only_reads_is_refused_in_a_sentence(conn: Connection) -> None:
    run(conn, "SET default_transaction_read_only = on")
    with pytest.raises(Refused, match=r"is read-only.*Name the primary"):
        run(conn, "DELETE FROM nightdesk.runs")
    with pytest.raises(Refused, match="is read-only"), transaction(conn):
        run(conn, "DELETE FROM nightdesk.runs")
    run(conn, "SELECT FROM nightdesk.runs")


def test_a_user_without_the_right_is_refused_in_a_sentence(as_trader: str) -> None:
    trader = connect(as_trader)
    with pytest.raises(Refused, match=r"does not allow its user .*permission denied for schema nightdesk"):
        run(trader, "SELECT FROM nightdesk.runs")
    trader.close()


def test_a_full_disk_is_called_one_and_may_be_tried_again(conn: Connection) -> None:
    full = "DO $$ BEGIN RAISE disk_full USING MESSAGE = 'could not extend file'; END $$"
    with pytest.raises(Transient, match=r"no room on its disk: nothing was written.*could not extend file"):
        run(conn, full)


def test_no_free_connection_is_a_passing_fault_that_does_not_ask_to_start_the_server(as_trader: str) -> None:
    first = connect(as_trader)
    with pytest.raises(Transient, match="all its connections in use") as caught:
        connect(as_trader)
    assert "Start it" not in str(caught.value)
    first.close()


@pytest.mark.parametrize(
    ("code", "words", "kind", "told"),
    [
        ("28P01", 'password authentication failed for user "desk"', Refused, "refuses"),
        ("53300", "sorry, too many clients already", Transient, "all its connections in use"),
        (
            "53300",
            "remaining connection slots are reserved for roles",
            Transient,
            "all its connections in use",
        ),
        ("57P03", "the database system is shutting down", Transient, "takes no connection now"),
        ("57P03", "the database system is starting up", Transient, "takes no connection now"),
        ("57P03", "the database system is in recovery mode", Transient, "takes no connection now"),
    ],
)
def test_what_a_server_answers_instead_of_a_connection_decides_whether_to_try_again(
    code: str, words: str, kind: type[Exception], told: str
) -> None:
    with answering(code, words) as address, pytest.raises(kind, match=re.escape(words)) as caught:
        connect(address)
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


class answering:  # noqa: N801 (read as a sentence)
    """A listener that lets nobody in, with an ErrorResponse of the wire protocol of PostgreSQL."""

    def __init__(self, code: str, words: str) -> None:
        fields = b"".join(
            name + text.encode() + b"\0"
            for name, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", code), (b"M", words))
        )
        body = fields + b"\0"
        self._answer = b"E" + (len(body) + 4).to_bytes(4, "big") + body
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        port = self._listener.getsockname()[1]
        return f"postgresql://desk:hunter2@127.0.0.1:{port}/nightdesk?sslmode=disable&gssencmode=disable"

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with client:
            client.recv(1024)
            client.sendall(self._answer)


def test_every_connection_of_the_desk_has_bounds_of_time(conn: Connection) -> None:
    with cursor(conn) as cur:
        cur.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
        assert one(cur) == ("10min", "2min")


def test_bounds_that_the_users_database_sets_are_kept(database: str, conn: Connection) -> None:
    with cursor(conn) as cur:
        cur.execute(
            "ALTER ROLE postgres IN DATABASE " + database_name(conn) + " SET statement_timeout = '7s'"
        )
    try:
        mine = connect(database)
        with cursor(mine) as cur:
            cur.execute("SELECT current_setting('statement_timeout')")
            assert one(cur) == ("7s",)
        mine.close()
    finally:
        run(conn, "ALTER ROLE postgres IN DATABASE " + database_name(conn) + " RESET ALL")


def database_name(conn: Connection) -> str:
    return str(conn.info.dbname)


def test_a_statement_or_a_wait_for_rows_that_takes_too_long_is_a_passing_fault(
    conn: Connection, other: Connection
) -> None:
    run(conn, "SET statement_timeout = '50ms'")
    with pytest.raises(Transient, match="took too long"):
        run(conn, "SELECT pg_sleep(5)")
    run(conn, "SET statement_timeout = 0; SET lock_timeout = '50ms'")
    with transaction(other):
        run(other, "LOCK TABLE nightdesk.runs")
        with pytest.raises(Transient, match="that another process holds"):
            run(conn, "SELECT FROM nightdesk.runs")


def test_the_wait_for_a_books_lock_is_its_own_and_no_timeout_ends_it(
    conn: Connection, other: Connection
) -> None:
    run(other, "SET lock_timeout = '50ms'; SET statement_timeout = '50ms'")
    began = time.monotonic()
    with (
        book_lock(conn, "b"),
        pytest.raises(Transient, match="another run works on book b"),
        book_lock(other, "b", wait_seconds=0.3),
    ):
        pass
    assert time.monotonic() - began >= 0.3


def test_a_defect_keeps_its_class(conn: Connection) -> None:
    with pytest.raises(psycopg2.errors.UndefinedTable):
        run(conn, "SELECT FROM nightdesk.nowhere")
