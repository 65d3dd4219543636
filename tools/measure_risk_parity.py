"""Time risk parity weights: the import, and a solve of 15 and of 100 assets.

    python tools/measure_risk_parity.py desk
    ENVIRONMENT_WITH_SKFOLIO/bin/python tools/measure_risk_parity.py skfolio

takes both on the same seeded returns; skfolio is no part of the desk's requirements.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

SIZES = ((15, 60), (100, 250))
RUNS = 5


def desk() -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Returns to weights, by the desk's solver."""
    from nightdesk.portfolio.risk_parity import risk_parity, sample_covariance

    return lambda returns: risk_parity(sample_covariance(returns))


def skfolio() -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Returns to weights, by skfolio's risk budgeting with equal budgets."""
    from skfolio import RiskMeasure
    from skfolio.optimization import RiskBudgeting

    def solve(returns: NDArray[np.float64]) -> NDArray[np.float64]:
        weights: NDArray[np.float64] = RiskBudgeting(risk_measure=RiskMeasure.VARIANCE).fit(returns).weights_
        return weights

    return solve


def seconds(job: Callable[[], object]) -> float:
    """Time of one call."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def main(name: str) -> None:
    """Print the figures."""
    start = time.perf_counter()
    solve = {"desk": desk, "skfolio": skfolio}[name]()
    print(f"{name}: import {time.perf_counter() - start:.3f} s")
    for assets, sessions in SIZES:
        random = np.random.default_rng(assets)
        returns = 0.006 * random.standard_normal((sessions, 1)) + 0.01 * random.standard_normal(
            (sessions, assets)
        )
        covariance = np.cov(returns.T)
        weights = solve(returns)
        part = weights * (covariance @ weights)
        worst = np.abs(part / part.mean() - 1.0).max()
        taken = median(seconds(lambda returns=returns: solve(returns)) for _ in range(RUNS))
        print(f"{assets} assets: {1000 * taken:.2f} ms, worst deviation of a contribution {worst:.1e}")


if __name__ == "__main__":
    main(sys.argv[1])
