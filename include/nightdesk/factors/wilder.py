"""Recursive indicators: Wilder's RSI, ATR and ADX (Wilder 1978) and Appel's MACD.

Each is a running average seeded with the simple mean of its first values. Only bars that are there count: on
a session without a bar the indicator is missing and carries its state over, as if that session had not been.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor
from nightdesk.factors.kernels import Kernels

#: A recursive value is dependable once its seed weighs less than this.
FORGOTTEN = 1e-9

FAST, SLOW, SIGNAL = 12, 26, 9


def sessions_to_forget(alpha: float, stages: int = 1) -> int:
    """Steps after which the seed of a running average weighs less than `FORGOTTEN`.

    Parameters
    ----------
    alpha : float
        Weight of the newest value, in (0, 1].
    stages : int
        2 for an average of an average, whose seed fades as (1 + alpha × steps)(1 - alpha)^steps.
    """
    steps = 0
    while (1.0 + (stages - 1) * alpha * steps) * (1.0 - alpha) ** steps >= FORGOTTEN:
        steps += 1
    return steps


@factor("rsi_{n}", look_back=lambda n: n + 1 + sessions_to_forget(1 / n), by_column=True)
def rsi(source: Source, n: int) -> Floats:
    """Relative strength index, 0 to 100: seeded with the simple mean of the first n changes (as TA-Lib).

    Missing while the price has never moved.
    """
    change = source.close - previous(source.close, np.isfinite(source.close), source.kernels)
    gain, loss = _running_both(np.maximum(change, 0.0), np.maximum(-change, 0.0), n, source.kernels)
    return 100.0 * gain / (gain + loss)


@factor("atr_{n}", look_back=lambda n: n + 1 + sessions_to_forget(1 / n), by_column=True)
def atr(source: Source, n: int) -> Floats:
    """Average true range, raw dollars of the session."""
    high, low, close, present = _bars(source)
    before = previous(close, present, source.kernels)
    true_range = np.maximum(high, before) - np.minimum(low, before)
    return source.in_dollars(running(true_range, 1 / n, n, source.kernels))


@factor("adx_{n}", look_back=lambda n: 2 * n + sessions_to_forget(1 / n, stages=2), by_column=True)
def adx(source: Source, n: int) -> Floats:
    """Average directional index, 0 to 100; missing while the price has never moved.

    The true range that Wilder divides both directional movements by cancels out of their ratio.
    """
    high, low, _, present = _bars(source)
    up, down = high - previous(high, present, source.kernels), previous(low, present, source.kernels) - low
    rise = np.where((up > down) & (up > 0.0), up, 0.0 * up)
    fall = np.where((down > up) & (down > 0.0), down, 0.0 * down)
    plus, minus = _running_both(rise, fall, n, source.kernels)
    return running(100.0 * np.abs(plus - minus) / (plus + minus), 1 / n, n, source.kernels)


@factor("macd", look_back=lambda: SLOW + sessions_to_forget(2 / (SLOW + 1)), by_column=True)
def macd(source: Source) -> Floats:
    """Exponential average of 12 sessions less that of 26, raw dollars of the session."""
    return source.in_dollars(_macd(source))


@factor(
    "macd_signal",
    look_back=lambda: SLOW + SIGNAL - 1 + sessions_to_forget(2 / (SLOW + 1), stages=2),
    by_column=True,
)
def macd_signal(source: Source) -> Floats:
    """Exponential average of 9 sessions of the MACD, raw dollars of the session."""
    return source.in_dollars(running(_macd(source), 2 / (SIGNAL + 1), SIGNAL, source.kernels))


def _macd(source: Source) -> Floats:
    def make() -> Floats:
        fast, slow = (running(source.close, 2 / (n + 1), n, source.kernels) for n in (FAST, SLOW))
        return fast - slow

    return source.once("macd of adjusted closes", make)


def _bars(source: Source) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Adjusted high, low and close, NaN unless all three are there."""
    present = np.isfinite(source.high) & np.isfinite(source.low) & np.isfinite(source.close)
    high, low, close = (np.where(present, price, np.nan) for price in (source.high, source.low, source.close))
    return high, low, close, present


def _running_both(one: Floats, other: Floats, n: int, kernels: Kernels | None) -> tuple[Floats, Floats]:
    """Wilder's running averages of two series: side by side, where the loop over rows is Python's."""
    if kernels is not None:
        return running(one, 1 / n, n, kernels), running(other, 1 / n, n, kernels)
    first, second = np.hsplit(running(np.hstack([one, other]), 1 / n, n), 2)
    return first, second


def previous(x: Floats, present: NDArray[np.bool_], kernels: Kernels | None = None) -> Floats:
    """The newest value that was there before each row; NaN where there was none."""
    if kernels is not None:
        return kernels.previous(np.ascontiguousarray(x), np.ascontiguousarray(present))
    row = np.arange(len(x))[:, None]
    newest = np.maximum.accumulate(np.where(present, row, -1), axis=0)
    newest = np.vstack([np.full((1, x.shape[1]), -1), newest[:-1]])
    return np.where(newest >= 0, np.take_along_axis(x, np.maximum(newest, 0), axis=0), np.nan)


def running(x: Floats, alpha: float, n: int, kernels: Kernels | None = None) -> Floats:
    """Running average y += alpha × (x - y) over the values that are there.

    Parameters
    ----------
    x : ndarray of shape (n_sessions, n_columns)
    alpha : float
        Weight of the newest value.
    n : int
        The average starts with the simple mean of the first `n` values, at the n-th of them.
    kernels : Kernels, optional
        The same by compiled loops, to the bit.

    Returns
    -------
    ndarray of shape (n_sessions, n_columns)
        NaN before the start and where `x` is.
    """
    if kernels is not None:
        return kernels.running(np.ascontiguousarray(x), alpha, n)
    present = np.isfinite(x)
    count = np.cumsum(present, axis=0)
    seed = np.cumsum(np.where(present & (count <= n), x, 0.0), axis=0) / n
    starts = present & (count == n)
    # an average that is 0 takes its seed over whole with the weight 1; a missing value has the weight 0
    values = np.where(starts, seed, np.where(present, x, 0.0))
    weights = np.where(starts, 1.0, np.where(present & (count > n), alpha, 0.0))
    out = np.empty_like(x)
    state, step = np.zeros(x.shape[1]), np.empty(x.shape[1])
    for t in range(len(x)):
        np.subtract(values[t], state, out=step)
        step *= weights[t]
        state += step
        out[t] = state
    out[~present | (count < n)] = np.nan
    return out
