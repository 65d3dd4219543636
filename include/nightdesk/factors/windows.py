"""Rolling windows by doubling.

A window of n rows is put together from blocks of 1, 2, 4, … rows, each block from two of half its length.
That takes log2(n) passes over the array, cancels nothing (as differences of running sums would), and row t
depends on rows t-n+1 to t only, by elementwise operations in an order that is always the same: a missing
value makes exactly the windows missing that hold it, and a panel cut after row t gives the same bits at t.

All public functions take arrays of shape (n_sessions, n_columns), give the same shape, and are NaN in the
first n - 1 rows and wherever the window holds a NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.factors.kernels import LONGEST_TAIL, Kernels

#: Columns that are worked on at a time, so that the passes over a wide panel stay in the processor's cache.
CHUNK = 64

State = tuple[Floats, ...]
Merge = Callable[[State, State, int, int], State]


def mean(x: Floats, n: int) -> Floats:
    """Arithmetic mean of the last `n` rows."""
    return _by_chunk(lambda part: _rolled((part,), n, _add)[0] / n, x)


def total(x: Floats, n: int) -> Floats:
    """Sum of the last `n` rows."""
    return _by_chunk(lambda part: _rolled((part,), n, _add)[0], x)


def over_present(x: Floats, rolled: Callable[[Floats], Floats]) -> Floats:
    """A window over the last values that are there, whatever lies between them.

    Parameters
    ----------
    x : ndarray of shape (n_sessions, n_columns)
        Finite, or NaN where a value is missing.
    rolled : callable
        One of this module's functions of an array alone.

    Returns
    -------
    ndarray of shape (n_sessions, n_columns)
        NaN where `x` is, and before there are enough values.
    """
    present = np.isfinite(x)
    before, after = (np.maximum.accumulate(present[::step], axis=0)[::step] for step in (1, -1))
    gappy = np.flatnonzero((before & after & ~present).any(axis=0))
    out = rolled(x)
    if len(gappy):
        # what is there moves to the end in its order, which leaves no gap in between
        order = np.argsort(present[:, gappy], axis=0, kind="stable")
        found = np.empty_like(x[:, gappy])
        together = np.ascontiguousarray(np.take_along_axis(x[:, gappy], order, axis=0))
        np.put_along_axis(found, order, rolled(together), axis=0)
        out[:, gappy] = found
    return out


def covariance(y: Floats, x: Floats, n: int) -> Floats:
    """Covariance (ddof = 1) of each column of `y` with `x`, both over the last `n` rows.

    Parameters
    ----------
    y : ndarray of shape (n_sessions, n_columns)
    x : ndarray of shape (n_sessions, 1)
    n : int
    """

    def part(some: Floats) -> Floats:
        state = (x, some, np.zeros_like(x), np.zeros_like(some))
        return _rolled(state, n, _merge_comoments)[3] / (n - 1)

    return _by_chunk(part, y)


@dataclass(frozen=True, slots=True)
class Comoments:
    """What two series do together over each window; arrays of the shape of both, divisors n - 1."""

    mean_x: Floats
    mean_y: Floats
    var_x: Floats
    var_y: Floats
    covariance: Floats


def comoments(x: Floats, y: Floats, n: int) -> Comoments:
    """Means, variances and covariance of each column of `x` with its own column of `y`, last `n` rows."""
    nothing = np.zeros_like(x)
    means_x, means_y, xx, xy, yy = _rolled((x, y, nothing, nothing, nothing), n, _merge_both)
    return Comoments(means_x, means_y, xx / (n - 1), yy / (n - 1), xy / (n - 1))


def deviation(x: Floats, n: int, *, ddof: int, kernels: Kernels | None = None) -> Floats:
    """Standard deviation of the last `n` rows, with divisor n - `ddof`."""
    if kernels is not None:
        return kernels.deviation(np.ascontiguousarray(x), n, ddof)
    return _by_chunk(
        lambda part: np.sqrt(_rolled((part, np.zeros_like(part)), n, _merge_moments)[1] / (n - ddof)), x
    )


def zscore(x: Floats, n: int, *, small: float) -> Floats:
    """(x - mean) / (standard deviation + `small`), both of the last `n` rows, with ddof = 1.

    Of values that do not move it is 0, to the bit, however large they are.
    """

    def part(some: Floats) -> Floats:
        mean, squares = _rolled((some, np.zeros_like(some)), n, _merge_moments)
        return (some - mean) / (np.sqrt(squares / (n - 1)) + small)

    return _by_chunk(part, x)


def slope(y: Floats, x: Floats, n: int, kernels: Kernels | None = None) -> Floats:
    """Covariance of each column of `y` with `x` over the variance of `x`, both over the last `n` rows.

    Parameters
    ----------
    y : ndarray of shape (n_sessions, n_columns)
    x : ndarray of shape (n_sessions, 1)
    n : int
    kernels : Kernels, optional
        The same by compiled loops, to the bit.
    """
    if kernels is not None:
        return kernels.slope(np.ascontiguousarray(y), np.ascontiguousarray(x), n)

    def part(some: Floats) -> Floats:
        state = (x, some, np.zeros_like(x), np.zeros_like(some))
        _, _, xx, xy = _rolled(state, n, _merge_comoments)
        return xy / xx

    return _by_chunk(part, y)


def quantile(x: Floats, n: int, percent: int, kernels: Kernels | None = None) -> Floats:
    """Quantile of the last `n` rows, linearly interpolated between its two neighbours.

    Only the window's nearer tail is kept, sorted; two blocks' tails merge by bitonic networks (Batcher 1968).

    Parameters
    ----------
    x : ndarray of shape (n_sessions, n_columns)
    n : int
    percent : int
        1 to 99.
    kernels : Kernels, optional
    """
    sign = 1.0 if percent <= 50 else -1.0
    below, hundredths = divmod(min(percent, 100 - percent) * (n - 1), 100)
    if kernels is not None and below < LONGEST_TAIL:
        return kernels.quantile(np.ascontiguousarray(x), n, below, hundredths, sign)
    kept = 1 << below.bit_length() if hundredths == 0 else 1 << (below + 1).bit_length()

    def part(some: Floats) -> Floats:
        state = (sign * some, *(np.full_like(some, np.inf) for _ in range(kept - 1)))
        tail = _rolled(state, n, _merge_tails)
        low = tail[below]
        value = low if hundredths == 0 else low + (tail[below + 1] - low) * (hundredths / 100)
        missing = np.isnan(tail[0])
        for slot in tail[1:]:
            missing |= np.isnan(slot)
        return np.where(missing, np.nan, sign * value)

    return _by_chunk(part, x)


def _by_chunk(function: Callable[[Floats], Floats], x: Floats) -> Floats:
    """Apply a columnwise function to some columns at a time."""
    columns = x.shape[1]
    if columns <= CHUNK:
        return function(x)
    out = np.empty_like(x)
    for first in range(0, columns, CHUNK):
        cut = slice(first, first + CHUNK)
        out[:, cut] = function(np.ascontiguousarray(x[:, cut]))
    return out


def _rolled(state: State, n: int, merge: Merge) -> State:
    """State of the window that ends at each row.

    Parameters
    ----------
    state : tuple of ndarray of shape (n_sessions, n_columns)
        State of each row alone.
    n : int
        Rows of a window.
    merge : callable
        (earlier state, later state, rows of the earlier, rows of the later) to the state of both together.
    """
    sessions = len(state[0])
    if n > sessions:
        return tuple(np.full_like(one, np.nan) for one in state)
    # row i of `block` is the state of rows i to i + rows - 1; `window` grows likewise at its front
    block, rows = state, 1
    window, length = state, 0
    while True:
        if n & rows:
            size = sessions - length - rows + 1
            window = merge(_cut(block, 0, size), _cut(window, rows, size), rows, length) if length else block
            length += rows
        if length == n:
            return tuple(_padded(one, sessions) for one in window)
        size = sessions - 2 * rows + 1
        block = merge(_cut(block, 0, size), _cut(block, rows, size), rows, rows)
        rows *= 2


def _cut(state: State, first: int, size: int) -> State:
    return tuple(one[first : first + size] for one in state)


def _padded(window: Floats, sessions: int) -> Floats:
    out = np.full((sessions, window.shape[1]), np.nan)
    out[sessions - len(window) :] = window
    return out


def _add(a: State, b: State, _a_rows: int, _b_rows: int) -> State:
    return (a[0] + b[0],)


def _merge_moments(a: State, b: State, a_rows: int, b_rows: int) -> State:
    """Mean and sum of squared deviations of two blocks together (Chan, Golub, LeVeque 1979)."""
    rows = a_rows + b_rows
    step = b[0] - a[0]
    return a[0] + step * (b_rows / rows), a[1] + b[1] + step * step * (a_rows * b_rows / rows)


def _merge_comoments(a: State, b: State, a_rows: int, b_rows: int) -> State:
    """Means of x and y, sums of squared deviations of x and of products of deviations, likewise."""
    rows = a_rows + b_rows
    share, weight = b_rows / rows, a_rows * b_rows / rows
    dx, dy = b[0] - a[0], b[1] - a[1]
    return (
        a[0] + dx * share,
        a[1] + dy * share,
        a[2] + b[2] + dx * dx * weight,
        a[3] + b[3] + dx * dy * weight,
    )


def _merge_both(a: State, b: State, a_rows: int, b_rows: int) -> State:
    """The same with the sum of squared deviations of y behind."""
    dy = b[1] - a[1]
    rows = a_rows + b_rows
    return (
        *_merge_comoments(a[:4], b[:4], a_rows, b_rows),
        a[4] + b[4] + dy * dy * (a_rows * b_rows / rows),
    )


def _merge_tails(a: State, b: State, _a_rows: int, _b_rows: int) -> State:
    """The smallest values of two blocks' sorted smallest ones, sorted; their number is a power of two."""
    kept = len(a)
    slots = [np.minimum(a[at], b[kept - 1 - at]) for at in range(kept)]
    gap = kept // 2
    while gap:
        for at in range(kept):
            if not at & gap:
                one, other = slots[at], slots[at + gap]
                slots[at], slots[at + gap] = np.minimum(one, other), np.maximum(one, other)
        gap //= 2
    return tuple(slots)
