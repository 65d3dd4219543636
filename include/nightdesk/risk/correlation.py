"""Correlation: the picture of a session."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.core.withheld import Flags

Columns = NDArray[np.intp]

#: Fewer common returns than this say nothing about a pair.
FEWEST_RETURNS = 20

TINY = float(np.finfo(np.float64).tiny)


class Correlations:
    """Correlations of some symbols' returns over a window, worked out where somebody asks for them.

    Parameters
    ----------
    returns : ndarray of shape (n_sessions, n_symbols)
        Simple returns; NaN where missing.
    asked : bool ndarray of shape (n_symbols,)
        The symbols; nothing is known of the others.
    """

    def __init__(self, returns: Floats, asked: Flags) -> None:
        self._returns, self._columns = returns, asked.nonzero()[0]

    @classmethod
    def given(cls, matrix: Floats) -> Self:
        """Those of a matrix of shape (n_symbols, n_symbols), symmetric; NaN for a pair that is not known."""
        n = len(matrix)
        found = cls(np.empty((0, n)), np.ones(n, dtype=np.bool_))
        found.__dict__["_found"] = matrix
        return found

    @cached_property
    def matrix(self) -> Floats:
        """Of shape (n_symbols, n_symbols); NaN for a pair of which too little is known, and beside symbols
        that were not asked for.
        """
        n, columns = self._returns.shape[1], self._columns
        matrix = np.full((n, n), np.nan)
        if len(columns) > 1:
            matrix[columns[:, None], columns] = self._found
        return matrix

    def among(self, columns: Columns) -> Floats:
        """Of some symbols among themselves, in the order of `columns`; of shape (n, n), as in `matrix`.

        A decision keeps what it has asked for, and of a wide book the whole matrix is much of its memory.
        """
        place = np.full(self._returns.shape[1], -1)
        place[self._columns] = np.arange(len(self._columns))
        at = place[columns]
        out, asked = np.full((len(at), len(at)), np.nan), np.flatnonzero(at >= 0)
        if len(self._columns) > 1:
            out[asked[:, None], asked] = self._found[at[asked][:, None], at[asked]]
        return out

    @cached_property
    def pairs(self) -> tuple[Columns, Columns, Floats]:
        """Every known pair with its correlation, as `known_pairs` has them."""
        columns, (i, j) = self._columns, _upper(len(self._columns))
        return _where_known(columns[i], columns[j], self._of_pairs)

    @cached_property
    def known(self) -> Floats:
        """The correlations of the known pairs alone, in the order of `pairs`."""
        values = self._of_pairs
        known = np.isfinite(values)
        return values if np.count_nonzero(known) == len(known) else values[known]

    @cached_property
    def average(self) -> float:
        """Over the known pairs; NaN without one."""
        known = self.known
        return float(known.sum()) / len(known) if len(known) else np.nan

    @cached_property
    def lowest(self) -> float:
        """Of the known pairs; NaN without one."""
        known = self.known
        return float(known.min()) if len(known) else np.nan

    @cached_property
    def symbols(self) -> int:
        """How many symbols stand in a known pair."""
        n = len(self._columns)
        if n > 1 and len(self.known) == n * (n - 1) // 2:
            return n
        first, second, _ = self.pairs
        return len(np.union1d(first, second))

    @cached_property
    def _of_pairs(self) -> Floats:
        """Of every pair of the symbols asked for, NaN where it is not known."""
        i, j = _upper(len(self._columns))
        return self._found[i, j] if len(i) else np.empty(0)

    @cached_property
    def _found(self) -> Floats:
        """Of the symbols asked for among themselves."""
        return _pearson(np.ascontiguousarray(self._returns[:, self._columns]))


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
    return Correlations(returns, asked)


def known_pairs(columns: Columns, matrix: Floats) -> tuple[Columns, Columns, Floats]:
    """Every pair of some symbols with its correlation, where that is known.

    Parameters
    ----------
    columns : ndarray of shape (n,)
        Ascending.
    matrix : ndarray of shape (n, n)
        Their correlations; NaN where not known.

    Returns
    -------
    first, second, correlation : ndarrays of shape (n_known,)
        Columns of the pair, `first` before `second`, in the order of rows and then columns.
    """
    i, j = _upper(len(columns))
    return _where_known(columns[i], columns[j], matrix[i, j])


def _where_known(first: Columns, second: Columns, values: Floats) -> tuple[Columns, Columns, Floats]:
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
    if np.count_nonzero(here) == here.size and len(x) >= FEWEST_RETURNS:
        return _pearson_of_all(x)
    present = here.astype(np.float64)
    # A shift by a column's mean changes no correlation and keeps the differences of sums exact enough.
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


def _pearson_of_all(x: Floats) -> Floats:
    """The same where no return is missing: every pair then has one mean and one variance of each symbol."""
    centred = x - x.sum(axis=0) / len(x)
    products = centred.T @ centred
    variance = products.diagonal()
    still = variance <= TINY
    if np.count_nonzero(still):
        variance = np.where(still, np.nan, variance)
    found: Floats = np.minimum(products / np.sqrt(variance * variance[:, None]), 1.0)
    return np.maximum(found, -1.0, out=found)
