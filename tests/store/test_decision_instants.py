"""An existing database is carried over to decision instants: nothing is lost, the next session is decided."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.conftest import PROJECT, Databases, open_connection
from tests.store.old_database import make_old, old_migrations

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.orders import Order
from nightdesk.orders.order import earlier_client_order_id
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor, sql_folder
from nightdesk.store.ledger_rows import read_mark
from nightdesk.store.migrations import check_schema, migrate
from nightdesk.store.order_rows import orders_of

BY_INSTANT = "031_decision_instants.sql"
LAST, NEXT = date(2016, 6, 27), date(2016, 6, 28)

#: What the code of that time made of the next session.
EXPECTED = json.loads((PROJECT / "tests" / "golden" / "database_030.json").read_text())


@pytest.fixture(scope="module")
def old_url(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the old database, which each test copies."""
    url = databases.bare()
    with open_connection(url) as conn:
        make_old(conn, tmp_path_factory.mktemp("old") / "migrations")
    yield url
    databases.drop(url)


@pytest.fixture
def old(databases: Databases, old_url: str) -> Iterator[str]:
    """The address of a copy of the old database."""
    url = databases.copy(old_url)
    yield url
    databases.drop(url)


@pytest.fixture
def conn(old: str) -> Iterator[Connection]:
    with open_connection(old) as connection:
        yield connection


