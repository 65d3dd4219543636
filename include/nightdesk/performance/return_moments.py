"""The moments of returns by which a Sharpe ratio is judged."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nightdesk.core.panel import Floats
from nightdesk.core.schedule import SESSIONS_A_YEAR
from nightdesk.performance.nav import simple_returns


@dataclass(frozen=True)
class ReturnMoments:
    """The moments of returns, one a session.

    Attributes
    ----------
    sessions : int
        How many returns.
    sharpe : float
        Mean over standard deviation (ddof = 1), a session, risk-free rate 0.
    skewness, kurtosis : float
        Third and fourth standardised moment (ddof = 0); 0 and 3 for a normal distribution.

    All are NaN where there are fewer than two returns, one is not finite, or they do not vary.
    """

    sessions: int
    sharpe: float
    skewness: float
    kurtosis: float

    @property
    def annual_sharpe(self) -> float:
        """The Sharpe ratio a year of 252 sessions, as `nightdesk.performance.nav.NavFigures` has it."""
        return self.sharpe * math.sqrt(SESSIONS_A_YEAR)


def moments_of_nav(nav: Floats) -> ReturnMoments:
    """The moments of the returns of a NAV series of shape (n_sessions,)."""
    return return_moments(simple_returns(nav))


def return_moments(returns: Floats) -> ReturnMoments:
    """The moments of returns of shape (n_returns,)."""
    n = len(returns)
    # The range, not the deviation: of equal values that has a rest of rounding and no end of a ratio.
    if n < 2 or not math.isfinite(float(returns.sum())) or float(returns.max()) == float(returns.min()):
        return ReturnMoments(n, math.nan, math.nan, math.nan)
    mean = float(returns.mean())
    beyond = returns - mean
    variance = float((beyond**2).mean())
    return ReturnMoments(
        sessions=n,
        sharpe=mean / math.sqrt(variance * n / (n - 1)),
        skewness=float((beyond**3).mean()) / variance**1.5,
        kurtosis=float((beyond**4).mean()) / variance**2,
    )
