"""Sizing of pairs: equal dollars a leg, so many that the stop of the spread costs a fixed part of equity."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen, Share
from nightdesk.core.panel import Floats
from nightdesk.portfolio.sizing import BOTH_SIDES, Ask, Sizing, register


@register
class PairSizing(Sizing):
    """Dollars a leg = capital × min(`risk` / the loss at the strategy's stop, `max_share`).

    The loss at the stop is what the strategy says of an entry: of a pair (stop - abs(z)) × sigma, the share
    of a leg that the spread moves by from here to its stop. Both legs have the same, so they are of equal
    dollars; the engine rounds each down, and where one comes to no unit the pair is not opened. Nothing is
    added to what is held. An entry that says no such loss, or has no price, is not opened.
    """

    name = "pairs"
    sides = BOTH_SIDES
    elementwise = True

    class Params(Frozen):
        """Its numbers."""

        risk: Share = Field(
            0.02, description="share of the capital that a leg loses where the pair is stopped"
        )
        max_share: Share = Field(0.05, description="of the capital in one leg")

    params: Params

    def quantities(self, ask: Ask) -> Floats:
        """Wanted units of the shape of `held`, not yet rounded."""
        p, wanted = self.params, ask.held
        opens = (ask.enters != 0) & (wanted == 0.0)
        if np.count_nonzero(opens) and ask.loss_at_stop is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.minimum(
                    p.risk / np.where(ask.loss_at_stop > 0.0, ask.loss_at_stop, np.nan), p.max_share
                )
                units = ask.capital * share * ask.entry_factor / ask.unit_value
            wanted = np.where(opens & np.isfinite(units), units * ask.enters, wanted)
        return np.where(ask.leaves, 0.0, wanted) if np.count_nonzero(ask.leaves) else wanted
