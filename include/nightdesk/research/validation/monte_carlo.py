"""Bands for return and drawdown: a course drawn again and again from blocks of its own returns or trades."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.performance.nav import a_year
from nightdesk.research.validation.superior_ability import BLOCK

#: Shares of the draws below the lower, the middle and the upper band: 90 % lie between the outer ones.
LEVELS = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class DrawnBand:
    """The lower, middle and upper of `LEVELS` of a figure over all draws."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class DrawnBands:
    """Bands of a course that was drawn again.

    Attributes
    ----------
    draws, block : int
        How often, and returns or trades of a block on average.
    growth : DrawnBand
        Of returns: growth a year. Of trades: growth over all of them.
    drawdown : DrawnBand
        Deepest drawdown, positive.
    course : ndarray of shape (3, n + 1)
        Of the value of 1, after each return or trade, from the beginning.
    """

    draws: int
    block: int
    growth: DrawnBand
    drawdown: DrawnBand
    course: Floats


def return_bands(returns: Floats, *, seed: int, draws: int = 1_000, block: int = BLOCK) -> DrawnBands:
    """Bands by the stationary bootstrap (Politis and Romano 1994), by arch.

    The band of growth is one of confidence: nine times of ten it holds the growth that the returns have in
    truth. It says nothing of markets other than those of the span.

    Parameters
    ----------
    returns : ndarray of shape (n_returns,)
        Finite, at least two.
    seed : int
    draws : int
    block : int
        Returns of a block on average; no more than there are.
    """
    courses = _courses(returns, seed, draws, min(block, len(returns)))
    n = len(returns)
    growth = np.array([a_year(float(one), n) for one in courses[:, -1]])
    return _bands(courses, growth, min(block, len(returns)))


def trade_bands(trades: Floats, *, seed: int, draws: int = 1_000) -> DrawnBands:
    """The same of closed trades, one after the other as if none overlapped.

    A block has the cube root of their number on average (Hall, Horowitz and Jing 1995), so that runs of
    losses stay together.

    Parameters
    ----------
    trades : ndarray of shape (n_trades,)
        What each earned over the NAV at its opening, in the order of their closing; at least two.
    seed : int
    draws : int
    """
    block = max(1, round(len(trades) ** (1 / 3)))
    courses = _courses(trades, seed, draws, block)
    return _bands(courses, courses[:, -1] - 1.0, block)


def _courses(values: Floats, seed: int, draws: int, block: int) -> Floats:
    """The value of 1 after each value, for each draw: shape (draws, n + 1)."""
    from arch.bootstrap import StationaryBootstrap

    def drawn() -> Iterator[Floats]:
        for (some,), _ in StationaryBootstrap(block, values, seed=seed).bootstrap(draws):
            yield np.asarray(some)

    out = np.ones((draws, len(values) + 1))
    for row, some in zip(out, drawn(), strict=True):
        np.cumprod(1.0 + some, out=row[1:])
    return out


def _bands(courses: Floats, growth: Floats, block: int) -> DrawnBands:
    deepest = (1.0 - courses / np.maximum.accumulate(courses, axis=1)).max(axis=1)
    return DrawnBands(
        draws=len(courses),
        block=block,
        growth=DrawnBand(*map(float, np.quantile(growth, LEVELS))),
        drawdown=DrawnBand(*map(float, np.quantile(deepest, LEVELS))),
        course=np.quantile(courses, LEVELS, axis=0),
    )
