"""Time-series momentum: each symbol against its own past.

After Moskowitz, Ooi, Pedersen (2012), "Time series momentum", with moving averages as a second opinion.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Self

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from nightdesk.core.fields import Frozen
from nightdesk.core.panel import Floats
from nightdesk.strategies.comparing import above, below
from nightdesk.strategies.strategy import CLOSE, Codes, Direction, Signals, Strategy, View
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.words import TOO_LITTLE_HISTORY, named, told_apart

#: Momentum beyond the STRONG threshold at which confidence is full, and the scale of all other confidences.
CONFIDENCE_SCALE = 0.10
#: Momentum at which the strength of a signal is 1.
FULL_STRENGTH = 0.20

SHORT, MIDDLE, LONG = "sma_20", "sma_50", "sma_200"


class TimeSeriesClause(IntEnum):
    """The conditions in the order in which they are asked; the first that holds gives the direction."""

    NOTHING_HOLDS = 0
    FALLING_BELOW_LONG = 1
    FALLING = 2
    BELOW_MIDDLE = 3
    RISING_ABOVE_ALL = 4
    RISING_ABOVE_SHORT = 5
    TOO_LITTLE_HISTORY = 6


@register
class TimeSeriesMomentum(Strategy):
    """Buy what rises above its moving averages, reduce what falls; reductions are asked first.

    ============ =======================================================================
    STRONG_SELL  m < strong_sell_below and price < SMA200
    SELL         m < sell_below or price < SMA50
    STRONG_BUY   m > strong_buy_above, price > SMA50 and SMA200, VIX < strong_buy_vix_below
    BUY          m > buy_above and price > SMA20
    HOLD         else
    ============ =======================================================================

    m is the momentum of `window` sessions. A comparison with a missing value does not hold; of the two
    conditions of SELL, the other one still may.
    """

    name = "time_series_momentum"

    class Params(Frozen):
        """Thresholds are shares (0.02 is 2 %), VIX is in points."""

        window: int = Field(60, ge=1, le=2000, description="sessions of the momentum")
        buy_above: FiniteFloat = Field(0.02, description="momentum of a BUY, share")
        strong_buy_above: FiniteFloat = Field(0.10, description="momentum of a STRONG_BUY, share")
        sell_below: FiniteFloat = Field(-0.02, description="momentum of a SELL, share")
        strong_sell_below: FiniteFloat = Field(-0.10, description="momentum of a STRONG_SELL, share")
        strong_buy_vix_below: FiniteFloat = Field(
            30.0, gt=0, description="VIX in points from which on nothing is a STRONG_BUY"
        )

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            ladder = ("strong_sell_below", "sell_below", "buy_above", "strong_buy_above")
            values = [getattr(self, name) for name in ladder]
            if values != sorted(values):
                found = ", ".join(f"{name} {value:g}" for name, value in zip(ladder, values, strict=True))
                raise ValueError(f"the thresholds must rise in this order; found {found}")
            return self

    params: Params

    @property
    def momentum(self) -> str:
        """Name of the momentum factor."""
        return f"momentum_{self.params.window}"

    @property
    def factors(self) -> tuple[str, ...]:
        return (self.momentum, SHORT, MIDDLE, LONG)

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol.

        Strength is m / 0.20 within [-1, 1]. Confidence is 0.7 + 0.3 × (m beyond the STRONG threshold) / 0.10
        for the STRONG directions, else 0.5 + 0.2 × abs(m) / 0.10, each quotient within [0, 1]; it is 0 where
        nothing fires and a value is missing. Where only m is missing, it counts as 0.
        """
        p, price = self.params, view.close
        m, short, middle, long = (view.factors[name] for name in self.factors)
        calm = below(view.vix, p.strong_buy_vix_below)[:, None]
        missing = ~np.isfinite(price) | ~np.isfinite(m)
        for average in (short, middle, long):
            missing |= ~np.isfinite(average)
        cases = [
            (
                TimeSeriesClause.FALLING_BELOW_LONG,
                Direction.STRONG_SELL,
                below(m, p.strong_sell_below) & below(price, long),
            ),
            (TimeSeriesClause.FALLING, Direction.SELL, below(m, p.sell_below)),
            (TimeSeriesClause.BELOW_MIDDLE, Direction.SELL, below(price, middle)),
            (
                TimeSeriesClause.RISING_ABOVE_ALL,
                Direction.STRONG_BUY,
                above(m, p.strong_buy_above) & above(price, middle) & above(price, long) & calm,
            ),
            (TimeSeriesClause.RISING_ABOVE_SHORT, Direction.BUY, above(m, p.buy_above) & above(price, short)),
            (TimeSeriesClause.TOO_LITTLE_HISTORY, Direction.HOLD, missing),
        ]
        reason = np.full(price.shape, TimeSeriesClause.NOTHING_HOLDS, dtype=np.int8)
        direction = np.full(price.shape, Direction.HOLD, dtype=np.int8)
        for clause, meaning, holds in reversed(cases):
            reason[holds], direction[holds] = clause, meaning
        return Signals(
            direction=direction,
            strength=np.clip(np.nan_to_num(m, nan=0.0) / FULL_STRENGTH, -1.0, 1.0),
            confidence=self._confidence(np.nan_to_num(m, nan=0.0), reason),
            reason=reason,
        )

    def _confidence(self, m: Floats, reason: Codes) -> Floats:
        falling, rising = (
            reason == TimeSeriesClause.FALLING_BELOW_LONG,
            reason == TimeSeriesClause.RISING_ABOVE_ALL,
        )
        beyond = np.where(rising, m - self.params.strong_buy_above, self.params.strong_sell_below - m)
        strong = 0.7 + 0.3 * np.clip(beyond / CONFIDENCE_SCALE, 0.0, 1.0)
        plain = 0.5 + 0.2 * np.minimum(1.0, np.abs(m) / CONFIDENCE_SCALE)
        return np.where(
            reason == TimeSeriesClause.TOO_LITTLE_HISTORY, 0.0, np.where(falling | rising, strong, plain)
        )

    @property
    def words(self) -> Mapping[int, str]:
        p, m, close = self.params, named(self.momentum, ".2%"), "the close {close:.2f}"
        short, middle, long = (named(name, ".2f") for name in (SHORT, MIDDLE, LONG))
        below_middle, above_close = told_apart(CLOSE, MIDDLE, 2)
        above_short, below_close = told_apart(CLOSE, SHORT, 2)
        calm = f"VIX {{vix:.2f}} below {p.strong_buy_vix_below:g}"
        return {
            TimeSeriesClause.FALLING_BELOW_LONG: (
                f"{m} is below {p.strong_sell_below:.2%} and {close} below {long}"
            ),
            TimeSeriesClause.FALLING: f"{m} is below {p.sell_below:.2%}",
            TimeSeriesClause.BELOW_MIDDLE: f"the close {below_middle} is below {MIDDLE} {above_close}",
            TimeSeriesClause.RISING_ABOVE_ALL: (
                f"{m} is above {p.strong_buy_above:.2%}, {close} above {middle} and {long}, {calm}"
            ),
            TimeSeriesClause.RISING_ABOVE_SHORT: (
                f"{m} is above {p.buy_above:.2%} and the close {above_short} above {SHORT} {below_close}"
            ),
            TimeSeriesClause.TOO_LITTLE_HISTORY: TOO_LITTLE_HISTORY,
            TimeSeriesClause.NOTHING_HOLDS: f"no condition holds: {m}, {close}, {short}, {middle}, {long}",
        }
