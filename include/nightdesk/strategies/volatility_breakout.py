"""Volatility breakout: buy closes above the upper Bollinger band, when volume speaks for them.

After Bollinger (2001), "Bollinger on Bollinger bands", whose first method this is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from pydantic import Field

from nightdesk.core.exit_plan import ExitPlan
from nightdesk.strategies.comparing import above, below
from nightdesk.strategies.strategy import Direction, Signals, Strategy, View
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.swing import (
    SwingParams,
    first_that_holds,
    signals_by_volume,
    unknown,
)
from nightdesk.strategies.words import TOO_LITTLE_HISTORY, named, told_apart

#: The close as a factor, so that yesterday's can be asked for; restated as the bands are, it rounds alike.
CLOSE = "sma_1"


class BreakoutClause(IntEnum):
    """What was found of a symbol."""

    NOTHING_HOLDS = 0
    BELOW_AVERAGE = 1
    BREAKS_OUT = 2
    UNKNOWN = 3


@register
class VolatilityBreakout(Strategy):
    """Buy after closes running above the upper band; leave below the average, or by age.

    ========= =========================================================== ====================================
    SELL      close < SMA                                                 1
    BUY       `closes` closes running > their upper bands, today          0.5 + 0.5 × min(1, volume_ratio / 3)
              included, and volume_ratio > volume_above
    HOLD      else                                                        0
    ========= =========================================================== ====================================

    Each close is compared with the band of its own session. With other windows than the usual ones both may
    hold: then it is left.
    """

    name = "volatility_breakout"

    class Params(SwingParams):
        """Windows are in sessions."""

        window: int = Field(20, ge=2, le=2000, description="window of the bands")
        width: float = Field(2.0, ge=1, lt=10, description="deviations from the mean to the upper band")
        closes: int = Field(2, ge=1, le=20, description="closes running above the band")
        volume_window: int = Field(20, ge=1, le=2000, description="window of the volume's mean")
        volume_above: float = Field(1.5, ge=0, description="volume over its mean that an entry needs")
        average: int = Field(20, ge=1, le=2000, description="window of the average below which it is left")
        sessions: int = Field(10, ge=1, description="sessions after which a position is left")

    params: Params

    @property
    def _average(self) -> str:
        return f"sma_{self.params.average}"

    @property
    def _volume(self) -> str:
        return f"volume_ratio_{self.params.volume_window}"

    @property
    def _compared(self) -> tuple[tuple[str, str], ...]:
        """Names of each close and its upper band, today's first."""
        band = f"bb_upper_{self.params.window}_{self.params.width:g}"
        past = [(f"{CLOSE}@{k}", f"{band}@{k}") for k in range(1, self.params.closes)]
        return ((CLOSE, band), *past)

    @property
    def factors(self) -> tuple[str, ...]:
        pairs = [name for pair in self._compared for name in pair]
        return tuple(dict.fromkeys((*pairs, self._average, self._volume)))

    @property
    def exit_plan(self) -> ExitPlan:
        return ExitPlan(sessions=self.params.sessions, stop=self.params.stop)

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol; strength is the sign of the direction."""
        volume = view.factors[self._volume]
        breaks = above(volume, self.params.volume_above)
        for close, band in self._compared:
            breaks = breaks & above(view.factors[close], view.factors[band])
        direction, reason = first_that_holds(
            [
                (
                    BreakoutClause.BELOW_AVERAGE,
                    Direction.SELL,
                    below(view.close, view.factors[self._average]),
                ),
                (BreakoutClause.BREAKS_OUT, Direction.BUY, breaks),
                (
                    BreakoutClause.UNKNOWN,
                    Direction.HOLD,
                    unknown(view.close, *(view.factors[name] for name in self.factors)),
                ),
            ],
            BreakoutClause.NOTHING_HOLDS,
        )
        return signals_by_volume(direction, reason, volume)

    @property
    def words(self) -> Mapping[int, str]:
        average, traded = named(self._average, ".2f"), named(self._volume, ".2f")
        pairs = [" against ".join(told_apart(close, band, 2)) for close, band in self._compared]
        closed, mean = told_apart("close", self._average, 2)
        closes = f"closes against {self._compared[0][1]}, newest first: {', '.join(pairs)}"
        running = f"{self.params.closes} closes running above the upper band"
        return {
            BreakoutClause.BELOW_AVERAGE: f"the close {closed} is below {self._average} {mean}",
            BreakoutClause.BREAKS_OUT: (
                f"{running} and {traded} above {self.params.volume_above:g} ({closes})"
            ),
            BreakoutClause.UNKNOWN: TOO_LITTLE_HISTORY,
            BreakoutClause.NOTHING_HOLDS: f"no breakout with volume: {closes}; {traded}, {average}",
        }

    @property
    def needs(self) -> tuple[str, ...]:
        return ("close", *self.factors)
