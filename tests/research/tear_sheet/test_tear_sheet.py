"""The page of a backtest: what it holds, that it needs nothing else, and that the same gives the same."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.desks import book
from tests.research.backtest.panels import LAST, seeded_panel
from tests.research.backtest.test_run import LEVELS, LIMITS, START

from nightdesk.core.book import Book
from nightdesk.core.reporting_terms import Target
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.tear_sheet.figure_sections import SheetTrials
from nightdesk.research.tear_sheet.sheet_origin import SheetOrigin
from nightdesk.research.tear_sheet.tear_sheet import tear_sheet

BOOK = book(limits=LIMITS, quality={"failed_share": 0.6})
ORIGIN = SheetOrigin({"files": 1_872})
PROJECT = Path(__file__).parents[3]

#: Elements that have no end tag.
VOID = {"meta"}


class Reader(HTMLParser):
    """Reads a page, strictly: every element is closed in its order, every id stands once."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids += [told["id"] or ""] if "id" in told else []
        self.links += [told[name] or "" for name in ("href", "src") if name in told]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(re.sub(r"[ \n]+", " ", data).strip(" "))


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    return reader


def text(page: str) -> str:
    return " ".join(one for one in read(page).words if one)


def sheet(result: Result, origin: SheetOrigin = ORIGIN, **more: Any) -> str:
    return tear_sheet(result, metrics(result), origin, **more)


def played(of: Book = BOOK, first: date = START, last: date = LAST) -> Result:
    return backtest(of, seeded_panel(of), first, last)


@cache
def levelled() -> Result:
    aims: Mapping[Any, Target] = {"sharpe": Target(above=9.0), "max_drawdown": Target(below=0.9)}
    return played(BOOK.model_copy(update={"levels": LEVELS, "targets": aims}))


def test_it_needs_nothing_beside_itself() -> None:
    page = sheet(levelled())
    reader = read(page)
    assert all(link.startswith("#") and link[1:] in reader.ids for link in reader.links)
    for word in ("<script", "url(", "@import", "http:", "https:", "<img", "<link"):
        assert word not in page
    assert len(page.encode()) < 300_000


def test_its_sections_say_what_the_figures_and_tables_say() -> None:
    result = levelled()
    figures, page = metrics(result), text(sheet(result))
    assert f"Sharpe ratio {figures['sharpe']:.2f}" in page
    assert f"Commission −${figures['commission']:,.2f}" in page
    assert f"Slippage and spread −${figures['slippage']:,.2f}" in page
    assert f"NAV at the end ${figures['final_nav']:,.2f}" in page
    assert str(figures["config_hash"]) in page
    assert str(figures["panel_hash"]) in page
    for name in (
        "Growth",
        "Drawdowns",
        "Months",
        "Exposure and leverage",
        "Turnover",
        "Contributions",
        "Trades",
    ):
        assert name in read(sheet(result)).words
    rejected = [
        one.rule
        for decided in result.decided
        for one in decided.gated.verdicts(result.desk.symbols)
        if one.action == "reject" and one.rule.startswith("rebalance_threshold")
    ]
    assert re.search(rf"rebalance_threshold [\d,]+ 0 {len(rejected):,} ", page)


def test_a_missed_target_stands_first_and_at_the_top() -> None:
    page = text(sheet(levelled()))
    assert "2 targets: 1 met, 1 missed." in page
    assert page.index("above 9.00 missed") < page.index("below 90.00 % met")


def test_the_worst_session_names_what_lost_and_where_the_book_stood() -> None:
    result = levelled()
    panic = result.market.sessions[330]
    before = next(one for one in result.decided if one.t == 329).state.mark
    after = next(one for one in result.decided if one.t == 330).state.mark
    page = text(sheet(result))
    row = re.split(r" (?=20\d\d-)", page[page.index(f"{panic} −", page.index("The 10 worst sessions")) :])[0]
    assert row.startswith(f"{panic} −{-(float(after.nav / before.nav) - 1):.2%}".replace("%", " %"))
    lost = float(after.nav - before.nav)
    told = re.search(r"time_series_momentum\N{NO-BREAK SPACE}−([\d,]+)", row)
    assert told is not None
    assert float(told[1].replace(",", "")) == pytest.approx(-lost, abs=1.0)
    symbols = [
        float(one.replace(",", "")) for one in re.findall(r"(?:SPY|GLD)\N{NO-BREAK SPACE}−([\d,]+)", row)
    ]
    assert sum(symbols) == pytest.approx(-lost, abs=2.0)


