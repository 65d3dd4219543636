"""A book of plug-ins decides the same in the steps on PostgreSQL and in the backtest, to the cent."""

from pathlib import Path

import pytest
import yaml
from tests.conftest import Databases, open_connection
from tests.parity.checks import same_sessions
from tests.plug_ins.conftest import Home
from tests.session.new_desk import new_desk, random_walks
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import session

from nightdesk.core.book import load_book
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest

COUNT = 12
CHANGED = {
    "strategies": {
        "pullback": {
            "share": 0.9,
            "sizing": "equal_parts",
            "sizing_params": {"parts": 3},
            "params": {"buy_below": 100, "leave_above": 101, "sessions": 4},
        }
    },
    "limits": {"max_weight": {}, "price_floor": {"limit": 150.0}},
    "accruals": {"custody": {"rate": 0.05}},
    "levels": None,
}


def test_steps_and_backtest_decide_and_book_the_same_by_plug_ins(
    home: Home, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_quickly(monkeypatch)
    home.copy("pullback", "equal_parts", "price_floor", "custody")
    url = databases.new()
    desk = new_desk(tmp_path / "desk", url, random_walks())
    tree = yaml.safe_load(desk.book.read_text()) | CHANGED | {"feeds": {"daily": [desk.feed]}}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    book = load_book(desk.book)
    panel = read_market(book, origin_of(book, session(0)), session(COUNT - 1)).panel
    result = backtest(book, panel, session(0), session(COUNT - 1))
    for number in range(COUNT):
        desk.run(number)
    with open_connection(url) as conn:
        same_sessions(result, conn)
        assert verify(conn, book.name).differences == ()
    fees = desk.rows("SELECT session, cash FROM nightdesk.ledger_entries WHERE kind = 'fee' ORDER BY session")
    booked = [
        (entry.session, entry.cash)
        for one in result.decided
        for entry in one.entries
        if entry.reference.startswith("custody-")
    ]
    assert fees == booked
    assert len(fees) > COUNT / 2
    refused = desk.rows(
        "SELECT count(*) FROM nightdesk.verdicts WHERE rule = 'price_floor' AND action = 'reject'"
    )
    assert refused[0][0], "the rule has refused nothing"
    databases.drop(url)
