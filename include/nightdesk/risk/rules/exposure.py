"""Rules on how much may be held: of one symbol, and of everything together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from nightdesk.book import Frozen, Share
from nightdesk.panel import Floats
from nightdesk.risk.distances import Distance, Measured, at_least, at_most
from nightdesk.risk.rule import Rule, Ruling, register, without_entries
from nightdesk.risk.situation import Situation

#: Regulation T: the share of a position's value that its holder must put up on margin.
INITIAL_MARGIN = 0.50


@register
class MaxWeight(Rule):
    """No symbol is bought above the weight that the book allows; what drifted too far is cut back to it.

    With `drift` a position that rose above its cap by no more than this is left as it is: nothing is added to
    it, and nothing is sold of it. Beyond, it is cut to the cap itself, so that the sale is worth its cost.
    What is promised of a position after the gate is therefore: at most cap + drift, and at most the cap where
    anything was bought. A symbol whose cap is 0 has no such band.

    A drift that is smaller than the rebalance threshold is left alone by that rule, which comes later: so a
    position may stand above its cap by less than the threshold too, and is never bought there.
    """

    name = "max_weight"
    order = 51
    subject = "positions"
    sentence = "weight of {value:.2%}, at most {limit:.2%}"
    told_as: ClassVar = {"max_weight": "{subject}: weight, the nearest to its cap"}

    class Params(Frozen):
        """Its number; the caps are those of the universe."""

        drift: Share = Field(
            0.0,
            description="share of NAV by which a held position may stand above its cap before it is cut back",
        )

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Positions clipped to their caps, rounded toward zero; held ones within the band to what is held."""
        weight, limit = np.abs(situation.weights(wanted)), situation.max_weight
        over = weight > limit
        if not over.any():
            return Ruling(wanted, weight, limit)
        cap = np.divide(limit * situation.nav, situation.price, out=np.abs(wanted), where=situation.price > 0)
        most = situation.units.toward_zero(cap)
        stands = np.abs(situation.weights(held))
        tolerated = (stands > limit) & (stands <= self.most_held(limit)) & (held * wanted > 0.0)
        most, limit = np.where(tolerated, np.abs(held), most), np.where(tolerated, stands, limit)
        after = np.where(over & (np.abs(wanted) > most), np.copysign(most, wanted), wanted)
        return Ruling(after, weight, limit)

    def distances(self, measured: Measured) -> Iterator[Distance]:
        """The position that is the nearest to its cap."""
        weight, cap = np.abs(measured.weights), self.most_held(measured.max_weight)
        if weight.any():
            used = np.divide(weight, cap, out=np.where(weight > 0.0, np.inf, 0.0), where=cap > 0.0)
            n = int(np.argmax(used))
            yield at_most(self.name, measured.symbols[n], float(weight[n]), float(cap[n]))

    def most_held(self, max_weight: Floats) -> Floats:
        """Weights, absolute, above which a held position is cut back to its cap."""
        drift: float = self.params.drift
        return np.where(max_weight > 0.0, max_weight + drift, 0.0)


def within_gross(wanted: Floats, held: Floats, situation: Situation, limit: float) -> Ruling:
    """Additions shrunk alike until gross is within `limit` × NAV; what is held is not forced out."""
    kept = without_entries(wanted, held)
    room = limit * situation.nav - float((np.abs(kept) * situation.price).sum())
    added = float((np.abs(wanted - kept) * situation.price).sum())
    value = (added - room) / situation.nav + limit
    if added <= room + 1e-9 * situation.nav:
        return Ruling(wanted, value, limit)
    if room <= 0.0:
        return Ruling(kept, value, limit)
    units = situation.units
    grown = kept + units.toward_zero((wanted - kept) * (room / added))
    return Ruling(units.toward_zero(grown), value, limit)


@register
class GrossLeverage(Rule):
    """Positions over NAV, absolute: at most the book's limit on margin, at most 1 without.

    It cuts what is bought, all purchases alike. Gross that drifted above the limit is not sold down by this
    rule: it means only that nothing is bought.
    """

    name = "gross_leverage"
    order = 81
    subject = "entries"
    sentence = "gross exposure of {value:.2%} of NAV, at most {limit:.2%}"
    told_as: ClassVar = {"gross_leverage": "Gross exposure"}

    class Params(Frozen):
        """Its numbers."""

        limit: float = Field(gt=0, description="gross positions over NAV on margin")
        margin: bool = Field(
            False, description="whether the account may borrow; if not, the limit is at most 1"
        )

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions shrunk to the limit."""
        return within_gross(wanted, held, situation, self._limit)

    def distances(self, measured: Measured) -> Iterator[Distance]:
        """Gross exposure."""
        yield at_most(self.name, "", measured.gross, self._limit)

    @property
    def _limit(self) -> float:
        limit: float = self.params.limit
        return limit if self.params.margin else min(1.0, limit)


@register
class CashBuffer(Rule):
    """A share of NAV that purchases leave in cash; on margin, the share that excess equity must keep.

    The buffer also pays for costs and for the gap between the price of the decision and that of the fill.
    """

    name = "cash_buffer"
    order = 83
    subject = "entries"
    sentence = "gross exposure of {value:.2%} of NAV, at most {limit:.2%} leaves the cash buffer"
    told_as: ClassVar = {"cash_buffer": "Cash, no less than"}

    class Params(Frozen):
        """Its numbers."""

        limit: Share = Field(description="share of NAV that stays in cash (on margin: excess equity)")
        margin: bool = Field(False, description="whether the account may borrow")

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions shrunk until the buffer is left."""
        limit = 1.0 - self.params.limit
        return within_gross(wanted, held, situation, limit / INITIAL_MARGIN if self.params.margin else limit)

    def distances(self, measured: Measured) -> Iterator[Distance]:
        """What positions leave of NAV; on margin, excess equity."""
        used = measured.gross * (INITIAL_MARGIN if self.params.margin else 1.0)
        yield at_least(self.name, "", 1.0 - used, self.params.limit)
