"""p-values of the Engle-Granger test by MacKinnon's response surface."""

from __future__ import annotations

import bisect

import numpy as np
from numpy.polynomial.polynomial import polyval

from nightdesk.core.panel import Floats

# Two series, a constant in the regression of one on the other: J. G. MacKinnon (1994), Approximate asymptotic
# distribution functions for unit-root and cointegration tests, Journal of Business & Economic Statistics 12,
# 167-176, with the coefficients estimated anew in 2010 (Queen's Economics Department working paper 1227 has
# the method). The same stand in statsmodels.tsa.adfvalues as tau_c_smallp[1], tau_c_largep[1], tau_star_c[1],
# tau_min_c[1] and tau_max_c[1].
_SMALL_P = (2.92, 1.5012, 0.039796)
_LARGE_P = (2.1945, 0.64695, -0.29198, -0.042377)
#: Up to it the polynomial for small p counts, above it the other.
_SMALL_UNTIL = -2.62
#: Below the one p is 0, above the other it is 1: the polynomials turn there.
_LEAST, _MOST = -18.86, 0.92
#: How exactly the t-value of a limit is found.
_STEP = 1e-6


def cointegration_p(t: Floats) -> Floats:
    """The asymptotic p-value of an Engle-Granger statistic of two series, with a constant.

    Parameters
    ----------
    t : ndarray of any shape
        t-values of the unit-root test of the residuals.

    Returns
    -------
    ndarray of the same shape
        0 to 1; NaN where `t` is.
    """
    from scipy.special import ndtr

    inner = np.clip(t, _LEAST, _MOST)
    surface = np.where(inner <= _SMALL_UNTIL, polyval(inner, _SMALL_P), polyval(inner, _LARGE_P))
    p: Floats = ndtr(surface)
    return np.where(t < _LEAST, 0.0, np.where(t > _MOST, 1.0, p))


def small_sample_p(t: Floats, degrees: int) -> Floats:
    """The same p-value, without the excess of false ones that a short window has far out in the tail.

    The asymptotic one takes the variance of the residuals for known. It is estimated, so t has the tail of
    Student's distribution: t is first replaced by the normal quantile of the same probability. What both say
    of made-up noise is measured in docs/screening.md.

    Parameters
    ----------
    t : ndarray of any shape
        As for `cointegration_p`.
    degrees : int
        Degrees of freedom of the estimated variance: changes of the residuals less coefficients.
    """
    from scipy.special import ndtri, stdtr

    return cointegration_p(ndtri(stdtr(degrees, t)))


def false_share(limit: float, degrees: int) -> float:
    """The share of tests of what is not cointegrated that the limit of `cointegration_p` lets through.

    More than the limit itself in a short window: it is `small_sample_p` of the t-value that the limit stands
    for.

    Parameters
    ----------
    limit : float
        Above 0, up to 1.
    degrees : int
        As for `small_sample_p`.
    """

    def at(step: int) -> Floats:
        return np.array([_LEAST + step * _STEP])

    steps = range(int((_MOST - _LEAST) / _STEP) + 2)
    found = bisect.bisect_left(steps, True, key=lambda step: bool(cointegration_p(at(step))[0] >= limit))
    return float(small_sample_p(at(found), degrees)[0])


def benjamini_hochberg(p: Floats) -> Floats:
    """The smallest false discovery rate at which each of several tests would be called a discovery.

    Y. Benjamini and Y. Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300: of m tests
    the k-th smallest p becomes p m / k, and then no more than that of any larger p.

    Parameters
    ----------
    p : ndarray of shape (n_tests,)
        A NaN is no test: it counts in no number of tests.

    Returns
    -------
    ndarray of shape (n_tests,)
        p <= q <= 1, rising with p and the same where p is; NaN where `p` is.
    """
    out = np.full(len(p), np.nan)
    done = np.flatnonzero(~np.isnan(p))
    order = done[np.argsort(-p[done], kind="stable")]  # the largest first
    ranks = np.arange(len(order), 0, -1)
    out[order] = np.minimum.accumulate(np.minimum(p[order] * (len(order) / ranks), 1.0))
    return out