@pytest.fixture(scope="module")
def by_instant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The migrations up to the one that is tested here."""
    folder = old_migrations(tmp_path_factory.mktemp("instants") / "migrations")
    (folder / BY_INSTANT).write_text((sql_folder({}) / "migrations" / BY_INSTANT).read_text())
    return folder


def tables(conn: Connection) -> list[str]:
    with cursor(conn) as cur:
        cur.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'nightdesk'::regnamespace AND relkind = 'r' "
            "AND relname <> 'migrations' ORDER BY 1"
        )
        return [name for (name,) in cur.fetchall()]


def rows(conn: Connection, table: str) -> list[str]:
    """The rows of a table as texts, without what the migration adds, renames or drops."""
    with cursor(conn) as cur:
        cur.execute(
            "SELECT (to_jsonb(t) - ARRAY['as_of', 'ended', 'ended_as_of'])::text "
            f"FROM nightdesk.{table} t ORDER BY 1"
        )
        return [text for (text,) in cur.fetchall()]


def instants(conn: Connection, table: str) -> set[tuple[date, object]]:
    with cursor(conn) as cur:
        cur.execute(f"SELECT DISTINCT session, as_of FROM nightdesk.{table}")
        return set(cur.fetchall())


def test_every_row_of_both_books_is_kept_and_named_by_the_close_of_its_session(
    conn: Connection, by_instant: Path
) -> None:
    names = tables(conn)
    before = {name: rows(conn, name) for name in names}
    assert len(before["orders"]) > 10
    assert {name for name in names if before[name]} >= {"paper_positions", "fills", "models", "verdicts"}
    with cursor(conn) as cur:
        cur.execute("SELECT client_order_id, ended FROM nightdesk.paper_orders ORDER BY 1")
        ended = dict(cur.fetchall())
    assert migrate(conn, by_instant) == (BY_INSTANT,)
    assert {name: rows(conn, name) for name in names} == before
    calendar = get_calendar()
    with cursor(conn) as cur:
        cur.execute(
            "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'nightdesk' "
            "AND column_name IN ('session', 'as_of') AND table_name NOT IN (SELECT table_name "
            "FROM information_schema.views WHERE table_schema = 'nightdesk') "
            "GROUP BY 1 HAVING count(*) = 2 ORDER BY 1"
        )
        keyed = [name for (name,) in cur.fetchall()]
        cur.execute("SELECT client_order_id, ended_as_of FROM nightdesk.paper_orders ORDER BY 1")
        assert dict(cur.fetchall()) == {
            name: None if day is None else calendar.close_at(day) for name, day in ended.items()
        }
    assert len(keyed) > 40
    for name in keyed:
        assert all(as_of == calendar.close_at(session) for session, as_of in instants(conn, name)), name
    migrate(conn)
    check_schema(conn)


def test_what_is_of_a_session_that_no_run_began_gets_its_close_too(conn: Connection) -> None:
    early = date(2016, 11, 25)  # the day after Thanksgiving closes at 13:00 New York
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.adjustments (book, session, item, amount, reason, who) "
            "VALUES ('multi_asset', %s, 'cash', 1, 'a test', 'kim')",
            (early,),
        )
        cur.execute(
            "INSERT INTO nightdesk.order_events (client_order_id, number, session, status, cause) "
            "SELECT client_order_id, 99, %s, status, 'a test' FROM nightdesk.orders LIMIT 1",
            (early,),
        )
    migrate(conn)
    close = get_calendar().close_at(early)
    assert close.hour == 18
    assert instants(conn, "adjustments") == {(early, close)}
    assert (early, close) in instants(conn, "order_events")
    # An account was opened at the close before its book's first session.
    assert (date(2016, 6, 22), get_calendar().close_at(date(2016, 6, 22))) in instants(conn, "paper_accounts")


def test_a_session_that_the_books_calendar_does_not_have_is_refused_and_nothing_is_changed(
    conn: Connection,
) -> None:
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.adjustments (book, session, item, amount, reason, who) "
            "VALUES ('multi_asset', '2016-07-04', 'cash', 1, 'a test', 'kim')"
        )
    with pytest.raises(Refused, match=r"multi_asset 2016-07-04: .*is not a session of XNYS"):
        migrate(conn)
    with cursor(conn) as cur:
        cur.execute("SELECT count(*) FROM nightdesk.migrations WHERE name = %s", (BY_INSTANT,))
        assert cur.fetchone() == (0,)


def test_a_migration_that_is_killed_in_the_middle_leaves_the_old_database_and_is_made_whole_later(
    old: str, tmp_path: Path
) -> None:
    folder = old_migrations(tmp_path / "migrations")
    text = (sql_folder({}) / "migrations" / BY_INSTANT).read_text()
    (folder / BY_INSTANT).write_text(f"{text}\nSELECT pg_sleep(60);")
    died: list[Exception] = []

    def run() -> None:
        with open_connection(old) as mine:
            try:
                migrate(mine, folder)
            except Transient as error:
                died.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    with open_connection(old) as conn, cursor(conn) as cur:
        before = {name: rows(conn, name) for name in ("factor_sets",)}
        victims = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
        for _ in range(600):
            cur.execute(victims)
            if cur.fetchone() is not None:
                break
            time.sleep(0.05)
        cur.execute(f"SELECT count(pg_terminate_backend(pid)) FROM ({victims}) v")
        assert cur.fetchone() == (1,)
        thread.join(20)
        assert died
        cur.execute("SELECT max(name) FROM nightdesk.migrations")
        assert cur.fetchone() == ("030_task_failures.sql",)
        cur.execute(
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'nightdesk' "
            "AND table_name = 'factors' AND column_name = 'as_of'"
        )
        assert cur.fetchone() == (0,)
        assert {name: rows(conn, name) for name in ("factor_sets",)} == before
        assert BY_INSTANT in migrate(conn)


def test_code_of_now_does_not_open_the_old_database_before_it_is_brought_up_to_date(
    old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", old)
    with pytest.raises(Refused, match=rf"lacks \d+ of the desk's migrations, {BY_INSTANT} first"):
        connect()


def _as_of_that_time(order: Order) -> str:
    """The id that the code of that time gave an order."""
    return earlier_client_order_id(order.book, order.as_of, order.symbol, order.side, order.purpose)


@pytest.mark.parametrize("name", ["multi_asset", "equity_swing"])
def test_the_next_session_of_an_upgraded_book_is_decided_as_it_would_have_been(
    name: str, conn: Connection, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    close = get_calendar().close_at
    migrate(conn)
    assert {one.status for one in orders_of(conn, name, close(LAST))} == {"submitted"}
    path = PROJECT / "books" / f"{name}.yaml"
    with open_context(path, NEXT, conn=conn, feed=f"files:{market}", turn_seconds=0.0) as context:
        run_session(context)
    assert {one.status for one in orders_of(conn, name, close(LAST))} == {"filled"}
    mark, expected = read_mark(conn, name, close(NEXT)), EXPECTED[name]
    assert mark is not None
    assert (f"{mark.nav}", f"{mark.cash}") == (expected["nav"], expected["cash"])
    sent = [one.order for one in orders_of(conn, name, close(NEXT))]
    names = {one.client_order_id: _as_of_that_time(one) for one in sent}
    assert [
        f"{names[one.client_order_id]} {one.side} {one.quantity:f} {one.symbol}" for one in sent
    ] == expected["orders"]
