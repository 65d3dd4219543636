"""Rotation: the symbols that lead and rise, as candidates of a monthly allocation."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen, Share
from nightdesk.strategies.comparing import above, at_most
from nightdesk.strategies.strategy import CLOSE, Direction, Signals, Strategy, View
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.words import TOO_LITTLE_HISTORY, named, told_apart

RANK, LONG = "rank_momentum_12_1", "sma_200"


class RotationClause(IntEnum):
    """The conditions in the order in which they are asked; the first that holds gives the direction."""

    UNKNOWN = 0
    LEADS = 1
    NO_LEADER = 2
    BELOW_LONG = 3


@register
class Rotation(Strategy):
    """STRONG_BUY what leads above its SMA200, STRONG_SELL the rest, both with confidence 1.

    The signals are conditions only. When they count, with which weights, and whether the change is worth its
    cost is decided by the sizing of the book, which for this strategy is `risk_parity`.

    One value is enough to be no candidate: a rank that is not above `above`, or a price that is not above its
    SMA200. A symbol whose missing values could still make it one is held, with confidence 0.
    """

    name = "rotation"

    class Params(Frozen):
        """A rank is in (0, 1], the best symbol has 1."""

        above: Share = Field(0.7, description="rank of the momentum among the book's symbols")

    params: Params

    @property
    def factors(self) -> tuple[str, ...]:
        return (RANK, LONG)

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol; strength is the sign of the direction."""
        price, rank, average = view.close, view.factors[RANK], view.factors[LONG]
        cases = [
            (
                RotationClause.LEADS,
                Direction.STRONG_BUY,
                above(rank, self.params.above) & above(price, average),
            ),
            (RotationClause.NO_LEADER, Direction.STRONG_SELL, at_most(rank, self.params.above)),
            (RotationClause.BELOW_LONG, Direction.STRONG_SELL, at_most(price, average)),
        ]
        reason = np.full(price.shape, RotationClause.UNKNOWN, dtype=np.int8)
        direction = np.full(price.shape, Direction.HOLD, dtype=np.int8)
        for clause, meaning, holds in reversed(cases):
            reason[holds], direction[holds] = clause, meaning
        return Signals(
            direction=direction,
            strength=np.sign(direction).astype(np.float64),
            confidence=np.where(reason == RotationClause.UNKNOWN, 0.0, 1.0),
            reason=reason,
        )

    @property
    def words(self) -> Mapping[int, str]:
        closed, mean = told_apart(CLOSE, LONG, 2)
        place, average = named(RANK, ".2f"), f"{LONG} {mean}"
        close, limit = f"the close {closed}", f"{self.params.above:g}"
        return {
            RotationClause.LEADS: f"{place} is above {limit} and {close} above {average}",
            RotationClause.NO_LEADER: f"{place} is not above {limit}",
            RotationClause.BELOW_LONG: f"{close} is not above {average}",
            RotationClause.UNKNOWN: TOO_LITTLE_HISTORY,
        }
