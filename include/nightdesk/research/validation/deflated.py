"""A Sharpe ratio beside chance: of one series, of the best of many, and how long a span is long enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nightdesk.core.panel import Floats
from nightdesk.performance.return_moments import return_moments


@dataclass(frozen=True)
class DeflatedSharpe:
    """A Sharpe ratio beside what luck gives.

    Attributes
    ----------
    sharpe : float
        Observed, a session.
    probabilistic : float
        Probability that the true one is above 0, given length, skewness and kurtosis of the returns (Bailey
        and López de Prado 2012).
    trials : int
        How many distinct sets were tried.
    luck : float
        The highest, a session, that is expected of so many trials without skill that lie apart as these do.
    deflated : float
        Probability that the true one is above 0, given that it was chosen among the trials (Bailey and López
        de Prado 2014): the probabilistic Sharpe ratio against `luck`. Trials that resemble each other count
        in full, so it errs on the strict side.
    minimum_sessions : float
        The shortest backtest in which the best of so many trials without skill is not expected to have a
        Sharpe ratio as high as the observed one (minimum backtest length; Bailey, Borwein, López de Prado and
        Zhu 2014); infinite where that is not above 0.
    """

    sharpe: float
    probabilistic: float
    trials: int
    luck: float
    deflated: float
    minimum_sessions: float


def deflated_sharpe(returns: Floats, trials: int, sharpe_variance: float) -> DeflatedSharpe:
    """Judge the Sharpe ratio of a set that was chosen among some.

    Parameters
    ----------
    returns : ndarray of shape (n_returns,)
        Session to session; at least three that vary, else all figures are NaN.
    trials : int
        How many distinct sets were tried, this one included; at least 1.
    sharpe_variance : float
        Sample variance of the Sharpe ratio a session among the trials. NaN, where fewer than two have one,
        counts as 0: then nothing is known of what luck gives, and nothing is deflated.
    """
    from skfolio.measures import expected_max_sharpe_ratio, probabilistic_sharpe_ratio

    observed = return_moments(returns).sharpe
    if not math.isfinite(observed):
        return DeflatedSharpe(math.nan, math.nan, trials, math.nan, math.nan, math.nan)
    spread = math.sqrt(sharpe_variance) if math.isfinite(sharpe_variance) else 0.0
    luck = float(expected_max_sharpe_ratio(trials, spread))
    return DeflatedSharpe(
        sharpe=observed,
        probabilistic=float(probabilistic_sharpe_ratio(returns)),
        trials=trials,
        luck=luck,
        deflated=float(probabilistic_sharpe_ratio(returns, benchmark_sharpe_ratio=luck)),
        minimum_sessions=minimum_length(observed, trials),
    )


def minimum_length(sharpe: float, trials: int) -> float:
    """The minimum backtest length, sessions: (expected highest of `trials` standard normal values over
    `sharpe`, a session) squared. Infinite where `sharpe` is not above 0.
    """
    from skfolio.measures import expected_max_sharpe_ratio

    if not sharpe > 0:
        return math.inf
    return (float(expected_max_sharpe_ratio(trials, 1.0)) / sharpe) ** 2
