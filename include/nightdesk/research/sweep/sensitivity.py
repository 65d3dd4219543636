"""How fast a sweep's result falls away from its best point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nightdesk.research.sweep.grid import Axis, neighbours
from nightdesk.research.sweep.trials import METRICS, Trial


@dataclass(frozen=True)
class FallingAway:
    """The best point of a sweep and what lies around it.

    Attributes
    ----------
    best : Trial
        The first in the grid's order where several are as good.
    value : float
        Its metric.
    neighbours : int
        Points one step away that have the metric.
    missing : int
        Points one step away that were refused or have no such figure.
    mean, worst : float
        The metric over those neighbours; NaN without any.
    share : float
        `mean` over `value`: near 1 on a plateau. NaN where the best is not above 0, or has no neighbours.
    """

    best: Trial
    value: float
    neighbours: int
    missing: int
    mean: float
    worst: float
    share: float


def falling_away(axes: Sequence[Axis], trials: Sequence[Trial], metric: str) -> FallingAway | None:
    """The best point by a metric of `METRICS` and its neighbours; None where no point has the metric."""
    sign = 1.0 if METRICS[metric] else -1.0
    known = {
        tuple(trial.settings.items()): value
        for trial in trials
        if (value := trial.figures.get(metric)) is not None
    }
    if not known:
        return None
    best = max(
        (trial for trial in trials if tuple(trial.settings.items()) in known),
        key=lambda trial: sign * known[tuple(trial.settings.items())],
    )
    value = known[tuple(best.settings.items())]
    near = [tuple(one.items()) for one in neighbours(axes, best.settings)]
    values = [known[one] for one in near if one in known]
    mean = sum(values) / len(values) if values else math.nan
    return FallingAway(
        best=best,
        value=value,
        neighbours=len(values),
        missing=len(near) - len(values),
        mean=mean,
        worst=min(values, key=lambda one: sign * one) if values else math.nan,
        share=mean / value if value > 0 else math.nan,
    )
