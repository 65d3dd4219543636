"""Rules on the stops of positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from nightdesk.core.book import Book
from nightdesk.core.exit_plan import Stop
from nightdesk.core.fields import Frozen
from nightdesk.core.panel import Floats
from nightdesk.risk.distances import Distance, RiskMeasures, at_most
from nightdesk.risk.rule import Rule, Ruling, cut, register
from nightdesk.risk.rules.admission import admit
from nightdesk.risk.situation import Protection, Situation, anywhere, without_entries


@register
class StopLoss(Rule):
    """A position that lost too much since its average entry price is halved once, and left at a larger loss.

    A long loses below its average entry, a short above it. The average is over the strategies that hold the
    symbol. It is checked on the session's close, and not
    for a symbol without a bar of the session or in quarantine. Nothing after it holds the sale back.
    """

    name = "stop_loss"
    order = 31
    subject = "positions"
    exempts = True
    sentence = "a loss of {value:.2%} since its average entry, {limit:.2%} is where it is cut"
    unmeasured = "nothing is held of it, or its price is not to be trusted"
    told_as: ClassVar = {"stop_loss": "{subject}: loss since its average entry, up to the stop"}

    class Params(Stop):
        """Its numbers; a symbol of the universe may have its own under `stop`."""

    def idle(self, situation: Situation) -> bool:
        """While no stop is reached or still to be done."""
        return not anywhere(situation.standing.stop_cap < np.inf)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Positions cut to what their stops leave."""
        standing = situation.standing
        after, exempt = cut(wanted, held, standing.stop_cap, situation)
        return Ruling(after, standing.fall, standing.stop_at, exempt)

    def stops(self, book: Book) -> Mapping[str, Stop]:
        """Each symbol's own, or that of the rule."""
        return {symbol: one.stop or self.params for symbol, one in book.universe.items()}

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Every position before its stop, or the one that is the nearest to it."""
        standing = measured.standing
        stopped = np.flatnonzero((measured.weights != 0.0) & np.isfinite(standing.stop_at))
        if measured.tightest_stop and len(stopped):
            room = (standing.stop_at[stopped] - standing.fall[stopped]) / np.abs(standing.stop_at[stopped])
            stopped = stopped[[np.argmin(np.where(np.isfinite(room), room, np.inf))]]
        falls, stops = standing.fall[stopped].tolist(), standing.stop_at[stopped].tolist()
        for n, fall, stop in zip(stopped.tolist(), falls, stops, strict=True):
            yield at_most(self.name, measured.symbols[n], fall, stop)


def _protection(situation: Situation) -> Protection:
    """What is lost where stops are hit; nothing where no decision has worked it out."""
    return situation.protection or Protection.none(len(situation.price))


@register
class StopRequired(Rule):
    """Nothing is opened or added to without a stop, be it the symbol's or the strategy's own.

    A position that is held without one is kept; it only does not grow.
    """

    name = "stop_required"
    order = 34
    subject = "entries"
    inputs = frozenset({"stops"})
    sentence = "without a stop at {value:.0f} (1 is so): nothing may be opened without one"
    told_as: ClassVar = {"stop_required": "Symbols held without a stop"}

    def idle(self, situation: Situation) -> bool:
        """While everything that would be added has a stop."""
        return not anywhere(_protection(situation).bare_entry)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions that would have no stop undone."""
        bare = _protection(situation).bare_entry
        after = np.where(bare, without_entries(wanted, held), wanted) if bare.any() else wanted
        return Ruling(after, bare.astype(np.float64), 0.0)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Symbols that are held without one."""
        yield at_most(self.name, "", float(measured.bare), 0.0, "count")


@register
class StopHeat(Rule):
    """What is lost where every stop is hit: at most so much of NAV, longs and shorts alike.

    The most confident entries come first; the one that crosses is cut to what is left. A position without a
    stop counts with its whole value; what is beyond its stop loses nothing more.
    """

    name = "stop_heat"
    order = 72
    subject = "entries"
    inputs = frozenset({"stops"})
    sentence = "a loss of {value:.2%} of NAV where every stop is hit, at most {limit:.2%}"
    told_as: ClassVar = {"stop_heat": "Loss where every stop is hit"}

    class Params(Frozen):
        """Its number."""

        limit: float = Field(gt=0, le=1, description="share of NAV lost where every stop is hit")

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Entries beyond it undone."""
        risk, limit = _protection(situation), self.params.limit
        standing = float((np.abs(without_entries(wanted, held)) * risk.held_risk).sum())
        room = limit * situation.nav - standing
        after, total = admit(wanted, held, situation, risk.added_risk, room)
        return Ruling(after, (standing + total) / situation.nav, limit)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """What the positions that are held would lose."""
        yield at_most(self.name, "", measured.loss_at_stops, self.params.limit)
