"""How good or bad a headline sounds: scorers of texts by name."""

from nightdesk.scorers.scorer import SCORERS, Scorer, check, make

__all__ = ["SCORERS", "Scorer", "check", "make"]
