"""Walk-forward: choose a set of parameters on a window, trade the next sessions by it, and go on.

The returns of a set in a test window are those of its own backtest over the whole span: as if the book had
traded it all along. What it would cost to move from the positions of one set to those of the next is not in
them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.performance.nav import a_year
from nightdesk.research.validation.scores import best_set, score

Walk = Literal["rolling", "anchored"]


@dataclass(frozen=True)
class WalkedWindow:
    """A window, as rows of the returns.

    Attributes
    ----------
    first, stop : int
        The train window: from `first` up to, and without, `stop`.
    end : int
        The test window goes from `stop` up to, and without, `end`.
    chosen : int
        The set that was best in the train window.
    train, test : float
        Its figure there and in the test window; NaN where it has none.
    """

    first: int
    stop: int
    end: int
    chosen: int
    train: float
    test: float


@dataclass(frozen=True)
class WalkForward:
    """A walk over all sessions after the first train window.

    Attributes
    ----------
    walk : str
    windows : tuple of WalkedWindow
        Their test windows follow each other without a gap; the last one may be shorter.
    returns : ndarray of shape (n_returns - n_train,)
        Those out of sample, joined.
    efficiency : float
        Growth a year out of sample over that of the chosen sets in their train windows, on average (Pardo
        2008); NaN where the latter is not above 0.
    """

    walk: Walk
    windows: tuple[WalkedWindow, ...]
    returns: Floats
    efficiency: float


def walk_forward(returns: Floats, metric: str, walk: Walk, train: int, test: int) -> WalkForward:
    """Walk over the sessions.

    Parameters
    ----------
    returns : ndarray of shape (n_returns, n_sets)
        Finite.
    metric : str
        A name of `SCORES`.
    walk : str
        "rolling": each train window has `train` sessions; "anchored": each begins with the first session.
    train, test : int
        Sessions of the (first) train window and of a test window.

    Raises
    ------
    Refused
        When no test window remains, or no set can be chosen.
    """
    check_windows(len(returns), train, test)
    windows = []
    for stop in range(train, len(returns), test):
        first, end = (stop - train if walk == "rolling" else 0), min(stop + test, len(returns))
        chosen, reached = best_set(returns[first:stop], metric)
        windows.append(
            WalkedWindow(first, stop, end, chosen, reached, score(returns[stop:end, chosen], metric))
        )
    joined = np.concatenate([returns[one.stop : one.end, one.chosen] for one in windows])
    return WalkForward(walk, tuple(windows), joined, _efficiency(returns, windows, joined))


def check_windows(returns: int, train: int, test: int) -> None:
    """Refuse windows of which none could be traded after the first choice."""
    if train < 2 or test < 1:
        raise Refused(
            f"--train {train}, --test {test}: a set is chosen by two sessions or more and judged by one"
        )
    if returns <= train:
        raise Refused(
            f"{returns:,} returns leave no session after the first train window of {train:,}: take a longer "
            "span or a shorter --train"
        )


def _efficiency(returns: Floats, windows: Sequence[WalkedWindow], joined: Floats) -> float:
    inside = [_growth_a_year(returns[one.first : one.stop, one.chosen]) for one in windows]
    mean = sum(inside) / len(inside)
    return _growth_a_year(joined) / mean if mean > 0 else math.nan


def _growth_a_year(returns: Floats) -> float:
    return a_year(float(np.prod(1.0 + returns)), len(returns))
