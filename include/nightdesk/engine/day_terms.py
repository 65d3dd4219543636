"""What decisions make of their days before they look at a position: of one session, or of all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.contracts import unit_value
from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk
from nightdesk.portfolio.sizing import entered, reduces
from nightdesk.strategies.strategy import Codes


@dataclass(frozen=True, slots=True)
class DayTerms:
    """Arrays of a session; of several sessions they have one more axis before these.

    Attributes
    ----------
    price, worth : ndarray of shape (n_symbols,)
        Dollars of price, and of exposure a unit; 0 for symbols that never had a price: nothing is held or
        wanted there.
    costs : ndarray of shape (n_symbols,)
        What a trade costs, share of its notional.
    enters : int8 ndarray of shape (n_strategies, n_symbols)
        Side of the entries that the signals ask for: 1 a long, -1 a short, 0 none.
    reduces : bool ndarray of shape (n_strategies, n_symbols)
        Where the signals ask for less of what may be held, see `nightdesk.portfolio.sizing.reduces`.
    confidence : ndarray of shape (n_strategies, n_symbols)
        Of entries, after the regime's factor; 0 where the signal is none to enter by.
    """

    price: Floats
    worth: Floats
    costs: Floats
    enters: Codes
    reduces: NDArray[np.bool_]
    confidence: Floats

    @classmethod
    def of(
        cls,
        desk: Desk,
        price: Floats,
        direction: Codes,
        side: Codes,
        confidence: Floats,
        band: NDArray[np.int64] | int,
    ) -> Self:
        """Those of the fields of a `Day`, or of arrays of them with a first axis of sessions."""
        value = unit_value(price, desk.multiplier)
        enters = entered(direction, side)
        # The band -1, which is not known, is the last of the list.
        factor = np.array([one.entry_factor for one in (*desk.band_terms, desk.no_band)])[band]
        return cls(
            price=_known(price),
            worth=_known(value),
            costs=np.broadcast_to(desk.costs_at(value), value.shape),
            enters=enters,
            reduces=reduces(direction, side),
            confidence=np.where(enters != 0, confidence * factor, 0.0),
        )

    def row(self, t: int) -> DayTerms:
        """Those of one of several sessions."""
        return DayTerms(
            self.price[t],
            self.worth[t],
            self.costs[t],
            self.enters[t],
            self.reduces[t],
            self.confidence[t],
        )


def _known(dollars: Floats) -> Floats:
    return np.where(np.isfinite(dollars), dollars, 0.0)
