"""From headlines to one number per session and symbol: tagging, repetitions, daily means.

Pure: scores come from outside, made by one of `nightdesk.scorers`.
"""

from nightdesk.sentiment.daily import (
    CROWD,
    Headlines,
    Sentiment,
    daily_sentiment,
    labels_of,
    weights_of,
)
from nightdesk.sentiment.heard import with_sentiment
from nightdesk.sentiment.stories import REPEATS_WITHIN, normalised, story_numbers, story_of
from nightdesk.sentiment.tagging import symbols_by_words, symbols_of

__all__ = [
    "CROWD",
    "REPEATS_WITHIN",
    "Headlines",
    "Sentiment",
    "daily_sentiment",
    "labels_of",
    "normalised",
    "story_numbers",
    "story_of",
    "symbols_by_words",
    "symbols_of",
    "weights_of",
    "with_sentiment",
]
