"""The mean score of what was published of a symbol in a session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.sentiment.stories import first_tellings

Instants = NDArray[np.datetime64]

#: A headline of more symbols than this says little of each, and counts there as one divided by their number.
CROWD = 3

#: A score nearer to 0 is neither good nor bad: the bound that the authors of VADER give.
NEUTRAL = 0.05


@dataclass(frozen=True)
class Headlines:
    """Headlines with their scores, one row a headline and symbol, in any order.

    Arrays of shape (n_headlines,): `column` is the symbol as an index of columns, `published` datetime64[us]
    in UTC, `story` what `story_of` gives, `score` in [-1, 1], `weight` what a headline counts for beside
    others, above 0 (None: each the same).
    """

    column: NDArray[np.intp]
    published: Instants
    story: NDArray[np.int64]
    score: Floats
    weight: Floats | None = None

    def __len__(self) -> int:
        return len(self.column)


@dataclass(frozen=True)
class Sentiment:
    """What was said of each symbol in each session.

    Attributes
    ----------
    mean : ndarray of shape (n_sessions, n_symbols)
        Mean score by weight in [-1, 1], NaN where nothing was published.
    count : int ndarray of shape (n_sessions, n_symbols)
        Headlines behind it.
    """

    mean: Floats
    count: NDArray[np.int64]


def daily_sentiment(
    headlines: Headlines, closes: Instants, previous_close: np.datetime64, n_symbols: int
) -> Sentiment:
    """Gather headlines into sessions.

    A headline belongs to the session whose close is the first at or after its publication: what is published
    on a weekend, or after the close of the evening before, is of the next session. Repetitions do not count.

    Parameters
    ----------
    headlines : Headlines
    closes : ndarray of shape (n_sessions,), datetime64
        Closing instants, UTC, ascending.
    previous_close : datetime64
        The close of the session before the first one; what was published up to it is left out.
    n_symbols : int
        Columns of the result.

    Returns
    -------
    Sentiment
        A row is the same, bit for bit, whatever was published after its close.
    """
    moment = headlines.published.astype("datetime64[us]")
    inside = (
        (moment > previous_close) & (moment <= closes[-1]) if len(closes) else np.zeros(len(moment), bool)
    )
    # One order, whatever the source's: sums of floats depend on it.
    weights = np.ones(len(moment)) if headlines.weight is None else headlines.weight
    order = np.lexsort((weights, headlines.score, headlines.story, moment, headlines.column))
    order = order[inside[order]]
    column, moment = headlines.column[order], moment[order]
    new = first_tellings(column, moment, headlines.story[order])
    row = np.searchsorted(closes.astype("datetime64[us]"), moment[new], side="left")
    cell, size = row * n_symbols + column[new], len(closes) * n_symbols
    count = np.bincount(cell, minlength=size)
    score, weight = headlines.score[order][new], weights[order][new]
    total = np.bincount(cell, weights=score * weight, minlength=size)
    whole = np.bincount(cell, weights=weight, minlength=size)
    mean = np.full(size, np.nan)
    np.divide(total, whole, out=mean, where=count > 0)
    # Rounding of a mean by weight may step over the bounds of what it is a mean of.
    np.clip(mean, -1.0, 1.0, out=mean)
    return Sentiment(mean.reshape(-1, n_symbols), count.astype(np.int64).reshape(-1, n_symbols))


def weights_of(symbols: NDArray[np.int64]) -> Floats:
    """What a headline counts for in each of its symbols, by how many symbols of the book it is of.

    One, up to `CROWD` symbols; else one divided by their number.

    Parameters
    ----------
    symbols : ndarray of shape (n_headlines,)
        At least 1.
    """
    return np.where(symbols > CROWD, 1.0 / symbols, 1.0)


def labels_of(score: Floats) -> Floats:
    """Scores as -1, 0 or 1: those within `NEUTRAL` of 0 are 0, a missing one stays missing.

    Hutto, Gilbert (2014), "VADER: a parsimonious rule-based model for sentiment analysis of social media
    text".
    """
    return np.where(np.isnan(score), np.nan, np.where(np.abs(score) < NEUTRAL, 0.0, np.sign(score)))
