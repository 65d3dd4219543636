"""The skill of a model out of sample: what it foretold in each session against what became of it.

A live model has seen no outcome that was not known in its session, so every prediction of a walk over history
is out of sample. Nothing here is fitted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.factors.ranks import percentile_ranks

Flags = NDArray[np.bool_]

#: Fewer symbols than this have no order worth correlating in one session.
FEWEST_SYMBOLS = 5


@dataclass(frozen=True, slots=True)
class Skill:
    """How well probabilities of a rise foretold returns; NaN where there was nothing to measure by.

    Attributes
    ----------
    horizon : int
        Sessions of the return that was foretold.
    predictions : int
        Pairs of a prediction and its outcome. Those of the last `horizon` sessions have none yet.
    sessions : int
        Sessions with at least `FEWEST_SYMBOLS` pairs, over which the rank IC is taken.
    rank_ic : float
        Mean over those sessions of Spearman's correlation between predictions and returns across the
        symbols (the information coefficient of Grinold and Kahn, "Active portfolio management"): 0 is no
        skill.
    rank_ic_deviation : float
        Its standard deviation (ddof = 1) over the sessions. Returns of neighbouring sessions overlap, so it
        is not divided by the root of their number to judge by.
    base_rate : float
        Share of the outcomes that were a rise: what a hit rate must beat.
    hit_rate : float
        Share of the predictions on the right side of a half.
    called : int
        Predictions on which the strategy wanted to buy.
    called_hit_rate : float
        Share of those that rose.
    """

    horizon: int
    predictions: int
    sessions: int
    rank_ic: float
    rank_ic_deviation: float
    base_rate: float
    hit_rate: float
    called: int
    called_hit_rate: float


def skill(rising: Floats, outcome: Floats, called: Flags, horizon: int) -> Skill:
    """Compare predictions with what became of them.

    Parameters
    ----------
    rising : ndarray of shape (n_sessions, n_symbols)
        Probability of a rise as foretold in each session; NaN where nothing was.
    outcome : ndarray of shape (n_sessions, n_symbols)
        Return of the `horizon` sessions that end in each session, a share; NaN where a bar is missing.
    called : bool ndarray of shape (n_sessions, n_symbols)
        Where the strategy wanted to buy on its prediction.
    horizon : int
        At least 1.

    Returns
    -------
    Skill
        A prediction without its outcome, or the other way round, counts nowhere.
    """
    count = max(0, len(rising) - horizon)
    foretold, became, called = rising[:count], outcome[len(rising) - count :], called[:count]
    known = np.isfinite(foretold) & np.isfinite(became)
    rose, right = became > 0.0, (foretold > 0.5) == (became > 0.0)
    daily = _rank_correlations(np.where(known, foretold, np.nan), np.where(known, became, np.nan))
    bought = known & called
    return Skill(
        horizon=horizon,
        predictions=int(known.sum()),
        sessions=len(daily),
        rank_ic=float(daily.mean()) if len(daily) else math.nan,
        rank_ic_deviation=float(daily.std(ddof=1)) if len(daily) > 1 else math.nan,
        base_rate=_share(rose, known),
        hit_rate=_share(right, known),
        called=int(bought.sum()),
        called_hit_rate=_share(rose, bought),
    )


def _rank_correlations(first: Floats, second: Floats) -> Floats:
    """Spearman's correlation of every row with enough values in which both differ, ties averaged."""
    enough = np.isfinite(first).sum(axis=1) >= FEWEST_SYMBOLS
    if not enough.any():
        return np.empty(0)
    ranks = [percentile_ranks(one[enough]) for one in (first, second)]
    differ = np.logical_and(*(np.nanmin(one, axis=1) < np.nanmax(one, axis=1) for one in ranks))
    x, y = (np.nan_to_num(one - np.nanmean(one, axis=1, keepdims=True))[differ] for one in ranks)
    return np.asarray((x * y).sum(axis=1) / np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1)))


def _share(holds: Flags, among: Flags) -> float:
    return float(holds[among].mean()) if among.any() else math.nan
