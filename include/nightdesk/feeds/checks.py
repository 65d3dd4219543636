"""The one declaration of the data checks: what is measured, which limit holds, what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.data_terms import QualityLimits as Limits
from nightdesk.feeds.measures import RANGE_ROUNDING, Measured

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: The row of a session that speaks of the whole book, beside the rows of its symbols.
WHOLE_BOOK = "*"


class CheckConsequence(StrEnum):
    """What follows from a check that fails."""

    QUARANTINE = "quarantine"  #: the symbol opens nothing; a position in it is kept
    WARN = "warn"  #: it is said, nothing else
    STOP = "stop"  #: the run ends before signals


class Spoils(StrEnum):
    """What a session loses with a check that fails."""

    BAR = "bar"  #: the bar is no bar: nothing is computed from it, and no position is marked at it
    PRICE = "price"  #: its close values no position; the bar itself is in no doubt
    NOTHING = "nothing"


@dataclass(frozen=True)
class Check:
    """One check: a measured number, the limit it must not exceed and what follows when it does.

    A number that cannot be measured (NaN: no bar, no second source) passes.
    """

    name: str
    consequence: CheckConsequence
    #: of the book; None where it is the limit of a jump, which differs by symbol and session
    #: (`nightdesk.feeds.quality.Quality.limit`)
    limit: Callable[[Limits], float] | None
    meaning: str
    #: whether reaching the limit fails already
    reaching_fails: bool = False
    spoils: Spoils = Spoils.NOTHING

    def failed(self, value: Measured, limit: Floats | float) -> Flags:
        """Where `value` fails."""
        with np.errstate(invalid="ignore"):
            failed: Flags = value >= limit if self.reaching_fails else value > limit
        return failed


_QUARANTINE, _WARN, _STOP = CheckConsequence.QUARANTINE, CheckConsequence.WARN, CheckConsequence.STOP
_BAR, _PRICE = Spoils.BAR, Spoils.PRICE

CHECKS: tuple[Check, ...] = (
    Check("nulls", _QUARANTINE, lambda _: 0, "prices missing in the bar", spoils=_BAR),
    Check(
        "not_positive", _QUARANTINE, lambda _: 0, "prices not above zero, or a volume below it", spoils=_BAR
    ),
    Check(
        "out_of_range",
        _QUARANTINE,
        lambda _: RANGE_ROUNDING,
        "open or close outside low to high, share of the close",
        spoils=_BAR,
    ),
    Check(
        "price_jump",
        _QUARANTINE,
        None,
        "move of the close from the last accepted one that no corporate action explains",
        spoils=_BAR,
    ),
    Check(
        "adjustment_jump",
        _QUARANTINE,
        lambda of: of.adjustment_jump,
        "adjusted return away from the raw one",
        spoils=_PRICE,
    ),
    Check(
        "missing_share",
        _QUARANTINE,
        lambda of: of.missing_sessions,
        "missing sessions in the look-back, share",
    ),
    Check(
        "source_deviation",
        _QUARANTINE,
        lambda of: of.source_deviation,
        "close away from the second source's, share",
        spoils=_PRICE,
    ),
    Check("absent", _QUARANTINE, lambda _: 1, "sessions since the last bar"),
    Check("no_bar", _WARN, lambda _: 0, "no bar of this session, so no entry; sessions since the last bar"),
    Check(
        "unchanged",
        _WARN,
        lambda of: of.stale_sessions,
        "sessions with an unchanged close",
        reaching_fails=True,
    ),
    Check("outlier", _WARN, lambda of: of.outlier_z, "robust z of the return"),
    Check("spike", _WARN, None, "high or low away from both open and close, share"),
    Check(
        "volume_mismatch",
        _WARN,
        lambda _: 0,
        "a range of prices without volume, or one price with it, of a symbol whose bars are otherwise",
    ),
    Check("reference_age", _STOP, lambda of: of.reference_age, "sessions since the last bar of a reference"),
    Check("reference_faulty", _STOP, lambda _: 0, "checks that a reference's bar fails"),
    Check("failed_share", _STOP, lambda of: of.failed_share, "failed share of the symbols listed by then"),
)


@dataclass(frozen=True)
class Finding:
    """The outcome of one check for one symbol at one session; `symbol` is ``*`` for the whole book."""

    check: str
    symbol: str
    value: float
    limit: float
    outcome: str  #: ``pass``, ``quarantine``, ``warn`` or ``stop``
    #: of an expectation of the book's own, what was found and what was expected
    said: str = field(default="", compare=False)

    @property
    def words(self) -> str:
        """The finding as a sentence for people."""
        who = "the whole book" if self.symbol == WHOLE_BOOK else self.symbol
        if self.said:
            return f"{who}: {self.said}"
        check = _BY_NAME[self.check]
        verb = "at or above" if check.reaching_fails else "above"
        return f"{who}: {check.meaning}: {self.value:.6g}, {verb} the limit {self.limit:.6g}"


_BY_NAME = {check.name: check for check in CHECKS}
