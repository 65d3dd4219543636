"""The probability that the choice of the best set finds noise: combinatorially symmetric cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats

#: Blocks that the sessions are cut into: 12,870 ways to take half of them.
BLOCKS = 16

#: Values worked out at once; bounds the memory.
AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Overfitting:
    """How the best of one half of the sessions did in the other half, over all ways to halve them.

    Attributes
    ----------
    probability : float
        Share of the splits in which the best set in sample lay below the median out of sample; 0.5 is what
        a choice by chance gives.
    splits : int
    logits : ndarray of shape (n_splits,)
        Of the relative rank out of sample; below 0: below the median.
    in_sample, out_of_sample : float
        Mean Sharpe ratio a session of the chosen set in its half and in the other one.
    loss : float
        Share of the splits in which the chosen set has a Sharpe ratio below 0 out of sample.
    """

    probability: float
    splits: int
    logits: Floats
    in_sample: float
    out_of_sample: float
    loss: float


def probability_of_overfitting(returns: Floats, blocks: int = BLOCKS) -> Overfitting:
    """Probability of backtest overfitting (Bailey, Borwein, López de Prado and Zhu 2017).

    The sessions are cut into blocks, the first ones longer by one where they do not divide; each half of the
    blocks chooses the set with the highest Sharpe ratio, and the other half ranks it. Sets that tie share
    their ranks; a set that does not vary in a half has a Sharpe ratio of 0 there.

    Parameters
    ----------
    returns : ndarray of shape (n_returns, n_sets)
        Finite.
    blocks : int
        Even.

    Raises
    ------
    Refused
        When there are fewer than two sets, or blocks of fewer than two sessions.
    """
    n, sets = returns.shape
    if sets < 2:
        raise Refused("the probability of overfitting is of a choice: it needs two sets or more")
    if n < 2 * blocks:
        raise Refused(
            f"{n} returns are too few for {blocks} blocks of sessions: take {2 * blocks + 1} sessions or more"
        )
    sums = _sums(returns, blocks)
    splits = np.array(list(combinations(range(blocks), blocks // 2)))
    size = max(1, AT_ONCE // sets)
    parts = [_chosen(sums, splits[at : at + size]) for at in range(0, len(splits), size)]
    ranks, inside, outside = (np.concatenate(some) for some in zip(*parts, strict=True))
    relative = ranks / (sets + 1)
    logits = np.log(relative / (1.0 - relative))
    return Overfitting(
        probability=float((logits < 0).mean()),
        splits=comb(blocks, blocks // 2),
        logits=logits,
        in_sample=float(inside.mean()),
        out_of_sample=float(outside.mean()),
        loss=float((outside < 0).mean()),
    )


@dataclass(frozen=True)
class _Sums:
    """The length of each block, and each set's sums in it of returns less `centre` and of their squares."""

    length: Floats
    first: Floats
    second: Floats
    centre: Floats

    def sharpe(self, taken: Floats) -> Floats:
        """Sharpe ratios, shape (n_splits, n_sets), of the blocks where `taken` (n_splits, n_blocks) is 1."""
        n = (taken @ self.length)[:, None]
        first, second = taken @ self.first, taken @ self.second
        variance = (second - first**2 / n) / (n - 1)
        # Equal returns leave a rest of rounding.
        varies = variance > 1e-12 * second / n
        deviation = np.sqrt(np.where(varies, variance, 1.0))
        return np.where(varies, (first / n + self.centre) / deviation, 0.0)


def _sums(returns: Floats, blocks: int) -> _Sums:
    # Centred, so that a variance is no small difference of large sums.
    centre = returns.mean(axis=0)
    parts = np.array_split(returns - centre, blocks)
    return _Sums(
        length=np.array([len(one) for one in parts], dtype=np.float64),
        first=np.array([one.sum(axis=0) for one in parts]),
        second=np.array([(one**2).sum(axis=0) for one in parts]),
        centre=centre,
    )


def _chosen(sums: _Sums, inside: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """The rank of the chosen set out of sample from 1, and its Sharpe ratio in and out of sample."""
    rows = np.arange(len(inside))
    taken = np.zeros((len(inside), len(sums.length)))
    taken[rows[:, None], inside] = 1.0
    own, other = sums.sharpe(taken), sums.sharpe(1.0 - taken)
    best = own.argmax(axis=1)
    reached = other[rows, best]
    below = (other < reached[:, None]).sum(axis=1)
    alike = (other == reached[:, None]).sum(axis=1)
    return below + (alike + 1) / 2, own[rows, best], reached
