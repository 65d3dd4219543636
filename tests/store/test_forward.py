"""A database as any migration since the oldest supported one left it, rows in place, comes forward whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from psycopg2 import sql
from tests.conftest import PROJECT, Databases, open_connection
from tests.store.old_database import NEWEST, make_old

from nightdesk.core.calendar import get_calendar
from nightdesk.operations.verify import verify
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.connection import connect, connect_reader
from nightdesk.store.db import Connection, cursor, sql_folder
from nightdesk.store.ledger_rows import read_mark
from nightdesk.store.migrations import check_schema, migrate

NAMES = sorted(path.name for path in (sql_folder({}) / "migrations").glob("*.sql"))
STARTS = [name for name in NAMES if name >= NEWEST][:-1]
LAST, NEXT = date(2016, 6, 27), date(2016, 6, 28)
EXPECTED = json.loads((PROJECT / "tests" / "golden" / "database_030.json").read_text())

#: Rows of tables that came later, with the columns of all versions; a version takes those that it has.
LATER: dict[str, dict[str, object]] = {
    "members": {
        "book": "multi_asset", "symbol": "SPY", "from_session": "2016-01-04", "group_name": "equity",
        "known_at": "2016-01-04T22:00Z",
    },
    "funding_rates": {
        "symbol": "BTC-PERP", "source": "", "instant": "2016-06-23T08:00Z", "known_at": "2016-06-23T08:00Z",
        "rate": "0.0001", "stored_at": "2016-06-23T21:00Z",
    },
    "macro": {
        "series": "DGS10", "period": "2016-06-22", "known_at": "2016-06-23T12:00Z", "value": 1.69,
        "source": "fred", "stored_at": "2016-06-23T21:00Z",
    },
    "second_closes": {
        "symbol": "SPY", "session": "2016-06-23", "book": "multi_asset", "as_of": "2016-06-23T20:00Z",
        "source": "stooq", "close": 210.8, "known_at": "2016-06-23T21:00Z", "stored_at": "2016-06-23T21:00Z",
    },
    "silent_rows": {
        "book": "multi_asset", "as_of": "2016-06-23T20:00Z", "session": "2016-06-23", "table_name": "signals",
        "strategy": "momentum", "silent": 3,
    },
    "bars_hourly": {
        "symbol_id": 1, "bar_end": "2016-06-23T14:00Z", "known_at": "2016-06-23T14:05Z", "source": "files",
        "open": 1, "high": 2, "low": 1, "close": 2, "volume": 10,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def oldest(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database of the oldest supported version, which each test copies."""
    url = databases.bare()
    with open_connection(url) as conn:
        make_old(conn, tmp_path_factory.mktemp("oldest") / "migrations")
    yield url
    databases.drop(url)


def brought_to(conn: Connection, name: str, folder: Path) -> None:
    """Bring a database to where migration `name` left it."""
    folder.mkdir()
    for one in NAMES:
        if one <= name:
            (folder / one).write_text((sql_folder({}) / "migrations" / one).read_text())
    migrate(conn, folder)


def columns_of(conn: Connection) -> dict[str, list[str]]:
    with cursor(conn) as cur:
        cur.execute(
            "SELECT relname, array_agg(attname::text ORDER BY attnum) FROM pg_class c JOIN pg_attribute ON "
            "attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' "
            "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition "
            "AND relname NOT IN ('migrations', 'role_grants') GROUP BY 1"
        )
        return dict(cur.fetchall())


def fill_later_tables(conn: Connection) -> set[str]:
    """Put a row into each of the later tables that this version has; their names."""
    known = columns_of(conn)
    with cursor(conn) as cur:
        # What a row refers to is not the matter here: foreign keys are not checked in this role.
        cur.execute("SET session_replication_role = replica")
        if "bars_hourly" in known:
            cur.execute("SELECT nightdesk.make_months_of_hours('2016-06-23', '2016-06-24')")
        filled = LATER.keys() & known.keys()
        for table in filled:
            row = {name: value for name, value in LATER[table].items() if name in known[table]}
            cur.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
                    sql.Identifier("nightdesk", table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join([sql.Placeholder()] * len(row)),
                ),
                list(row.values()),
            )
        cur.execute("SET session_replication_role = DEFAULT")
    return set(filled)


def rows(conn: Connection, table: str) -> list[dict[str, object]]:
    with cursor(conn) as cur:
        cur.execute(sql.SQL("SELECT to_jsonb(t)::text FROM {} t").format(sql.Identifier("nightdesk", table)))
        return [json.loads(text) for (text,) in cur.fetchall()]


def only(found: list[dict[str, object]], columns: set[str]) -> list[str]:
    """The rows as texts, in an order, of some of their columns."""
    return sorted(json.dumps({name: row[name] for name in sorted(columns)}) for row in found)


@pytest.mark.parametrize("start", STARTS)
def test_every_row_that_was_there_is_there_after_all_later_migrations(
    start: str, databases: Databases, oldest: str, tmp_path: Path
) -> None:
    url = databases.copy(oldest)
    with open_connection(url) as conn:
        brought_to(conn, start, tmp_path / "migrations")
        filled = fill_later_tables(conn)
        columns = columns_of(conn)
        before = {table: rows(conn, table) for table in columns}
        assert migrate(conn) == tuple(name for name in NAMES if name > start)
        check_schema(conn)
        after = columns_of(conn)
        for table, of in columns.items():
            # What a later version keeps elsewhere is compared by the test of its migration.
            common = set(of) & set(after[table])
            assert only(rows(conn, table), common) == only(before[table], common), table
        assert all(before[table] for table in filled)
        assert len(before["orders"]) > 10
        assert verify(conn, "multi_asset").differences == ()
    databases.drop(url)


@pytest.mark.timeout(300)
def test_the_newest_desk_without_roles_gets_them_and_its_writer_decides_the_next_session_as_ever(
    databases: Databases, oldest: str, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    url, close, name = databases.copy(oldest), get_calendar().close_at, "multi_asset"
    with open_connection(url) as conn:
        brought_to(conn, "055_entry_conditions.sql", tmp_path / "migrations")
        fill_later_tables(conn)
        migrate(conn)
        with cursor(conn) as cur:
            for login in ("runs", "looks"):
                cur.execute(f"DROP ROLE IF EXISTS upgraded_{login}")
            cur.execute("CREATE ROLE upgraded_runs LOGIN IN ROLE nightdesk_writer")
            cur.execute("CREATE ROLE upgraded_looks LOGIN IN ROLE nightdesk_reader")
    writer, reader = (url.replace("postgres@", f"upgraded_{one}@") for one in ("runs", "looks"))
    conn = connect(writer, checked=True)
    path = PROJECT / "books" / f"{name}.yaml"
    with open_context(path, NEXT, conn=conn, feed=f"files:{market}", turn_seconds=0.0) as context:
        run_session(context)
    conn.close()
    looking = connect_reader({"NIGHTDESK_READER_DATABASE_URL": reader})
    mark = read_mark(looking, name, close(NEXT))
    assert mark is not None
    assert (f"{mark.nav}", f"{mark.cash}") == (EXPECTED[name]["nav"], EXPECTED[name]["cash"])
    assert verify(looking, name).differences == ()
    looking.close()
    databases.drop(url)
