"""Rotation's optimiser beside a general one on the same covariances."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from benchmarks.measurement import Measurement, medians
from nightdesk.core.panel import Floats
from nightdesk.portfolio import risk_parity, sample_covariance

ASSETS, SESSIONS, MATRICES = 15, 60, 20
LIMIT = 1.0


def covariances(seed: int = 7) -> list[Floats]:
    """Sample covariances of seeded returns with one common factor, as rotation sees them."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(MATRICES):
        common = random.standard_normal((SESSIONS, 1))
        own = random.standard_normal((SESSIONS, ASSETS))
        returns = random.uniform(0.006, 0.02, ASSETS) * (0.6 * common + 0.8 * own)
        found.append(sample_covariance(returns))
    return found


def by_scipy(covariance: Floats) -> Floats:
    """The same weights by scipy's L-BFGS-B, on correlations and with the gradient given."""
    deviation = np.sqrt(np.diagonal(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    n = len(deviation)

    def risk(y: Floats) -> tuple[float, Floats]:
        pull = correlation @ y
        return float(0.5 * (y @ pull) - np.log(y).sum() / n), pull - 1.0 / (n * y)

    found = minimize(
        risk,
        np.full(n, n**-0.5),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1e-9, None)] * n,
        options={"ftol": 1e-15, "gtol": 1e-9},
    )
    weights = found.x / deviation
    return weights / weights.sum()


def measure() -> list[Measurement]:
    """Seconds of one solve; refuses to compare what does not agree."""
    matrices = covariances()
    for matrix in matrices:
        apart = float(np.abs(risk_parity(matrix) - by_scipy(matrix)).max())
        if apart > 1e-6:
            raise AssertionError(f"the two optimisers differ by {apart:g} of weight")
    ours, general = medians(
        lambda: [risk_parity(one) for one in matrices], lambda: [by_scipy(one) for one in matrices]
    )
    return [
        Measurement(
            f"rotation's optimiser per solve, {ASSETS} assets",
            ours / MATRICES,
            "scipy's L-BFGS-B",
            general / MATRICES,
            LIMIT,
        )
    ]
