"""The interface of every scorer, and scorers by name.

Importing this module is light: what a scorer needs is imported when it is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from nightdesk.core.panel import Floats
from nightdesk.core.registry import Registry


class Scorer(Protocol):
    """Scores headlines one by one: a score depends on nothing but its text."""

    #: The name under which scores are stored.
    name: str

    def score(self, headlines: Sequence[str]) -> Floats:
        """Scores from -1 (bad) over 0 (neutral) to 1 (good), an ndarray of shape (n_headlines,)."""


#: By the name that a book gives: how each is made, of the environment.
SCORERS: Registry[Callable[[Mapping[str, str]], Scorer]] = Registry("scorer of headlines")


def make(name: str, environ: Mapping[str, str] | None = None) -> Scorer:
    """The scorer of that name.

    Raises
    ------
    Refused
        When there is no such scorer, or what it needs is not on this machine.
    """
    return SCORERS.find(name)(os.environ if environ is None else environ)


def check(name: str, environ: Mapping[str, str] | None = None) -> None:
    """Refuse a scorer that cannot be made here, without the time that making it takes; raises as `make`."""
    if SCORERS.find(name) is _finbert:
        from nightdesk.scorers.finbert import find_weights

        find_weights(os.environ if environ is None else environ)


def _lexicon(environ: Mapping[str, str]) -> Scorer:
    from nightdesk.scorers.lexicon import LexiconScorer

    return LexiconScorer()


def _finbert(environ: Mapping[str, str]) -> Scorer:
    from nightdesk.scorers.finbert import FinbertScorer

    return FinbertScorer.of(environ)


SCORERS.add("lexicon", _lexicon)
SCORERS.add("finbert", _finbert)
