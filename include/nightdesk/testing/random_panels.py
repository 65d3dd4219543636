"""Panels to compute factors on: small ones by hand, and random ones with gaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from nightdesk.core.panel import Floats, Panel


def panel_of(
    closes: ArrayLike,
    *,
    high: ArrayLike | None = None,
    low: ArrayLike | None = None,
    volume: ArrayLike | None = None,
    symbols: Sequence[str] | None = None,
    adjustment: ArrayLike | None = None,
    split: ArrayLike | None = None,
) -> Panel:
    """A panel of consecutive days from 2020 on; what is left out is plain.

    Parameters
    ----------
    closes : array_like of shape (n_sessions,) or (n_sessions, n_symbols)
        Raw dollars, NaN without a bar.
    high, low, volume, adjustment, split : array_like of the same shape
        By default the closes, 1,000 units, and no action.
    symbols : sequence of str
        By default S0, S1 and so on.
    """
    close: Floats = np.asarray(closes, dtype=np.float64)
    if close.ndim == 1:
        close = close[:, None]

    def like(values: ArrayLike | None, default: Floats) -> Floats:
        return default if values is None else np.asarray(values, dtype=np.float64).reshape(close.shape)

    highs, lows = like(high, close), like(low, close)
    volumes = like(volume, np.where(np.isfinite(close), 1000.0, np.nan))
    return Panel(
        sessions=np.datetime64("2020-01-01", "D") + np.arange(len(close)),
        symbols=tuple(symbols or (f"S{at}" for at in range(close.shape[1]))),
        open=close,
        high=highs,
        low=lows,
        close=close,
        volume=volumes,
        fill_open=close,
        fill_low=lows,
        fill_high=highs,
        fill_volume=volumes,
        adjustment=like(adjustment, np.ones_like(close)),
        dividend=np.zeros_like(close),
        split=like(split, np.ones_like(close)),
        unexplained=np.full_like(close, np.nan),
        accepted=np.zeros_like(close),
    )


def members(panel: Panel) -> int:
    """How many of the first columns are traded: all but an index behind them."""
    return sum(not symbol.startswith("^") for symbol in panel.symbols)


def random_panel(seed: int, sessions: int = 420, symbols: int = 5) -> Panel:
    """A random market with a late listing, gaps, standstills, a split, growing adjustments and an index."""
    rng = np.random.default_rng(seed)
    shape = (sessions, symbols)
    change = rng.normal(0.0003, 0.012, shape)
    change[rng.random(shape) < 0.03] = 0.0
    close = 50.0 * np.exp(np.cumsum(change, axis=0))
    high = close * (1.0 + np.abs(rng.normal(0.0, 0.006, shape)))
    low = close * (1.0 - np.abs(rng.normal(0.0, 0.006, shape)))
    volume = rng.integers(10_000, 1_000_000, shape).astype(float)
    missing = rng.random(shape) < 0.01
    missing[:, 0] = False  # the benchmark
    missing[: sessions // 3, 1] = True
    for field in (close, high, low, volume):
        field[missing] = np.nan
    volume[:, -1] = np.nan
    adjustment = np.cumprod(np.where(rng.random(shape) < 0.01, 1.006, 1.0), axis=0)
    split = np.where(
        np.arange(sessions)[:, None] == sessions // 2, [[1.0, 1.0, 4.0, 1.0, 1.0][:symbols]], 1.0
    )
    names = ["SPY", *(f"S{at}" for at in range(1, symbols - 1)), "^VIX"]
    return panel_of(
        close, high=high, low=low, volume=volume, symbols=names, adjustment=adjustment, split=split
    )
