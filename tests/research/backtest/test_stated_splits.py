"""A position held through a split that its files state keeps its worth: raw bars give what adjusted give."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from nightdesk.core.book import load_book
from nightdesk.engine.injection import read_injections
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest

FIRST, LAST = date(2021, 5, 3), date(2021, 7, 30)
SPLIT = date(2021, 6, 15)


@pytest.fixture(scope="module")
def cases(market: Path) -> Path:
    folder = market.parent / "cases"
    if not (folder / "probe.yaml").is_file():
        pytest.skip(f"there are no small cases in {folder}")
    return folder


def nav(cases: Path, folder: Path) -> float:
    """Final NAV of the probe's book, which buys AAA before the split and holds it."""
    book = load_book(cases / "probe.yaml")
    origin = origin_of(book, FIRST)
    book = book.model_copy(update={"inception": FIRST, "origin": origin})
    panel = read_market(book, origin, LAST, [f"files:{folder}"]).panel
    injected = read_injections(cases / "no_action" / "inject.csv", book)
    return float(backtest(book, panel, FIRST, LAST, injected=injected).nav[-1])


@pytest.mark.parametrize(
    ("case", "ratio", "expected"),
    [
        ("split_3_for_2_raw", "3:2", 102_038),
        ("split_3_for_2_with_adj_close", "3:2", 102_385.93),
        ("split_2_for_1_raw", "2/1", 102_038),
        ("reverse_1_for_10_raw", "1:10", 102_038),
    ],
)
@pytest.mark.parametrize("stated_in", ["an actions file", "a column"])
def test_a_split_that_is_stated_changes_no_nav(
    cases: Path, tmp_path: Path, case: str, ratio: str, expected: float, stated_in: str
) -> None:
    lines = gzip.decompress((cases / case / "bars.csv.gz").read_bytes()).decode().splitlines()
    if stated_in == "a column":
        marks = [ratio if line.startswith(f"{SPLIT},AAA,") else "" for line in lines[1:]]
        lines = [
            f"{lines[0]},split",
            *(f"{line},{mark}" for line, mark in zip(lines[1:], marks, strict=True)),
        ]
    else:
        text = f"symbol,session,kind,value\nAAA,{SPLIT},split,{ratio}\n"
        (tmp_path / "actions.csv").write_text(text, encoding="utf-8")
    (tmp_path / "bars.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert nav(cases, tmp_path) == pytest.approx(expected, abs=1.0)
