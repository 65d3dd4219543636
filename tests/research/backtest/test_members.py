"""Ranks are among the symbols that a book may trade, whatever rides along beside them."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from nightdesk import factors
from nightdesk.cli.factor_commands import factor_frame
from nightdesk.core.book import Book, parse_book
from nightdesk.core.panel import Panel
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest

RANK = "rank_momentum_12_1"
SEVEN = ("GLD", "QQQ", "SLV", "XLK", "XLE", "TLT", "EEM")
FIRST, LAST = date(2010, 1, 4), date(2010, 12, 31)


def book_of_seven(benchmark: str) -> Book:
    """Two strategies that rank, on seven funds; the benchmark is one of them, or rides along."""
    return parse_book(
        {
            "name": "seven",
            "title": "Seven funds",
            "initial_capital": 100_000,
            "benchmark": benchmark,
            "broker": {"account": "paper-seven"},
            "universe": {symbol: {"max_weight": 0.3} for symbol in SEVEN},
            "strategies": {
                "cross_sectional_momentum": {"share": 0.5},
                "rotation": {"share": 0.5, "sizing": "risk_parity"},
            },
            "regime": [{"name": "ANY"}],
            "limits": {"max_weight": {}, "cash_buffer": {"limit": 0.05}},
        },
        "seven.yaml",
    )


def panel_of(book: Book, market: Path) -> Panel:
    return read_market(book, origin_of(book, FIRST), LAST, [f"files:{market}"]).panel


def result_of(book: Book, market: Path) -> Result:
    return backtest(book, panel_of(book, market), FIRST, LAST)


@pytest.fixture(scope="module")
def beside(market: Path) -> Result:
    """With SPY as a benchmark that may not be traded."""
    return result_of(book_of_seven("SPY"), market)


def test_a_benchmark_that_rides_along_changes_no_direction(beside: Result, market: Path) -> None:
    within = result_of(book_of_seven("QQQ"), market)
    directions = beside.market.direction[-len(beside.decided) :]
    assert directions.size == 2 * 252 * 7
    assert np.count_nonzero(directions != within.market.direction[-len(within.decided) :]) == 0
    assert len(np.unique(directions)) == 3


def test_the_backtest_ranks_as_the_list_of_factors_does(beside: Result, market: Path) -> None:
    frame = factor_frame(beside.desk.book, FIRST, LAST, f"files:{market}")
    listed = frame.pivot(index="session", columns="symbol", values=RANK)
    ours = beside.market.factors[RANK][-len(beside.decided) :]
    np.testing.assert_array_equal(ours, listed[list(SEVEN)].to_numpy())
    assert listed["SPY"].isna().all()
    assert np.nanmax(ours) == 1.0


def test_no_factor_of_a_member_depends_on_the_references_but_those_against_the_benchmark(
    market: Path,
) -> None:
    """Every factor of the desk's own table: what else is in the panel is nothing to it."""
    book = book_of_seven("SPY")
    panel = panel_of(book, market)
    swapped = panel_of(book.model_copy(update={"benchmark": "TIP"}), market)
    names = [name for name in factors.STANDARD if not name.startswith("beta")]
    found = factors.compute(panel, names, benchmark="SPY", universe=7)
    other = factors.compute(swapped, names, benchmark="TIP", universe=7)
    for name in names:
        np.testing.assert_array_equal(found[name][:, :7], other[name][:, :7], err_msg=name)
