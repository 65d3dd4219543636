"""Moving-average crossover: buy the turn of a short average over a long one, when volume speaks for it.

After Brock, Lakonishok, LeBaron (1992), "Simple technical trading rules and the stochastic properties of
stock returns".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Self

from pydantic import Field, model_validator

from nightdesk.core.exit_plan import ExitPlan
from nightdesk.strategies.comparing import above, at_most, below
from nightdesk.strategies.strategy import Direction, Signals, Strategy, View
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.swing import (
    SwingParams,
    first_that_holds,
    signals_by_volume,
    unknown,
)
from nightdesk.strategies.words import TOO_LITTLE_HISTORY, named, told_apart


class CrossoverClause(IntEnum):
    """What was found of a symbol."""

    NO_CROSSING = 0
    BELOW = 1
    CROSSES = 2
    UNKNOWN = 3


@register
class MaCrossover(Strategy):
    """Buy in the session in which the short average comes above the long one; leave when it is below.

    ========= ====================================================== =====================================
    SELL      short < long                                           1
    BUY       short > long, short ≤ long yesterday,                  0.5 + 0.5 × min(1, volume_ratio / 3)
              volume_ratio > volume_above
    HOLD      else                                                   0
    ========= ====================================================== =====================================

    The averages of yesterday are in the dollars of yesterday, so an action between the two changes nothing.
    A crossing is one session long: where the bar or the volume of that session is missing, it is missed.
    """

    name = "ma_crossover"

    class Params(SwingParams):
        """Windows are in sessions."""

        short: int = Field(20, ge=1, le=2000, description="window of the short average")
        long: int = Field(50, ge=2, le=2000, description="window of the long average")
        volume_window: int = Field(20, ge=1, le=2000, description="window of the volume's mean")
        volume_above: float = Field(1.0, ge=0, description="volume over its mean that a crossing needs")

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            if self.short >= self.long:
                raise ValueError(
                    f"short {self.short} is not shorter than long {self.long}: name two windows in this order"
                )
            return self

    params: Params

    @property
    def factors(self) -> tuple[str, ...]:
        p = self.params
        short, long = f"sma_{p.short}", f"sma_{p.long}"
        return (short, long, f"{short}@1", f"{long}@1", f"volume_ratio_{p.volume_window}")

    @property
    def exit_plan(self) -> ExitPlan:
        return ExitPlan(stop=self.params.stop)

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol; strength is the sign of the direction."""
        short, long, short_before, long_before, volume = (view.factors[name] for name in self.factors)
        crosses = above(short, long) & at_most(short_before, long_before)
        crosses &= above(volume, self.params.volume_above)
        missing = unknown(short, long, short_before, long_before, volume)
        direction, reason = first_that_holds(
            [
                (CrossoverClause.BELOW, Direction.SELL, below(short, long)),
                (CrossoverClause.CROSSES, Direction.BUY, crosses),
                (CrossoverClause.UNKNOWN, Direction.HOLD, missing),
            ],
            CrossoverClause.NO_CROSSING,
        )
        return signals_by_volume(direction, reason, volume)

    @property
    def words(self) -> Mapping[int, str]:
        short, long, short_before, long_before, volume = self.factors
        first, second = told_apart(short, long, 2)
        now = f"{short} {first}", f"{long} {second}"
        before = f"yesterday's {' and '.join(told_apart(short_before, long_before, 2))}"
        traded = named(volume, ".2f")
        return {
            CrossoverClause.BELOW: f"{now[0]} is below {now[1]}",
            CrossoverClause.CROSSES: (
                f"{now[0]} crosses above {now[1]} (after {before}) "
                f"and {traded} is above {self.params.volume_above:g}"
            ),
            CrossoverClause.UNKNOWN: TOO_LITTLE_HISTORY,
            CrossoverClause.NO_CROSSING: (
                f"no crossing with volume: {now[0]}, {now[1]} (after {before}), {traded}"
            ),
        }

    @property
    def needs(self) -> tuple[str, ...]:
        return self.factors
