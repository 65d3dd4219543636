"""Weight sizing: how allocation strategies turn confidence into positions."""

from __future__ import annotations

import numpy as np

from nightdesk.panel import Floats
from nightdesk.portfolio.sizing import Ask, Sizing, register
from nightdesk.strategies.base import Direction


@register
class WeightSizing(Sizing):
    """Weight = max weight × min(1, volatility target / volatility_60) × confidence.

    A STRONG_BUY wants all of it, a BUY the book's `buy_fraction`. HOLD keeps the quantity. SELL halves it on
    the session in which the direction turns to SELL, and keeps it after. STRONG_SELL wants nothing. Without a
    volatility or a price nothing is opened and what is held is kept.
    """

    name = "weight"
    factors = ("volatility_60",)

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
        turned = (direction == Direction.SELL) & (ask.previous_direction != Direction.SELL)
        wanted = np.where(turned, held / 2.0, wanted)
        return np.where(direction == Direction.STRONG_SELL, 0.0, wanted)
