"""Volatility of a portfolio whose weights are given, and what each position adds to it."""

from __future__ import annotations

import math

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.core.schedule import SESSIONS_A_YEAR


def portfolio_returns(weights: Floats, returns: Floats) -> Floats:
    """Returns of fixed weights, of shape (n_sessions,); NaN where a held symbol has none.

    They are sums of products of rows, not a matrix product: the bits of BLAS depend on how an array lies in
    memory. Those of some last sessions are the last of these.

    Parameters
    ----------
    weights : ndarray of shape (n_symbols,)
        Signed shares of NAV; 0 where nothing is held.
    returns : ndarray of shape (n_sessions, n_symbols)
        Simple returns; NaN where missing.
    """
    total: Floats = (returns * weights).sum(axis=1)
    if np.isnan(total).any():  # beside a missing return, a weight of 0 is none either
        total = np.where(weights != 0.0, returns * weights, 0.0).sum(axis=1)
    return total


def portfolio_volatility(weights: Floats, returns: Floats, total: Floats | None = None) -> float:
    """Annualised volatility of fixed weights over a window of past returns.

    It is the standard deviation (ddof = 1) of the window's portfolio returns, which equals ``sqrt(w' C w)``
    with C the sample covariance of the window: no matrix is needed for one portfolio.

    A held symbol with a missing return in the window is counted as if it moved in step with everything else:
    its own volatility (over the returns it has) × its weight is added. No portfolio can be more volatile than
    that sum, so a gap never makes a book look calmer. A held symbol with fewer than two returns counts with
    the largest volatility of the other held ones.

    Parameters
    ----------
    weights : ndarray of shape (n_symbols,)
        Signed shares of NAV; 0 where nothing is held.
    returns : ndarray of shape (n_sessions, n_symbols)
        Simple returns; NaN where missing.
    total : ndarray of shape (n_sessions,), optional
        Their `portfolio_returns`, where they were computed before.

    Returns
    -------
    float
        0 without any position; NaN when not one held symbol has two returns.
    """
    held = weights != 0.0
    if not np.count_nonzero(held):
        return 0.0
    whole = deviation(portfolio_returns(weights, returns) if total is None else total)
    if math.isfinite(whole):
        return whole * math.sqrt(SESSIONS_A_YEAR)
    contribution = np.where(held, returns * weights, 0.0)
    gaps = np.isnan(contribution).any(axis=0)
    complete = deviation(np.where(gaps, 0.0, contribution).sum(axis=1)) if (held & ~gaps).any() else 0.0
    alone = [deviation(column[np.isfinite(column)]) for column in returns[:, held].T]
    known = [one for one in alone if math.isfinite(one)]
    if not known:
        return math.nan
    worst = max(known)
    sizes = np.abs(weights[held]).tolist()
    added = sum(
        size * (own if math.isfinite(own) else worst)
        for size, own, gappy in zip(sizes, alone, gaps[held].tolist(), strict=True)
        if gappy
    )
    return float(complete + added) * math.sqrt(SESSIONS_A_YEAR)


def volatility_contributions(weights: Floats, returns: Floats) -> Floats:
    """What each position adds to `portfolio_volatility`, annualised; the sum is that volatility.

    Volatility is homogeneous of degree one in the weights, so by Euler's theorem it is the sum of the terms
    ``w_i * (C w)_i / sigma`` (Tasche 1999, Risk contributions and performance measurement). ``w_i * (C w)_i``
    is the covariance of the position's returns with those of the portfolio. A position with a missing return
    adds its own volatility × its weight, as it does there.

    Parameters
    ----------
    weights : ndarray of shape (n_symbols,)
        Signed shares of NAV; 0 where nothing is held.
    returns : ndarray of shape (n_sessions, n_symbols)
        Simple returns; NaN where missing.

    Returns
    -------
    ndarray of shape (n_symbols,)
        0 where nothing is held; negative for a position that makes the portfolio calmer; NaN for every
        position when not one held symbol has two returns.
    """
    held = weights != 0.0
    out = np.zeros(len(weights))
    if not held.any():
        return out
    contribution = np.where(held, returns * weights, 0.0)
    gaps = np.isnan(contribution).any(axis=0) | (held & (len(returns) < 2))
    whole = np.where(gaps, 0.0, contribution)
    sigma = deviation(whole.sum(axis=1)) if (held & ~gaps).any() else 0.0
    if sigma > 0.0:
        centred = whole - whole.sum(axis=0) / len(whole)
        total = centred.sum(axis=1)
        out = (centred * total[:, None]).sum(axis=0) / ((len(whole) - 1) * sigma)
    if not gaps.any():
        return out * math.sqrt(SESSIONS_A_YEAR)
    alone = {n: deviation(returns[np.isfinite(returns[:, n]), n]) for n in np.flatnonzero(held).tolist()}
    known = [one for one in alone.values() if math.isfinite(one)]
    if not known:
        return np.where(held, np.nan, 0.0)
    for n in np.flatnonzero(gaps).tolist():
        out[n] = abs(weights[n]) * (alone[n] if math.isfinite(alone[n]) else max(known))
    return out * math.sqrt(SESSIONS_A_YEAR)


def deviation(values: Floats) -> float:
    """Standard deviation with ddof = 1; NaN with fewer than two values or a missing one."""
    if len(values) < 2:
        return math.nan
    centred = values - values.sum() / len(values)
    return math.sqrt(float((centred * centred).sum()) / (len(values) - 1))
