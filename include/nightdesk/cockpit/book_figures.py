"""A book in figures and pictures: its value beside its benchmark, its drawdown between its levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from nightdesk.alerts.margin_use import MarginUse
from nightdesk.cockpit.charts import ChartBand, LineChart, Series
from nightdesk.risk.moves import in_short
from nightdesk.store.cockpit_book_rows import BookPoint, book_history
from nightdesk.store.risk_report_rows import read_risk_report
from nightdesk.store.risk_state_rows import read_risk_state

if TYPE_CHECKING:
    from nightdesk.cockpit.known_book import KnownBook, NamedDecision
    from nightdesk.core.drawdown_levels import Levels
    from nightdesk.risk import Distance, RiskState
    from nightdesk.store.db import Connection


@dataclass(frozen=True)
class BookFigures:
    """The key figures of a book after its newest closed session.

    Attributes
    ----------
    nav, cash : Decimal
        Dollars.
    profit : Decimal or None
        Since the session before, dollars; None in the first one. `day_return` is its share of that NAV.
    since : date
        The book's inception; `since_return` is what it has made since, share.
    benchmark : str
        Symbol; empty where no report was made. `benchmark_return` since inception, NaN where not known.
    drawdown : float
        Below the highest NAV ever, share; `level_drawdown` below the peak of the levels, None without levels.
    level : int or None
        The drawdown level, and in `level_words` what that means; None for a book without levels.
    gross, net : float
        Exposure, shares of NAV.
    margin : MarginUse or None
        None of a cash account.
    heat : Distance or None
        What is in positions beside what the regime allows; None where no rule says.
    var, var_dollars : float
        Loss of one session at 95 %, from past returns: share of NAV, and dollars; NaN where not known.
    """

    nav: Decimal
    cash: Decimal
    profit: Decimal | None
    day_return: float | None
    since: date
    since_return: float
    benchmark: str
    benchmark_return: float
    drawdown: float
    level_drawdown: float | None
    level: int | None
    level_words: str
    gross: float
    net: float
    margin: MarginUse | None
    heat: Distance | None
    var: float
    var_dollars: float


def book_figures(
    conn: Connection, known: KnownBook, decision: NamedDecision, points: Sequence[BookPoint]
) -> BookFigures | None:
    """The key figures of a closed decision; None where it has no mark.

    `points` are the history that ends with it.
    """
    if not points or known.record is None:
        return None
    now = points[-1]
    before = points[-2] if len(points) > 1 else next(iter(book_history(conn, known.name, 2, now.as_of)), None)
    before = None if before is None or before.session >= now.session else before
    report = read_risk_report(conn, known.name, decision.as_of)
    state = read_risk_state(conn, known.name, decision.as_of)
    leveled = known.book is not None and known.book.levels is not None and state is not None
    var = math.nan if report is None else report.tail.historical.var
    return BookFigures(
        nav=now.nav,
        cash=now.cash,
        profit=None if before is None else now.nav - before.nav,
        day_return=None if before is None or not before.nav else float(now.nav / before.nav - 1),
        since=known.record.inception,
        since_return=float(now.nav / known.record.initial_capital - 1),
        benchmark=now.benchmark or "",
        benchmark_return=math.nan if now.benchmark_return is None else now.benchmark_return,
        drawdown=now.drawdown,
        level_drawdown=now.level_drawdown if leveled else None,
        level=now.level if leveled else None,
        level_words=_level_words(state) if leveled and state is not None else "",
        gross=now.gross,
        net=now.net,
        margin=None if known.book is None else MarginUse.of(known.book.margin, now.nav, now.gross, now.net),
        heat=None
        if report is None
        else next((one for one in report.distances if one.rule in ("heat", "stop_heat")), None),
        var=var,
        var_dollars=math.nan if report is None else var * report.nav,
    )


def _level_words(state: RiskState) -> str:
    return in_short(state) if state.level or state.recovery is not None else "no level limits the book"


def book_charts(known: KnownBook, points: Sequence[BookPoint], links: str) -> tuple[LineChart, ...]:
    """The pictures of a book's history; none before its first closed session.

    Parameters
    ----------
    known : KnownBook
    points : sequence of BookPoint
        Ascending.
    links : str
        Where a point leads, with ``{session}`` in it.
    """
    if not points:
        return ()
    sessions = [one.session for one in points]
    lines = [Series("NAV", [one.nav for one in points])]
    beside = benchmark_line(points)
    if any(math.isfinite(value) for value in beside):
        symbol = next(one.benchmark for one in reversed(points) if one.benchmark)
        lines.append(Series(f"{symbol} with dividends", beside, tone="muted"))
    value = LineChart(
        "nav", "Value of the book (NAV), dollars", sessions, tuple(lines), unit="money", links=links
    )
    levels = None if known.book is None else known.book.levels
    return value, drawdown_chart(points, levels, links)


def benchmark_line(points: Sequence[BookPoint]) -> list[float]:
    """The benchmark as dollars that begin with the NAV of its first known point; NaN where it has none."""
    first = next((one for one in points if _known(one.benchmark_return)), None)
    if first is None or first.benchmark_return is None:
        return [math.nan] * len(points)
    unit = float(first.nav) / (1.0 + first.benchmark_return)
    return [
        unit * (1.0 + one.benchmark_return)
        if one.benchmark_return is not None and _known(one.benchmark_return)
        else math.nan
        for one in points
    ]


def drawdown_chart(
    points: Sequence[BookPoint], levels: Levels | None, links: str, name: str = "drawdown"
) -> LineChart:
    """The drawdown of every session as a share below zero, with a band for each level of the book.

    Where the levels count from another peak than the highest NAV ever, since a recovery has reset it, their
    drawdown is a line of its own.
    """
    lines = [
        Series("below the highest NAV ever", [0.0 - one.drawdown for one in points], tone="loss", area=True)
    ]
    counted = [None if one.level_drawdown is None else 0.0 - one.level_drawdown for one in points]
    differs = any(
        value is not None and abs(value + one.drawdown) > 1e-9
        for value, one in zip(counted, points, strict=True)
    )
    if levels is not None and differs:
        lines.append(Series("below the peak of the levels", counted, tone="second"))
    return LineChart(
        name,
        "Drawdown, shares of the peak" + (", with the levels of the book" if levels is not None else ""),
        [one.session for one in points],
        tuple(lines),
        unit="percent",
        bands=() if levels is None else level_bands(levels),
        links=links,
    )


def level_bands(levels: Levels) -> tuple[ChartBand, ...]:
    """Where each drawdown level holds, as ranges below zero; the deepest one reaches to a loss of all."""
    known = levels.beyond(0)
    ends = [at for _, at in known[1:]] + [1.0]
    return tuple(
        ChartBand(-end, -at, f"level {number} from {at:.0%}", "loss" if number == known[-1][0] else "warn")
        for (number, at), end in zip(known, ends, strict=True)
    )


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
