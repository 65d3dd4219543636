"""Weight sizing: how allocation strategies turn confidence into positions."""

from __future__ import annotations

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.portfolio.sizing import BOTH_SIDES, Ask, Flags, Sizing, register
from nightdesk.strategies.strategy import Codes, Direction

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

    A short is the mirror image: a STRONG_SELL that enters it wants all of the weight below zero, a BUY that
    leaves it halves it. An entry on the other side of what is held turns the position round.
    """

    name = "weight"
    sides = BOTH_SIDES
    elementwise = True
    factors = ("volatility_60",)

    def reduce_to(self, ask: Ask) -> Floats:
        """Half of what was held when the signal turned to a weak one to leave, as long as more is held.

        An entry ends the reduction, a strong signal to leave takes its place. A HOLD asks for nothing and
        ends nothing: it may be that of a strategy that was silent in this session and has not changed its
        mind.
        """
        leaves = ask.leaves
        if not np.count_nonzero(leaves) and not np.count_nonzero(ask.reduce_to):
            return ask.reduce_to
        size = np.abs(ask.held)
        weak = _weak(ask.direction)
        turned = leaves & weak & ~(ask.left_before & _weak(ask.previous_direction))
        goal = np.where(turned, size / 2.0, ask.reduce_to)
        if not np.count_nonzero(goal):
            return goal
        goes_on = (ask.enters == 0) & (~leaves | weak)
        return np.where(goes_on & (size > goal * (1.0 + LAST_BITS)), goal, 0.0)

    def quantities(self, ask: Ask) -> Floats:
        """Wanted units of the shape of `held`, not yet rounded."""
        held, enters, leaves = ask.held, ask.enters, ask.leaves
        wanted, weak = held, _weak(ask.direction)
        if np.count_nonzero(enters):
            with np.errstate(divide="ignore", invalid="ignore"):
                tempered = np.minimum(1.0, ask.volatility_target / ask.factors["volatility_60"])
                weight = ask.max_weight * tempered * ask.confidence
                weight = np.where(weak, weight * ask.buy_fraction, weight)
                full = ask.capital * weight / ask.unit_value
            on_side = held * enters
            grown = np.where(full > on_side, np.maximum(on_side, full * ask.entry_factor), full)
            wanted = np.where((enters != 0) & np.isfinite(full), grown * enters, held)
        if not np.count_nonzero(leaves):
            return wanted
        if np.count_nonzero(ask.reduce_to):
            goes_on = leaves & weak & (ask.reduce_to > 0.0)
            wanted = np.where(goes_on, np.copysign(np.minimum(np.abs(held), ask.reduce_to), held), wanted)
        return np.where(leaves & ~weak, 0.0, wanted)


def _weak(direction: Codes) -> Flags:
    """Where a signal is a BUY or a SELL, and no strong one."""
    weak: Flags = np.abs(direction) == Direction.BUY
    return weak
