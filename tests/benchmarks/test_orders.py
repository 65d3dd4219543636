"""What is compared in the benchmark of orders and fills leaves the same rows."""

import pytest
from benchmarks import many_orders, orders

from nightdesk.store.db import Connection

TABLES = {
    "orders": "symbol, side, quantity, reference_price, status, attempts, filled_quantity",
    "order_intents": "strategy, number, quantity",
    "order_events": "number, status, cause, answer - 'id'",
    "fills": "symbol, side, quantity, price, expected_price, commission",
    "ledger_entries": "number, kind, strategy, symbol, quantity, price, cash, commission",
    "positions": "strategy, symbol, quantity, cost, realised, market_value",
    "portfolio": "cash, positions_value, nav, day_return",
}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_orders, "SIZE", 12)


def rows_of(conn: Connection, book: str) -> dict[str, list[tuple[object, ...]]]:
    """Everything of a book but what carries its name."""
    found = {}
    for table, columns in TABLES.items():
        named = "USING (client_order_id)" if table == "order_events" else ""
        source = f"nightdesk.{table} t {f'JOIN nightdesk.orders o {named}' if named else ''}"
        shown = columns if not named else ", ".join(f"t.{one.strip()}" for one in columns.split(","))
        with conn.cursor() as cursor:
            owner = "o" if named else "t"
            cursor.execute(f"SELECT {shown} FROM {source} WHERE {owner}.book = %s ORDER BY 1, 2, 3", (book,))
            found[table] = sorted(cursor.fetchall(), key=repr)
    return found


def test_both_sides_leave_the_same_rows(few: None, conn: Connection) -> None:
    cases = many_orders.make_cases(conn)
    planned, bare_planned = next(cases), next(cases)
    orders.plan_and_write(planned)
    orders.write_bare(orders.bare_orders(bare_planned))
    ours, theirs = (rows_of(conn, one.context.book.name) for one in (planned, bare_planned))
    assert ours == theirs
    assert len(ours["orders"]) == 12
    assert len(ours["order_intents"]) == 24

    settled, bare_settled = many_orders.sent(next(cases)), many_orders.sent(next(cases))
    orders.settle(settled)
    orders.write_bare(orders.bare_settling(bare_settled))
    ours, theirs = (rows_of(conn, one.context.book.name) for one in (settled, bare_settled))
    assert ours == theirs
    assert {row[4] for row in ours["orders"]} == {"filled"}
    assert [len(ours[name]) for name in ("fills", "ledger_entries", "positions")] == [12, 24, 24]
