"""Factors of factors: means, deviations and z-scores of any factor over the periods that have it.

A factor that looks at many bars is missing for many periods behind a single gap. A window of its values that
held a gap as missing would be missing longer still, and a window of that again: one bar that a vendor lacks
would silence a symbol for two years. So these windows take the last n values that are there.
"""

from __future__ import annotations

from nightdesk.core.panel import Floats
from nightdesk.factors import windows
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor, resolve

#: Added to a deviation or a variance that is divided by, so that what stands still has a z-score of 0.
SMALL = 1e-8


def _look_back(n: int, base: str) -> int:
    return resolve(base).look_back + n - 1


def _no_deviation(n: int, base: str) -> str | None:
    return None if n >= 2 else "a deviation needs at least 2 values"


@factor("mean_{n}_of({base})", look_back=_look_back, by_column=True)
def mean_of(source: Source, n: int, base: str) -> Floats:
    """Mean of the last n values of a factor that are there; missing where the factor is.

    A factor in dollars is in those of its own session, before and after a split: take ``adjusted_close``.
    """
    return windows.over_present(source.factor(base), lambda x: windows.mean(x, n))


@factor("std_{n}_of({base})", look_back=_look_back, check=_no_deviation, by_column=True)
def deviation_of(source: Source, n: int, base: str) -> Floats:
    """Standard deviation (ddof = 1) of the last n values of a factor that are there; missing where it is."""
    return windows.over_present(
        source.factor(base), lambda x: windows.deviation(x, n, ddof=1, kernels=source.kernels)
    )


@factor("zscore_{n}_of({base})", look_back=_look_back, check=_no_deviation, by_column=True)
def zscore_of(source: Source, n: int, base: str) -> Floats:
    """(Value - mean) / (standard deviation + 1e-8) over the last n values of a factor that are there.

    Today's included. Of a factor that stands still it is 0.
    """
    return zscores(source.factor(base), n)


def zscores(x: Floats, n: int) -> Floats:
    """The same of an array of shape (n_rows, n_columns)."""
    return windows.over_present(x, lambda there: windows.zscore(there, n, small=SMALL))
