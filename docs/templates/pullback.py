"""Pullback: buy a dip in a rising market; leave when it has healed, by age or at a stop."""

from collections.abc import Mapping

import numpy as np

from nightdesk.strategies import Direction, ExitPlan, Signals, Strategy, View, register
from nightdesk.strategies.comparing import above, below
from nightdesk.strategies.swing import SwingParams, confidences, first_that_holds


@register
class Pullback(Strategy):
    """Buy a pullback in a rising market, leave when it has healed."""

    name = "pullback"
    factors = ("rsi_14", "sma_200")

    class Params(SwingParams):
        """The RSI is in points, 0 to 100; a position is left after so many sessions."""

        buy_below: float = 30.0
        leave_above: float = 70.0
        sessions: int = 20

    params: Params

    @property
    def exit_plan(self) -> ExitPlan:
        return ExitPlan(sessions=self.params.sessions, stop=self.params.stop)

    def signals(self, view: View) -> Signals:
        rsi, average = (view.factors[name] for name in self.factors)
        healed = above(rsi, self.params.leave_above)
        dip = below(rsi, self.params.buy_below) & above(view.close, average)
        cases = [(1, Direction.STRONG_SELL, healed), (2, Direction.BUY, dip)]
        direction, reason = first_that_holds(cases, otherwise=0)
        confidence = confidences(direction, np.ones(rsi.shape))
        return Signals(direction, np.sign(direction).astype(np.float64), confidence, reason)

    @property
    def words(self) -> Mapping[int, str]:
        return {
            0: "no condition holds",
            1: f"RSI {{rsi_14:.1f}} is above {self.params.leave_above:g}",
            2: "RSI {rsi_14:.1f} is low and the close {close:.2f} above SMA200 {sma_200:.2f}",
        }
