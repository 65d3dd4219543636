"""Every test of a set of parameters against luck, each with its limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.performance import NavFigures, nav_figures
from nightdesk.performance.return_moments import return_moments
from nightdesk.research.validation.candidate_sets import CandidateSets
from nightdesk.research.validation.deflated import DeflatedSharpe, deflated_sharpe
from nightdesk.research.validation.monte_carlo import DrawnBands, return_bands, trade_bands
from nightdesk.research.validation.overfitting import Overfitting, probability_of_overfitting
from nightdesk.research.validation.purged_folds import PurgedFolds, check_folds, purged_folds
from nightdesk.research.validation.scores import SCORES
from nightdesk.research.validation.superior_ability import SuperiorAbility, superior_ability
from nightdesk.research.validation.walk_forward import Walk, WalkForward, check_windows, walk_forward

#: Confidence that a Sharpe ratio is above 0 (Bailey and López de Prado 2014), and levels of tests.
CONFIDENCE, SIGNIFICANCE = 0.95, 0.05
#: Highest probability of overfitting (Bailey, Borwein, López de Prado and Zhu 2017).
MOST_OVERFITTING = 0.05
#: Least growth out of sample over that in sample (Pardo 2008).
LEAST_EFFICIENCY = 0.5


@dataclass(frozen=True)
class ValidationPlan:
    """How sets are judged.

    Attributes
    ----------
    metric : str
        A name of `SCORES`, by which sets are chosen.
    folds : int
        Of the purged cross-validation.
    walk : str
    train, test : int
        Sessions of a train and of a test window of the walk.
    seed : int
        Of every bootstrap.
    """

    metric: str = "sharpe"
    folds: int = 10
    walk: Walk = "rolling"
    train: int = 504
    test: int = 126
    seed: int = 1


@dataclass(frozen=True)
class TriedBefore:
    """How many distinct sets the result must be judged beside.

    Attributes
    ----------
    count : int
        This validation's own included.
    sharpe_variance : float
        Of their Sharpe ratios a session; NaN where it is not known.
    from_ledger : bool
        Whether the ledger of trials says so; else they are those of this validation alone.
    """

    count: int
    sharpe_variance: float
    from_ledger: bool


@dataclass(frozen=True)
class LuckCheck:
    """A figure beside its limit; `limit` is the least, or the most where `most` says so. NaN never passes."""

    name: str
    value: float
    limit: float
    most: bool = False

    @property
    def passed(self) -> bool:
        """Whether the figure is on the right side of its limit."""
        return self.value <= self.limit if self.most else self.value >= self.limit


@dataclass(frozen=True)
class LuckVerdict:
    """What became of the tests; the parts are described where they are made.

    `spread` is the variance of the Sharpe ratios a session that luck was worked out by.
    """

    plan: ValidationPlan
    tried: TriedBefore
    deflated: DeflatedSharpe
    overfitting: Overfitting
    folds: PurgedFolds
    walk: WalkForward
    beside_cash: SuperiorAbility
    beside_benchmark: SuperiorAbility
    of_returns: DrawnBands
    of_trades: DrawnBands | None
    sessions: int
    spread: float

    @property
    def path_figures(self) -> tuple[NavFigures, ...]:
        """Of every path of the purged folds."""
        return tuple(map(_figures, self.folds.paths))

    @property
    def walked_figures(self) -> NavFigures:
        """Of the joined sessions of the walk."""
        return _figures(self.walk.returns)

    @property
    def checks(self) -> tuple[LuckCheck, ...]:
        """Every figure that has a limit."""
        return tuple(_checks(self))

    @property
    def passed(self) -> bool:
        """Whether all of them pass."""
        return all(one.passed for one in self.checks)


def validate(
    sets: CandidateSets, plan: ValidationPlan, tried: TriedBefore, step: Callable[[], None] = lambda: None
) -> LuckVerdict:
    """Judge the sets of a sweep.

    Of the judged set (`CandidateSets.judged`): the Sharpe ratio beside the number of trials, and the bands of
    its course. Of the choice by the metric: overfitting, purged folds, the walk. Of all sets
    together: whether the best of them beats cash and the benchmark.

    Parameters
    ----------
    sets : CandidateSets
        At least two.
    plan : ValidationPlan
    tried : TriedBefore
        The spread of the Sharpe ratios is taken from it or from the sets, whichever is wider: a narrow sweep
        does not hide a wide one before it.
    step : callable
        Called after each of the `STEPS` tests.

    Raises
    ------
    Refused
        When the sessions are too few for the folds or the windows, the judged set never trades, or there are
        fewer than two sets.
    """
    returns = sets.returns
    own = returns[:, sets.judged]
    check_plan(plan, *returns.shape)
    _refuse_still(sets)

    def done[Found](found: Found) -> Found:
        step()
        return found

    folds = done(purged_folds(returns, plan.metric, plan.folds))
    walk = done(walk_forward(returns, plan.metric, plan.walk, plan.train, plan.test))
    overfitting = done(probability_of_overfitting(returns))
    spread = float(np.nanmax([tried.sharpe_variance, _spread(returns), 0.0]))
    trades = sets.judged_course.trades
    return LuckVerdict(
        plan=plan,
        tried=tried,
        deflated=done(deflated_sharpe(own, tried.count, spread)),
        overfitting=overfitting,
        folds=folds,
        walk=walk,
        beside_cash=done(superior_ability(returns, np.full(len(returns), sets.cash), seed=plan.seed)),
        beside_benchmark=done(superior_ability(returns, sets.benchmark, seed=plan.seed)),
        of_returns=done(return_bands(own, seed=plan.seed)),
        of_trades=trade_bands(trades, seed=plan.seed) if len(trades) > 1 else None,
        sessions=len(returns) + 1,
        spread=spread,
    )


#: Tests after which `validate` calls its `step`.
STEPS = 7


def check_plan(plan: ValidationPlan, returns: int, sets: int) -> None:
    """Refuse what cannot be judged, before anything is tried.

    Parameters
    ----------
    plan : ValidationPlan
    returns : int
        Of each set, one less than sessions.
    sets : int
    """
    if plan.metric not in SCORES:
        known = ", ".join(SCORES)
        raise Refused(f"--metric: {plan.metric!r} has no value in a part of a backtest; known are {known}")
    if sets < 2:
        raise Refused(
            f"a choice is judged, and {sets or 'no'} set has a result: give more values with --set KEY=V1,V2"
        )
    check_folds(returns, plan.folds)
    check_windows(returns, plan.train, plan.test)


def _refuse_still(sets: CandidateSets) -> None:
    if math.isnan(return_moments(sets.returns[:, sets.judged]).sharpe):
        at = ", ".join(f"{key}={value}" for key, value in sets.trials[sets.judged].settings.items())
        raise Refused(
            f"{at} never trades in this span: its returns do not vary, and there is nothing to judge"
        )


def _spread(returns: Floats) -> float:
    sharpes = np.array([return_moments(one).sharpe for one in returns.T])
    known = sharpes[np.isfinite(sharpes)]
    return float(known.var(ddof=1)) if len(known) > 1 else math.nan


def _figures(returns: Floats) -> NavFigures:
    return nav_figures(np.append(1.0, np.cumprod(1.0 + returns)))


def _checks(found: LuckVerdict) -> Iterator[LuckCheck]:
    yield LuckCheck("minimum_length", found.sessions - 1, found.deflated.minimum_sessions)
    yield LuckCheck("probabilistic_sharpe", found.deflated.probabilistic, CONFIDENCE)
    yield LuckCheck("deflated_sharpe", found.deflated.deflated, CONFIDENCE)
    yield LuckCheck("overfitting", found.overfitting.probability, MOST_OVERFITTING, most=True)
    yield LuckCheck("worst_path_sharpe", min(one.sharpe for one in found.path_figures), 0.0)
    yield LuckCheck("walk_forward_efficiency", found.walk.efficiency, LEAST_EFFICIENCY)
    yield LuckCheck("beats_cash", found.beside_cash.p_value, SIGNIFICANCE, most=True)
    yield LuckCheck("beats_benchmark", found.beside_benchmark.p_value, SIGNIFICANCE, most=True)
    yield LuckCheck("growth_band", found.of_returns.growth.low, 0.0)
