"""Small files with one corporate action or one bad bar each: what the book is worth at the end."""

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from nightdesk.core.book import load_book
from nightdesk.engine.injection import read_injections
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest

FIRST, LAST = date(2021, 5, 3), date(2021, 7, 30)

#: With an adjusted close the dividend of June is known; without one it is not.
WITH_DIVIDEND, WITHOUT = 102_385.93, 102_038.5


@pytest.fixture
def cases(market: Path) -> Path:
    folder = market.parent / "cases"
    if not (folder / "probe.yaml").is_file():
        pytest.skip(f"there are no small cases in {folder}")
    return folder


def run(cases: Path, name: str, folder: Path | None = None) -> Result:
    book = load_book(cases / "probe.yaml")
    origin = origin_of(book, FIRST)
    book = book.model_copy(update={"inception": FIRST, "origin": origin})
    feed = f"files:{cases / name if folder is None else folder}"
    panel = read_market(book, origin, LAST, [feed]).panel
    return backtest(book, panel, FIRST, LAST, injected=read_injections(cases / name / "inject.csv", book))


@pytest.mark.parametrize(
    ("name", "nav", "outcomes"),
    [
        ("no_action", WITH_DIVIDEND, []),
        ("split_3_for_2_raw", WITHOUT, ["inferred"]),
        ("split_3_for_2_with_adj_close", WITH_DIVIDEND, ["inferred"]),
        ("split_2_for_1_raw", WITHOUT, ["inferred"]),
        ("reverse_1_for_10_raw", WITHOUT, ["inferred"]),
        ("adj_close_dips_once", WITH_DIVIDEND, ["slip", "taken back"]),
        ("negative_price_bar", WITH_DIVIDEND, []),
        # a question leaves the position at its last accepted price
        ("special_dividend_21pct", 99_964.80, ["asked"]),
        ("special_dividend_30pct", 99_964.80, ["asked"]),
    ],
)
def test_nothing_is_made_or_lost_by_it(cases: Path, name: str, nav: float, outcomes: list[str]) -> None:
    result = run(cases, name)
    assert [one.outcome.value for one in result.findings] == outcomes
    assert result.nav[-1] == pytest.approx(nav, abs=1.0)


@pytest.mark.parametrize(
    ("name", "cash"), [("special_dividend_21pct", 20.98), ("special_dividend_30pct", 29.97)]
)
def test_a_special_dividend_is_booked_once_it_is_stated(
    cases: Path, name: str, cash: float, tmp_path: Path
) -> None:
    shutil.copy(cases / name / "bars.csv.gz", tmp_path)
    (tmp_path / "actions.csv").write_text(f"symbol,date,kind,value\nAAA,2021-06-22,dividend,{cash}\n")
    result = run(cases, name, tmp_path)
    assert result.findings == ()
    assert result.nav[-1] == pytest.approx(100_053.52, abs=10.0)


def test_a_file_of_two_decimals_pays_as_many_dividends_as_there_were(cases: Path, tmp_path: Path) -> None:
    bars = pd.read_csv(cases / "no_action" / "bars.csv.gz")
    prices = ["open", "high", "low", "close", "adj_close"]
    bars[prices] = bars[prices].round(2)
    bars.to_csv(tmp_path / "bars.csv", index=False)
    rounded, exact = run(cases, "no_action", tmp_path), run(cases, "no_action")
    for result in (rounded, exact):
        assert sum(entry.kind == "dividend" for entry in result.entries) == 1
    assert rounded.nav[-1] == pytest.approx(exact.nav[-1], abs=25.0)