def test_the_same_backtest_gives_the_same_bytes_anywhere() -> None:
    script = (
        "import hashlib\n"
        "from tests.research.tear_sheet.test_tear_sheet import levelled, sheet\n"
        "print(hashlib.sha256(sheet(levelled()).encode()).hexdigest())\n"
    )
    environment = {**os.environ, "TZ": "Asia/Kolkata", "LC_ALL": "de_DE.UTF-8", "PYTHONHASHSEED": "77"}
    environment["PYTHONPATH"] = f"{PROJECT / 'include'}{os.pathsep}{PROJECT}"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.strip() == hashlib.sha256(sheet(levelled()).encode()).hexdigest()


def test_words_of_a_book_are_text_and_no_markup() -> None:
    result = played(BOOK.model_copy(update={"title": "<b>Two</b> & more", "description": "</style><script>"}))
    page = sheet(result, replace(ORIGIN, notes=("<i>note</i>",)))
    assert "<script" not in page
    assert "<i>" not in page
    assert "<b>Two</b> & more" in text(page)


def test_exercises_and_changes_are_told_at_the_top() -> None:
    changed = replace(ORIGIN, changes={"costs.slippage": "0.001"}, exercises=("3 signals were injected",))
    page = text(sheet(played(), changed))
    assert "An exercise and no result of the book: 3 signals were injected." in page
    assert "costs.slippage=0.001" in page
    assert "generated" not in page
    assert "Sample data: these bars are generated" in text(
        sheet(played(), replace(ORIGIN, sources={"sample": 5}))
    )


def test_what_it_cannot_know_is_of_the_book() -> None:
    plain = text(sheet(levelled()))
    assert "the 2 symbols of the book's file" in plain
    assert "a simulated person confirms the way back from a drawdown 5 sessions" in plain
    assert "Queues" not in plain
    assert "Borrowing" not in plain
    other = book(limits=LIMITS, quality={"failed_share": 0.6}, orders={"type": "limit"})
    assert "Queues: a limit order" in text(sheet(played(other, last=date(2019, 3, 29))))
    assert "People:" not in text(sheet(played()))


def test_tries_are_told_where_they_are_counted() -> None:
    page = text(sheet(levelled(), trials=SheetTrials(41, 0.873)))
    assert "Sets evaluated 41" in page
    assert "Deflated Sharpe ratio 87.30 %" in page
    assert "is not counted here" not in page
    assert "is not counted here" in text(sheet(levelled()))


def test_a_book_that_never_traded_has_a_sheet() -> None:
    quiet = book(limits=LIMITS, quality={"failed_share": 0.6}, regime=[{"name": "NONE", "entries": False}])
    result = played(quiet)
    assert not any(one.fills for one in result.decided)
    page = text(sheet(result))
    assert "No trade was closed." in page
    assert "The deepest drawdowns" not in page
    assert "Turnover by month" not in page
    assert "nan" not in page.lower().replace("financing", "")


def test_one_session_has_a_sheet() -> None:
    page = text(sheet(played(last=START)))
    assert "1 session, decided once a session" in page
    assert "nan" not in page.lower().replace("financing", "")


def test_a_benchmark_without_bars_is_a_dash() -> None:
    result = played()
    blind = replace(
        result,
        benchmark=np.full(len(result.decided), np.nan),
        benchmark_returns=np.full(len(result.decided), np.nan),
    )
    page = text(sheet(blind))
    assert re.search(r"Total return [+−][\d.]+ % – ", page)
    assert "nan" not in page.lower().replace("financing", "")


def with_nav(result: Result, change: Mapping[int, str]) -> Result:
    """The result with the NAV of some rows put by hand."""
    decided = list(result.decided)
    for row, nav in change.items():
        one = decided[row]
        mark = replace(one.state.mark, nav=Decimal(nav))
        decided[row] = replace(one, state=replace(one.state, mark=mark))
    return replace(result, decided=tuple(decided))


def test_a_book_that_lost_nearly_all_has_a_sheet() -> None:
    result = played(last=date(2019, 6, 28))
    rows = range(60, len(result.decided))
    page = text(sheet(with_nav(result, dict.fromkeys(rows, "0.01"))))
    assert re.search(r"Largest drawdown 100\.00 %", page)
    assert "not yet" in page


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
@pytest.mark.parametrize("nav", ["0.00", "-12.50"])
def test_a_nav_that_is_no_positive_number_is_refused_in_the_page(nav: str) -> None:
    """The other files of the backtest are written, and no sheet of an earlier one is left beside them."""
    result = played(last=date(2019, 6, 28))
    day = result.decided[-1].state.mark.session
    lost = with_nav(result, {-1: nav})
    page = text(sheet(lost))
    assert f"the NAV of {day} is {nav}" in page
    assert "Verdicts by rule" in page
    assert "Sharpe ratio" not in page
