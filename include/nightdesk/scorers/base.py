"""The interface of every scorer, and scorers by name.

Importing this module is light: what a scorer needs is imported when it is made.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Protocol

from nightdesk.errors import Refused
from nightdesk.panel import Floats

#: The names that a book may give.
SCORERS = ("lexicon", "finbert")


class Scorer(Protocol):
    """Scores headlines one by one: a score depends on nothing but its text."""

    #: The name under which scores are stored.
    name: str

    def score(self, headlines: Sequence[str]) -> Floats:
        """Scores from -1 (bad) over 0 (neutral) to 1 (good), an ndarray of shape (n_headlines,)."""


def make(name: str, environ: Mapping[str, str] | None = None) -> Scorer:
    """The scorer of that name.

    Raises
    ------
    Refused
        When there is no such scorer, or what it needs is not on this machine.
    """
    if name == "lexicon":
        from nightdesk.scorers.lexicon import LexiconScorer

        return LexiconScorer()
    if name == "finbert":
        from nightdesk.scorers.finbert import FinbertScorer

        return FinbertScorer.of(os.environ if environ is None else environ)
    raise Refused(f"there is no scorer {name!r} of headlines: name one of {', '.join(SCORERS)}")


def check(name: str, environ: Mapping[str, str] | None = None) -> None:
    """Refuse a scorer that cannot be made here, without the time that making it takes; raises as `make`."""
    if name == "finbert":
        from nightdesk.scorers.finbert import find_weights

        find_weights(os.environ if environ is None else environ)
    elif name not in SCORERS:
        make(name)
