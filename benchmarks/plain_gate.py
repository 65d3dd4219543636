"""The reference of the gate: its limits as one would write them by hand with numpy, in one function.

Long positions in whole shares, on a calm day: nothing is killed, stale, in quarantine or at a drawdown level.
What it leaves must be what the gate leaves; it keeps no record of why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """Shares of NAV but for `positions` and `trades`, which are counts, and `smallest`, which is dollars."""

    max_weight: float
    correlation: float
    joint_cap: float
    positions: int
    heat: float
    gross: float
    buffer: float
    trades: int
    turnover: float
    smallest: float
    threshold: float


def run(
    wanted: Floats,
    held: Floats,
    confidence: Floats,
    price: Floats,
    returns: Floats,
    costs: Floats,
    cash: float,
    nav: float,
    limits: Limits,
) -> Floats:
    """Shares that are let through of those wanted; arrays of shape (n_symbols,), returns of a window."""
    correlation = np.corrcoef(returns, rowvar=False)
    first, second = np.nonzero(np.triu(correlation > limits.correlation, 1))
    pairs = sorted(zip(first.tolist(), second.tolist(), strict=True), key=lambda at: -correlation[at])
    joint = limits.joint_cap * 2.0 * limits.max_weight
    # Both orders are alphabetical in what is equal, since the symbols are in that order.
    sure = np.argsort(-confidence, kind="stable")
    left, before = wanted, np.full_like(wanted, np.nan)
    while not np.array_equal(left, before):
        before = left
        left = np.minimum(left, np.trunc(limits.max_weight * nav / price))
        for i, j in pairs:
            both = (left[i] * price[i] + left[j] * price[j]) / nav
            if both > joint:
                left[[i, j]] = np.trunc(left[[i, j]] * joint / both)
        left = _counted(left, held, sure, limits.positions)
        left = _admitted(left, held, sure, price, _room(left, held, price, limits.heat * nav))
        left = _shrunk(left, held, price, _room(left, held, price, limits.gross * nav))
        left = _shrunk(left, held, price, _room(left, held, price, (1.0 - limits.buffer) * nav))
        sold = held - np.minimum(left, held)
        there = cash + float((sold * price * (1.0 - costs)).sum())
        left = _admitted(left, held, sure, price * (1.0 + costs), there)
        left = _traded(left, held, price, nav, limits)
    return left


def _room(left: Floats, held: Floats, price: Floats, most: float) -> float:
    return most - float((np.minimum(left, held) * price).sum())


def _counted(left: Floats, held: Floats, sure: NDArray[np.intp], most: int) -> Floats:
    stays = int(((left > 0) & (held > 0)).sum())
    opened = sure[(left[sure] > 0) & (held[sure] == 0)]
    left = left.copy()
    left[opened[max(0, most - stays) :]] = 0.0
    return left


def _admitted(left: Floats, held: Floats, sure: NDArray[np.intp], price: Floats, room: float) -> Floats:
    kept = np.minimum(left, held)
    added = sure[left[sure] > kept[sure]]
    spent = np.cumsum((left - kept)[added] * price[added])
    if not len(spent) or spent[-1] <= room:
        return left
    left = left.copy()
    at = int(np.argmax(spent > room))
    n = added[at]
    rest = max(0.0, room - (spent[at] - (left[n] - kept[n]) * price[n]))
    left[n] = kept[n] + np.trunc(rest / price[n])
    left[added[at + 1 :]] = kept[added[at + 1 :]]
    return left


def _shrunk(left: Floats, held: Floats, price: Floats, room: float) -> Floats:
    kept = np.minimum(left, held)
    added = float(((left - kept) * price).sum())
    return left if added <= room else kept + np.trunc((left - kept) * max(0.0, room) / added)


def _traded(left: Floats, held: Floats, price: Floats, nav: float, limits: Limits) -> Floats:
    size = np.abs(left - held) * price / nav
    order = np.argsort(-size, kind="stable")
    left = left.copy()
    left[order[limits.trades :]] = held[order[limits.trades :]]
    order = order[: limits.trades]
    running = np.cumsum(size[order])
    over = np.flatnonzero(running > limits.turnover)
    if len(over):
        n, rest = order[over[0]], limits.turnover - (running[over[0]] - size[order[over[0]]])
        left[n] = held[n] + np.trunc((left[n] - held[n]) * rest / size[n])
        left[order[over[1:]]] = held[order[over[1:]]]
    size = np.abs(left - held) * price
    small = (size < max(limits.smallest, limits.threshold * nav)) & (left > 0)
    return np.where(small, held, left)
