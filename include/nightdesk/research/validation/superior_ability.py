"""Whether the best of some sets beats a benchmark by more than the best of so many would by luck."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.core.schedule import SESSIONS_A_YEAR

#: Sessions of a block on average, a month: longer than most memory of returns and of their size.
BLOCK = 21


@dataclass(frozen=True)
class SuperiorAbility:
    """Hansen's test of superior predictive ability.

    Attributes
    ----------
    p_value : float
        Hansen's consistent one: how often the best of these sets would beat the benchmark by as much if none
        was truly better. NaN where no set differs from the benchmark.
    lower, upper : float
        The liberal and the conservative p-value, the second is White's reality check.
    best : int
        The set with the largest studentised excess return.
    excess : float
        Its mean return a year beyond the benchmark's, not compounded.
    """

    p_value: float
    lower: float
    upper: float
    best: int
    excess: float


def superior_ability(
    returns: Floats, benchmark: Floats, *, seed: int, repetitions: int = 1_000, block: int = BLOCK
) -> SuperiorAbility:
    """Test that no set has a higher expected return than the benchmark (Hansen 2005), by arch.

    Returns are compared, not risk: a benchmark of more risk is the harder one to beat while it rises.

    Parameters
    ----------
    returns : ndarray of shape (n_returns, n_sets)
        Finite.
    benchmark : ndarray of shape (n_returns,)
        Finite; of the same sessions.
    seed : int
        Of the stationary bootstrap.
    repetitions : int
    block : int
        Sessions of a block on average.
    """
    from arch.bootstrap import SPA

    beyond = returns - benchmark[:, None]
    spread = beyond.std(axis=0, ddof=1)
    varies = np.ptp(beyond, axis=0) > 0
    if not varies.any():
        return SuperiorAbility(math.nan, math.nan, math.nan, 0, 0.0)
    # arch weighs a mean in return; Hansen's statistic is in deviations, so that a wild set does not hide a
    # steady one.
    scaled = beyond[:, varies] / spread[varies]
    test = SPA(np.zeros(len(scaled)), -scaled, block_size=block, reps=repetitions, seed=seed)
    test.compute()
    best = int(np.flatnonzero(varies)[scaled.mean(axis=0).argmax()])
    return SuperiorAbility(
        p_value=float(test.pvalues["consistent"]),
        lower=float(test.pvalues["lower"]),
        upper=float(test.pvalues["upper"]),
        best=best,
        excess=float(beyond[:, best].mean()) * SESSIONS_A_YEAR,
    )
