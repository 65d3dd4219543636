"""Correlation: the picture of a session."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.risk.situation import Flags

Columns = NDArray[np.intp]

#: Fewer common returns than this say nothing about a pair.
FEWEST_RETURNS = 20

TINY = float(np.finfo(np.float64).tiny)


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
    (columns,) = asked.nonzero()
    if len(columns) < 2:
        return Correlations(matrix, np.nan, np.nan, 0)
    found = _pearson(np.ascontiguousarray(returns[:, columns]))
    matrix[columns[:, None], columns] = found
    first, second, known = known_pairs(columns, matrix)
    if not len(known):
        return Correlations(matrix, np.nan, np.nan, 0)
    every_pair = len(columns) * (len(columns) - 1) // 2
    paired = len(columns) if len(known) == every_pair else len(np.union1d(first, second))
    return Correlations(matrix, float(known.sum()) / len(known), float(known.min()), paired)


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
    if np.count_nonzero(known) == len(known):
        return first, second, values
    return first[known], second[known], values[known]


@lru_cache
def _upper(size: int) -> tuple[Columns, Columns]:
    i, j = np.triu_indices(size, 1)
    return i, j


def _pearson(x: Floats) -> Floats:
    """Of each pair over its common rows; every matrix product is of one layout, for equal bits."""
    here = np.isfinite(x)
    present = here.astype(np.float64)
    count: Floats | float = float(len(x))
    # A shift by a column's mean changes no correlation and keeps the differences of sums exact enough.
    if np.count_nonzero(here) == here.size:
        centred = x - x.sum(axis=0) / max(count, 1.0)
    else:
        mean = np.where(here, x, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1.0)
        centred, count = np.where(here, x - mean, 0.0), present.T @ present
    sums, products = centred.T @ present, centred.T @ centred
    squares = (centred * centred).T @ present
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = products - sums * sums.T / count
        variance = squares - sums * sums / count
        found = np.maximum(np.minimum(covariance / np.sqrt(variance * variance.T), 1.0), -1.0)
    moves = variance > TINY
    known = (count >= FEWEST_RETURNS) & moves & moves.T
    return found if np.count_nonzero(known) == known.size else np.where(known, found, np.nan)
