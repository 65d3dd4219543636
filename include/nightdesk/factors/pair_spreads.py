"""The spread of two prices that move together: log A - alpha - beta log B, and how far it is from its mean.

Sessions without a bar of both legs are passed over: a window holds the last sessions in which both have one.
The fit is that of the first such session of a month, and stays for the month. All of it at row t depends on
rows up to t only, by the windows of `nightdesk.factors.windows`: a panel cut after t gives the same bits.

A z by another fit than the month's, such as the one by which a pair was entered, follows from the moments of
both legs (`z_of`): the intercept falls out of it, and so does whatever multiplies a price for all sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.factors import windows

#: A spread whose variance is a smaller part of that of its legs does not move but for the error of a float.
STILL = 1e-12


@dataclass(frozen=True, slots=True)
class SpreadWindows:
    """Sessions of the fit, of z, of the spread's volatility, and of the mean of that before."""

    fit: int = 126
    z: int = 60
    volatility: int = 20
    volatility_mean: int = 252

    @property
    def look_back(self) -> int:
        """Sessions, today included, that every figure needs; the fit may be as old as a month is long."""
        return max(self.fit + 22, self.z, self.volatility + self.volatility_mean + 1)


@dataclass(frozen=True, slots=True)
class PairSpread:
    """Figures of one pair; arrays of shape (n_sessions,), NaN where a leg has no bar or too little history.

    Attributes
    ----------
    fitted : ndarray of intp
        Row of the month's fit; -1 without one.
    alpha, beta : ndarray
        The month's fit by least squares.
    spread, z, sigma : ndarray
        By that fit: in logs, in deviations from the mean, and that deviation.
    volatility, volatility_mean : ndarray
        Deviation of the spread's changes, and its mean over the sessions before; both by that fit.
    gap_a, gap_b, var_a, var_b, covariance : ndarray
        Logs less their means over the window of z, and their variances (ddof = 1).
    """

    fitted: NDArray[np.intp]
    alpha: Floats
    beta: Floats
    spread: Floats
    z: Floats
    sigma: Floats
    volatility: Floats
    volatility_mean: Floats
    gap_a: Floats
    gap_b: Floats
    var_a: Floats
    var_b: Floats
    covariance: Floats

    @classmethod
    def of(cls, log_a: Floats, log_b: Floats, months: NDArray[np.int64], over: SpreadWindows) -> Self:
        """The figures of every session.

        Parameters
        ----------
        log_a, log_b : ndarray of shape (n_sessions,)
            Logs of adjusted closes, NaN without a bar; forward adjusted, so that no later action changes one.
        months : ndarray of shape (n_sessions,)
            A number for the month of each session, ascending; the month of the first row is not whole and has
            no fit.
        over : SpreadWindows
        """
        rows = np.flatnonzero(np.isfinite(log_a) & np.isfinite(log_b))
        found = _without_gaps(log_a[rows], log_b[rows], months[rows], int(months[0]), over)
        fitted = found.pop("fitted").astype(np.intp)
        out = {name: np.full(len(log_a), np.nan) for name in found}
        for name, values in found.items():
            out[name][rows] = values
        places = np.full(len(log_a), -1, dtype=np.intp)
        places[rows] = np.where(fitted >= 0, rows[fitted], -1)
        return cls(places, **out)

    def rows(self, at: NDArray[np.intp]) -> Self:
        """The figures of some sessions alone; `fitted` is of the rows of all of them still."""
        return type(self)(**{one.name: getattr(self, one.name)[at] for one in fields(self)})

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all figures but `fitted`."""
        return tuple(one.name for one in fields(cls) if one.name != "fitted")


def spread_deviation(beta: Floats, var_a: Floats, var_b: Floats, covariance: Floats) -> Floats:
    """Deviation of A - beta B by the variances of A and B; NaN where that does not move. All of one shape."""
    of_legs = var_a + beta * beta * var_b
    variance = of_legs - 2.0 * beta * covariance
    with np.errstate(invalid="ignore"):
        deviation: Floats = np.sqrt(np.where(variance > STILL * of_legs, variance, np.nan))
    return deviation


def z_of(
    beta: Floats, gap_a: Floats, gap_b: Floats, var_a: Floats, var_b: Floats, covariance: Floats
) -> Floats:
    """How many deviations the spread by a slope lies from its mean; the arguments are those of `PairSpread`.

    Examples
    --------
    >>> half = np.array([0.5])
    >>> z_of(half, np.array([0.04]), np.array([0.02]), half, half, np.array([0.25])).round(4).tolist()
    [0.0485]
    """
    return (gap_a - beta * gap_b) / spread_deviation(beta, var_a, var_b, covariance)


def _without_gaps(
    a: Floats, b: Floats, months: NDArray[np.int64], first: int, over: SpreadWindows
) -> dict[str, Floats]:
    """The figures of sessions that all have both legs; `first` is the month that has no fit."""
    x, y = b[:, None], a[:, None]
    fit, window = windows.comoments(x, y, over.fit), windows.comoments(x, y, over.z)
    slope = (fit.covariance / np.where(fit.var_x > 0.0, fit.var_x, np.nan))[:, 0]
    opens = _first_of_month(months)
    whole = months != first
    beta = np.where(whole, slope[opens], np.nan)
    alpha = fit.mean_y[opens, 0] - beta * fit.mean_x[opens, 0]
    gap_a, gap_b = a - window.mean_y[:, 0], b - window.mean_x[:, 0]
    moments = (window.var_y[:, 0], window.var_x[:, 0], window.covariance[:, 0])
    volatility, mean = _volatilities(a, b, beta, opens, over)
    return {
        "fitted": np.where(np.isfinite(beta), opens, -1).astype(np.float64),
        "alpha": alpha,
        "beta": beta,
        "spread": a - alpha - beta * b,
        "z": z_of(beta, gap_a, gap_b, *moments),
        "sigma": spread_deviation(beta, *moments),
        "volatility": volatility,
        "volatility_mean": mean,
        "gap_a": gap_a,
        "gap_b": gap_b,
        **dict(zip(("var_a", "var_b", "covariance"), moments, strict=True)),
    }


def _first_of_month(months: NDArray[np.int64]) -> NDArray[np.intp]:
    """Row of the first session of each row's month."""
    row = np.arange(len(months))
    begins = np.ones(len(months), dtype=np.bool_)
    begins[1:] = months[1:] != months[:-1]
    return np.maximum.accumulate(np.where(begins, row, 0))


