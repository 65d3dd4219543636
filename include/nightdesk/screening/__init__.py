"""Screening: which stocks of a pool may be traded, and which two of them move together."""

from nightdesk.screening.criteria import UNIVERSAL, check, screening_sessions
from nightdesk.screening.criterion import CriterionResult, Outcome
from nightdesk.screening.engle_granger import engle_granger
from nightdesk.screening.pair_search import FoundPair, PairSearch, find_pairs
from nightdesk.screening.pool_facts import PoolFacts
from nightdesk.screening.screened import Screened, screen

__all__ = [
    "UNIVERSAL",
    "CriterionResult",
    "FoundPair",
    "Outcome",
    "PairSearch",
    "PoolFacts",
    "Screened",
    "check",
    "engle_granger",
    "find_pairs",
    "screen",
    "screening_sessions",
]
