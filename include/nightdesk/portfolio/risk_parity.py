"""Risk parity: weights with which every asset contributes equally to the portfolio's risk.

The solver is ours because it is the better one for this desk: it is exact to rounding, gives the same bits
wherever an array lies in memory, and takes a small part of the time of a general convex solver, without that
solver's import (skfolio's `RiskBudgeting` was measured beside it, see docs/performance.md).
"""

from __future__ import annotations

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats

#: Largest deviation of a risk contribution from the average one, as a share of it.
TOLERANCE = 1e-10
#: Eight are usual, forty are seen where assets hedge each other wholly; so many mean that something is wrong.
MOST_STEPS = 200


def risk_parity(covariance: Floats) -> Floats:
    """Long-only weights with equal risk contributions, by the algorithm of Spinu (2013).

    With C the covariance, the contribution of asset i is ``w[i] (C w)[i]``. The weights are found by damped
    Newton steps on the convex function ``y' C y / 2 - sum(log(y)) / n``, whose minimum, scaled to a sum of 1,
    is the only solution. See Spinu, "An algorithm for computing risk parity weights", and Maillard, Roncalli,
    Teiletche (2010), "The properties of equally weighted risk contribution portfolios".

    Parameters
    ----------
    covariance : ndarray of shape (n_assets, n_assets)
        Symmetric, positive semi-definite, in any unit. An asset whose variance is NaN (it is missing) or not
        above zero (it did not move: that says nothing of its risk) is given weight 0, and the others are
        solved without it.

    Returns
    -------
    ndarray of shape (n_assets,)
        Not negative, adding up to 1; all 0 where no asset has a variance. One asset alone has 1. A singular
        matrix has a solution like any other; where a portfolio of positive weights has no variance at all,
        the contributions are equal in the limit, and weights follow 1 / volatility there. Negative
        correlations make weights larger and need no care.

    Raises
    ------
    Refused
        When the matrix is not square, not symmetric, a covariance between two assets of known variance is not
        a number, or the matrix is no covariance at all (a portfolio would have a negative variance).

    Examples
    --------
    >>> risk_parity(np.array([[0.04, 0.0], [0.0, 0.01]])).round(4).tolist()
    [0.3333, 0.6667]
    """
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1]:
        raise Refused(f"a covariance is a square matrix; found an array of shape {covariance.shape}")
    weights = np.zeros(len(covariance))
    variance = np.diagonal(covariance)
    assets = np.flatnonzero(np.isfinite(variance) & (variance > 0.0))
    if not len(assets):
        return weights
    # A copy in the order of C, since the way in which sums are taken follows an array's lay-out.
    kept = np.ascontiguousarray(covariance[np.ix_(assets, assets)])
    if not np.isfinite(kept).all():
        i, j = (int(assets[at]) for at in np.argwhere(~np.isfinite(kept))[0])
        raise Refused(
            f"the covariance of assets {i} and {j} is {covariance[i, j]}, though both have a variance"
        )
    deviation = np.sqrt(np.diagonal(kept))
    correlation = kept / deviation[:, None] / deviation[None, :]
    if np.abs(correlation - correlation.T).max() > 1e-9:
        raise Refused("a covariance is symmetric, and this matrix is not: compute it from one set of returns")
    correlation[np.diag_indices_from(correlation)] = 1.0
    sizes = _equal_contributions(correlation) / deviation
    weights[assets] = sizes / sizes.sum()
    return weights


def sample_covariance(returns: Floats) -> Floats:
    """Sample covariance (ddof = 1) of returns.

    Parameters
    ----------
    returns : ndarray of shape (n_sessions, n_assets)
        Simple returns. An asset with a missing one (NaN) has no covariance: its row and column are NaN.

    Returns
    -------
    ndarray of shape (n_assets, n_assets)
        All NaN with fewer than two sessions.
    """
    sessions, assets = returns.shape
    if sessions < 2:
        return np.full((assets, assets), np.nan)
    # products and sums along rows that lie in one piece: a matrix product's bits depend on the lay-out
    rows = np.ascontiguousarray(returns.T)
    centred = rows - rows.sum(axis=1, keepdims=True) / sessions
    return np.array([(centred * row).sum(axis=1) for row in centred]).reshape(assets, assets) / (sessions - 1)


def _equal_contributions(correlation: Floats) -> Floats:
    """The y with ``y * (R y) == 1 / n``."""
    n = len(correlation)
    share = 1.0 / n
    y = np.full(n, share**0.5)
    for _ in range(MOST_STEPS):
        scaled = y[:, None] * correlation * y[None, :]
        excess = scaled.sum(axis=1) - share
        # Where positions are huge and cancel out, rounding alone moves a contribution by so much: assets that
        # hedge each other wholly, for which y has no end, stop here.
        noise = 4.0 * n * np.finfo(np.float64).eps * np.abs(scaled).max()
        if np.abs(excess).max() <= TOLERANCE * share + noise:
            return y
        scaled[np.diag_indices_from(scaled)] += share
        step = _solve(scaled, -excess)
        y = y * (1.0 + step / (1.0 + np.abs(step).max()))
    raise _no_covariance(n)


def _solve(matrix: Floats, right: Floats) -> Floats:
    """Solution of a symmetric, positive definite system, by elimination; such a matrix needs no pivots.

    Row operations instead of LAPACK: the same bits on every build of numpy.
    """
    rows = np.column_stack([matrix, right])
    for k in range(len(rows)):
        if not rows[k, k] > 0.0:
            raise _no_covariance(len(rows))
        pivot = rows[k] / rows[k, k]
        rows -= rows[:, k, None] * pivot
        rows[k] = pivot
    return rows[:, -1]


def _no_covariance(n: int) -> Refused:
    return Refused(
        f"no risk parity weights exist for these {n} assets: the matrix is no covariance, since a portfolio "
        "of them would have a negative variance; compute it from one set of returns"
    )
