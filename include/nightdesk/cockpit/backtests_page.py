"""Kept backtests: the list, one of them, and some side by side with their curves laid over each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, get_args

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import HTMLResponse

from nightdesk.alerts import figures
from nightdesk.cockpit.charts import LineChart, Series, Tone
from nightdesk.cockpit.screen import ROWS_A_PAGE, AScreen, Screen
from nightdesk.cockpit.session_view_page import STORED_PAGE_POLICY
from nightdesk.core.errors import Refused
from nightdesk.operations.compare_backtests import MOST, BacktestDifference, compare_backtests
from nightdesk.operations.kept_sheet import kept_sheet, tries_of
from nightdesk.research.tear_sheet.figure_sections import SheetTrials
from nightdesk.session.book_dags import dag_id_of
from nightdesk.store.backtest_rows import (
    BacktestSeries,
    KeptBacktest,
    backtest_series,
    backtests_by_number,
    kept_backtests,
)

router = APIRouter()

TONES = {"done": "gain", "running": "soft", "failed": "loss"}
#: Figures that are shown, by how each is written: returns with their sign.
RETURNS = ("total_return", "benchmark_total_return", "annual_return", "benchmark_annual_return")
SHARES = (
    "annual_volatility", "max_drawdown", "win_rate", "exposure", "turnover_monthly", "cost_drag",
)  # fmt: skip
RATIOS = ("sharpe", "sortino", "calmar", "profit_factor", "beta")
DOLLARS = ("final_nav", "commission", "slippage", "dividends", "interest", "borrow")
COUNTS = ("sessions", "orders", "fills", "max_drawdown_sessions")
FIGURES = ("final_nav", *RETURNS, *RATIOS, *SHARES, *DOLLARS[1:], *COUNTS)
#: Those of the list.
LISTED = ("total_return", "annual_return", "sharpe", "max_drawdown")


@dataclass(frozen=True)
class BacktestLine:
    """A kept backtest in the list, its figures as text in the order of `LISTED`."""

    kept: KeptBacktest
    tone: str
    figures: tuple[str, ...]


@dataclass(frozen=True)
class FigureRow:
    """A figure of several backtests: its name, and as text what each came to."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class ComparedView:
    """Backtests side by side.

    Attributes
    ----------
    kept : tuple of KeptBacktest
        In the order in which they were asked for.
    figures : tuple of FigureRow
    differences : tuple of BacktestDifference
        In what they were made differently; empty where in nothing.
    chart : LineChart
        NAV of each against its first session, in per cent.
    """

    kept: tuple[KeptBacktest, ...]
    figures: tuple[FigureRow, ...]
    differences: tuple[BacktestDifference, ...]
    chart: LineChart


@dataclass(frozen=True)
class BacktestsView:
    """A page of the list, and the comparison where one is asked for.

    `start` is the address of the DAG with the form; `most` says how many can be compared.
    """

    lines: tuple[BacktestLine, ...]
    compared: ComparedView | None
    book: str
    before: str
    older: str
    newest: str
    start: str
    most: int = MOST


@dataclass(frozen=True)
class OneBacktestView:
    """One kept backtest: its figures, its course, the profits of its strategies, and its targets.

    `run` is the address of the run of Airflow that made it; empty of one that a command made. `tries` is how
    often its book was tried up to now; None where nobody knows.
    """

    kept: KeptBacktest
    tone: str
    figures: tuple[FigureRow, ...]
    nav: LineChart
    strategies: LineChart
    targets: Mapping[str, Mapping[str, Any]]
    run: str
    tries: SheetTrials | None


def backtests_view(
    screen: Screen, *, book: str = "", before: str = "", compare: Sequence[str] = ()
) -> BacktestsView:
    """The kept backtests of books that the visitor may see, the newest first.

    Raises
    ------
    Refused
        When `before` or a number of `compare` is none, or there are too few or too many to compare.
    HTTPException
        404 where one of them is of a book that the visitor may not see.
    """
    until = _number("before", before) if before else None
    raw = kept_backtests(screen.conn, book or None, newest=ROWS_A_PAGE + 1, before=until)
    shown = raw[:ROWS_A_PAGE]
    older = screen.address("backtests", book=book, before=shown[-1].number) if len(raw) > len(shown) else ""
    return BacktestsView(
        lines=tuple(_line(one) for one in shown if screen.visitor.may_see(one.book)),
        compared=_compared(screen, [_number("compare", one) for one in compare]) if compare else None,
        book=book,
        before=before,
        older=older,
        newest=screen.address("backtests", book=book),
        start=screen.leave(dag_id_of("research", "backtest"), ""),
    )


