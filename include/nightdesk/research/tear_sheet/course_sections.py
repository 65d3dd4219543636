"""Sections of a tear sheet that any course has: growth, drawdowns, rolling figures, months."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from nightdesk.alerts.figures import NOTHING, money, number, percent
from nightdesk.core.panel import Floats
from nightdesk.performance import drawdowns, rolling_sharpe
from nightdesk.research.backtest.metrics import PROFITS
from nightdesk.research.tear_sheet.plots import LINES, PlotBand, PlotLine, plot_lines, whole_number
from nightdesk.research.tear_sheet.sheet_course import SheetCourse
from nightdesk.research.tear_sheet.sheet_figures import drawdown_spells, period_returns, rolling_volatility
from nightdesk.research.tear_sheet.sheet_parts import (
    SheetCell,
    SheetGrid,
    SheetLines,
    SheetSection,
    dollars,
    plain,
    section,
    share,
)

#: Drawdowns that are listed, and symbols from either end of the list.
MOST_SPELLS, MOST_SYMBOLS = 10, 15
#: Sessions behind the rolling figures.
ROLLING = (30, 252)
#: Not those of the locale.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: A month's return from which on its cell has the strongest colour.
STRONGEST = 0.06


def growth_section(course: SheetCourse, benchmark: str) -> SheetSection | None:
    """NAV beside the same capital in the benchmark."""
    lines = (PlotLine("NAV", course.nav, "l0"), PlotLine(benchmark, course.benchmark, "muted"))
    plot = plot_lines("NAV and benchmark", course.sessions, lines, _dollars, logarithmic=True)
    return section(
        "Growth",
        [plot],
        f"Dollars, on a logarithmic scale. {benchmark}: the same capital, dividends reinvested, no costs.",
    )


def drawdown_section(
    course: SheetCourse,
    benchmark: str,
    levels: Sequence[tuple[int, float]] = (),
    since_reset: Floats | None = None,
    level: Floats | None = None,
) -> SheetSection | None:
    """Drawdowns over the sessions, and the deepest of them.

    Parameters
    ----------
    course : SheetCourse
    benchmark : str
    levels : sequence of (int, float)
        The drawdown levels of the book with the drawdowns from which they hold; empty: it has none.
    since_reset, level : ndarray of shape (n_sessions,), optional
        The drawdown that the levels count, and the level after each session.
    """
    ends = [-at for _, at in levels[1:]] + [-1.0]
    bands = [PlotBand(end, -at, f"level {n}") for (n, at), end in zip(levels, ends, strict=False)]
    lines = []
    if since_reset is not None and levels and np.abs(since_reset - drawdowns(course.nav)).max() > 1e-6:
        lines.append(PlotLine("since the peak of the levels was reset", -since_reset, "l2"))
    lines.append(PlotLine("below the highest NAV", -drawdowns(course.nav), "loss"))
    plot = plot_lines("Drawdown", course.sessions, lines, _whole_percent, bands=bands, with_zero=True)
    theirs = [PlotLine(benchmark, -_below(course.benchmark), "muted")]
    name = f"Drawdown of {benchmark}"
    other = plot_lines(name, course.sessions, theirs, _whole_percent, with_zero=True, low=True)
    moves = None
    if level is not None and levels:
        shown = [PlotLine("level", level, "l0")]
        moves = plot_lines(
            "Drawdown level in force", course.sessions, shown, whole_number, with_zero=True, low=True
        )
    hint = "Below the highest NAV until then, which is never reset; the benchmark likewise."
    if levels:
        hint += " The levels count from a peak of their own, which begins anew with each recovery."
    return section("Drawdowns", [plot, moves, other, _spell_grid(course, level)], hint)


def rolling_section(course: SheetCourse) -> SheetSection | None:
    """Sharpe ratio and volatility over the newest sessions."""
    looks = {n: LINES[place] for place, n in enumerate(ROLLING)}
    ratios = [PlotLine(f"{n} sessions", rolling_sharpe(course.nav, n), looks[n]) for n in ROLLING]
    deviations = [PlotLine(f"{n} sessions", rolling_volatility(course.nav, n), looks[n]) for n in ROLLING]
    return section(
        "Rolling figures",
        [
            plot_lines("Sharpe ratio", course.sessions, ratios, _ratio, with_zero=True),
            plot_lines("Volatility a year", course.sessions, deviations, _whole_percent, with_zero=True),
        ],
        "Of the newest 30 and 252 returns. A gap: too few sessions, or no return that differs from another.",
    )


def months_section(course: SheetCourse, benchmark: str) -> SheetSection | None:
    """Return of every month, and of every year beside that of the benchmark."""
    if len(course.sessions) < 2:
        return None
    months = period_returns(course.sessions, course.nav, 7)
    years = period_returns(course.sessions, course.nav, 4)
    others = period_returns(course.sessions, course.benchmark, 4)
    rows = []
    for year, total in years.items():
        of_months = (months.get(f"{year}-{n:02}") for n in range(1, 13))
        cells = (SheetCell("") if one is None else _shaded(one) for one in of_months)
        rows.append((SheetCell(year), *cells, share(total, 1), share(others[year], 1)))
    grid = SheetGrid(
        "Return of each month, per cent",
        ("Year", *MONTHS, "Year %", f"{benchmark} %"),
        tuple(tuple(_bare(cell) for cell in row) for row in rows),
        look="heat",
    )
    return section("Months", [grid], "A first or last period may be a part of one.")


def earnings_section(course: SheetCourse, figures: Mapping[str, Any]) -> SheetSection | None:
    """What each strategy and each symbol has earned."""
    looks = cycle(LINES)
    lines = [PlotLine(name, values, look) for (name, values), look in zip(course.earned.items(), looks)]  # noqa: B905
    plot = plot_lines("Earned by strategy", course.sessions, lines, _dollars, with_zero=True)
    by_strategy = _profit_grid("By strategy, dollars", "Strategy", figures["per_strategy"])
    by_symbol = _profit_grid("By symbol, dollars", "Symbol", figures["per_symbol"])
    left = len(figures["per_symbol"]) - 2 * MOST_SYMBOLS
    note = f"{left:,} symbols between the best and the worst {MOST_SYMBOLS} are left out." if left > 0 else ""
    return section(
        "Contributions",
        [plot, by_strategy, by_symbol, SheetLines((note,)) if note else None],
        "Realised against the average cost, what open positions are worth above it, dividends and funding, "
        "less "
        "commission and fees for borrowed units. What no strategy moved (interest on cash, fees) is not in "
        "it.",
    )


def _dollars(value: float) -> str:
    return money(value).removesuffix(".00") if abs(value) < 10.0 else money(value).partition(".")[0]


def _ratio(value: float) -> str:
    return number(value, 0 if value.is_integer() else 1)


def _whole_percent(value: float) -> str:
    return percent(value, places=0 if round(value * 100, 6).is_integer() else 1)


def _below(values: Floats) -> Floats:
    """Drawdowns of a benchmark: NaN before its first bar."""
    out: Floats = np.full(len(values), np.nan)
    known = np.isfinite(values)
    out[known] = drawdowns(values[known])
    return out


def _spell_grid(course: SheetCourse, level: Floats | None) -> SheetGrid | None:
    """The deepest drawdowns, from the peak to the way back."""
    spells, days = drawdown_spells(course.nav)[:MOST_SPELLS], course.sessions
    if not spells:
        return None
    rows = []
    for one in spells:
        last = len(days) - 1 if one.recovered is None else one.recovered
        back = "not yet" if one.recovered is None else str(days[one.recovered])
        cells = [f"{days[one.peak]}", percent(one.depth), f"{days[one.trough]}", back]
        cells += [f"{one.trough - one.peak:,}", f"{last - one.peak:,}"]
        if level is not None:
            cells.append(number(float(level[one.peak + 1 : last + 1].max()), 0))
        rows.append(plain(cells))
    heads = ("Peak", "Depth", "Lowest", "Recovered", "Sessions down", "Sessions in all")
    return SheetGrid(
        "The deepest drawdowns",
        (*heads, "Deepest level") if level is not None else heads,
        tuple(rows),
        words=frozenset({0, 2, 3}),
    )


def _shaded(value: float) -> SheetCell:
    """A month's return in the colour of its size: five steps to `STRONGEST`."""
    step = min(5, 1 + int(abs(value) / STRONGEST * 5)) if round(value, 4) else 0
    return SheetCell(
        percent(value, signed=True, places=1), f"{'gain' if value > 0 else 'loss'}-{step}" if step else ""
    )


