"""Bars that are prices at all: only of those is a ratio taken."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True)
class Prices:
    """Raw bars, arrays of shape (n_sessions, n_symbols), NaN without a bar."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats

    @cached_property
    def sound(self) -> NDArray[np.bool_]:
        """Where a bar is one: see `sound_bars`."""
        return sound_bars(self.open, self.high, self.low, self.close)

    @cached_property
    def before(self) -> NDArray[np.int64]:
        """Row of the newest sound bar before each session, -1 without one."""
        return newest_before(self.sound)
