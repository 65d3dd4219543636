"""A book beside its benchmark: what the same money would have made there in the same sessions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.performance.nav import a_year


@dataclass(frozen=True)
class Comparison:
    """Returns of the benchmark over the sessions of a NAV series, and what the book made beyond them.

    All are shares; NaN where the benchmark has no bar at or before the first session.

    Attributes
    ----------
    benchmark_total_return, benchmark_annual_return : float
        With dividends reinvested on their ex-date, bought at the first close, without any cost.
    excess_total_return, excess_annual_return : float
        Those of the book less those of the benchmark, in points and not compounded.
    """

    benchmark_total_return: float
    benchmark_annual_return: float
    excess_total_return: float
    excess_annual_return: float


def growth_of(adjusted_close: Floats) -> Floats:
    """Value of a benchmark at each session, carried on over sessions without a bar.

    Parameters
    ----------
    adjusted_close : ndarray of shape (n_sessions,)
        Closes adjusted for splits and dividends, in any unit; NaN where there is no bar.

    Returns
    -------
    ndarray of shape (n_sessions,)
        NaN before the first bar.
    """
    newest = np.maximum.accumulate(np.where(np.isfinite(adjusted_close), np.arange(len(adjusted_close)), -1))
    out: Floats = np.where(newest >= 0, adjusted_close[np.maximum(newest, 0)], np.nan)
    return out


def compare(nav: Floats, benchmark: Floats) -> Comparison:
    """A book's returns beside those of its benchmark.

    Parameters
    ----------
    nav, benchmark : ndarray of shape (n_sessions,)
        NAV, and the benchmark's value from `growth_of`, at the closes of the same sessions.
    """
    n = len(nav) - 1
    if n < 1 or not math.isfinite(benchmark[0]):
        return Comparison(math.nan, math.nan, math.nan, math.nan)
    own, other = float(nav[-1] / nav[0]), float(benchmark[-1] / benchmark[0])
    return Comparison(
        benchmark_total_return=other - 1.0,
        benchmark_annual_return=a_year(other, n),
        excess_total_return=own - other,
        excess_annual_return=a_year(own, n) - a_year(other, n),
    )
