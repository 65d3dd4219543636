"""The band of a strategy's results: what windows of a backtest earned, and where a live window stands in it.

A window's result is what the strategy gained in so many sessions, as a share of the book's NAV before them.
The band reaches from the 1 % to the 99 % quantile of the overlapping windows in which the strategy held a
position. By construction 2 of 100 such windows of the backtest itself lie outside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nightdesk.core.panel import Floats
from nightdesk.risk.situation import Flags

#: Share of the windows below the band, and above it.
TAIL = 0.01

#: Fewer windows with a position have no worst and best hundredth that is more than a single window.
FEWEST_WINDOWS = 250


@dataclass(frozen=True, slots=True)
class ResultBand:
    """What a strategy earned over `sessions` sessions in all but 2 of 100 windows, shares of NAV.

    `windows` counts those in which it held a position; `low` and `high` are NaN with fewer than 250.
    """

    sessions: int
    windows: int
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there were windows enough."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def place(self, result: float) -> Literal["below", "inside", "above", "unknown"]:
        """Where a result lies; "unknown" for NaN, or without a band."""
        if not self.known or math.isnan(result):
            return "unknown"
        if result < self.low:
            return "below"
        return "above" if result > self.high else "inside"


def window_results(profit: Floats, held: Flags, nav: Floats, sessions: int) -> Floats:
    """Result of every window of so many sessions, share of the NAV before it.

    Parameters
    ----------
    profit : ndarray of shape (n_sessions,)
        Dollars that the strategy had gained up to each mark.
    held : bool ndarray of shape (n_sessions,)
        Whether it held a position at the mark.
    nav : ndarray of shape (n_sessions,)
        The book's NAV at each mark, dollars.
    sessions : int
        Length of a window.

    Returns
    -------
    ndarray of shape (n_sessions - sessions,)
        NaN for a window at none of whose marks (that before it included) it held anything, and where the NAV
        before it was not above zero; empty for too short a history.
    """
    if len(nav) <= sessions:
        return np.empty(0)
    before = nav[:-sessions]
    gained = profit[sessions:] - profit[:-sessions]
    active = sliding_window_view(held, sessions + 1).any(axis=1)
    results = np.full(len(gained), np.nan)
    np.divide(gained, before, out=results, where=active & (before > 0.0))
    return results


def result_band(profit: Floats, held: Flags, nav: Floats, sessions: int) -> ResultBand:
    """The band of a strategy over a backtest; arguments are those of `window_results`."""
    results = window_results(profit, held, nav, sessions)
    results = results[np.isfinite(results)]
    if len(results) < FEWEST_WINDOWS:
        return ResultBand(sessions, len(results), math.nan, math.nan)
    low, high = np.quantile(results, (TAIL, 1.0 - TAIL)).tolist()
    return ResultBand(sessions, len(results), low, high)
