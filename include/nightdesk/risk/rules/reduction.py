"""Rules on what is held: a book that stands above its leverage or its margin is brought back.

They look at the whole book. While what is held is above, no limit on trades holds a reduction back, and
nothing that is cut is bought; a position that would turn to the other side is only closed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from nightdesk.core.book import Book
from nightdesk.core.fields import Frozen, Share
from nightdesk.core.margin import Margin
from nightdesk.core.panel import Floats
from nightdesk.portfolio.units import Units
from nightdesk.risk.distances import Distance, RiskMeasures, at_most
from nightdesk.risk.rule import Breach, Rule, Ruling, register
from nightdesk.risk.rules.exposure import GrossLeverage, NetLeverage
from nightdesk.risk.situation import Asked, Flags, Situation, without_entries

#: Sums of floats that are closer than this share of NAV are the same.
SLACK = 1e-9


@register
class LeverageReduction(Rule):
    """What is *held* above the book's gross or net limit is reduced pro rata until it is within.

    The limits are those of `gross_leverage` and `net_leverage`, which by themselves only cut what is bought.
    Of net exposure the side that leads is made smaller.
    """

    name = "leverage_reduction"
    order = 32
    subject = "positions"
    exempts = True
    sentence = "what is held has a gross exposure of {value:.2%} of NAV, at most {limit:.2%} may be kept"
    sentences: ClassVar = {
        "net": "what is held has a net exposure of {value:.2%} of NAV, at most {limit:.2%} may be kept"
    }
    told_as: ClassVar = {"leverage_reduction": "{subject} exposure, from which on what is held is reduced"}

    class Params(Frozen):
        """Its number; the limits are those of the other rules."""

        tolerance: float = Field(
            0.0, ge=0, le=1, description="share of a limit by which what is held may stand above it, unsold"
        )

    def concerns(self, situation: Situation) -> bool:
        """Whether the book has such a limit."""
        return math.isfinite(situation.most_gross) or math.isfinite(situation.most_net)

    def passes(self, asked: Asked) -> bool:
        """What is held is within both limits."""
        held, situation = asked.held, asked.situation
        gross, net = _exposures(held * situation.unit_value / situation.nav)
        return gross <= situation.most_gross and abs(net) <= situation.most_net

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """What is left of what is held brought within both limits, once they are passed."""
        gross, net = _exposures(held * situation.unit_value / situation.nav)
        most_gross, most_net = situation.most_gross, situation.most_net
        above = 1.0 + self.params.tolerance
        over_gross, over_net = gross > most_gross * above + SLACK, abs(net) > most_net * above + SLACK
        by = np.full(wanted.shape, over_net and not over_gross)
        value, limit = np.where(by, net, gross), np.where(by, most_net, most_gross)
        if not over_gross and not over_net:
            return Ruling(wanted, value, limit, by=by, by_key="net")
        left = within_leverage(
            without_entries(wanted, held),
            situation.unit_value,
            most_gross * situation.nav,
            most_net * situation.nav,
            situation.units,
        )
        return _reduced(left, wanted, held, value, limit, by=by)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Gross and net exposure before the limit at which it is sold."""
        above = 1.0 + self.params.tolerance
        both = (("Gross", measured.gross, measured.most_gross), ("Net", abs(measured.net), measured.most_net))
        for what, value, limit in both:
            if math.isfinite(limit):
                yield at_most(self.name, what, value, limit * above)

    def faults(self, book: Book) -> Iterator[str]:
        """Nothing to bring it back under."""
        if GrossLeverage.name not in book.limits and NetLeverage.name not in book.limits:
            yield (
                f"limits.{self.name}: the book has no limit to bring what is held back under; add "
                f"limits.{GrossLeverage.name} or limits.{NetLeverage.name}"
            )


