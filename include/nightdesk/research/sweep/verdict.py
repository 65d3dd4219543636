"""What a sweep says, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nightdesk.research.sweep.heat_map import written
from nightdesk.research.sweep.sensitivity import FallingAway


def verdict(metric: str, around: FallingAway | None) -> Iterator[str]:
    """Which point is the best by a metric, and how its neighbours are; `around` None: no point has it."""
    if around is None:
        yield f"No point has a {metric}."
        return
    at = ", ".join(f"{key}={value}" for key, value in around.best.settings.items())
    yield f"The best {metric} is {written(metric, around.value)}, at {at}."
    if not around.neighbours:
        yield "No point one step away has a result, so nothing is known of how fast it falls away."
        return
    told = f"Its {around.neighbours} neighbours have {written(metric, around.mean)} on average"
    if not math.isnan(around.share):
        told += f", {around.share:.0%} of the best"
    yield f"{told}; the worst of them has {written(metric, around.worst)}."
