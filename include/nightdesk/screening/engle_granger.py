"""The Engle-Granger test of many pairs at once.

R. F. Engle and C. W. J. Granger (1987), Co-integration and error correction, Econometrica 55, 251-276: one
log price is regressed on the other, and the residuals are tested for a unit root. Every figure of a pair is
made of its two columns alone by elementwise operations and sums down the rows, so it has the same bits
whatever else is tested beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.screening.columnwise import Columns, mean, take, total
from nightdesk.screening.mackinnon import cointegration_p

#: Pairs whose residuals are held at a time: they stay in the processor's cache.
PAIRS_AT_A_TIME = 512
#: A share of the variance of a leg under which residuals are rounding: the two are one series.
SAME_SERIES = 100.0 * float(np.sqrt(np.finfo(np.float64).eps))
#: Sessions of the deviation of a spread.
SPREAD_SESSIONS = 60


@dataclass(frozen=True)
class EngleGranger:
    """Tests of pairs, each array of shape (n_pairs,).

    Attributes
    ----------
    t, p : ndarray
        The t-value of the unit-root test and its p-value; NaN where there is nothing to test: a leg does not
        move, both are the same series, or a price is missing.
    lags : ndarray of int
        Lagged changes in the regression, 0 or 1.
    """

    t: Floats
    p: Floats
    lags: NDArray[np.int64]


@dataclass(frozen=True)
class SpreadFits:
    """Spreads log A - alpha - beta log B of pairs, each array of shape (n_pairs,).

    Attributes
    ----------
    alpha, beta : ndarray
        By least squares.
    half_life : ndarray
        Sessions, -ln 2 / ln(1 + k) with k the slope of the spread's change on its level, no constant; inf
        where it does not come back (k >= 0), 0 where it overshoots its mean at once (k <= -1).
    spread_volatility : ndarray
        Deviation (ddof = 1) of the spread over its last `SPREAD_SESSIONS`, in log price.
    """

    alpha: Floats
    beta: Floats
    half_life: Floats
    spread_volatility: Floats


def engle_granger(log_prices: Floats, dependent: Columns, on: Columns) -> EngleGranger:
    """Test pairs of columns for cointegration, with a constant.

    The residuals of log A on log B are tested without a constant and with no or one lagged change, whichever
    has the smaller AIC on the rows that both have; the test itself then takes all rows that it has. That is
    ``statsmodels.tsa.stattools.coint(a, b, trend="c", maxlag=1, autolag="aic")``, but for two that are the
    same series: there it says p = 0, and here it is no test.

    Parameters
    ----------
    log_prices : ndarray of shape (n_rows, n_columns)
        At least 6 rows.
    dependent, on : ndarray of shape (n_pairs,), int
        The columns of A and of B.
    """
    log_prices = np.ascontiguousarray(log_prices)
    centred = log_prices - mean(log_prices)
    squares = total(centred * centred)
    still = (log_prices == log_prices[:1]).all(axis=0)
    t = np.full(len(dependent), np.nan)
    lags = np.zeros(len(dependent), dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for first in range(0, len(dependent), PAIRS_AT_A_TIME):
            part = slice(first, first + PAIRS_AT_A_TIME)
            a, b = dependent[part], on[part]
            y, x = take(centred, a), take(centred, b)
            residuals = y - (total(y * x) / squares[b]) * x
            found, lagged = _unit_root(residuals)
            none = still[a] | still[b] | (total(residuals * residuals) <= SAME_SERIES * squares[a])
            t[part] = np.where(none | ~np.isfinite(found), np.nan, found)
            lags[part] = lagged
    return EngleGranger(t, cointegration_p(t), lags)


def fit_spreads(log_prices: Floats, dependent: Columns, on: Columns) -> SpreadFits:
    """The spreads of pairs of columns, as `engle_granger` fits them.

    Parameters
    ----------
    log_prices : ndarray of shape (n_rows, n_columns)
        At least `SPREAD_SESSIONS` rows.
    dependent, on : ndarray of shape (n_pairs,), int
        The columns of A and of B.
    """
    log_prices = np.ascontiguousarray(log_prices)
    level = mean(log_prices)
    centred = log_prices - level
    squares = total(centred * centred)
    out = [np.empty(len(dependent)) for _ in range(4)]
    with np.errstate(divide="ignore", invalid="ignore"):
        for first in range(0, len(dependent), PAIRS_AT_A_TIME):
            part = slice(first, first + PAIRS_AT_A_TIME)
            a, b = dependent[part], on[part]
            y, x = take(centred, a), take(centred, b)
            beta = total(y * x) / squares[b]
            spread = y - beta * x
            found = (
                level[a] - beta * level[b],
                beta,
                _half_life(spread),
                _deviation(spread[-SPREAD_SESSIONS:]),
            )
            for array, values in zip(out, found, strict=True):
                array[part] = values
    return SpreadFits(*out)


def _unit_root(u: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The Dickey-Fuller t-value of each column, and the lagged changes that AIC has chosen.

    Everything is put together from a few sums: with d the change and l the level before it, of all rows but
    the first; where a lagged change p stands beside them, of all but the first two.
    """
    d, level = u[1:] - u[:-1], u[:-1]
    ll, dl, dd = total(level * level), total(d * level), total(d * d)
    rows = len(d)
    k = dl / ll
    plain = k / np.sqrt((dd - k * dl) / (rows - 1) / ll)

    short_ll, short_dl, short_dd = ll - level[0] ** 2, dl - d[0] * level[0], dd - d[0] ** 2
    pp, dp, lp = dd - d[-1] ** 2, total(d[1:] * d[:-1]), total(level[1:] * d[:-1])
    determinant = short_ll * pp - lp * lp
    slope = (pp * short_dl - lp * dp) / determinant
    of_lag = (short_ll * dp - lp * short_dl) / determinant
    unexplained = short_dd - slope * short_dl - of_lag * dp
    lagged = slope / np.sqrt(unexplained / (rows - 3) * pp / determinant)

    # AIC is n log(RSS) + 2 × parameters, but for what both have in common; of equals the shorter one counts.
    gain = (rows - 1) * (np.log(short_dd - short_dl**2 / short_ll) - np.log(unexplained))
    takes_lag = gain > 2.0
    return np.where(takes_lag, lagged, plain), takes_lag.astype(np.int64)


def _half_life(spread: Floats) -> Floats:
    level = spread[:-1]
    k = total((spread[1:] - level) * level) / total(level * level)
    inside = (k > -1.0) & (k < 0.0)
    out = np.where(k >= 0.0, np.inf, np.where(k <= -1.0, 0.0, np.nan))
    out[inside] = -np.log(2.0) / np.log1p(k[inside])
    return out


def _deviation(x: Floats) -> Floats:
    apart = x - mean(x)
    return np.sqrt(total(apart * apart) / (len(x) - 1))
