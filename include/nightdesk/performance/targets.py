"""What a book is aimed at beside what it has reached: each target met, acceptable or missed.

A target is what people expected of a book before it ran. Nothing is tuned to it, and no miss is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nightdesk.core.reporting_terms import Figure, Target

Outcome = Literal["met", "acceptable", "missed", "unknown"]

#: Figures of which less is better. Of the others more is, but for `NEITHER`.
LESS_IS_BETTER = frozenset(
    {"annual_volatility", "max_drawdown", "turnover_monthly", "cost_drag", "var_95", "cvar_95"}
)

#: Figures that can be too small and too large alike.
NEITHER = frozenset({"trades_monthly", "beta"})

#: The worst comes first.
_ORDER: tuple[Outcome, ...] = ("missed", "unknown", "acceptable", "met")


@dataclass(frozen=True, slots=True)
class Aimed:
    """One figure beside its target.

    Attributes
    ----------
    figure : str
        Its name in `metrics.json`.
    value : float
        NaN where it is not defined.
    target : Target
    outcome : str
        "met", "acceptable", "missed", or "unknown" for a figure that is not defined.
    beyond : bool
        Whether a range is met because the figure lies beyond its better end.
    """

    figure: Figure
    value: float
    target: Target
    outcome: Outcome
    beyond: bool = False


def judge_targets(targets: Mapping[Figure, Target], figures: Mapping[str, float]) -> tuple[Aimed, ...]:
    """Judge the figures of a book by its targets.

    A bound is met by what lies truly beyond it, and acceptable from `acceptable` on, that number included. A
    range is met between its ends, both included, and beyond the end that is the better one for the figure;
    it knows nothing in between. Bounds in euros are dollars by the rate that the target states, whatever the
    euro has come to since.

    Parameters
    ----------
    targets : mapping of figure to Target
        The book's.
    figures : mapping of figure to float
        Shares and ratios as in `metrics.json`; NaN where a figure is not defined.

    Returns
    -------
    tuple of Aimed
        One for each target, those that are missed first; else in the order of the book.
    """
    judged = [_judged(name, target, figures[name]) for name, target in targets.items()]
    return tuple(sorted(judged, key=lambda one: _ORDER.index(one.outcome)))


def _judged(figure: Figure, target: Target, value: float) -> Aimed:
    low, high, least = map(target.in_dollars, (target.above, target.below, target.acceptable))
    if math.isnan(value):
        return Aimed(figure, value, target, "unknown")
    if low is not None and high is not None:
        better = value < low if figure in LESS_IS_BETTER else value > high and figure not in NEITHER
        return Aimed(figure, value, target, "met" if better or low <= value <= high else "missed", better)
    reached = (low is None or value > low) and (high is None or value < high)
    enough = least is not None and (value >= least if low is not None else value <= least)
    return Aimed(figure, value, target, "met" if reached else "acceptable" if enough else "missed")
