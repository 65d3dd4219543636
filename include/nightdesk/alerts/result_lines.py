"""A book's results as people read them: its profit by strategy, its benchmark, its targets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from nightdesk.alerts import figures
from nightdesk.core.reporting_terms import IN_DOLLARS, Target
from nightdesk.performance import Aimed, Results

#: Figures that are no share of anything.
_RATIOS = frozenset({"sharpe", "sortino", "calmar", "profit_factor", "beta"})
_COUNTS = frozenset({"trades_monthly"})

NAMES: Mapping[str, str] = {
    "total_return": "Total return",
    "annual_return": "Return a year",
    "excess_annual_return": "Return a year beyond the benchmark",
    "annual_volatility": "Volatility a year",
    "sharpe": "Sharpe ratio",
    "sortino": "Sortino ratio",
    "calmar": "Calmar ratio",
    "max_drawdown": "Largest drawdown",
    "win_rate": "Win rate",
    "profit_factor": "Profit factor",
    "turnover_monthly": "Turnover a month",
    "trades_monthly": "Trades closed a month",
    "cost_drag": "Costs a year",
    "var_95": "Loss of one day at 95 % (VaR)",
    "cvar_95": "Loss of one day beyond it (CVaR)",
    "beta": "Beta",
    "profit_daily": "Profit a session",
}


@dataclass(frozen=True)
class TargetLine:
    """One target in words; `warns` is whether it is missed."""

    figure: str
    name: str
    value: str
    target: str
    outcome: str
    warns: bool


@dataclass(frozen=True)
class ResultsSection:
    """What the page says of all sessions from the book's inception on.

    Attributes
    ----------
    since : date
        The book's inception.
    sessions : int
        Decided since then, that one counted.
    benchmark : str
        Its symbol.
    results : Results
    aimed : tuple of Aimed
        The book's targets, missed ones first.
    """

    since: date
    sessions: int
    benchmark: str
    results: Results
    aimed: tuple[Aimed, ...] = ()

    @property
    def targets(self) -> tuple[TargetLine, ...]:
        """The targets in words."""
        return target_lines(self.aimed)


def target_lines(aimed: Iterable[Aimed]) -> tuple[TargetLine, ...]:
    """Targets in words, in their order."""
    return tuple(
        TargetLine(
            figure=one.figure,
            name=NAMES[one.figure],
            value=reached_words(one.figure, one.value, one.target),
            target=target_words(one.figure, one.target),
            outcome=f"{one.outcome}, beyond the range" if one.beyond else one.outcome,
            warns=one.outcome == "missed",
        )
        for one in aimed
    )


def counted(aimed: Iterable[Aimed]) -> str:
    """How many targets came out which way, such as ``3 missed, 1 acceptable, 5 met``."""
    outcomes = [one.outcome for one in aimed]
    return ", ".join(f"{outcomes.count(one)} {one}" for one in dict.fromkeys(outcomes))


def figure_words(name: str, value: float) -> str:
    """A figure in its own unit."""
    if math.isnan(value):
        return figures.NOTHING
    if name in _COUNTS:
        return figures.number(value, 1)
    if name in IN_DOLLARS:
        return figures.money(value)
    return figures.number(value) if name in _RATIOS else figures.percent(value)


def target_words(name: str, target: Target) -> str:
    """A target in words, such as ``above 10.00 %, acceptable from 7.00 %``.

    Of one in euros the dollars and the rate are said too.
    """
    rate = ""
    if target.eur_rate is not None:
        rate = f" (at {target.eur_rate:g} dollars a euro, of {target.eur_rate_of})"

    def words(bound: float) -> str:
        dollars = figure_words(name, target.in_dollars(bound) or 0.0)
        return dollars if target.eur_rate is None else f"{figures.number(bound)} EUR, {dollars}"

    low, high, least = target.above, target.below, target.acceptable
    if low is not None and high is not None:
        return f"{words(low)} to {words(high)}{rate}"
    bound = f"above {words(low)}" if low is not None else ""
    if high is not None:
        bound = f"below {words(high)}"
    if least is None:
        return f"{bound}{rate}"
    return f"{bound}, acceptable {'from' if low is not None else 'to'} {words(least)}{rate}"


def reached_words(name: str, value: float, target: Target) -> str:
    """What was reached of a target, in euros too where that is in them."""
    words, rate = figure_words(name, value), target.eur_rate
    if rate is None or math.isnan(value):
        return words
    return f"{words} ({figures.number(value / rate)} EUR)"
