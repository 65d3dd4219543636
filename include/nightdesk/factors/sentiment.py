"""Factors of what is said of a symbol: means of the scores of its headlines."""

from __future__ import annotations

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor


@factor("sentiment", look_back=lambda: 1)
def sentiment(source: Source) -> Floats:
    """Mean score of the headlines of the session (or hour), from -1 to 1; missing without any, or in a book
    without news.
    """
    told = source.panel.sentiment
    return np.full_like(source.panel.close, np.nan) if told is None else told


@factor(
    "sentiment_{n}",
    look_back=lambda n: n,
    check=lambda n: None if 2 <= n <= 60 else "its window has 2 to 60 sessions",
)
def recent_sentiment(source: Source, n: int) -> Floats:
    """Mean of `sentiment` over those of the last n sessions that have it; missing where none has."""
    told = source.factor("sentiment")
    heard = np.isfinite(told)
    value = np.where(heard, told, 0.0)
    total, count = np.zeros_like(value), np.zeros_like(value)
    # Added up row by row, the newest first: the same order whatever the panel's length.
    for k in range(min(n, len(value))):
        total[k:] += value[: len(value) - k]
        count[k:] += heard[: len(value) - k]
    return np.where(count > 0, total / count, np.nan)


@factor(
    "sentiment_change_{n}",
    look_back=lambda n: 2 * n,
    check=lambda n: None if 2 <= n <= 60 else "its window has 2 to 60 sessions",
)
def change_of_sentiment(source: Source, n: int) -> Floats:
    """`sentiment_{n}` less what it was n sessions before; missing where either is."""
    recent = f"sentiment_{n}"
    return source.factor(recent) - source.lagged(recent, n)
