"""Weight sizing: how allocation strategies turn confidence into positions."""

from __future__ import annotations

import numpy as np

from nightdesk.panel import Floats
from nightdesk.portfolio.sizing import Ask, Sizing, register
from nightdesk.strategies.base import Direction

#: A goal that was restated for a split is a float product, what is held a float next to a decimal: closer
#: than this they are the same.
LAST_BITS = 1e-9


@register
class WeightSizing(Sizing):
    """Weight = max weight × min(1, volatility target / volatility_60) × confidence.

    A STRONG_BUY wants all of it, a BUY the book's `buy_fraction`. HOLD keeps the quantity. SELL halves what
    is held in the session in which the direction turns to SELL, once: what the gate holds back of that, and
    what finds no market, is asked for again in every session that says SELL until no more than the half is
    held; after that a SELL keeps it. STRONG_SELL wants nothing. Without a volatility or a price nothing is
    opened and what is held is kept.
    """

    name = "weight"
    factors = ("volatility_60",)

    def reduce_to(self, ask: Ask) -> Floats:
        """Half of what was held when the direction turned to SELL, as long as more is held.

        A buying direction ends the sale, a STRONG_SELL takes its place. A HOLD asks for nothing and ends
        nothing: it may be that of a strategy that was silent in this session and has not changed its mind.
        """
        size = np.abs(ask.held)
        turned = (ask.direction == Direction.SELL) & (ask.previous_direction != Direction.SELL)
        goal = np.where(turned, size / 2.0, ask.reduce_to)
        goes_on = (ask.direction == Direction.SELL) | (ask.direction == Direction.HOLD)
        return np.where(goes_on & (size > goal * (1.0 + LAST_BITS)), goal, 0.0)

    def quantities(self, ask: Ask) -> Floats:
        """Wanted units of shape (n_symbols,), not yet rounded."""
        held, direction = ask.held, ask.direction
        enters = direction > Direction.HOLD
        wanted = held
        if enters.any():
            with np.errstate(divide="ignore", invalid="ignore"):
                tempered = np.minimum(1.0, ask.volatility_target / ask.factors["volatility_60"])
                weight = ask.max_weight * tempered * ask.confidence
                weight = np.where(direction == Direction.STRONG_BUY, weight, weight * ask.buy_fraction)
                full = ask.capital * weight / ask.price
            grown = np.where(full > held, np.maximum(held, full * ask.entry_factor), full)
            wanted = np.where(enters & np.isfinite(full), grown, held)
        sells = (direction == Direction.SELL) & (ask.reduce_to > 0.0)
        wanted = np.where(sells, np.copysign(np.minimum(np.abs(held), ask.reduce_to), held), wanted)
        return np.where(direction == Direction.STRONG_SELL, 0.0, wanted)
