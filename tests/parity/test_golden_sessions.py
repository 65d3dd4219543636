"""What the books decide on real bars session by session through PostgreSQL, as hashes of their stored orders.

The hashes stand beside those of the backtest, in `tests/golden/order_hashes.json`, under `stored`.
"""

import json
from datetime import date
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT, open_connection
from tests.research.backtest.test_golden_orders import BOOKS, GOLDEN, orders_hash
from tests.session.quick_checks import check_quickly

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.orders import Order
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.db import Connection
from nightdesk.store.order_rows import orders_of

INCEPTION = date(2015, 1, 2)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [4, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", BOOKS)
def test_the_orders_of_sessions_in_the_store_are_those_on_record(
    name: str, count: int, database: str, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    tree = yaml.safe_load((PROJECT / "books" / f"{name}.yaml").read_text())
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(tree | {"feeds": {"daily": [f"files:{market}"]}}, sort_keys=False))
    with open_connection(database) as conn:
        found = _decide(path, count, conn)
    assert orders_hash(found) == json.loads(GOLDEN.read_text())[name].get(f"stored_{count}")


def _decide(path: Path, count: int, conn: Connection) -> list[Order]:
    """The orders of the first sessions of a book, by session and as they are stored."""
    book, found = load_book(path), []
    for session in map(as_date, get_calendar().between(INCEPTION, date(2015, 12, 31))[:count]):
        with open_context(path, session, conn=conn, turn_seconds=0) as context:
            run_session(context)
        found += [one.order for one in orders_of(conn, book.name, get_calendar().close_at(session))]
    return found
