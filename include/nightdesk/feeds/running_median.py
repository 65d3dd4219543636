"""The median of a sliding window, of many columns at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]

#: Rows whose windows share one sorted part, a power of two.
_STEP = 16


def running_median(values: Floats, window: int, fewest: int) -> Floats:
    """The median of the `window` rows before each one, of each column.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        What is not finite is left out.
    window : int
        Rows, at least two.
    fewest : int
        Values that a median needs, at least one.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        NaN with fewer values. Row t is a function of the rows before t.

    Notes
    -----
    The windows of `_STEP` rows in a row differ in `_STEP` - 1 values. What they share is sorted once; none of
    their medians is further than that from its middle, into which the others are inserted one by one.
    """
    (length, width), step = values.shape, min(_STEP, 1 << (window.bit_length() - 1))
    blocks, shared = -(-length // step), window - step + 1
    rows = np.full((width, window + (blocks + 1) * step), np.inf)
    np.copyto(rows[:, window : window + length], values.T, where=np.isfinite(values).T)
    so_far = np.zeros((width, rows.shape[1] + 1), dtype=np.int32)
    np.cumsum(np.isfinite(rows), axis=1, out=so_far[:, 1:])
    of_shared = (so_far[:, window:] - so_far[:, step - 1 : -shared])[:, ::step][:, :blocks]
    of_window = so_far[:, window:] - so_far[:, :-window]
    core = sliding_window_view(rows, shared, axis=1)[:, step - 1 :: step][:, :blocks]
    lowest = (of_shared - 1 >> 1) - (step - 1)
    middle = _middle(np.sort(core, axis=-1), lowest, step + step // 2 + 1)
    ends = sliding_window_view(rows, step - 1, axis=1)
    leaving, coming = ends[:, ::step][:, :blocks], ends[:, window::step][:, :blocks]
    others = np.ascontiguousarray(np.concatenate([leaving, coming], axis=-1).transpose(2, 0, 1))
    out = np.empty((step, width, blocks))
    for j, ordered in enumerate(_by_row(middle, others)):
        out[j] = _median(ordered, of_window[:, j::step][:, :blocks], lowest + (step - 1), fewest)
    return out.transpose(2, 0, 1).reshape(-1, width)[:length]


def _middle(ordered: Floats, lowest: Counts, width: int) -> Floats:
    """The values of `width` ranks from `lowest` on, which come first in the shape; infinite outside."""
    at = lowest[..., None] + np.arange(width, dtype=lowest.dtype)
    taken = np.take_along_axis(ordered, np.clip(at, 0, ordered.shape[-1] - 1), axis=-1)
    taken[at < 0], taken[at >= ordered.shape[-1]] = -np.inf, np.inf
    return np.ascontiguousarray(np.moveaxis(taken, -1, 0))


def _median(ordered: Floats, count: Counts, lowest: Counts, fewest: int) -> Floats:
    """The mean of the two ranks in the middle of `count` values; `ordered` begins with rank `lowest`."""
    lane = np.arange(count.size).reshape(count.shape)
    lower, upper = (np.maximum((count - less >> 1) - lowest, 0) * count.size + lane for less in (1, 0))
    with np.errstate(invalid="ignore"):
        median: Floats = (ordered.take(lower) + ordered.take(upper)) / 2
    median[count < fewest] = np.nan
    return median


def _by_row(middle: Floats, others: Floats) -> Iterator[Floats]:
    """The middle with the other values of each row's window inserted, one row after the other.

    Row j of b rows lacks `others[j : j + b - 1]`. What the rows of each half lack together is inserted first.
    Each value that is inserted costs the lowest rank, of which the one below is not known.
    """
    if not len(others):
        yield middle
        return
    half = (len(others) + 2) // 4
    for start in (half - 1, 2 * half - 1):
        ordered = middle
        for value in others[start : start + half]:
            below, above = ordered[:-1], np.minimum(value, ordered[1:])
            ordered = np.maximum(below, above, out=above)
        before, after = others[start - half + 1 : start], others[start + half : start + 2 * half - 1]
        yield from _by_row(ordered, np.concatenate([before, after]))
