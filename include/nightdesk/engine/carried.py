"""What a decision leaves to the next of each strategy and symbol: named, and restated, in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, Self

import numpy as np

from nightdesk.core.panel import Floats

#: What a number is of, which says what a corporate action makes of it.
CarriedKind = Literal["share", "dollars", "units"]


@dataclass(frozen=True, slots=True)
class Carried:
    """What a decision leaves to the next; arrays of shape (n_strategies, n_symbols), 0 where it is nothing.

    The fields are the columns of the stored targets that carry it.

    Attributes
    ----------
    allocation : ndarray
        Shares of its capital that a strategy goes on wanting, until it decides anew.
    stop_distance : ndarray
        Dollars against the position, from its average entry, at which the strategy leaves it.
    target_distance : ndarray
        Dollars for the position, from its average entry, at which the strategy leaves it.
    reduce_to : ndarray
        Units, absolute, down to which a reduction that was begun goes on until no more is held.
    """

    allocation: Floats = field(metadata={"kind": "share"})
    stop_distance: Floats = field(metadata={"kind": "dollars"})
    target_distance: Floats = field(metadata={"kind": "dollars"})
    reduce_to: Floats = field(metadata={"kind": "units"})

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all that is carried."""
        return tuple(one.name for one in fields(cls))

    @classmethod
    def nothing(cls, shape: tuple[int, int]) -> Self:
        """What is carried before the first decision of (n_strategies, n_symbols)."""
        return cls(**{name: np.zeros(shape) for name in cls.names()})

    def restated(
        self,
        symbols: Sequence[str],
        splits: Mapping[str, float],
        successors: Mapping[str, tuple[str, float]],
    ) -> Carried:
        """The same in units and dollars after a session's corporate actions.

        Of a symbol that becomes another, what is carried goes over to that one: shares of capital and units
        are added to its own, dollars a unit take the place of none.

        Parameters
        ----------
        symbols : sequence of str, length n_symbols
        splits : mapping of symbol to float
            Units after for one before.
        successors : mapping of symbol to (symbol, float)
            The symbol that it becomes, and units of that for one.
        """
        if not splits and not successors:
            return self
        ratios = np.array([splits.get(symbol, 1.0) for symbol in symbols])
        column = {symbol: n for n, symbol in enumerate(symbols)}
        moves = [(column[old], column[new], ratio) for old, (new, ratio) in successors.items()]
        return Carried(
            **{
                one.name: _restated(getattr(self, one.name), one.metadata["kind"], ratios, moves)
                for one in fields(self)
            }
        )


def _restated(
    before: Floats, kind: CarriedKind, ratios: Floats, moves: Sequence[tuple[int, int, float]]
) -> Floats:
    """One array after splits of these ratios, and moves (old column, new column, units of it for one)."""
    after = before * ratios if kind == "units" else before / ratios if kind == "dollars" else before.copy()
    for old, new, ratio in moves:
        if kind == "dollars":
            after[:, new] = np.where(after[:, new] > 0, after[:, new], after[:, old] / ratio)
        else:
            after[:, new] += after[:, old] * (ratio if kind == "units" else 1.0)
        after[:, old] = 0.0
    return after
