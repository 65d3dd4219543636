"""Rules on what is traded in one session: how often, how much, and whether it is worth its cost.

They look at sales and purchases alike. What was traded in the session before this decision counts in the
limits of a day. A position can always be closed entirely, a strategy's own beside one of another too: the
rules on small trades let it go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nightdesk.core.fields import Frozen, Share
from nightdesk.core.panel import Floats
from nightdesk.risk.distances import Distance, RiskMeasures, at_most
from nightdesk.risk.rule import Rule, Ruling, register
from nightdesk.risk.situation import Asked, Flags, Situation, anywhere


def sizes(wanted: Floats, held: Floats, situation: Situation) -> Floats:
    """Changes of weight, absolute."""
    return np.abs(situation.weights(wanted - held))


def _stays(wanted: Floats, situation: Situation) -> Flags:
    """Where no position is closed."""
    stays: Flags = wanted != 0.0
    ends = situation.entering.ends
    return stays if isinstance(ends, int) else stays & (ends == 0)


def by_size(size: Floats, situation: Situation) -> NDArray[np.intp]:
    """Columns that trade, the largest change of weight first, equals by symbol."""
    order: NDArray[np.intp] = np.lexsort((situation.rank, -size))
    return order[: np.count_nonzero(size)]


def _without_small(wanted: Floats, held: Floats, small: Flags, situation: Situation) -> Floats:
    """Small trades undone, but for those that close a position."""
    undone = small & (wanted != held) & _stays(wanted, situation)
    return np.where(undone, held, wanted) if anywhere(undone) else wanted


@register
class TradesPerDay(Rule):
    """So many trades a session; the largest changes of weight come first, then the alphabet."""

    name = "trades_per_day"
    order = 91
    subject = "trades"
    sentence = "number {value:.0f} of the session's trades by size, at most {limit:.0f} are made"
    told_as: ClassVar = {"trades_per_day": "Trades of the session"}

    class Params(Frozen):
        """Its number."""

        limit: int = Field(ge=0, description="trades a session")

    def passes(self, asked: Asked) -> bool:
        """No more trades than that."""
        return bool(asked.trades + asked.situation.traded_today <= self.params.limit)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """The trades beyond the limit undone."""
        limit: int = self.params.limit
        size = sizes(wanted, held, situation)
        order = by_size(size, situation)
        place = np.zeros(len(size))
        place[order] = np.arange(1, len(order) + 1) + situation.traded_today
        after = (
            np.where(place > limit, held, wanted) if len(order) + situation.traded_today > limit else wanted
        )
        return Ruling(after, place, float(limit))

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Trades that are counted, with those that the session has had."""
        count = float(np.count_nonzero(measured.traded)) + measured.trades_today
        yield at_most(self.name, "", count, float(self.params.limit), "count")


@register
class TurnoverPerDay(Rule):
    """So much of NAV traded in a session, against what was held before; the trade that crosses is cut."""

    name = "turnover_per_day"
    order = 92
    subject = "trades"
    sentence = "turnover up to this trade {value:.2%} of NAV, at most {limit:.2%}"
    told_as: ClassVar = {"turnover_per_day": "Turnover of the session"}

    class Params(Frozen):
        """Its number."""

        limit: float = Field(gt=0, description="sum of the absolute changes of weight")

    def passes(self, asked: Asked) -> bool:
        """All trades together within the limit."""
        limit: float = self.params.limit
        return asked.turnover <= (limit - asked.situation.turnover_today) * asked.situation.nav

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Trades by size until the limit; the one that crosses is cut to it, those after it undone."""
        limit: float = self.params.limit
        size = sizes(wanted, held, situation)
        order = by_size(size, situation)
        running = np.zeros_like(size)
        running[order] = np.cumsum(size[order]) + situation.turnover_today
        if not len(order) or running[order[-1]] <= limit + 1e-12:
            return Ruling(wanted, running, limit)
        over = running > limit + 1e-12
        after = np.where(over, held, wanted)
        crosses = order[int(np.argmax(over[order]))]
        part = max(0.0, (limit - running[crosses] + size[crosses]) / size[crosses])
        after[crosses] += situation.units.toward_zero((wanted - held) * part)[crosses]
        return Ruling(situation.units.toward_zero(after), running, limit)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Changes of weight that are counted, with those that the session has had."""
        turnover = float(measured.traded.sum()) + measured.turnover_today
        yield at_most(self.name, "", turnover, self.params.limit)


@register
class SmallestTrade(Rule):
    """No trade under so many dollars, but for closing a position."""

    name = "smallest_trade"
    order = 101
    subject = "trades"
    sentence = "a trade of {value:,.2f} dollars, at least {limit:,.2f} is worth its cost"

    class Params(Frozen):
        """Its number."""

        limit: float = Field(ge=0, description="dollars")

    def passes(self, asked: Asked) -> bool:
        """No trade is so small, or closes a position."""
        small = (asked.notional < self.params.limit) & asked.traded
        return not anywhere(small) or not anywhere(small & _stays(asked.wanted, asked.situation))

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Small trades undone."""
        limit: float = self.params.limit
        notional = np.abs(wanted - held) * situation.unit_value
        return Ruling(_without_small(wanted, held, notional < limit, situation), notional, limit)


@register
class RebalanceThreshold(Rule):
    """No trade that changes a weight by less than this, but for closing a position."""

    name = "rebalance_threshold"
    order = 102
    subject = "trades"
    sentence = "a change of weight of {value:.2%}, at least {limit:.2%} is worth its cost"

    class Params(Frozen):
        """Its number."""

        limit: Share = Field(description="change of weight below which nothing is done")

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Small changes of weight undone."""
        limit: float = self.params.limit
        size = sizes(wanted, held, situation)
        return Ruling(_without_small(wanted, held, size < limit, situation), size, limit)
