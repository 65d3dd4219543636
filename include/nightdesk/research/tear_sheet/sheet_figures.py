"""Figures of a course that the tear sheet shows beside those of `nightdesk.performance`.

Returns are simple, session to session, as there; a figure that is not defined is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.core.schedule import SESSIONS_A_YEAR
from nightdesk.performance.nav import ratio, simple_returns


@dataclass(frozen=True, slots=True)
class DrawdownSpell:
    """A stretch of sessions below an earlier peak; all but `depth` are rows of the NAV series.

    Attributes
    ----------
    peak : int
        The last session at the peak.
    trough : int
        The first session of the lowest NAV.
    recovered : int or None
        The session that came back to the peak; None where none did.
    depth : float
        1 - NAV at the trough / NAV at the peak, a share.
    """

    peak: int
    trough: int
    recovered: int | None
    depth: float


def drawdown_spells(nav: Floats) -> list[DrawdownSpell]:
    """All drawdowns of a NAV series of shape (n_sessions,), the deepest first."""
    below = nav < np.maximum.accumulate(nav)
    ends = np.flatnonzero(np.diff(np.concatenate([[False], below, [False]])))
    found = []
    for first, stop in ends.reshape(-1, 2).tolist():
        trough = first + int(np.argmin(nav[first:stop]))
        depth = 1.0 - float(nav[trough] / nav[first - 1])
        found.append(DrawdownSpell(first - 1, trough, stop if stop < len(nav) else None, depth))
    return sorted(found, key=lambda one: -one.depth)


def period_returns(sessions: Sequence[date], values: Floats, letters: int) -> dict[str, float]:
    """Returns of months or years, from the last session of the one before to its own last session.

    The first counts from the first session on. Compounded they give the return of the whole.

    Parameters
    ----------
    sessions : sequence of date, length n_sessions
        Ascending.
    values : ndarray of shape (n_sessions,)
        Dollars, or any unit; a period that begins or ends with NaN is NaN.
    letters : int
        Of an ISO date, that name its period: 7 for months, 4 for years.

    Returns
    -------
    dict of str to float
        By such a name, ascending.
    """
    last = {str(session)[:letters]: value for session, value in zip(sessions, values.tolist(), strict=True)}
    before = [float(values[0]), *last.values()] if last else []
    return {name: value / base - 1.0 for (name, value), base in zip(last.items(), before, strict=False)}


def rolling_volatility(nav: Floats, sessions: int) -> Floats:
    """Annualised deviation (ddof 1) of the newest returns at each of n_sessions; NaN before."""
    out = np.full(len(nav), np.nan)
    returns = simple_returns(nav)
    if len(returns) >= sessions:
        windows = np.lib.stride_tricks.sliding_window_view(returns, sessions)
        out[sessions:] = windows.std(axis=1, ddof=1) * math.sqrt(SESSIONS_A_YEAR)
    return out


def skewness(returns: Floats) -> float:
    """The adjusted Fisher-Pearson coefficient G1 (Joanes and Gill 1998); NaN below three returns."""
    n = len(returns)
    if n < 3:
        return math.nan
    second, third = (float(np.mean((returns - returns.mean()) ** power)) for power in (2, 3))
    return math.sqrt(n * (n - 1)) / (n - 2) * ratio(third, second**1.5)


def excess_kurtosis(returns: Floats) -> float:
    """The unbiased excess kurtosis G2 (Joanes and Gill 1998), 0 of a normal one; NaN below four returns."""
    n = len(returns)
    if n < 4:
        return math.nan
    second, fourth = (float(np.mean((returns - returns.mean()) ** power)) for power in (2, 4))
    plain = ratio(fourth, second**2) - 3.0
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * plain + 6.0)
