"""The outcome of a stress test as evidence keeps it."""

from __future__ import annotations

from typing import Any

from nightdesk.research.stress.comparison_of_levels import Stress
from nightdesk.research.stress.scenarios import SCENARIOS, SHOCKS


def stress_figures(found: Stress) -> dict[str, Any]:
    """Numbers and words by name: of the scenarios that count together, and of the shocks beside them.

    `passed` is whether every scenario that counts was run and passed, and all of them together.
    """
    run = {one.scenario.name for one in found.runs}
    failed = sorted({one.scenario.name for one in found.runs if not one.passed})
    counting, beside = ({one.name for one in some} for some in (SCENARIOS, SHOCKS))
    together = found.overall is not None and found.overall.passed
    return {
        "passed": together and counting <= run and not counting & set(failed),
        "shocks_passed": beside <= run and not beside & set(failed),
        "sources": list(found.sources),
        "failed": failed,
        "skipped": dict(found.skipped),
        "worst_drawdown": None if found.overall is None else found.overall.worst,
        "average_drawdown": None if found.overall is None else found.overall.average,
        "drawdowns": {
            f"{one.scenario.name} {'with' if one.levels else 'without'} levels": one.max_drawdown
            for one in found.runs
        },
    }