def _bare(cell: SheetCell) -> SheetCell:
    """Without the sign of per cent, for which a table of many has no room."""
    return SheetCell(cell.text.removesuffix(" %"), cell.tone)


def _profit_grid(caption: str, head: str, groups: Mapping[str, Mapping[str, float]]) -> SheetGrid | None:
    """Where the profit of each group came from, the best first."""
    ranked = sorted(groups.items(), key=lambda item: (-item[1]["profit"], item[0]))
    if not ranked:
        return None
    shown = ranked if len(ranked) <= 2 * MOST_SYMBOLS else ranked[:MOST_SYMBOLS] + ranked[-MOST_SYMBOLS:]
    most = max(abs(one["profit"]) for _, one in ranked) or 1.0
    rows = tuple(
        (SheetCell(name), *_amounts(one), SheetCell("", bar=one["profit"] / most)) for name, one in shown
    )
    sums = {key: sum(one[key] for _, one in ranked) for key in PROFITS}
    return SheetGrid(
        caption,
        (head, *(key.capitalize() for key in PROFITS), "Share of the largest"),
        rows,
        foot=(SheetCell("All"), *_amounts(sums), SheetCell("")),
    )


def _amounts(one: Mapping[str, float]) -> tuple[SheetCell, ...]:
    """Amounts in the order of `PROFITS`; what was paid is written as it is."""
    written = {key: dollars(one[key]) if one[key] else SheetCell(NOTHING) for key in PROFITS}
    paid = {key: SheetCell(money(one[key])) for key in ("commission", "borrow") if one[key]}
    return tuple((written | paid).values())
