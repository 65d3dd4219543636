"""Rules on the stops of positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from nightdesk.book import Book, Stop
from nightdesk.panel import Floats
from nightdesk.risk.distances import Distance, Measured, at_most
from nightdesk.risk.rule import Rule, Ruling, cut, register
from nightdesk.risk.situation import Situation


@register
class StopLoss(Rule):
    """A position far below its average entry price is halved once, and left further down.

    The average is over the strategies that hold the symbol. It is checked on the session's close, and not
    for a symbol without a bar of the session or in quarantine. Nothing after it holds the sale back.
    """

    name = "stop_loss"
    order = 31
    subject = "positions"
    sentence = "{value:.2%} below its average entry, {limit:.2%} is where it is cut"
    unmeasured = "nothing is held of it, or its price is not to be trusted"
    told_as: ClassVar = {"stop_loss": "{subject}: below its average entry, up to the stop"}

    class Params(Stop):
        """Its numbers; a symbol of the universe may have its own under `stop`."""

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Positions cut to what their stops leave."""
        standing = situation.standing
        after, exempt = cut(wanted, held, standing.stop_cap, situation)
        return Ruling(after, standing.fall, standing.stop_at, exempt)

    def stops(self, book: Book) -> Mapping[str, Stop]:
        """Each symbol's own, or that of the rule."""
        return {symbol: one.stop or self.params for symbol, one in book.universe.items()}

    def distances(self, measured: Measured) -> Iterator[Distance]:
        """Every position before its stop, or the one that is the nearest to it."""
        standing = measured.standing
        stopped = np.flatnonzero((measured.weights != 0.0) & np.isfinite(standing.stop_at))
        if measured.tightest_stop and len(stopped):
            room = (standing.stop_at[stopped] - standing.fall[stopped]) / np.abs(standing.stop_at[stopped])
            stopped = stopped[[np.argmin(np.where(np.isfinite(room), room, np.inf))]]
        falls, stops = standing.fall[stopped].tolist(), standing.stop_at[stopped].tolist()
        for n, fall, stop in zip(stopped.tolist(), falls, stops, strict=True):
            yield at_most(self.name, measured.symbols[n], fall, stop)
