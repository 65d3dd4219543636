"""A database of before accounts, bundles, members: its rows are of `main`, its open orders are settled."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.conftest import PROJECT, Databases, open_connection
from tests.store.old_database import make_old

from nightdesk.core.calendar import get_calendar
from nightdesk.operations.verify import verify
from nightdesk.orders.order import earlier_client_order_id, read_client_order_id
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.book_rows import book_record
from nightdesk.store.db import Connection, cursor, sql_folder
from nightdesk.store.ledger_rows import account_marks_of, read_entries, read_ledger, read_mark
from nightdesk.store.migrations import migrate
from nightdesk.store.order_rows import orders_of

#: The newest migration of that version.
BEFORE = "040_contracts.sql"
LAST, NEXT = date(2016, 6, 27), date(2016, 6, 28)

#: The tables whose rows say of which account they are.
NAMED = (
    "ledger_entries", "orders", "positions", "fills", "executions", "movements", "foreign_orders",
    "broker_health", "reconciliations", "disputed_positions", "adjustments",
)  # fmt: skip


@pytest.fixture
def before(databases: Databases, tmp_path: Path) -> Iterator[Connection]:
    """A database of that version, two books in it, and orders open."""
    url = databases.bare()
    with open_connection(url) as conn:
        make_old(conn, tmp_path / "old")
        folder = tmp_path / "before"
        folder.mkdir()
        for path in sorted((sql_folder({}) / "migrations").glob("*.sql")):
            if path.name <= BEFORE:
                (folder / path.name).write_text(path.read_text())
        migrate(conn, folder)
        yield conn
    databases.drop(url)


def rows(conn: Connection, table: str) -> list[str]:
    """The rows of a table as texts, without the columns that later versions gave them."""
    later = ["account", "executed_at", "commission_pending", "corrects"]
    with cursor(conn) as cur:
        cur.execute(f"SELECT (to_jsonb(t) - %s::text[])::text FROM nightdesk.{table} t ORDER BY 1", (later,))
        return [text for (text,) in cur.fetchall()]


@pytest.mark.timeout(300)
def test_open_orders_of_before_are_settled_in_main_and_the_next_session_is_decided(
    before: Connection, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn, name, close = before, "multi_asset", get_calendar().close_at
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    kept = {table: rows(conn, table) for table in NAMED}
    applied = migrate(conn)
    after = sorted(path.name for path in (sql_folder({}) / "migrations").glob("*.sql") if path.name > BEFORE)
    assert list(applied) == after
    assert {table: rows(conn, table) for table in NAMED} == kept, "nothing is lost or changed"
    with cursor(conn) as cur:
        for table in NAMED:
            cur.execute(f"SELECT DISTINCT account FROM nightdesk.{table}")
            assert {account for (account,) in cur.fetchall()} <= {"main"}, table
        cur.execute("SELECT book, name, account FROM nightdesk.book_accounts ORDER BY 1")
        assert cur.fetchall() == [
            ("equity_swing", "main", "paper-equity-swing"),
            ("multi_asset", "main", "paper-multi-asset"),
        ]
    record = book_record(conn, name)
    assert record is not None
    assert record.accounts == ()
    waiting = orders_of(conn, name, close(LAST))
    assert {one.status for one in waiting} == {"submitted"}
    for one in waiting:
        order = one.order
        decided = (order.book, order.as_of, order.symbol, order.side, order.purpose)
        assert order.client_order_id == earlier_client_order_id(*decided)
        read = read_client_order_id(order.client_order_id)
        assert read is not None
        assert (read.session, read.side) == (LAST, order.side)
    path = PROJECT / "books" / f"{name}.yaml"
    with open_context(path, NEXT, conn=conn, feed=f"files:{market}", turn_seconds=0.0) as context:
        run_session(context)
    assert {one.status for one in orders_of(conn, name, close(LAST))} == {"filled"}
    new = [one.order.client_order_id for one in orders_of(conn, name, close(NEXT))]
    assert new
    assert all(len(one) <= 36 for one in new)
    assert {one.account for one in read_entries(conn, name)} == {"main"}
    ledger, mark = read_ledger(conn, name, close(NEXT)), read_mark(conn, name, close(NEXT))
    assert ledger is not None
    assert mark is not None
    assert ledger.cash_in("main") == mark.cash
    assert account_marks_of(conn, name, close(NEXT)) == (), "a book of one account has no rows of its own"
    for table in ("members", "silent_rows", "exercise_notices", "transfers", "funding_rates"):
        assert rows(conn, table) == [], "nor has it any of what it does not use"
    assert verify(conn, name).differences == ()
