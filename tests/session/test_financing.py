"""A book that is short and pays for it, through the store and in memory."""

from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.conftest import open_connection
from tests.session.small_desk import ORIGIN, STRATEGY, SmallDesk, instant, session

from nightdesk.core.book import load_book
from nightdesk.engine.injection import read_injections
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.store.ledger_rows import read_entries, read_ledger, read_marks
from nightdesk.store.performance_rows import performance_so_far

LAST = 4
FINANCING = {"debit_rate": 0.072, "credit_rate": 0.031, "borrow_rate": 0.018}


def injected(desk: SmallDesk, number: int) -> Path:
    """Shorts in two symbols, in the file of a session."""
    path = desk.book.with_name(f"signals_{number}.csv")
    rows = [f"{session(number)},{STRATEGY},{symbol},STRONG_SELL,1.0,short" for symbol in ("SPY", "GLD")]
    path.write_text("\n".join(["session,strategy,symbol,direction,confidence,side", *rows]) + "\n")
    return path


@pytest.mark.timeout(300)
def test_a_short_book_pays_the_same_in_both_drivers(desk: SmallDesk) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    tree |= {"margin": {"kind": "reg_t"}, "financing": FINANCING}
    tree["universe"]["GLD"]["borrow_rate"] = 0.36
    tree["limits"].pop("cash", None)
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    book = load_book(desk.book)
    files = [injected(desk, number) for number in range(LAST + 1)]
    for number, path in enumerate(files):
        desk.run(number, inject=path)
    panel = read_market(book, ORIGIN, session(LAST), [desk.feed]).panel
    begun = book.model_copy(update={"inception": session(0), "origin": ORIGIN})
    signals = [one for path in files for one in read_injections(path, book)]
    result = backtest(begun, panel, session(0), session(LAST), injected=signals)
    last = result.decided[-1].state
    paid = {key: one.borrow for key, one in last.ledger.positions.items()}
    assert paid[STRATEGY, "SPY"] > 0 < paid[STRATEGY, "GLD"]
    assert any(one.kind == "interest" for one in result.entries)
    with open_connection(desk.url) as conn:
        assert read_marks(conn, book.name) == tuple(one.state.mark for one in result.decided)
        assert sorted(read_entries(conn, book.name), key=repr) == sorted(result.entries, key=repr)
        stored = read_ledger(conn, book.name, instant(LAST))
        assert stored is not None
        assert {key: one.borrow for key, one in stored.positions.items()} == paid
        days = [
            performance_so_far(conn, book.name, session(number), instant(number))
            for number in range(LAST + 1)
        ]
        assert sum(one.borrow for day in days for one in day) == sum(paid.values(), Decimal(0))
        assert all(one.other == 0 for day in days for one in day)
        assert verify(conn, book.name).differences == ()
