"""What the data checks withhold from a decision: bars, prices and opens that are not to be trusted yet.

The checks themselves are in `nightdesk.feeds.quality`; every driver hands their result on as one `Withheld`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions
from nightdesk.core.panel import FILL_FIELDS, Floats, Panel

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


def under_their_names(panel: Panel, factors: Mapping[str, Floats]) -> tuple[Panel, Mapping[str, Floats]]:
    """A panel and its factors without what lies before a symbol had its name: nothing is decided by it.

    It is history: factors were computed of it, and its returns count in the windows of later rows.
    """
    unnamed = panel.unnamed
    if unnamed is None:
        return panel, factors
    fields = (*_BAR, *(f"fill_{name}" for name in FILL_FIELDS))
    hidden = {name: np.where(unnamed, np.nan, getattr(panel, name)) for name in fields}
    quiet = {"dividend": 0.0, "split": 1.0}
    still = {name: np.where(unnamed, value, getattr(panel, name)) for name, value in quiet.items()}
    known = {
        name: np.where(unnamed[:, : values.shape[1]], np.nan, values) for name, values in factors.items()
    }
    shown: dict[str, Any] = {**hidden, **still}
    return replace(panel, **shown), known


@dataclass(frozen=True)
class QuarantineSpell:
    """Sessions in a row, or decisions of an hourly book, over which a symbol was in quarantine.

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
        That it touches.
    ongoing : bool
        Whether the newest session, or decision, that was looked at is in it.
    decisions : tuple of datetime
        Of a spell of hours its decisions (UTC), ascending; empty of one of daily bars.
    named : tuple of str
        The first and the last of them by the exchange's clock.
    """

    symbol: str
    checks: tuple[str, ...]
    reason: str
    first: date
    last: date
    sessions: int
    ongoing: bool
    decisions: tuple[datetime, ...] = ()
    named: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON documents hold it; of a spell of hours with its first and last decision."""
        out = {
            "symbol": self.symbol,
            "checks": self.checks,
            "reason": self.reason,
            "first": str(self.first),
            "last": str(self.last),
            "sessions": self.sessions,
            "ongoing": self.ongoing,
        }
        if self.decisions:
            ends = [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in (self.decisions[0], self.decisions[-1])]
            out |= {"first_as_of": ends[0], "last_as_of": ends[1], "decisions": len(self.decisions)}
            out |= {"named": list(self.named)}
        return out


def runs(flags: Flags) -> Iterator[tuple[int, int, int]]:
    """Column, first row and end of every unbroken run of flags of shape (n_rows, n_columns)."""
    edge = np.zeros((1, flags.shape[1]), dtype=bool)
    turns = np.diff(np.vstack([edge, flags, edge]).astype(np.int8), axis=0)
    for n in np.flatnonzero(flags.any(axis=0)):
        begins, ends = np.flatnonzero(turns[:, n] > 0), np.flatnonzero(turns[:, n] < 0)
        for begin, end in zip(begins, ends, strict=True):
            yield int(n), int(begin), int(end)


def longest_first(spells: Sequence[QuarantineSpell]) -> tuple[QuarantineSpell, ...]:
    """The order in which people are told of spells: of as many sessions, the earlier one first."""
    return tuple(sorted(spells, key=lambda one: (-one.sessions, one.first, one.symbol, one.decisions[:1])))
