"""Factors that measure a symbol against the benchmark."""

from __future__ import annotations

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.factors import windows
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor


@factor(
    "beta_{n}",
    look_back=lambda n: n + 1,
    check=lambda n: None if n >= 2 else "a variance needs at least 2 sessions",
    by_column=True,
)
def beta(source: Source, n: int) -> Floats:
    """Covariance of the last n returns with the benchmark's over their variance; the benchmark's own is 1."""
    return windows.slope(source.returns, market_of(source, f"beta_{n}"), n, source.kernels)


@factor(
    "damped_beta_{n}",
    look_back=lambda n: n + 1,
    check=lambda n: None if n >= 2 else "a variance needs at least 2 sessions",
    by_column=True,
)
def damped_beta(source: Source, n: int) -> Floats:
    """Covariance of the last n returns with the benchmark's over their variance + 1e-8 (ddof = 1).

    It falls to 0 where the benchmark stands still, in which `beta_{n}` is missing.
    """
    market = market_of(source, f"damped_beta_{n}")
    variance = windows.deviation(market, n, ddof=1, kernels=source.kernels) ** 2
    return windows.covariance(source.returns, market, n) / (variance + 1e-8)


@factor("benchmark_close", look_back=lambda: 1, by_column=True)
def benchmark_close(source: Source) -> Floats:
    """Adjusted close of the benchmark, the same for all symbols; missing where the benchmark has no bar."""
    try:
        return np.repeat(source.market_close, source.panel.close.shape[1], axis=1)
    except Refused as error:
        raise Refused(f"benchmark_close {error}") from None


def market_of(source: Source, name: str) -> Floats:
    """Returns of the benchmark, shape (n_rows, 1); `Refused` in the name of a factor without one."""
    try:
        return source.market
    except Refused as error:
        raise Refused(f"{name} {error}") from None
