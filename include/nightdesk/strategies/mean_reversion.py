"""Mean reversion: buy what fell out of its lower band in a rush, and leave when it is back, or soon.

The bands are those of Bollinger (2001), "Bollinger on Bollinger bands", the RSI is that of Wilder (1978).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from nightdesk.core.cell_figures import Figures
from nightdesk.core.exit_plan import ExitDistance, ExitPlan
from nightdesk.core.fields import Frozen
from nightdesk.strategies.comparing import Flags, above, at_most, below
from nightdesk.strategies.strategy import Direction, Signals, Strategy, View
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.swing import check_thresholds, confidences, first_that_holds, unknown
from nightdesk.strategies.words import TOO_LITTLE_HISTORY, named, told_apart

#: The low as a factor, so that yesterday's can be asked for; restated as the bands are, it rounds alike.
LOW = "session_low"

TO_EARNINGS, SINCE_EARNINGS = "sessions_to_earnings", "sessions_since_earnings"


class OversoldClause(IntEnum):
    """What was found of a symbol."""

    NOTHING_HOLDS = 0
    AT_UPPER_BAND = 1
    OVERBOUGHT = 2
    JUST_REPORTED = 3
    REPORTS_SOON = 4
    REPORT_REQUIRED = 5
    OVERSOLD_REPORT_UNKNOWN = 6
    OVERSOLD = 7
    NOT_FRESH = 8
    FRESH_UNKNOWN = 9
    UNKNOWN = 10


class _Oversold(NamedTuple):
    """Where the market part of an entry holds, and where one of its conditions is known to fail."""

    holds: Flags
    fails: Flags


@register
class MeanReversion(Strategy):
    """Buy a low at the lower band with a low RSI and much volume; leave at the upper band, or soon.

    ========= =============================================================== ===============================
    SELL      high >= upper band, or RSI > sell_above                         1
    BUY       low <= lower band, RSI < buy_below, volume_ratio >              0.5 + 0.5 × (buy_below - RSI) /
              volume_above; these three together did not hold the session     buy_below
              before; no earnings in this session or the `earnings_sessions`
              after it
    HOLD      else                                                            0
    ========= =============================================================== ===============================

    Without the look at the session before, what was stopped would be bought again the next day. Nothing is
    bought where that session is not known, unless one of the three is known to have failed in it.

    Of earnings what was known at the decision counts. A company whose next report is not known is bought
    where `earnings` is ``where_known``, and its words say so; ``required`` buys nothing of it.
    """

    name = "mean_reversion"

    class Params(Frozen):
        """Windows are in sessions; the RSI is in points, 0 to 100."""

        window: int = Field(20, ge=2, le=2000, description="sessions of the bands")
        width: float = Field(2.0, ge=1, lt=10, description="deviations from the mean to a band")
        rsi_window: int = Field(14, ge=2, le=250, description="sessions of the RSI")
        buy_below: float = Field(30.0, gt=0, lt=100, description="RSI of what is oversold")
        sell_above: float = Field(70.0, gt=0, lt=100, description="RSI of what is left")
        volume_window: int = Field(20, ge=1, le=2000, description="sessions of the volume's mean")
        volume_above: float = Field(1.5, ge=0, description="volume over its mean that an entry needs")
        earnings: Literal["required", "where_known"] = Field(
            "where_known", description="whether an entry needs the day of the next report to be known"
        )
        earnings_sessions: int = Field(
            3, ge=0, le=60, description="sessions after this one that are to be without earnings"
        )
        stop: float = Field(0.02, gt=0, lt=1, description="fall from the average entry at which it is left")
        sessions: int = Field(5, ge=1, description="sessions held at most, the one that opened it counted")

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            check_thresholds(buy_below=self.buy_below, sell_above=self.sell_above)
            return self

    params: Params

    @property
    def _lower(self) -> str:
        return f"bb_lower_{self.params.window}_{self.params.width:g}"

    @property
    def _upper(self) -> str:
        return f"bb_upper_{self.params.window}_{self.params.width:g}"

    @property
    def _rsi(self) -> str:
        return f"rsi_{self.params.rsi_window}"

    @property
    def _volume(self) -> str:
        return f"volume_ratio_{self.params.volume_window}"

    @property
    def _compared(self) -> tuple[str, ...]:
        """What the market part of an entry compares."""
        return (LOW, self._lower, self._rsi, self._volume)

    @property
    def factors(self) -> tuple[str, ...]:
        before = (f"{name}@1" for name in self._compared)
        return (*self._compared, *before, self._upper, TO_EARNINGS, SINCE_EARNINGS)

    @property
    def exit_plan(self) -> ExitPlan:
        return ExitPlan(sessions=self.params.sessions, stop=ExitDistance(share=self.params.stop))

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol; strength is (50 - RSI) / 50, 0 where the RSI is missing."""
        p, values = self.params, view.factors
        now, before, rsi = self._oversold(view), self._oversold(view, "@1"), values[self._rsi]
        to_report, fresh = values[TO_EARNINGS], now.holds & before.fails
        unsure = fresh & unknown(to_report)
        direction, reason = first_that_holds(
            [
                (OversoldClause.AT_UPPER_BAND, Direction.SELL, at_most(values[self._upper], view.high)),
                (OversoldClause.OVERBOUGHT, Direction.SELL, above(rsi, p.sell_above)),
                (OversoldClause.JUST_REPORTED, Direction.HOLD, fresh & (values[SINCE_EARNINGS] == 0)),
                (OversoldClause.REPORTS_SOON, Direction.HOLD, fresh & (to_report <= p.earnings_sessions)),
                (OversoldClause.REPORT_REQUIRED, Direction.HOLD, unsure & (p.earnings == "required")),
                (OversoldClause.OVERSOLD_REPORT_UNKNOWN, Direction.BUY, unsure),
                (OversoldClause.OVERSOLD, Direction.BUY, fresh),
                (OversoldClause.NOT_FRESH, Direction.HOLD, now.holds & before.holds),
                (OversoldClause.FRESH_UNKNOWN, Direction.HOLD, now.holds),
                (OversoldClause.UNKNOWN, Direction.HOLD, self._lacks(view)),
            ],
            OversoldClause.NOTHING_HOLDS,
        )
        return Signals(
            direction=direction,
            strength=np.where(np.isfinite(rsi), (50.0 - rsi) / 50.0, 0.0),
            confidence=confidences(direction, 0.5 + 0.5 * (p.buy_below - rsi) / p.buy_below),
            reason=reason,
        )

    def _oversold(self, view: View, lag: str = "") -> _Oversold:
        """The market part of the entry; ``@1`` is that of the session before."""
        p = self.params
        low, lower, rsi, volume = (view.factors[f"{name}{lag}"] for name in self._compared)
        return _Oversold(
            at_most(low, lower) & below(rsi, p.buy_below) & above(volume, p.volume_above),
            above(low, lower) | at_most(p.buy_below, rsi) | at_most(volume, p.volume_above),
        )

    def _lacks(self, view: View) -> Flags:
        return unknown(view.high, *(view.factors[name] for name in (self._upper, *self._compared)))

    def figures(self, view: View, signals: Signals) -> Figures:
        """What the entry and the exit compare, and sessions to the next report of earnings that is known."""
        names = (*self._compared, self._upper, TO_EARNINGS)
        return {name: view.factors[name] for name in names}

    @property
    def words(self) -> Mapping[int, str]:
        p, rsi = self.params, self._rsi
        low, lower = told_apart(LOW, self._lower, 2)
        high, upper = told_apart("high", self._upper, 2)
        oversold = (
            f"the low {low} is at or below {self._lower} {lower}, {named(rsi, '.1f')} below {p.buy_below:g}, "
            f"{named(self._volume, '.2f')} above {p.volume_above:g}"
        )
        without = f"none is allowed in this session or the {p.earnings_sessions} after it"
        return {
            OversoldClause.AT_UPPER_BAND: f"the high {high} reached {self._upper} {upper}",
            OversoldClause.OVERBOUGHT: f"{named(rsi, '.1f')} is above {p.sell_above:g}",
            OversoldClause.JUST_REPORTED: f"{oversold}, but earnings came before the open: {without}",
            OversoldClause.REPORTS_SOON: (
                f"{oversold}, but earnings are reported in {{{TO_EARNINGS}:g}} sessions: {without}"
            ),
            OversoldClause.REPORT_REQUIRED: (
                f"{oversold}, but the day of the next earnings is not known, and has to be"
            ),
            OversoldClause.OVERSOLD_REPORT_UNKNOWN: (
                f"{oversold}; the day of the next earnings is not known, and need not be"
            ),
            OversoldClause.OVERSOLD: f"{oversold}; the next earnings are in {{{TO_EARNINGS}:g}} sessions",
            OversoldClause.NOT_FRESH: f"not fresh: {oversold}, as in the session before",
            OversoldClause.FRESH_UNKNOWN: f"{oversold}, but whether so in the session before is not known",
            OversoldClause.UNKNOWN: TOO_LITTLE_HISTORY,
            OversoldClause.NOTHING_HOLDS: (
                f"neither oversold with volume nor back: low {low}, {self._lower} {lower}, high {high}, "
                f"{self._upper} {upper}, {named(rsi, '.1f')}, {named(self._volume, '.2f')}"
            ),
        }

    @property
    def needs(self) -> tuple[str, ...]:
        return ("high", self._upper, *self._compared)
