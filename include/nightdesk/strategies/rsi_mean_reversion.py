"""RSI mean reversion: buy what was oversold and turns up.

After Wilder (1978), "New concepts in technical trading systems", whose thresholds are 30 and 70.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from nightdesk.core.exit_plan import ExitPlan
from nightdesk.strategies.comparing import above, below
from nightdesk.strategies.strategy import Direction, Signals, Strategy, View
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.swing import SwingParams, check_thresholds, confidences, first_that_holds, unknown
from nightdesk.strategies.words import TOO_LITTLE_HISTORY, named, told_apart


class ReversionClause(IntEnum):
    """What was found of a symbol."""

    NOTHING_HOLDS = 0
    OVERBOUGHT = 1
    TURNS_UP = 2
    UNKNOWN = 3
    STILL_FALLING = 4


@register
class RsiMeanReversion(Strategy):
    """Buy an RSI that is low and above yesterday's; leave when it is high, or by age.

    ========= =============================================== ======================================
    SELL      RSI > sell_above                                1
    BUY       RSI < buy_below and RSI > RSI of yesterday      0.5 + 0.5 × (buy_below - RSI) / buy_below
    HOLD      else                                            0
    ========= =============================================== ======================================

    The RSI of yesterday is the factor of the session before. Where it is missing, nothing is bought.
    """

    name = "rsi_mean_reversion"

    class Params(SwingParams):
        """The RSI is in points, 0 to 100."""

        window: int = Field(14, ge=2, le=250, description="sessions of the RSI")
        buy_below: float = Field(30.0, gt=0, lt=100, description="RSI of what was oversold")
        sell_above: float = Field(70.0, gt=0, lt=100, description="RSI of what is left")
        sessions: int = Field(20, ge=1, description="sessions after which a position is left")

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            check_thresholds(buy_below=self.buy_below, sell_above=self.sell_above)
            return self

    params: Params

    @property
    def rsi(self) -> str:
        """Name of the RSI factor."""
        return f"rsi_{self.params.window}"

    @property
    def factors(self) -> tuple[str, ...]:
        return (self.rsi, f"{self.rsi}@1")

    @property
    def exit_plan(self) -> ExitPlan:
        return ExitPlan(sessions=self.params.sessions, stop=self.params.stop)

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol; strength is (50 - RSI) / 50, 0 where the RSI is missing."""
        p = self.params
        now, before = (view.factors[name] for name in self.factors)
        direction, reason = first_that_holds(
            [
                (ReversionClause.OVERBOUGHT, Direction.SELL, above(now, p.sell_above)),
                (ReversionClause.TURNS_UP, Direction.BUY, below(now, p.buy_below) & above(now, before)),
                (ReversionClause.UNKNOWN, Direction.HOLD, unknown(now, before)),
                (ReversionClause.STILL_FALLING, Direction.HOLD, below(now, p.buy_below)),
            ],
            ReversionClause.NOTHING_HOLDS,
        )
        return Signals(
            direction=direction,
            strength=np.where(np.isfinite(now), (50.0 - now) / 50.0, 0.0),
            confidence=confidences(direction, 0.5 + 0.5 * (p.buy_below - now) / p.buy_below),
            reason=reason,
        )

    @property
    def words(self) -> Mapping[int, str]:
        p, now = self.params, named(self.rsi, ".1f")
        today, yesterday = told_apart(self.rsi, f"{self.rsi}@1", 1)
        return {
            ReversionClause.OVERBOUGHT: f"{now} is above {p.sell_above:g}",
            ReversionClause.TURNS_UP: (
                f"{self.rsi} {today} is below {p.buy_below:g} and above yesterday's {yesterday}"
            ),
            ReversionClause.UNKNOWN: TOO_LITTLE_HISTORY,
            ReversionClause.STILL_FALLING: (
                f"{self.rsi} {today} is below {p.buy_below:g}, but not above yesterday's {yesterday}"
            ),
            ReversionClause.NOTHING_HOLDS: (
                f"{now} is neither below {p.buy_below:g} nor above {p.sell_above:g}"
            ),
        }

    @property
    def needs(self) -> tuple[str, ...]:
        return self.factors