def one_backtest_view(screen: Screen, number: int) -> OneBacktestView:
    """One kept backtest; ``HTTPException`` 404 where there is none that the visitor may see."""
    kept = _visible(screen, [number])[0]
    series = backtest_series(screen.conn, number)
    dag, _, run = kept.run.partition("/")
    return OneBacktestView(
        kept=kept,
        tone=TONES[kept.state],
        figures=_figure_rows((kept,)),
        nav=_dollars("nav", "Value, and the same capital in the benchmark", series, ("nav", "benchmark")),
        strategies=_dollars("strategies", "What each strategy has earned", series, ("strategy",)),
        targets=kept.figures.get("targets") or {},
        run=screen.leave(dag, run) if run else "",
        tries=tries_of(screen.conn, kept.book, series),
    )


@router.get("/backtests")
def backtests(
    screen: AScreen, book: str = "", before: str = "", compare: Annotated[list[str] | None, Query()] = None
) -> HTMLResponse:
    """The list, with some of them side by side where they are named."""
    view = backtests_view(screen, book=book, before=before, compare=compare or ())
    return screen.render("backtests.html.j2", view, title="Backtests", book=book, tab="backtests")


@router.get("/backtests/{number}")
def one_backtest(screen: AScreen, number: str) -> HTMLResponse:
    """One of them."""
    view = one_backtest_view(screen, _number("backtest", number))
    title = f"Backtest {view.kept.number} of {view.kept.book}"
    return screen.render("one_backtest.html.j2", view, title=title, tab="backtests")


@router.get("/backtests/{number}/sheet")
def backtest_sheet(screen: AScreen, number: str) -> HTMLResponse:
    """Its tear sheet, a page of its own with a policy of its own."""
    kept = _visible(screen, [_number("backtest", number)])[0]
    return HTMLResponse(
        kept_sheet(screen.conn, kept.number), headers={"Content-Security-Policy": STORED_PAGE_POLICY}
    )


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refused(f"{name}: found {text[:40]!r}; expected the number of a kept backtest")
    return int(text)


def _visible(screen: Screen, numbers: Sequence[int]) -> tuple[KeptBacktest, ...]:
    """Kept backtests by number; ``HTTPException`` 404 where one is not there for the visitor."""
    found = backtests_by_number(screen.conn, numbers)
    for number in numbers:
        if number not in found or not screen.visitor.may_see(found[number].book):
            raise HTTPException(404, f"There is no kept backtest {number}.")
    return tuple(found[number] for number in dict.fromkeys(numbers))


def _line(kept: KeptBacktest) -> BacktestLine:
    return BacktestLine(kept, TONES[kept.state], tuple(_written(name, kept.figures) for name in LISTED))


def _compared(screen: Screen, numbers: Sequence[int]) -> ComparedView:
    _visible(screen, numbers)
    found = compare_backtests(screen.conn, numbers)
    return ComparedView(
        kept=found.kept,
        figures=_figure_rows(found.kept),
        differences=found.differences,
        chart=_overlaid({one.number: backtest_series(screen.conn, one.number) for one in found.kept}),
    )


def _figure_rows(kept: Sequence[KeptBacktest]) -> tuple[FigureRow, ...]:
    rows = (FigureRow(name, tuple(_written(name, one.figures) for one in kept)) for name in FIGURES)
    return tuple(row for row in rows if any(row.values))


def _written(name: str, found: Mapping[str, Any]) -> str:
    """A figure as people read it; empty where it is not known."""
    value = found.get(name)
    if value is None:
        return ""
    if name in DOLLARS:
        return figures.money(value)
    if name in COUNTS:
        return f"{value:,}"
    if name in RATIOS:
        return figures.number(value)
    return figures.percent(value, signed=name in RETURNS)


def _overlaid(courses: Mapping[int, Sequence[BacktestSeries]]) -> LineChart:
    """The NAV of each against its first, over all of their sessions."""
    navs = {number: one for number, series in courses.items() for one in series if one.kind == "nav"}
    sessions = sorted({day for one in navs.values() for day in one.sessions})
    lines = []
    for place, (number, one) in enumerate(navs.items()):
        grown = {
            day: value / one.dollars[0] - 1 for day, value in zip(one.sessions, one.dollars, strict=True)
        }
        lines.append(Series(f"backtest {number}", [grown.get(day) for day in sessions], tone=_tone(place)))
    title = "NAV of each since its first session"
    return LineChart("compared", title, sessions, tuple(lines), unit="percent", height=320)


def _dollars(name: str, title: str, series: Sequence[BacktestSeries], kinds: tuple[str, ...]) -> LineChart:
    chosen = [one for one in series if one.kind in kinds]
    sessions: Sequence[date] = chosen[0].sessions if chosen else ()
    lines = tuple(
        Series(
            one.strategy or {"nav": "NAV"}.get(one.kind, one.kind),
            [None if math.isnan(value) else value for value in one.dollars],
            tone="muted" if one.kind == "benchmark" else _tone(place),
        )
        for place, one in enumerate(sorted(chosen, key=lambda one: kinds.index(one.kind)))
    )
    return LineChart(name, title, sessions, lines, unit="money")


def _tone(place: int) -> Tone:
    tones: tuple[Tone, ...] = get_args(Tone)
    return tones[place % len(tones)]
