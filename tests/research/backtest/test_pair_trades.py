"""What a backtest says of each pair: entries, ends, and a profit that adds up to the cent."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from tests.pair_market import INCEPTION, PAIRS, Incident, pair_market, session

from nightdesk.core.book import load_book
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.pair_trades import ENDS, pair_rows
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.result_files import write_result
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.trades import trades

INCIDENTS = (Incident("BBB", "unbelievable", 24, 24), Incident("EEE", "split", 27, 27, ratio=2.0))
PARAMS = {
    "pairs": [list(one) for one in PAIRS],
    "enter": 0.9,
    "stop": 2.6,
    "sessions": 6,
    "volatility_window": 5,
    "volatility_mean": 20,
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    market = pair_market(tmp_path_factory.mktemp("pairs") / "couples", INCIDENTS, PARAMS)
    book, last = load_book(market.book), session(59)
    assert book.origin is not None
    return backtest(book, read_market(book, book.origin, last).panel, INCEPTION, last)


def rows_of(result: Result) -> list[dict[str, object]]:
    names = columns_of("pairs", bundles=True)
    return [dict(zip(names, row, strict=True)) for row in pair_rows(result)]


def test_the_profits_of_pairs_add_up_to_what_the_book_has_earned(result: Result) -> None:
    rows = rows_of(result)
    assert len(rows) > 1
    total = sum(Decimal(str(row["profit"])) for row in rows)
    assert total == sum(one.profit for one in trades(result) if one.strategy == "pairs")
    marks = [one.state.mark for one in result.decided]
    beside = sum(one.cash for one in result.entries if not one.symbol and one.kind != "capital")
    assert total == marks[-1].nav - marks[0].nav - beside
    paid = sum(Decimal(str(row["commission"])) for row in rows)
    assert paid == sum(one.commission for one in result.entries) > 0


def test_every_stay_is_counted_once_with_its_end(result: Result) -> None:
    rows = rows_of(result)
    for row in rows:
        ends = [row[f"left_{one}"] for one in ENDS]
        assert row["entries"] == sum(ends) + row["held"]  # type: ignore[operator, arg-type]
    opened = dict.fromkeys((row["pair"] for row in rows), 0)
    for before, now in zip(result.decided, result.decided[1:], strict=False):
        held = {one.symbol for one in now.state.ledger.held()} - {
            one.symbol for one in before.state.ledger.held()
        }
        for state in before.spoken["pairs"].states:
            if state.phase == "open" and set(state.legs) <= held:
                opened[state.name] += 1
    assert {row["pair"]: row["entries"] for row in rows} == opened


def test_the_file_holds_them(result: Result, tmp_path: Path) -> None:
    write_result(result, tmp_path / "run")
    with (tmp_path / "run" / "pairs.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["pair"] for row in written] == [row["pair"] for row in rows_of(result)]
    assert [Decimal(row["profit"]) for row in written] == [row["profit"] for row in rows_of(result)]
