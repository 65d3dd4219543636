"""The rule that lets what a strategy's own stop sells pass the limits on trades."""

from __future__ import annotations

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.risk.rule import Rule, Ruling, register
from nightdesk.risk.situation import Situation, without_entries


@register
class StrategyStop(Rule):
    """What a strategy's own stop reduces is as exempt as what a level cuts: nothing after it holds it back.

    So are the other legs of a bundle that is stopped, or of which a rule sells a leg, and the repair of one.

    It changes nothing by itself, since the strategy wants the position no more. Where another strategy buys
    in the same symbol, what is left of the reduction is exempt; a net purchase is judged as any other.
    """

    name = "strategy_stop"
    order = 35
    subject = "positions"
    always = True
    exempts = True
    sentence = (
        "a strategy's own stop was reached in it, or its bundle is repaired or made even, at {value:.0f} "
        "(1 is so): then nothing holds it back"
    )

    def concerns(self, situation: Situation) -> bool:
        """While such a stop was reached."""
        return np.count_nonzero(situation.entering.stopped) > 0

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """What is wanted, and which reductions are exempt."""
        stopped = np.broadcast_to(situation.entering.stopped, wanted.shape)
        reduces = (without_entries(wanted, held) == wanted) & (wanted != held)
        return Ruling(wanted, stopped.astype(np.float64), 0.0, stopped & reduces)
