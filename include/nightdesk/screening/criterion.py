"""One criterion of a screen, and what it says of each stock of a pool."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nightdesk.core.members import Flags
from nightdesk.core.panel import Floats


class Outcome(StrEnum):
    """What a criterion says of a stock; `PASSED_UNKNOWN`: its value is not known, and that is no fault."""

    PASSED = "passed"
    FAILED = "failed"
    PASSED_UNKNOWN = "passed_unknown"


@dataclass(frozen=True)
class CriterionResult:
    """A criterion with its limit, and what it found; n_symbols of them.

    Attributes
    ----------
    name : str
        As `CriteriaTerms` calls it; `quarantine` and `delisted` have no term.
    limit : str
        In words, such as ``above 1,000,000 $``.
    values : ndarray of shape (n_symbols,)
        NaN where the value is missing or is a word.
    words : tuple of str, length n_symbols, or None
        Where values are words; empty where one is missing.
    known, passed : bool ndarray of shape (n_symbols,)
        Where there is a value; what passed, known or not.
    """

    name: str
    limit: str
    values: Floats
    words: tuple[str, ...] | None
    known: Flags
    passed: Flags

    def outcome(self, at: int) -> Outcome:
        """Of the stock in column `at`."""
        if not self.passed[at]:
            return Outcome.FAILED
        return Outcome.PASSED if self.known[at] else Outcome.PASSED_UNKNOWN

    def value(self, at: int) -> float | str | None:
        """Of the stock in column `at`; None where it is missing."""
        if not self.known[at]:
            return None
        return float(self.values[at]) if self.words is None else self.words[at]