@register
class MaintenanceMargin(Rule):
    """NAV covers the maintenance margin of every position, less a buffer, or positions are sold pro rata.

    Beyond it a broker sells by itself, what it likes and at any price; the desk is there before. What is
    bought stays within it too. A breach of it by what is held is told at once.
    """

    name = "maintenance_margin"
    order = 33
    subject = "positions"
    exempts = True
    sentence = "positions ask for a maintenance margin of {value:.2%} of NAV, {limit:.2%} are there"
    told_as: ClassVar = {"maintenance_margin": "Maintenance margin of all positions"}

    class Params(Frozen):
        """Its number; the shares are those of the book's margin."""

        buffer: Share = Field(0.0, lt=1, description="share of NAV that is left above the maintenance margin")

    def passes(self, asked: Asked) -> bool:
        """The dearer margin of all that is held or wanted is there."""
        wanted, held, situation = asked.wanted, asked.held, asked.situation
        share = max(situation.margin.maintenance, situation.margin.maintenance_short)
        room = (1.0 - self.params.buffer) * situation.nav
        return bool(share * situation.gross(np.maximum(np.abs(wanted), np.abs(held))) <= room)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Positions within what NAV carries: additions shrunk first, then what is held."""
        price, nav, limit = situation.unit_value, situation.nav, 1.0 - self.params.buffer
        room = limit * nav

        def asked(quantity: Floats) -> float:
            return float(maintenance(quantity * price, situation.margin).sum())

        value, ruling = asked(wanted) / nav, Ruling(wanted, asked(wanted) / nav, limit)
        if asked(held) > room + SLACK * nav:
            kept = without_entries(wanted, held)
            over = asked(kept) > room * (1.0 + SLACK)
            left = situation.units.toward_zero(kept * (room / asked(kept))) if over else kept
            ruling = _reduced(left, wanted, held, value, limit)
        after = ruling.after
        kept = without_entries(after, held)
        standing = asked(kept)
        added = asked(after) - standing
        if added <= 0.0 or standing + added <= room + SLACK * nav:
            return ruling
        grown = kept + situation.units.toward_zero((after - kept) * max(0.0, (room - standing) / added))
        return Ruling(situation.units.toward_zero(grown), value, limit, ruling.exempt)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """What NAV has left above the maintenance margin."""
        value = float(maintenance(measured.weights, measured.margin).sum())
        yield at_most(self.name, "", value, 1.0 - self.params.buffer)

    def breach(self, held: Floats, situation: Situation) -> Breach | None:
        """Positions that ask for more than NAV has."""
        value = float(maintenance(situation.weights(held), situation.margin).sum())
        limit = 1.0 - self.params.buffer
        if value <= limit + SLACK:
            return None
        words = f"{self.sentence.format(value=value, limit=limit)}: positions are sold until they are covered"
        return Breach(self.name, "margin call", value, limit, "maintenance margin", words, level="CRITICAL")

    def faults(self, book: Book) -> Iterator[str]:
        """An account without margin."""
        if not book.margin.borrows:
            yield (
                f"limits.{self.name}: the book's margin is cash, which asks for none; leave the rule out, or "
                "set margin: {kind: reg_t} (or portfolio)"
            )


def maintenance(worth: Floats, margin: Margin) -> Floats:
    """What the positions' holder must put up to keep them: the share of the value of longs and of shorts."""
    share: Floats = np.where(worth < 0.0, margin.maintenance_short, margin.maintenance)
    return np.abs(worth) * share


def within_leverage(quantity: Floats, price: Floats, gross: float, net: float, units: Units) -> Floats:
    """Positions made smaller pro rata until they are within a gross and a net exposure in dollars.

    The side that leads is cut for the net, then everything for the gross; and the side once more, since
    rounding made the other one smaller too.
    """
    for step in (_within_net, _within_gross, _within_net):
        quantity = step(quantity, price, net if step is _within_net else gross, units)
    return quantity


def _within_net(quantity: Floats, price: Floats, limit: float, units: Units) -> Floats:
    worth = quantity * price
    net = float(worth.sum())
    leading = worth * net > 0.0
    side = float(np.abs(worth[leading]).sum())
    if abs(net) <= limit * (1.0 + SLACK):
        return quantity
    part = max(0.0, 1.0 - (abs(net) - limit) / side)
    return np.where(leading, units.toward_zero(quantity * part), quantity)


def _within_gross(quantity: Floats, price: Floats, limit: float, units: Units) -> Floats:
    gross = float(np.abs(quantity * price).sum())
    return quantity if gross <= limit * (1.0 + SLACK) else units.toward_zero(quantity * (limit / gross))


def _exposures(weights: Floats) -> tuple[float, float]:
    """Gross and net."""
    return float(np.abs(weights).sum()), float(weights.sum())


def _reduced(
    left: Floats,
    wanted: Floats,
    held: Floats,
    value: Floats | float,
    limit: Floats | float,
    by: Flags | None = None,
) -> Ruling:
    """What is left where a book is brought back; every reduction passes the rules that come later."""
    kept = without_entries(wanted, held)
    after = np.where((left != kept) | (wanted * held < 0.0), left, wanted)
    exempt = (np.abs(after) < np.abs(held)) & (without_entries(after, held) == after)
    return Ruling(after, value, limit, exempt, by, "net" if by is not None else "")
