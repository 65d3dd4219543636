"""The ratios in which companies split their shares, and the nearest of them to a number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

#: Shares after for one before (and before for one after) of splits as they happen.
_WHOLE = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100)
_SPLITS = (*map(Fraction, _WHOLE), *(Fraction(1, n) for n in _WHOLE), Fraction(3, 2), Fraction(5, 2))
#: Splits so small that a special dividend looks alike: only a precise ratio is one.
_SMALL_SPLITS = (Fraction(6, 5), Fraction(5, 4), Fraction(4, 3), Fraction(7, 5))

#: How far a number may lie from a ratio and still be it, relative.
TOLERANCE = 0.02
#: The same for the small ones.
PRECISE = 0.001


@dataclass(frozen=True)
class SplitRatio:
    """Shares after for shares before, in lowest terms."""

    after: int
    before: int

    def __str__(self) -> str:
        return f"{self.after}:{self.before}"

    @property
    def value(self) -> float:
        """Shares after for one before."""
        return self.after / self.before


def nearest_split(ratio: float, tolerance: float = TOLERANCE, precise: float = PRECISE) -> SplitRatio | None:
    """The plausible split that `ratio` (shares after for one before) is, or None.

    Examples
    --------
    >>> str(nearest_split(1.493)), str(nearest_split(0.1003)), str(nearest_split(1.2501))
    ('3:2', '1:10', '5:4')
    >>> nearest_split(1.2655) is None
    True
    """
    if not (math.isfinite(ratio) and ratio > 0):
        return None
    nearest = min((*_SPLITS, *_SMALL_SPLITS), key=lambda one: abs(math.log(ratio / float(one))))
    within = precise if nearest in _SMALL_SPLITS else tolerance
    if abs(ratio / float(nearest) - 1.0) > within:
        return None
    return SplitRatio(nearest.numerator, nearest.denominator)
