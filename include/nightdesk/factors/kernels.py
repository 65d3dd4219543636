"""The rolling operations of factors as compiled loops, for panels so large that compiling pays.

Each does the operations of its counterpart in `windows` and `wilder` in the same order on the same numbers,
so it gives the same bits: which of the two computed a factor shows in the time alone. numba is imported when
the first large panel comes. What it compiles is kept beside this file, or where that may not be written in
the user's own cache; where neither can be, each process compiles anew.

A mean has none: numpy is as quick. All take arrays of shape (n_rows, n_columns) and are columnwise; the loops
over columns are the inner ones, so that the processor works on several columns at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats

#: Cells of a panel from which its factors are computed by compiled loops; loading them takes about a second.
FROM_CELLS = 2_000_000
#: How far into a window's tail a quantile may lie that is taken here; see `quantile`.
LONGEST_TAIL = 8


@dataclass(frozen=True)
class Kernels:
    """The compiled functions of this module."""

    deviation: Callable[[Floats, int, int], Floats]
    slope: Callable[[Floats, Floats, int], Floats]
    quantile: Callable[[Floats, int, int, int, float], Floats]
    running: Callable[[Floats, float, int], Floats]
    previous: Callable[[Floats, NDArray[np.bool_]], Floats]


def kernels_for(cells: int) -> Kernels | None:
    """The compiled loops for a panel of so many cells; None for one that is done before they were loaded."""
    return compiled() if cells >= FROM_CELLS else None


@cache
def compiled() -> Kernels:
    """Every kernel, compiled at its first call or taken from where it was kept."""
    import numba

    def compile_one(function: Callable[..., Any]) -> Callable[..., Any]:
        how: dict[str, Any] = {"error_model": "numpy", "nogil": True}
        try:
            made = numba.njit(function, cache=True, **how)
        except RuntimeError:  # there is no place that may be written
            made = numba.njit(function, **how)
        one: Callable[..., Any] = made
        return one

    names = ("deviation", "slope", "quantile", "running", "previous")
    return Kernels(**{name: compile_one(globals()[name]) for name in names})


def deviation(x: Floats, n: int, ddof: int) -> Floats:
    """`windows.deviation`."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    if n > rows:
        return out
    block, spread = x.copy(), np.zeros((rows, columns))
    window, scatter = block, spread
    span, length = 1, 0
    while length < n:
        if n & span and length == 0:
            window, scatter = block.copy(), spread.copy()
            length = span
        elif n & span:
            share, weight = length / (span + length), span * length / (span + length)
            for i in range(rows - length - span + 1):
                for c in range(columns):
                    step = window[i + span, c] - block[i, c]
                    window[i, c] = block[i, c] + step * share
                    scatter[i, c] = spread[i, c] + scatter[i + span, c] + step * step * weight
            length += span
        if length < n:
            share, weight = span / (span + span), span * span / (span + span)
            for i in range(rows - 2 * span + 1):
                for c in range(columns):
                    step = block[i + span, c] - block[i, c]
                    block[i, c] = block[i, c] + step * share
                    spread[i, c] = spread[i, c] + spread[i + span, c] + step * step * weight
            span *= 2
    for i in range(rows - n + 1):
        for c in range(columns):
            out[i + n - 1, c] = np.sqrt(scatter[i, c] / (n - ddof))
    return out


def slope(y: Floats, x: Floats, n: int) -> Floats:
    """`windows.slope`."""
    rows, columns = y.shape
    out = np.full((rows, columns), np.nan)
    if n > rows:
        return out
    block, product = y.copy(), np.zeros((rows, columns))
    base, square = x[:, 0].copy(), np.zeros(rows)
    window, products, bases, squares = block, product, base, square
    span, length = 1, 0
    while length < n:
        if n & span and length == 0:
            window, products = block.copy(), product.copy()
            bases, squares = base.copy(), square.copy()
            length = span
        elif n & span:
            share, weight = length / (span + length), span * length / (span + length)
            for i in range(rows - length - span + 1):
                dx = bases[i + span] - base[i]
                bases[i] = base[i] + dx * share
                squares[i] = square[i] + squares[i + span] + dx * dx * weight
                for c in range(columns):
                    dy = window[i + span, c] - block[i, c]
                    window[i, c] = block[i, c] + dy * share
                    products[i, c] = product[i, c] + products[i + span, c] + dx * dy * weight
            length += span
        if length < n:
            share, weight = span / (span + span), span * span / (span + span)
            for i in range(rows - 2 * span + 1):
                dx = base[i + span] - base[i]
                base[i] = base[i] + dx * share
                square[i] = square[i] + square[i + span] + dx * dx * weight
                for c in range(columns):
                    dy = block[i + span, c] - block[i, c]
                    block[i, c] = block[i, c] + dy * share
                    product[i, c] = product[i, c] + product[i + span, c] + dx * dy * weight
            span *= 2
    for i in range(rows - n + 1):
        for c in range(columns):
            out[i + n - 1, c] = products[i, c] / squares[i]
    return out


