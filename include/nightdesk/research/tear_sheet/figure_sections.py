"""Sections of a tear sheet on its figures: the book beside its benchmark, its targets, models, trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nightdesk.alerts.figures import NOTHING, money, number, percent, tone
from nightdesk.alerts.page_templates import counted, headed
from nightdesk.alerts.result_lines import NAMES, reached_words, target_words
from nightdesk.core.panel import Floats
from nightdesk.core.reporting_terms import Target
from nightdesk.performance import simple_returns
from nightdesk.research.backtest.calendar_share import mostly_calendar
from nightdesk.research.tear_sheet.sheet_course import SheetCourse
from nightdesk.research.tear_sheet.sheet_figures import excess_kurtosis, period_returns, skewness
from nightdesk.research.tear_sheet.sheet_parts import (
    SheetCell,
    SheetFact,
    SheetFacts,
    SheetGrid,
    SheetLines,
    SheetSection,
    plain,
    section,
)

TONES = {"met": "gain", "acceptable": "warn", "missed": "loss", "unknown": "soft"}

#: Figures of the book that stand first, each with what it is in.
HEADLINE = {
    "annual_return": "share", "annual_volatility": "share", "sharpe": "ratio", "max_drawdown": "share",
    "calmar": "ratio", "win_rate": "share", "profit_factor": "ratio", "cost_drag": "share",
}  # fmt: skip

#: Figures of a NAV that the benchmark has too.
COMPARED = {
    "total_return": ("Total return", "return"),
    "annual_return": ("Return a year", "return"),
    "annual_volatility": ("Volatility a year", "share"),
    "sharpe": ("Sharpe ratio", "ratio"),
    "sortino": ("Sortino ratio", "ratio"),
    "calmar": ("Calmar ratio", "ratio"),
    "max_drawdown": ("Largest drawdown", "share"),
    "max_drawdown_sessions": ("Most sessions below a peak", "count"),
    "var_95": ("Loss of one session at 95 % (VaR)", "share"),
    "cvar_95": ("Mean loss beyond it (CVaR)", "share"),
}

#: Figures of the book alone.
OWN = {
    "beta": ("Beta", "ratio"),
    "excess_annual_return": ("Return a year beyond the benchmark", "return"),
    "closed": ("Closed trades", "count"),
    "trades_monthly": ("Trades closed a month", "ratio"),
    "average_win": ("Average win", "dollars"),
    "average_loss": ("Average loss", "dollars"),
    "turnover_monthly": ("Turnover a month, both sides", "share"),
    "exposure": ("Mean gross exposure", "share"),
    "profit_daily": ("Profit a session", "dollars"),
    "final_nav": ("NAV at the end", "dollars"),
}


@dataclass(frozen=True)
class SheetTrials:
    """How often a book was tried, where that is counted.

    Attributes
    ----------
    count : int
        Sets that were evaluated, this one included.
    deflated_sharpe : float
        Probability that the true Sharpe ratio is above what the best of so many tries would show by chance;
        NaN where it is not known.
    """

    count: int
    deflated_sharpe: float = math.nan


def key_figures(course: SheetCourse, figures: Mapping[str, Any]) -> SheetSection | None:
    """The figures that stand first, then all of them beside those of the benchmark."""
    first = (SheetFact(NAMES[name], _written(figures.get(name), unit)) for name, unit in HEADLINE.items())
    rest = (SheetFact(words, _written(figures.get(name), unit)) for name, (words, unit) in OWN.items())
    benchmark = str(figures["benchmark"])
    heads = ("Figure", "Book", benchmark)
    return section(
        "Figures",
        [
            SheetFacts(tuple(first)),
            SheetGrid("The book beside its benchmark", heads, tuple(_compared(course, figures))),
            SheetFacts(tuple(rest)),
        ],
        "A year has 252 sessions; returns are simple, from session to session, and the risk-free rate is 0. "
        f"Costs are in the book's figures; {benchmark} has none, and its dividends reinvested.",
    )


def targets_section(figures: Mapping[str, Any]) -> SheetSection | None:
    """Every target of the book with what came of it, the missed ones first."""
    told = figures["targets"]
    if not told:
        return section("Targets", [SheetLines(("The book has no targets.",))])
    rows = []
    for name, one in told.items():
        target = Target.model_validate({key: one[key] for key in Target.model_fields if key in one})
        value = math.nan if one["value"] is None else one["value"]
        outcome = f"{one['outcome']}, beyond the range" if one["beyond_the_range"] else one["outcome"]
        texts = (NAMES[name], reached_words(name, value, target), target_words(name, target))
        rows.append((*plain(texts), SheetCell(outcome, TONES[one["outcome"]])))
    grid = SheetGrid(
        "Targets of the book, missed ones first",
        ("Target", "Reached", "Aimed at", "Outcome"),
        tuple(rows),
        words=frozenset({0, 2, 3}),
    )
    return section("Targets", [grid], "Set before the book ran; nothing is tuned to them.")


def target_words_of(figures: Mapping[str, Any]) -> str:
    """How many targets were missed, in a sentence; empty where the book has none."""
    outcomes = [one["outcome"] for one in figures["targets"].values()]
    told = ", ".join(f"{outcomes.count(one)} {one}" for one in TONES if one in outcomes)
    return f"{counted(len(outcomes), 'target')}: {told}." if told else ""


def learning_section(figures: Mapping[str, Any]) -> SheetSection | None:
    """Skill of models out of sample, and what of the shown figures is the calendar."""
    models = [
        plain((name, *(_skill(one.get(key)) for key in ("rank_ic", "hit_rate", "base_rate")), _count(one)))
        for name, one in figures["models"].items()
    ]
    waves = [
        plain((name, figure.replace("_", " "), number(share)))
        for name, shown in figures["calendar"].items()
        for figure, share in shown.items()
    ]
    return section(
        "Models and scores",
        [
            SheetGrid(
                "Skill of models, out of sample",
                ("Strategy", "Rank IC", "Hit rate", "Share that rose", "Predictions"),
                tuple(models),
            )
            if models
            else None,
            SheetGrid(
                "Correlation of what strategies show with the best wave of one year",
                ("Strategy", "Figure", "Correlation"),
                tuple(waves),
                words=frozenset({0, 1}),
            )
            if waves
            else None,
            SheetLines(tuple(headed(one) + "." for one in mostly_calendar(figures["calendar"])))
            if waves
            else None,
        ],
        "A rank IC of 0 is no skill. A correlation of 1 with the wave is a figure that the date alone makes.",
    )


def trials_section(trials: SheetTrials | None) -> SheetSection | None:
    """How often the book was tried, and what that leaves of its Sharpe ratio; None where nobody counts."""
    if trials is None:
        return None
    facts = [SheetFact("Sets evaluated", f"{trials.count:,}", "of this book, this one included")]
    facts.append(
        SheetFact("Deflated Sharpe ratio", percent(trials.deflated_sharpe), "probability that there is skill")
    )
    return section(
        "Trials",
        [SheetFacts(tuple(facts))],
        "The best of many tries is too good to be expected; the deflated Sharpe ratio takes their number off "
        "(Bailey and López de Prado 2014).",
    )


def _compared(course: SheetCourse, figures: Mapping[str, Any]) -> Iterator[tuple[SheetCell, ...]]:
    other = course.benchmark_figures
    for name, (words, unit) in COMPARED.items():
        theirs = None if other is None else getattr(other, name)
        yield _row(words, figures.get(name), theirs, unit)
    own = simple_returns(course.nav)
    theirs_too = None if other is None else simple_returns(course.benchmark)
    if len(own):
        for words, measure, unit in _MORE:
            yield _row(words, measure(own), None if theirs_too is None else measure(theirs_too), unit)
        months = [
            _gaining(tuple(period_returns(course.sessions, values, 7).values()))
            for values in (course.nav, course.benchmark)
        ]
        yield _row("Months with a gain", months[0], None if other is None else months[1], "share")


def _row(words: str, mine: float | None, theirs: float | None, unit: str) -> tuple[SheetCell, ...]:
    look = tone(mine) if unit == "return" else ""
    return SheetCell(words), SheetCell(_written(mine, unit), look), SheetCell(_written(theirs, unit), "soft")


def _gaining(values: tuple[float, ...]) -> float:
    return sum(one > 0.0 for one in values) / len(values)


_MORE: tuple[tuple[str, Callable[[Floats], float], str], ...] = (
    ("Best session", lambda returns: float(returns.max()), "return"),
    ("Worst session", lambda returns: float(returns.min()), "return"),
    ("Sessions with a gain", lambda returns: float((returns > 0.0).mean()), "share"),
    ("Skewness of sessions", skewness, "ratio"),
    ("Excess kurtosis of sessions", excess_kurtosis, "ratio"),
)


def _written(value: float | None, unit: str) -> str:
    """A figure in its unit; a dash where it is not defined."""
    if value is None or math.isnan(value):
        return NOTHING
    match unit:
        case "return":
            return percent(value, signed=True)
        case "share":
            return percent(value)
        case "dollars":
            return money(value)
        case "count":
            return f"{value:,.0f}"
        case _:
            return number(value)


def _skill(value: float | None) -> str:
    return NOTHING if value is None else number(value, 3)


def _count(one: Mapping[str, Any]) -> str:
    return f"{one['predictions']:,}"
