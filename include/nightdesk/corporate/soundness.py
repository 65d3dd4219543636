"""Bars that are prices at all: only of those is a ratio taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]

#: How far open and close may lie outside low to high, share of the close: the rounding of a file.
RANGE_ROUNDING = 1e-9


def sound_bars(open_: Floats, high: Floats, low: Floats, close: Floats) -> Flags:
    """Where a bar has four prices above 0, and open and close lie between low and high."""
    prices = np.stack([open_, high, low, close])
    with np.errstate(invalid="ignore"):
        positive = (np.isfinite(prices) & (prices > 0)).all(axis=0)
        room = RANGE_ROUNDING * np.abs(close)
        inside = (np.maximum(open_, close) <= high + room) & (np.minimum(open_, close) >= low - room)
    sound: Flags = positive & inside
    return sound


def newest_before(there: Flags) -> Rows:
    """Row of the newest entry that is there before each row, along the first axis; -1 where there is none."""
    row = np.arange(len(there)).reshape(-1, *([1] * (there.ndim - 1)))
    newest = np.maximum.accumulate(np.where(there, row, -1), axis=0)
    before: Rows = np.concatenate([np.full_like(newest[:1], -1), newest[:-1]])
    return before
