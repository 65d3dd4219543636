"""Factors that measure a symbol against the benchmark."""

from __future__ import annotations

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
    try:
        market = source.market
    except Refused as error:
        raise Refused(f"beta_{n} {error}") from None
    return windows.slope(source.returns, market, n, source.kernels)
