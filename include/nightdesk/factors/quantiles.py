"""Quantiles of returns and the lopsidedness of their tails."""

from __future__ import annotations

from nightdesk.core.panel import Floats
from nightdesk.factors import windows
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor


@factor("q{percent}_{n}", look_back=lambda percent, n: n + 1, by_column=True)
def return_quantile(source: Source, percent: int, n: int) -> Floats:
    """Quantile of the last n returns, linearly interpolated; ``q05_60``: the 5 % quantile of 60 sessions."""
    return windows.quantile(source.returns, n, percent, kernels=source.kernels)


@factor("tail_asymmetry_{n}", look_back=lambda n: n + 1, by_column=True)
def tail_asymmetry(source: Source, n: int) -> Floats:
    """(q95 + q05) / (q95 - q05) of the last n returns: above 0 where gains reach further than losses."""
    low, high = source.factor(f"q05_{n}"), source.factor(f"q95_{n}")
    return (high + low) / (high - low)