def quantile(x: Floats, n: int, below: int, hundredths: int, sign: float) -> Floats:
    """`windows.quantile` of a short tail: the value `below` places from the window's lower end of sign × x.

    The smallest values of the window are kept in order, with the rows that they are of; those that leave the
    window are taken out, new ones put in. When too few are left the window is looked through again.
    """
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    needed = below + 1 if hundredths == 0 else below + 2
    room = 2 * needed + 2  # with more the window is looked through less often, and each change moves more
    value, born = np.empty(room), np.empty(room, np.int64)
    series = np.empty(rows)
    for c in range(columns):
        for t in range(rows):
            series[t] = sign * x[t, c]
        kept, missing = 0, 0
        complete = False  # whether `value` holds the `kept` smallest of the window
        for t in range(rows):
            gone = t - n
            if gone >= 0 and np.isnan(series[gone]):
                missing -= 1
            elif gone >= 0 and kept and series[gone] <= value[kept - 1]:
                at = 0
                while at < kept and born[at] != gone:
                    at += 1
                if at < kept:
                    for k in range(at, kept - 1):
                        value[k], born[k] = value[k + 1], born[k + 1]
                    kept -= 1
            fresh = series[t]
            if np.isnan(fresh):
                missing += 1
            elif complete and (kept and fresh < value[kept - 1]):
                k = kept if kept < room else room - 1
                kept = k + 1
                while k > 0 and value[k - 1] > fresh:
                    value[k], born[k] = value[k - 1], born[k - 1]
                    k -= 1
                value[k], born[k] = fresh, t
            if t < n - 1 or missing:
                complete, kept = False, 0
                continue
            if not complete or kept < needed:
                kept, complete = 0, True
                for s in range(t - n + 1, t + 1):
                    one = series[s]
                    if kept == room and one >= value[kept - 1]:
                        continue
                    k = kept if kept < room else room - 1
                    kept = k + 1
                    while k > 0 and value[k - 1] > one:
                        value[k], born[k] = value[k - 1], born[k - 1]
                        k -= 1
                    value[k], born[k] = one, s
            low = value[below]
            if hundredths:
                low = low + (value[below + 1] - low) * (hundredths / 100)
            out[t, c] = sign * low
    return out


def running(x: Floats, alpha: float, n: int) -> Floats:
    """`wilder.running`."""
    rows, columns = x.shape
    out = np.empty((rows, columns))
    state, count = np.zeros(columns), np.zeros(columns)
    seed = np.full(columns, -0.0)  # the one start of a sum that changes no first value
    for t in range(rows):
        for c in range(columns):
            value = x[t, c]
            present = abs(value) < np.inf
            count[c] += 1.0 if present else 0.0
            seed[c] += value if present and count[c] <= n else 0.0
            starts = present and count[c] == n
            target = seed[c] / n if starts else (value if present else 0.0)
            weight = 1.0 if starts else (alpha if present and count[c] > n else 0.0)
            state[c] += (target - state[c]) * weight
            out[t, c] = state[c] if present and count[c] >= n else np.nan
    return out


def previous(x: Floats, present: NDArray[np.bool_]) -> Floats:
    """`wilder.previous`."""
    rows, columns = x.shape
    out = np.empty((rows, columns))
    newest = np.full(columns, np.nan)
    for t in range(rows):
        for c in range(columns):
            out[t, c] = newest[c]
            newest[c] = x[t, c] if present[t, c] else newest[c]
    return out
