"""Comparisons of floats in which equal is equal: what differs by rounding alone is neither above nor below.

A recursive average, or a quotient of adjusted prices, comes out a last bit higher or lower than the number
that it stands for: the RSI of a price that stands still would rise or fall by 1e-15. Every strict condition
of a strategy asks these functions instead of ``>`` and ``<``. They look at one element at a time, so a
session alone says what it says among all, and no later row matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats

Flags = NDArray[np.bool_]

#: Numbers this close together are equal: this share of the larger one. Prices, averages, RSI and ranks carry
#: rounding errors of some 1e-13 of their size; a real difference of less than 1e-9 is none to trade on.
RELATIVE = 1e-9
#: And this much in any case, for differences such as returns, whose errors are of the size of 1e-16 × 1.
ABSOLUTE = 1e-12

#: Most decimals with which two numbers are told apart in words.
MOST_DECIMALS = 10


def above(first: Floats | float, second: Floats | float) -> Flags:
    """Where `first` > `second` by more than rounding; False where one of them is missing.

    Parameters
    ----------
    first, second : ndarray or float
        Finite or NaN, in one unit; of any shapes that broadcast.

    Returns
    -------
    bool ndarray

    Examples
    --------
    >>> above(np.array([0.1 + 0.2, 0.31, np.nan]), 0.3).tolist()
    [False, True, False]
    """
    return np.asarray(np.subtract(first, second) > _tolerance(first, second))


def below(first: Floats | float, second: Floats | float) -> Flags:
    """Where `first` < `second` by more than rounding; False where one of them is missing."""
    return above(second, first)


def at_most(first: Floats | float, second: Floats | float) -> Flags:
    """Where `first` <= `second` but for rounding: not above, and both are known."""
    return np.asarray(np.subtract(first, second) <= _tolerance(first, second))


def apart(first: float, second: float, decimals: int) -> tuple[str, str]:
    """Two numbers in words, with as many decimals as tell them apart.

    Parameters
    ----------
    first, second : float
    decimals : int
        The usual ones. More are taken, up to `MOST_DECIMALS`, where the numbers differ by more than rounding
        and would read alike.

    Examples
    --------
    >>> apart(28.912, 28.874, 1)
    ('28.91', '28.87')
    """
    usual = f"{first:.{decimals}f}", f"{second:.{decimals}f}"
    if usual[0] != usual[1] or not (above(first, second) | below(first, second)):
        return usual
    for places in range(decimals + 1, MOST_DECIMALS + 1):
        words = f"{first:.{places}f}", f"{second:.{places}f}"
        if words[0] != words[1]:
            return words
    return usual


def _tolerance(first: Floats | float, second: Floats | float) -> Floats:
    return np.asarray(np.maximum(ABSOLUTE, RELATIVE * np.maximum(np.abs(first), np.abs(second))))
