"""Quantities in whole units of their instruments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Self

import numpy as np

from nightdesk.core.panel import Floats

#: Counts this close below a whole number of units are that number, against the float error of a division:
#: absolute for small counts, a few last bits for large ones.
TOLERANCE = 1e-9
LAST_BITS = 4 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Units:
    """Smallest quantities of n_symbols instruments as fractions, arrays of shape (n_symbols,).

    A quantity is kept as ``count * numerator / denominator``, which is the float next to its decimal value:
    equal quantities are equal bits, whichever way they were reached.
    """

    numerator: Floats
    denominator: Floats

    @classmethod
    def of(cls, units: Sequence[Decimal]) -> Self:
        """From the units of a book, in dollars' decimal notation (1, 0.0001)."""
        ratios = np.array([unit.as_integer_ratio() for unit in units], dtype=np.float64).reshape(-1, 2)
        return cls(ratios[:, 0], ratios[:, 1])

    def toward_zero(self, quantity: Floats) -> Floats:
        """Quantities rounded toward zero; any shape whose last axis is the symbols; NaN stays NaN."""
        count = self._counts(quantity)
        return self._quantities(np.trunc(count + count * LAST_BITS + np.copysign(TOLERANCE, count)))

    def of_sums(self, sums: Floats) -> Floats:
        """Sums of whole units, each the float next to its decimal value; shapes as of `toward_zero`.

        The error of a sum is that of its largest parts: where they cancel, it is more than a product's.
        """
        return self._quantities(np.rint(self._counts(sums)))

    def _counts(self, quantity: Floats) -> Floats:
        """How many units they are, not rounded."""
        count = quantity if self._multiples else quantity * self.denominator
        return count if self._fractions else count / self.numerator

    def _quantities(self, count: Floats) -> Floats:
        """The way back."""
        quantity = count if self._fractions else count * self.numerator
        return quantity if self._multiples else quantity / self.denominator

    @cached_property
    def _multiples(self) -> bool:
        """Whether every unit is a whole number."""
        return bool((self.denominator == 1.0).all())

    @cached_property
    def _fractions(self) -> bool:
        """Whether every unit is one over a whole number, as 1 and 0.0001 are."""
        return bool((self.numerator == 1.0).all())
