"""Bundles of a decision: which positions are legs of one, and how many units of each go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.portfolio.units import TOLERANCE, Units
from nightdesk.strategies.strategy import BundleCodes

#: Of a count of units that rests on a ratio, so much of its size is the error of a float.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Legs:
    """One bundle: its strategy's row, its code, its legs' columns (ascending) and ratios, both (n_legs,)."""

    strategy: int
    code: int
    columns: NDArray[np.intp]
    ratio: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Bundles:
    """What belongs together; arrays of shape (n_strategies, n_symbols), 0 where a symbol is no leg.

    A code names one bundle of its strategy. All legs of a bundle belong to it for as long as one is held.

    Attributes
    ----------
    code : int16 ndarray
    ratio : ndarray
        Units of the leg for one unit of the bundle.
    uneven : int16 ndarray
        Decisions in a row that have found the legs not at their ratio; of a bundle all legs have the same.
    """

    code: BundleCodes
    ratio: Floats
    uneven: BundleCodes

    @classmethod
    def nothing(cls, shape: tuple[int, int]) -> Bundles:
        """Of (n_strategies, n_symbols) that stand in no bundle."""
        return cls(np.zeros(shape, dtype=np.int16), np.zeros(shape), np.zeros(shape, dtype=np.int16))

    def legs(self) -> list[Legs]:
        """Every bundle, by strategy and code."""
        out = []
        for s in np.flatnonzero(self.code.any(axis=1)).tolist():
            row = self.code[s]
            for code in np.unique(row[row != 0]).tolist():
                columns = np.flatnonzero(row == code)
                out.append(Legs(s, code, columns, self.ratio[s, columns]))
        return out

    def restated(
        self,
        symbols: Sequence[str],
        splits: Mapping[str, float],
        successors: Mapping[str, tuple[str, float]],
    ) -> Bundles:
        """The same in the units after a session's corporate actions; a symbol's successor takes its place.

        The arguments are those of `nightdesk.engine.Carried.restated`.
        """
        ratio = self.ratio * np.array([splits.get(symbol, 1.0) for symbol in symbols])
        code, uneven = self.code.copy(), self.uneven.copy()
        column = {symbol: n for n, symbol in enumerate(symbols)}
        for old, (new, units) in successors.items():
            a, b = column[old], column[new]
            moves = (code[:, a] != 0) & (code[:, b] == 0)
            ratio[:, b] = np.where(moves, ratio[:, a] * units, ratio[:, b])
            for values in (code, uneven):
                values[:, b] = np.where(moves, values[:, a], values[:, b])
                values[:, a] = 0
            ratio[:, a] = 0.0
        return Bundles(code, ratio, uneven)


def brought_even(size: Floats, ratio: Floats, units: Units) -> Floats:
    """The most of each leg that goes together: the legs at their ratio, as large as the worst of them lets.

    Where every leg has a whole number of its units in a unit of the bundle, only whole units of the bundle
    are left. Else each leg is rounded down by less than one of its units. Where a leg would be nothing, all
    are: there is no bundle with a leg missing.

    Parameters
    ----------
    size : ndarray of shape (n_legs,)
        Absolute quantities, whole units of each leg.
    ratio : ndarray of shape (n_legs,)
        Units of a leg for one of the bundle.
    units : Units
        Of the legs.

    Returns
    -------
    ndarray of shape (n_legs,)
        At most `size`; what is even already comes back as it is, to the bit.

    Examples
    --------
    >>> ones = Units(np.ones(3), np.ones(3))
    >>> brought_even(np.array([3.0, 7.0, 4.0]), np.array([1.0, 2.0, 1.0]), ones).tolist()
    [3.0, 6.0, 3.0]
    """
    count = np.rint(size * units.denominator / units.numerator)
    per = ratio * units.denominator / units.numerator
    if is_whole(ratio, units):
        per = np.rint(per)
        left = np.floor((count / per).min() + TOLERANCE) * per
    else:
        most = ((count + 1.0) / per).min()
        left = np.minimum(np.ceil(most * per * (1.0 - _ROUNDING) - TOLERANCE) - 1.0, count)
    if (left <= 0.0).any():
        return np.zeros_like(size)
    even: Floats = np.where(left == count, size, left * units.numerator / units.denominator)
    return even


def is_whole(ratio: Floats, units: Units) -> bool:
    """Whether a unit of the bundle has a whole number of units of each leg; arguments of `brought_even`."""
    per = ratio * units.denominator / units.numerator
    near = np.rint(per)
    return bool(((near >= 1.0) & (np.abs(per - near) <= TOLERANCE * near)).all())


def bundle_units(size: Floats, ratio: Floats) -> float:
    """Units of the bundle that its worst leg makes; shapes as of `brought_even`."""
    return float((size / ratio).min())
