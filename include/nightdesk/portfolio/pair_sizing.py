"""Sizing of pairs: equal dollars a leg, so many that the stop of the spread costs a fixed part of equity."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen, Share
from nightdesk.core.panel import Floats
from nightdesk.portfolio.sizing import BOTH_SIDES, Ask, Sizing, register


@register
class PairSizing(Sizing):
    """Dollars a leg = capital × min(`risk` / share of it lost at the strategy's stop, `max_share`).

    Of a pair that share is (stop - abs(z)) × sigma, by which the spread moves from here to its stop. Both
    legs have the same, so they are of equal dollars; costs come on top. The engine rounds each leg down, and
    where one comes to no unit the pair is not opened. Nothing is added to what is held. An entry without a
    stop or a price is not opened.
    """

    name = "pairs"
    sides = BOTH_SIDES
    elementwise = True
    by_stop = True

    class Params(Frozen):
        """Its numbers."""

        risk: Share = Field(0.02, description="share of the capital that is lost at the strategy's stop")
        max_share: Share = Field(0.05, description="of the capital in one leg")

    params: Params

    def quantities(self, ask: Ask) -> Floats:
        """Wanted units of the shape of `held`, not yet rounded."""
        p, wanted = self.params, ask.held
        opens = (ask.enters != 0) & (wanted == 0.0)
        if np.count_nonzero(opens):
            stop = np.where(np.asarray(ask.stop_distance) > 0.0, ask.stop_distance, np.nan)
            with np.errstate(divide="ignore", invalid="ignore"):
                by_risk = ask.capital * p.risk / (stop * ask.multiplier)
                units = np.minimum(by_risk, ask.capital * p.max_share / ask.unit_value) * ask.entry_factor
            wanted = np.where(opens & np.isfinite(units), units * ask.enters, wanted)
        return np.where(ask.leaves, 0.0, wanted) if np.count_nonzero(ask.leaves) else wanted
