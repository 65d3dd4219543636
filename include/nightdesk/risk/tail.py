"""Value at risk: what a portfolio loses in one session out of twenty, and what it loses then on average."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.core.schedule import SESSIONS_A_YEAR
from nightdesk.portfolio.volatility import deviation, portfolio_returns, portfolio_volatility
from nightdesk.risk.situation import Flags

#: Share of the sessions that lose more than the value at risk: 95 % confidence.
TAIL = 0.05

#: Fewer returns than this have no worst twentieth.
FEWEST_RETURNS = 20

_QUANTILE = NormalDist().inv_cdf(1.0 - TAIL)
_MEAN_BEYOND = NormalDist().pdf(_QUANTILE) / TAIL


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss at 95 % in one session, share of NAV: a positive number is a loss, a negative one a gain.

    Attributes
    ----------
    var : float
        Value at risk: what is lost in a session that is worse than nineteen of twenty, at least.
    cvar : float
        Conditional value at risk, also called expected shortfall: the average loss of such sessions.
    """

    var: float
    cvar: float


@dataclass(frozen=True, slots=True)
class TailRisk:
    """The loss of fixed weights in one session, told twice.

    Attributes
    ----------
    historical : Loss
        Of the past returns as they were; NaN with fewer than 20 of them.
    normal : Loss
        Of a normal distribution with the window's volatility and mean 0; NaN where that is not known.
    sessions : int
        Sessions of the window in which something that is held had a return.
    """

    historical: Loss
    normal: Loss
    sessions: int


def historical_loss(returns: Floats) -> Loss:
    """Minus the 5 % quantile of returns (linear interpolation), and minus the mean of those at or below it.

    Parameters
    ----------
    returns : ndarray of shape (n_sessions,)
        At least one, none missing.

    References
    ----------
    Rockafellar and Uryasev (2000), Optimization of conditional value-at-risk.
    """
    quantile = _quantile(returns)
    return Loss(-quantile, -float(returns[returns <= quantile].mean()))


def _quantile(returns: Floats) -> float:
    """`numpy.quantile` at `TAIL`, to the bit and in a tenth of its time."""
    place = (len(returns) - 1) * TAIL
    below = math.floor(place)
    above = min(below + 1, len(returns) - 1)
    ordered = np.partition(returns, (below, above))
    low, high, share = float(ordered[below]), float(ordered[above]), place - below
    step = high - low
    return low + step * share if share < 0.5 else high - step * (1.0 - share)


def normal_loss(volatility: float) -> Loss:
    """The loss under a normal distribution with mean 0.

    A day's mean return is small beside its deviation and is not known well enough to be counted on, as in
    RiskMetrics. The average beyond the quantile is that of McNeil, Frey and Embrechts.

    Parameters
    ----------
    volatility : float
        Annualised, share.

    References
    ----------
    J.P. Morgan and Reuters (1996), RiskMetrics technical document. McNeil, Frey and Embrechts (2005),
    Quantitative risk management, section 2.2.
    """
    deviation = volatility / math.sqrt(SESSIONS_A_YEAR)
    return Loss(_QUANTILE * deviation, _MEAN_BEYOND * deviation)


def tail_risk(weights: Floats, returns: Floats, total: Floats | None = None) -> TailRisk:
    """What a portfolio of fixed weights loses in one session.

    A held symbol with a missing return is counted as in `nightdesk.portfolio.portfolio_volatility`: as if it
    moved in step with everything else. Losses of what moves in step add up, so its own loss, over the returns
    it has, is added to that of the symbols with none missing. One with fewer than 20 returns loses, for its
    weight, as much as the worst of the others.

    Parameters
    ----------
    weights : ndarray of shape (n_symbols,)
        Signed shares of NAV; 0 where nothing is held.
    returns : ndarray of shape (n_sessions, n_symbols)
        Simple returns; NaN where missing. A session in which nothing held has a return is left out.
    total : ndarray of shape (n_sessions,), optional
        Their `nightdesk.portfolio.portfolio_returns`, where they were computed before.

    Returns
    -------
    TailRisk
        Zeros without any position.
    """
    held = weights != 0.0
    if not held.any():
        return TailRisk(Loss(0.0, 0.0), Loss(0.0, 0.0), 0)
    whole = portfolio_returns(weights, returns) if total is None else total
    if len(whole) >= FEWEST_RETURNS and np.isfinite(whole).all():
        volatility = deviation(whole) * math.sqrt(SESSIONS_A_YEAR)
        return TailRisk(historical_loss(whole), normal_loss(volatility), len(whole))
    rows = returns[np.isfinite(returns[:, held]).any(axis=1)]
    return TailRisk(
        historical=_of_the_past(weights, held, rows),
        normal=normal_loss(portfolio_volatility(weights, rows)),
        sessions=len(rows),
    )


def _of_the_past(weights: Floats, held: Flags, rows: Floats) -> Loss:
    contribution = np.where(held, rows * weights, 0.0)
    gaps = np.isnan(contribution).any(axis=0)
    if not gaps.any():
        whole = contribution.sum(axis=1)
        return historical_loss(whole) if len(whole) >= FEWEST_RETURNS else Loss(math.nan, math.nan)
    sizes = np.abs(weights).tolist()
    alone: dict[int, Loss] = {}
    for n in np.flatnonzero(held).tolist():
        own = contribution[np.isfinite(contribution[:, n]), n]
        if len(own) >= FEWEST_RETURNS:
            alone[n] = historical_loss(own)
    if not alone:
        return Loss(math.nan, math.nan)
    worst_var = max(0.0, *(one.var / sizes[n] for n, one in alone.items()))
    worst_cvar = max(0.0, *(one.cvar / sizes[n] for n, one in alone.items()))
    parts = [
        alone.get(n) or Loss(worst_var * sizes[n], worst_cvar * sizes[n])
        for n in np.flatnonzero(gaps).tolist()
    ]
    if (held & ~gaps).any():
        parts.append(historical_loss(np.where(gaps, 0.0, contribution).sum(axis=1)))
    return Loss(sum(one.var for one in parts), sum(one.cvar for one in parts))
