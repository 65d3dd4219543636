"""The three roles: what each may do to each table is tried, and the desk is run, as each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import errors, sql
from tests.conftest import PROJECT, Databases, open_connection

from nightdesk.core.errors import Refused
from nightdesk.operations.replay import rewind
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor, one, transaction
from nightdesk.store.migrations import migrate
from nightdesk.store.rewind import clear_from
from nightdesk.store.roles import OWNER, READER, WRITER, give_rights, statements

LOGINS = {"desk_owner": OWNER, "desk_writer": WRITER, "desk_reader": READER}

#: Tables of which the writer may do less; all others it may select from, insert into, update and delete from.
FIXED = {"migrations", "role_grants", "installation", "taken_back"}
GROWING = {
    "order_events", "risk_events", "book_versions", "factor_sets", "symbols", "recoveries", "adjustments",
    "transfers", "exercise_notices", "funding_rates", "headline_scores", "task_failures", "macro",
    "positioning", "earnings", "listings", "quotes_eod", "second_closes", "overrides",
    "override_ends", "rebuilds", "broker_statements", "screens", "screen_results", "screen_pairs",
    "open_checks", "open_check_failures", "gate_evidence", "trials",
    "gate_promotions", "gate_evaluations",
}  # fmt: skip
KEPT = {
    "alerts", "alert_deliveries", "alert_spells", "books", "book_accounts", "executions", "movements",
    "foreign_orders", "broker_health", "broker_contracts", "statement_health", "taxpayers", "news_reach",
    "fact_reach",
    "bars", "bars_hourly", "corporate_actions", "headlines", "members", "manual_actions", "mails",
    "backtests", "code_versions",
}  # fmt: skip
#: Columns of a table that may be updated where not all of them may.
ENDING = {
    "bars": {"superseded_at", "version"},
    "bars_hourly": {"superseded_at"},
    "headlines": {"superseded_at"},
    "members": {"superseded_at"},
    "corporate_actions": {"superseded_at", "note"},
    "alerts": {"sent_at", "acknowledged_at", "acknowledged_by"},
}


@pytest.fixture(scope="module")
def server(databases: Databases) -> Iterator[str]:
    """A migrated database, and users who log in as each role."""
    url = databases.new()
    with open_connection(url) as conn, cursor(conn) as cur:
        for login, group in LOGINS.items():
            cur.execute(f"DROP ROLE IF EXISTS {login}")
            cur.execute(f"CREATE ROLE {login} LOGIN IN ROLE {group}")
    yield url
    databases.drop(url)


def address_of(url: str, login: str) -> str:
    return url.replace("postgres@", f"{login}@")


@contextmanager
def as_login(url: str, login: str) -> Iterator[Connection]:
    with open_connection(address_of(url, login)) as conn:
        yield conn


def tables_of(conn: Connection) -> dict[str, list[str]]:
    """The columns of every table that is no part of another, generated ones left out."""
    with cursor(conn) as cur:
        cur.execute(
            "SELECT relname, array_agg(attname::text ORDER BY attnum) FROM pg_class c "
            "JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped "
            "AND attidentity <> 'a' AND attgenerated = '' "
            "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition "
            "GROUP BY relname ORDER BY relname"
        )
        return dict(cur.fetchall())


def may(conn: Connection, statement: sql.Composable) -> bool:
    """Whether the server lets the user try a statement, which touches no row."""
    try:
        with conn.cursor() as cur:
            cur.execute("BEGIN")
            cur.execute(statement)
            raise psycopg2.errors.RaiseException  # nothing is kept
    except psycopg2.errors.RaiseException:
        return True
    except errors.InsufficientPrivilege:
        return False
    finally:
        with conn.cursor() as cur:
            cur.execute("ROLLBACK")


def tried(conn: Connection, table: str, columns: list[str]) -> dict[str, object]:
    """What is allowed: select, insert, delete, the columns that may be updated, truncate, alter."""
    name, first = sql.Identifier("nightdesk", table), sql.Identifier(columns[0])
    of = {
        "select": sql.SQL("SELECT FROM {} LIMIT 0"),
        "insert": sql.SQL("INSERT INTO {} SELECT * FROM {} WHERE false"),
        "delete": sql.SQL("DELETE FROM {} WHERE false"),
        "truncate": sql.SQL("TRUNCATE {} CASCADE"),
        "alter": sql.SQL("ALTER TABLE {} ADD COLUMN more integer"),
    }
    found: dict[str, object] = {}
    for what, text in of.items():
        if what == "insert":
            text = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} WHERE false").format(
                name, first, first, name
            )
        else:
            text = text.format(name)
        found[what] = may(conn, text)
    update = sql.SQL("UPDATE {} SET {} = {} WHERE false")
    found["update"] = {
        column
        for column in columns
        if may(conn, update.format(name, sql.Identifier(column), sql.Identifier(column)))
    }
    return found


def test_what_the_writer_may_do_to_every_table(server: str) -> None:
    with as_login(server, "desk_writer") as conn:
        tables = tables_of(conn)
        assert tables.keys() >= (FIXED | GROWING | KEPT)
        for table, columns in tables.items():
            fixed, growing = table in FIXED, table in GROWING
            changes = ENDING.get(table, set() if fixed or growing else set(columns))
            assert tried(conn, table, columns) == {
                "select": True,
                "insert": not fixed,
                "delete": not fixed and not growing and table not in KEPT,
                "truncate": False,
                "alter": False,
                "update": changes,
            }, table


def test_the_reader_selects_from_every_table_and_view_and_does_nothing_else(server: str) -> None:
    with as_login(server, "desk_reader") as conn:
        for table, columns in tables_of(conn).items():
            assert tried(conn, table, columns) == {
                "select": True, "insert": False, "delete": False, "truncate": False, "alter": False,
                "update": set(),
            }, table  # fmt: skip
        with cursor(conn) as cur:
            for view in ("quarantine", "factors_tall", "whole_orders", "slippage", "whole_books"):
                cur.execute(f"SELECT FROM nightdesk.{view} LIMIT 0")


@pytest.mark.parametrize("login", ["desk_writer", "desk_reader"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE nightdesk.mine (n integer)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "DROP TABLE nightdesk.bars",
        "ALTER TABLE nightdesk.ledger_entries DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION nightdesk.refuse_sealed() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE nightdesk_owner",
        "SELECT pg_read_file('PG_VERSION')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_nobody_but_the_owner_changes_the_schema_or_leaves_its_role(
    server: str, login: str, statement: str
) -> None:
    with as_login(server, login) as conn:
        assert not may(conn, sql.SQL(statement))


def test_the_reader_may_not_call_what_writes_in_the_owners_name(server: str) -> None:
    for login, allowed in (("desk_reader", False), ("desk_writer", True)):
        with as_login(server, login) as conn:
            for call in (
                "SELECT nightdesk.take_back('none', now(), current_date)",
                "SELECT nightdesk.make_months_of_hours('2030-01-02', '2030-01-02')",
            ):
                assert may(conn, sql.SQL(call)) is allowed, (login, call)


def test_parts_of_a_table_are_no_way_round_it(server: str) -> None:
    with as_login(server, "desk_writer") as conn, cursor(conn) as cur:
        cur.execute("SELECT nightdesk.make_months_of_hours('2031-01-02', '2031-02-02')")
        assert one(cur) == (2,)
        assert not may(conn, sql.SQL("UPDATE nightdesk.bars_hourly_2031_01 SET close = 1"))
        assert not may(conn, sql.SQL("DELETE FROM nightdesk.bars_hourly_2031_01"))
    with as_login(server, "desk_reader") as conn:
        assert may(conn, sql.SQL("SELECT FROM nightdesk.bars_hourly"))


def test_a_table_that_comes_later_is_the_writers_to_fill_and_the_readers_to_read(server: str) -> None:
    with open_connection(server) as conn, cursor(conn) as cur:
        cur.execute("CREATE TABLE nightdesk.later (n integer GENERATED BY DEFAULT AS IDENTITY, m integer)")
    with as_login(server, "desk_writer") as conn, cursor(conn) as cur:
        cur.execute("INSERT INTO nightdesk.later (m) VALUES (1); UPDATE nightdesk.later SET m = 2")
    with as_login(server, "desk_reader") as conn, cursor(conn) as cur:
        cur.execute("SELECT m FROM nightdesk.later")
        assert one(cur) == (2,)
        assert not may(conn, sql.SQL("DELETE FROM nightdesk.later"))
    with open_connection(server) as conn, cursor(conn) as cur:
        cur.execute("DROP TABLE nightdesk.later")


@pytest.mark.timeout(300)
def test_the_writer_runs_the_desk_the_reader_sees_it_and_what_is_sealed_stays(
    databases: Databases, server: str, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    days = [date(2016, 6, 23), date(2016, 6, 24), date(2016, 6, 27)]
    path = PROJECT / "books" / "multi_asset.yaml"
    with as_login(server, "desk_writer") as conn:

        def run(day: date) -> None:
            with open_context(path, day, conn=conn, feed=f"files:{market}", turn_seconds=0.0) as context:
                run_session(context)

        for day in days:
            run(day)
        with cursor(conn) as cur:
            cur.execute("SELECT count(*), min(as_of) FROM nightdesk.fills")
            count, first = one(cur)
            assert count
            for table in ("fills", "ledger_entries"):
                for statement in (
                    f"UPDATE nightdesk.{table} SET commission = 0 WHERE as_of = %s",
                    f"DELETE FROM nightdesk.{table} WHERE as_of = %s",
                ):
                    with (
                        pytest.raises(Refused, match="sealed by a later decision"),
                        transaction(conn),
                        cursor(conn) as inner,
                    ):
                        inner.execute(statement, (first,))
            with (
                pytest.raises(Refused, match="was sent: it is not deleted"),
                transaction(conn),
                cursor(conn) as inner,
            ):
                inner.execute(
                    "DELETE FROM nightdesk.fills WHERE as_of = (SELECT max(as_of) FROM nightdesk.fills); "
                    "DELETE FROM nightdesk.orders WHERE as_of = (SELECT max(as_of) FROM nightdesk.orders)"
                )
            cur.execute("SELECT symbol, quantity FROM nightdesk.positions ORDER BY as_of, strategy, symbol")
            held = cur.fetchall()
        with open_context(path, days[1], conn=conn, feed=f"files:{market}", turn_seconds=0.0) as context:
            assert len(rewind(context)) == 2
        for day in days[1:]:
            run(day)
    with as_login(server, "desk_reader") as conn, cursor(conn) as cur:
        cur.execute("SELECT symbol, quantity FROM nightdesk.positions ORDER BY as_of, strategy, symbol")
        assert cur.fetchall() == held
        cur.execute("SELECT book, login, fills, orders > 0 FROM nightdesk.taken_back WHERE book <> 'none'")
        assert cur.fetchall() == [("multi_asset", "desk_writer", count, True)]


def test_a_book_at_a_real_broker_is_not_taken_back_by_anybody(server: str) -> None:
    with open_connection(server) as conn:
        with cursor(conn) as cur:
            cur.execute("SET session_replication_role = replica")
            cur.execute("INSERT INTO nightdesk.book_accounts VALUES ('real', 'main', 'alpaca', 'mine', 1)")
        with pytest.raises(Refused, match="book real trades with a broker that is not simulated"):
            clear_from(conn, "real", datetime(2026, 1, 2, tzinfo=UTC), date(2026, 1, 2))


def test_an_owner_who_is_no_superuser_migrates_for_the_role_and_an_old_single_user_goes_on(
    databases: Databases, server: str
) -> None:
    url = databases.bare()
    with closing(psycopg2.connect(url)) as admin:
        admin.autocommit = True
        with admin.cursor() as cur:
            cur.execute(statements())
            cur.execute(statements())  # again without harm
    with as_login(url, "desk_owner") as conn, cursor(conn) as cur:
        assert migrate(conn)
        cur.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class "
            "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')"
        )
        assert cur.fetchall() == [(OWNER,)]
        cur.execute("SELECT current_user")
        assert one(cur) == ("desk_owner",)
        assert not give_rights(conn), "they were given"
    for login in ("desk_writer", "desk_reader"):
        connect(address_of(url, login), checked=True).close()
    databases.drop(url)
