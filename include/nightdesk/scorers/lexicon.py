"""The `lexicon` scorer: VADER, a list of words with rules for negation, degree and emphasis.

Hutto and Gilbert (2014). It was made for short texts of every kind and knows none of the terms of finance
("beats estimates" is neutral to it); it needs no model and gives the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from nightdesk.core.panel import Floats


class LexiconScorer:
    """VADER's compound score."""

    name = "lexicon"

    def score(self, headlines: Sequence[str]) -> Floats:
        """The scores; a headline without any word of the lexicon has 0."""
        score = self._analyser.polarity_scores
        # The same words are told again and again.
        known = {text: score(text)["compound"] for text in dict.fromkeys(headlines)}
        return np.array([known[text] for text in headlines], dtype=np.float64)

    @cached_property
    def _analyser(self) -> Any:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        return SentimentIntensityAnalyzer()
