"""The moments of returns by which a Sharpe ratio is judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from nightdesk.core.panel import Floats
from nightdesk.core.schedule import SESSIONS_A_YEAR
from nightdesk.performance.nav import simple_returns

#: Euler's constant.
EULER = 0.5772156649015329


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

    def skill(self, above: float = 0.0) -> float:
        """Probability that the true Sharpe ratio, a session, is above a value: the probabilistic Sharpe ratio
        (Bailey and López de Prado 2012), NaN where the moments are.
        """
        spread = 1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2
        if not spread > 0.0:
            return math.nan
        return NormalDist().cdf((self.sharpe - above) * math.sqrt((self.sessions - 1) / spread))


def luck_of_trials(trials: int, sharpe_variance: float) -> float:
    """The highest Sharpe ratio, a session, that is expected of so many trials without skill (Bailey and López
    de Prado 2014); 0 for one trial, or where their variance is not known (NaN).
    """
    if trials < 2 or not math.isfinite(sharpe_variance):
        return 0.0
    quantile = NormalDist().inv_cdf
    highest = (1.0 - EULER) * quantile(1.0 - 1.0 / trials) + EULER * quantile(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(sharpe_variance) * highest


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
