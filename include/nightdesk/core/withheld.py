"""What the data checks withhold from a decision: bars, prices and opens that are not to be trusted yet.

The checks themselves are in `nightdesk.feeds.quality`; every driver hands their result on as one `Withheld`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions
from nightdesk.core.panel import Floats, Panel

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

#: The fields of a bar, which is there whole or not at all.
_BAR = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class BadOpens:
    """Opens that lie beyond the jump limit from the last accepted price: no price to fill an order at.

    Arrays of shape (n_found,), ascending by row: `row` and `column` in the panel, `price` the open and
    `accepted` the last accepted close before it, restated for splits since (raw dollars), `size` the move
    between them and `limit` what was allowed (shares), `since` the session of the accepted close.
    """

    row: Rows
    column: Rows
    price: Floats
    accepted: Floats
    size: Floats
    limit: Floats
    since: Sessions

    @classmethod
    def none(cls) -> BadOpens:
        """No open is bad."""
        rows, numbers = np.zeros(0, np.intp), np.zeros(0)
        return cls(rows, rows, numbers, numbers, numbers, numbers, np.zeros(0, "datetime64[D]"))

    def at(self, row: int) -> dict[int, str]:
        """The bad opens of one session: why nothing fills there, by column."""
        if not len(self.row):
            return {}
        first, stop = np.searchsorted(self.row, [row, row + 1])
        return {
            int(self.column[k]): (
                f"the open of {self.price[k]:g} is {self.size[k]:.1%} away from the last accepted price "
                f"{self.accepted[k]:g} of {self.since[k]}, beyond the limit of {self.limit[k]:.1%}: "
                "no price to fill at"
            )
            for k in range(first, stop)
        }


@dataclass(frozen=True)
class Withheld:
    """What decisions do not use of a panel; bool arrays of shape (n_sessions, n_columns).

    Row t is a function of the panel's rows up to t.

    Attributes
    ----------
    quarantined
        The symbol opens nothing, and what is held of it is kept.
    bars
        The bar is no bar: for factors, for the closes of signals, for returns, volatility and correlations,
        and as low, high of a limit order. It failed a check of its own or is a jump that waits for an answer.
    prices
        The close values no position: the bars above, and sessions whose price is in doubt for another reason.
    opens
        The opens at which no order fills.
    """

    quarantined: Flags
    bars: Flags
    prices: Flags
    opens: BadOpens = field(default_factory=BadOpens.none)

    @classmethod
    def nothing(cls, panel: Panel) -> Withheld:
        """Every bar of the panel is used."""
        none = np.zeros(panel.close.shape, dtype=bool)
        return cls(none, none, none)


def usable(panel: Panel, withheld: Flags) -> Panel:
    """The panel with some bars missing, as factors and signals see it.

    Parameters
    ----------
    panel : Panel
    withheld : bool ndarray of shape (n_sessions, n_columns)
        `Withheld.bars`, in most cases.

    Returns
    -------
    Panel
        NaN in open, high, low, close and volume where `withheld`. What orders meet, and the corporate
        actions, are those of `panel`.
    """
    if not withheld.any():
        return panel
    bars: dict[str, Any] = {name: np.where(withheld, np.nan, getattr(panel, name)) for name in _BAR}
    return replace(panel, **bars)


@dataclass(frozen=True)
class QuarantineSpell:
    """Sessions in a row over which a symbol was in quarantine.

    Attributes
    ----------
    symbol : str
    checks : tuple of str
        Names of the checks that it failed.
    reason : str
        The findings of its first session in words.
    first, last : date
        The first and the last session so far.
    sessions : int
    ongoing : bool
        Whether the newest session that was looked at is in it.
    """

    symbol: str
    checks: tuple[str, ...]
    reason: str
    first: date
    last: date
    sessions: int
    ongoing: bool
