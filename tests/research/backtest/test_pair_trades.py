"""What a backtest says of each pair: entries, ends, and a profit that adds up to the cent."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from tests.pair_market import INCEPTION, PAIRS, Incident, pair_market, session

from nightdesk.core.book import Book, load_book
from nightdesk.core.panel import Panel
from nightdesk.research.backtest import run
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.forked_work import CAN_FORK
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.pair_trades import ENDS, pair_rows
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.result_files import Format, result_files, write_result
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
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    return load_book(pair_market(tmp_path_factory.mktemp("pairs") / "couples", INCIDENTS, PARAMS).book)


@pytest.fixture(scope="module")
def panel(book: Book) -> Panel:
    assert book.origin is not None
    return read_market(book, book.origin, session(59)).panel


@pytest.fixture(scope="module")
def result(book: Book, panel: Panel) -> Result:
    return backtest(book, panel, INCEPTION, session(59))


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


@pytest.mark.skipif(not CAN_FORK, reason="this system does not fork")
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_what_is_said_in_turn_is_written_beside_the_walk_as_after_it(
    book: Book,
    panel: Panel,
    result: Result,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file_format: Format,
) -> None:
    monkeypatch.setattr(run, "FOLLOWED", 10)
    with result_files(tmp_path / "beside", file_format, 2) as files:
        again = backtest(book, panel, INCEPTION, session(59), follow=files.follow)
        files.finish(again, metrics(again))
    write_result(result, tmp_path / "after", file_format=file_format)
    for path in (tmp_path / "after").iterdir():
        assert (tmp_path / "beside" / path.name).read_bytes() == path.read_bytes(), path.name
