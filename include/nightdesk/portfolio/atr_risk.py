"""ATR risk sizing: so many shares that a fall of some average true ranges costs a fixed part of equity."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen, Share
from nightdesk.core.panel import Floats
from nightdesk.portfolio.sizing import BOTH_SIDES, Ask, Sizing, register

ATR = "atr_14"


@register
class AtrRiskSizing(Sizing):
    """Units = capital × risk / (multiple × ATR14), at most `max_share` of the capital with its costs.

    It opens on a signal to enter, however strong, and adds to nothing: a position keeps its quantity until a
    signal to leave, an entry on the other side, or its exit plan ends it whole. Nothing is opened without an
    ATR or a price. The method is that of turtle traders' "N" (Faith 2003).
    """

    name = "atr_risk"
    sides = BOTH_SIDES
    elementwise = True
    factors = (ATR,)

    class Params(Frozen):
        """Its numbers."""

        risk: Share = Field(0.01, description="share of the capital that is lost at the stop")
        multiple: float = Field(2.0, gt=0, description="average true ranges down to that loss")
        max_share: Share = Field(0.10, description="of the capital in one position, costs included")

    params: Params

    def quantities(self, ask: Ask) -> Floats:
        """Wanted units of the shape of `held`, not yet rounded."""
        p, enters, wanted = self.params, ask.enters, ask.held
        opens = (enters != 0) & (wanted * enters <= 0.0)
        if np.count_nonzero(opens):
            with np.errstate(divide="ignore", invalid="ignore"):
                by_risk = ask.capital * p.risk / (p.multiple * ask.factors[ATR] * ask.multiplier)
                by_share = ask.capital * p.max_share / (ask.unit_value * (1.0 + ask.costs))
                units = np.minimum(by_risk, by_share) * ask.entry_factor
            wanted = np.where(opens & np.isfinite(units), units * enters, wanted)
        return np.where(ask.leaves, 0.0, wanted) if np.count_nonzero(ask.leaves) else wanted