def _volatilities(
    a: Floats, b: Floats, beta: Floats, opens: NDArray[np.intp], over: SpreadWindows
) -> tuple[Floats, Floats]:
    """Deviation of the spread's changes in each row, and its mean over the rows before, by the row's fit."""
    changes = [np.diff(one, prepend=np.nan)[:, None] for one in (b, a)]
    moved = windows.comoments(changes[0], changes[1], over.volatility)
    var_a, var_b, covariance = moved.var_y[:, 0], moved.var_x[:, 0], moved.covariance[:, 0]
    now = spread_deviation(beta, var_a, var_b, covariance)
    before = np.full(len(a), np.nan)
    begins = np.unique(opens)
    if not len(begins):
        return now, before
    # a column a month: the rows of its mean and its own, all by the fit of that month
    longest = int(np.diff(np.append(begins, len(a))).max())
    rows = begins[None, :] - over.volatility_mean + np.arange(over.volatility_mean + longest)[:, None]
    inside = (rows >= 0) & (rows < len(a))
    at = np.where(inside, rows, 0)
    by_month = spread_deviation(beta[begins][None, :], var_a[at], var_b[at], covariance[at])
    means = windows.mean(np.where(inside, by_month, np.nan), over.volatility_mean)
    month = np.searchsorted(begins, opens)
    offset = np.arange(len(a)) - opens
    before = means[over.volatility_mean - 1 + offset, month]
    return now, before
