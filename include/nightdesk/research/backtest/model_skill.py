"""The skill of the models of a backtest: what was foretold in its decided sessions, and what became of it."""

from __future__ import annotations

from dataclasses import asdict

from nightdesk.research.backtest.run import Result
from nightdesk.strategies import LearningStrategy, SignalAction, View
from nightdesk.strategies.skill import Skill, skill


def model_skill(result: Result) -> dict[str, Skill]:
    """Skill of each strategy that learns, over the decided sessions, by name.

    What is injected is no prediction; a model without coefficients foretells nothing.
    """
    view = decided_view(result)
    out = {}
    for name, strategy in result.desk.strategies.items():
        if isinstance(strategy, LearningStrategy):
            called = strategy.signals(view).action == SignalAction.ENTER
            outcome = view.factors[strategy.outcome]
            out[name] = skill(strategy.rising(view), outcome, called, strategy.horizon)
    return out


def model_figures(result: Result) -> dict[str, dict[str, float]]:
    """The same as plain numbers, for `metrics.json`; empty where nothing learns."""
    return {name: asdict(one) for name, one in model_skill(result).items()}


def decided_view(result: Result) -> View:
    """What strategies saw in the decided sessions, with the models that were live."""
    return result.view.rows(result.decided[0].t, result.decided[-1].t + 1)
