"""Correlation: the picture of a session, and the rule on pairs that move together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nightdesk.book import Frozen, Share
from nightdesk.panel import Floats
from nightdesk.risk.rule import Flags, Rule, Ruling, Situation, register

Columns = NDArray[np.intp]

#: Fewer common returns than this say nothing about a pair.
FEWEST_RETURNS = 20


@dataclass(frozen=True, slots=True)
class Correlations:
    """Correlations of some symbols' returns over a window.

    Attributes
    ----------
    matrix : ndarray of shape (n_symbols, n_symbols)
        NaN for a pair of which too little is known, and beside symbols that were not asked for.
    average, lowest : float
        Over the known pairs of the symbols that were asked for; NaN without one.
    symbols : int
        How many symbols stand in a known pair.
    """

    matrix: Floats
    average: float
    lowest: float
    symbols: int


def correlations(returns: Floats, asked: Flags) -> Correlations:
    """Pearson correlations of the symbols asked for, each pair over the sessions that both have.

    Parameters
    ----------
    returns : ndarray of shape (n_sessions, n_symbols)
        Simple returns; NaN where missing. A pair with fewer than `FEWEST_RETURNS` common ones, or with a
        price that does not move, has no correlation.
    asked : bool ndarray of shape (n_symbols,)

    Returns
    -------
    Correlations
    """
    n = returns.shape[1]
    matrix = np.full((n, n), np.nan)
    columns = np.flatnonzero(asked)
    if len(columns) > 1:
        matrix[np.ix_(columns, columns)] = _pearson(np.ascontiguousarray(returns[:, columns]))
    pairs = _pairs(n) & np.isfinite(matrix)
    known = matrix[pairs]
    if not len(known):
        return Correlations(matrix, np.nan, np.nan, 0)
    paired = int((pairs | pairs.T).any(axis=1).sum())
    return Correlations(matrix, float(known.mean()), float(known.min()), paired)


@lru_cache(maxsize=8)
def _pairs(n: int) -> Flags:
    """Places of each pair of `n` symbols once."""
    return np.triu(np.ones((n, n), dtype=np.bool_), 1)


def known_pairs(columns: Columns, matrix: Floats) -> tuple[Columns, Columns, Floats]:
    """Every pair of some symbols with its correlation, where that is known.

    Parameters
    ----------
    columns : ndarray of shape (n,)
        Ascending columns of `matrix`.
    matrix : ndarray of shape (n_symbols, n_symbols)
        Correlations; NaN where not known.

    Returns
    -------
    first, second, correlation : ndarrays of shape (n_known,)
        Columns of the pair, `first` before `second`, in the order of rows and then columns.
    """
    i, j = _upper(len(columns))
    first, second = columns[i], columns[j]
    values = matrix[first, second]
    known = np.isfinite(values)
    return first[known], second[known], values[known]


@lru_cache
def _upper(size: int) -> tuple[Columns, Columns]:
    i, j = np.triu_indices(size, 1)
    return i, j


def _pearson(x: Floats) -> Floats:
    """Of each pair over its common rows; every matrix product is of one layout, for equal bits."""
    here = np.isfinite(x)
    present = here.astype(np.float64)
    # A shift by a column's mean changes no correlation and keeps the differences of sums exact enough.
    mean = np.where(here, x, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1.0)
    centred = np.where(here, x - mean, 0.0)
    count, sums = present.T @ present, centred.T @ present
    squares, products = (centred * centred).T @ present, centred.T @ centred
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = products - sums * sums.T / count
        variance = squares - sums * sums / count
        found = np.clip(covariance / np.sqrt(variance * variance.T), -1.0, 1.0)
    tiny = np.finfo(np.float64).tiny
    known = (count >= FEWEST_RETURNS) & (variance > tiny) & (tiny < variance.T)
    return np.where(known, found, np.nan)


@register
class Correlation(Rule):
    """A pair that moves together weighs jointly at most a share of the sum of its two caps.

    Pairs are taken from the most correlated down; both positions of a pair are made smaller alike. What is
    held is cut as well: the rule looks at positions, as the symbols' own caps do.
    """

    name = "correlation"
    order = 41
    subject = "positions"
    sentence = "joint weight with a symbol it moves with {value:.2%}, at most {limit:.2%}"
    unmeasured = "it moves with no other symbol that is wanted"

    class Params(Frozen):
        """Its numbers."""

        limit: Share = Field(0.7, description="correlation above which a pair counts")
        joint_cap: Share = Field(0.75, description="of the sum of the two symbols' caps")

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Pairs beyond their joint cap made smaller; each symbol's value is of its tightest pair."""
        weight = np.abs(situation.weights(wanted))
        joint_limit = self.params.joint_cap * (situation.max_weight[:, None] + situation.max_weight[None, :])
        with np.errstate(invalid="ignore"):
            close = np.triu(situation.standing.correlation > self.params.limit, 1)
        close &= (weight > 0)[:, None] & (weight > 0)[None, :]
        value, limit = np.full_like(weight, np.nan), np.full_like(weight, np.nan)
        if not close.any():
            return Ruling(wanted, value, limit)
        self._tightest(weight, close, joint_limit, value, limit)
        over = np.argwhere(close & (weight[:, None] + weight[None, :] > joint_limit + 1e-12))
        if not len(over):
            return Ruling(wanted, value, limit)
        strength = situation.standing.correlation[over[:, 0], over[:, 1]]
        scale = np.ones_like(weight)
        for at in np.argsort(-strength, kind="stable").tolist():
            i, j = over[at].tolist()
            joint, most = float(weight[i] * scale[i] + weight[j] * scale[j]), float(joint_limit[i, j])
            if joint > most:
                scale[i] *= most / joint
                scale[j] *= most / joint
        after = np.where(scale < 1.0, situation.units.toward_zero(wanted * scale), wanted)
        return Ruling(after, value, limit)

    @staticmethod
    def _tightest(weight: Floats, close: Flags, joint_limit: Floats, value: Floats, limit: Floats) -> None:
        """Write the joint weight and cap of each symbol's tightest pair into `value` and `limit`."""
        both = close | close.T
        joint = weight[:, None] + weight[None, :]
        room = np.where(both, joint_limit - joint, np.inf)
        partner = np.argmin(room, axis=1)
        rows = np.flatnonzero(both.any(axis=1))
        value[rows], limit[rows] = joint[rows, partner[rows]], joint_limit[rows, partner[rows]]
