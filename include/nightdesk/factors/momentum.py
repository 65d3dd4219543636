"""Momentum and volatility of the adjusted close."""

from __future__ import annotations

import math

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.factors import windows
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor

SESSIONS_PER_MONTH = 21


@factor("momentum_{n}", look_back=lambda n: n + 1, by_column=True)
def momentum(source: Source, n: int) -> Floats:
    """P[t] / P[t-n] - 1; only these two bars must be there."""
    return _growth(source.close, n, 0)


@factor("log_close", look_back=lambda: 1, by_column=True)
def log_close(source: Source) -> Floats:
    """Natural logarithm of the adjusted close: differences of it are log returns."""
    return np.log(source.close)


@factor("sum_{n}", look_back=lambda n: n + 1, by_column=True)
def sum_of_returns(source: Source, n: int) -> Floats:
    """Sum of the last n simple returns of adjusted closes, not compounded; all of them must be there."""
    return windows.total(source.returns, n)


@factor(
    "momentum_{months}_{skip}",
    look_back=lambda months, skip: months * SESSIONS_PER_MONTH + 1,
    check=lambda months, skip: None if skip < months else f"it must skip fewer months than {months}",
    by_column=True,
)
def momentum_of_months(source: Source, months: int, skip: int) -> Floats:
    """P[t - 21 skip] / P[t - 21 months] - 1, as ``momentum_12_1`` (Asness, Moskowitz, Pedersen 2013)."""
    return _growth(source.close, months * SESSIONS_PER_MONTH, skip * SESSIONS_PER_MONTH)


@factor(
    "volatility_{n}",
    look_back=lambda n: n + 1,
    check=lambda n: None if n >= 2 else "a deviation needs at least 2 sessions",
    by_column=True,
)
def volatility(source: Source, n: int) -> Floats:
    """Standard deviation (ddof = 1) of the last n returns × sqrt(periods a year): 252, over hours 252 × 7."""
    return windows.deviation(source.returns, n, ddof=1, kernels=source.kernels) * math.sqrt(
        source.panel.periods_a_year
    )


def _growth(price: Floats, start: int, end: int) -> Floats:
    """Growth of the price from `start` to `end` sessions before."""
    out = np.full_like(price, np.nan)
    if start < len(price):
        out[start:] = price[start - end : len(price) - end] / price[: len(price) - start] - 1.0
    return out
