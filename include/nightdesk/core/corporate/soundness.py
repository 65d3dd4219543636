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
    """Raw bars, arrays of shape (n_sessions, n_symbols), NaN without a bar.

    Where what is known of a session grows with its hours, the bar is that of its first hour, by which an
    action is judged whenever one looks, and `closing` the newest price of the session so far, against which
    the next one is measured. None: the bar is that of the session, and closes at its `close`.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    closing: Floats | None = None

    @cached_property
    def sound(self) -> NDArray[np.bool_]:
        """Where a bar is one: see `sound_bars`."""
        return sound_bars(self.open, self.high, self.low, self.close)

    @property
    def last(self) -> Floats:
        """Price of each session at its end."""
        return self.close if self.closing is None else self.closing

    @cached_property
    def priced(self) -> NDArray[np.bool_]:
        """Where `last` is a price that others are measured against."""
        return self.sound if self.closing is None else np.isfinite(self.closing)

    @cached_property
    def before(self) -> NDArray[np.int64]:
        """Row of the newest price before each session, -1 without one."""
        return newest_before(self.priced)
