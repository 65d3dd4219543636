"""Cross-sectional ranks of any factor."""

from __future__ import annotations

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor, resolve


@factor("rank_{base}", look_back=lambda base: resolve(base).look_back)
def rank(source: Source, base: str) -> Floats:
    """Percentile rank of a factor among the symbols of the universe that have it, ties averaged.

    In (0, 1]: the lowest of n symbols has 1/n, the highest 1. Columns behind the universe (benchmark,
    volatility index) have none and do not count. In a universe whose members change only members count in
    each session; what is none and has the factor is below them all, at 0.
    """
    values = source.factor(base)
    out, own = np.full_like(values, np.nan), values[:, : source.universe]
    if source.member is None:
        out[:, : source.universe] = percentile_ranks(own)
        return out
    ranks = percentile_ranks(np.where(source.member, own, np.nan))
    out[:, : source.universe] = np.where(source.member | ~np.isfinite(own), ranks, 0.0)
    return out


def percentile_ranks(values: Floats) -> Floats:
    """Rank of each value in its row over the number of values in the row, ties averaged, NaN left out.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        In (0, 1], NaN where the value is.
    """
    order = np.argsort(values, axis=1)
    ascending = np.take_along_axis(values, order, axis=1)
    position = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    differs = ascending[:, 1:] != ascending[:, :-1]
    edge = np.ones((len(values), 1), dtype=bool)
    first = np.maximum.accumulate(np.where(np.hstack([edge, differs]), position, 0), axis=1)
    ends = np.where(np.hstack([differs, edge]), position, values.shape[1])
    last = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty_like(values)
    np.put_along_axis(ranks, order, (first + last) / 2.0 + 1.0, axis=1)
    present = np.isfinite(values)
    return np.where(present, ranks / present.sum(axis=1, keepdims=True), np.nan)
