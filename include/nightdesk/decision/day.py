"""What one decision is made from: the market of its session, the state of the book, the facts people set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nightdesk.execution.ledger import Ledger, Mark
from nightdesk.panel import Floats
from nightdesk.strategies.base import Codes

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Day:
    """What one session offers; none of it depends on a position.

    Symbols are those of the book (n_symbols, in its order), strategies likewise (n_strategies).

    Attributes
    ----------
    session, as_of
        The session and the instant of its close (UTC).
    price : ndarray of shape (n_symbols,)
        Newest good raw close in dollars, restated for splits since; NaN before a symbol's first bar.
    has_bar, quarantined : bool ndarrays of shape (n_symbols,)
        Whether there is a bar of this session; whether the data checks hold the symbol in quarantine.
    age : ndarray of shape (n_symbols,)
        Sessions since the newest bar: 0 with a bar, -1 before the first.
    factors : mapping of name to ndarray of shape (n_symbols,)
        This session's factors.
    returns : ndarray of shape (window, n_symbols)
        Adjusted returns of the last sessions, this one last; NaN beside missing bars and before the first
        session.
    direction, previous_direction : int8 ndarrays of shape (n_strategies, n_symbols)
        Signals of this session, and of the session before in the same panel.
    confidence : ndarray of shape (n_strategies, n_symbols)
        In [0, 1].
    vix : float
        Newest value of the volatility index; NaN where there was none yet.
    band : int
        Index of the regime among the book's bands; -1 where no value of the index is known.
    entries_allowed, entries_reason
        False, with the reason, where benchmark or volatility index are too old to open anything.
    """

    session: date
    as_of: datetime
    price: Floats
    has_bar: Flags
    age: NDArray[np.int64]
    quarantined: Flags
    factors: Mapping[str, Floats]
    returns: Floats
    direction: Codes
    confidence: Floats
    previous_direction: Codes
    vix: float
    band: int
    entries_allowed: bool = True
    entries_reason: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts that people or the machine set, as of one decision."""

    kill_switch: bool = False
    kill_reason: str = ""


@dataclass(frozen=True, slots=True)
class RiskEvent:
    """A dated fact about a book's risk: it counts from the decision of `session` on."""

    session: date
    kind: Literal["kill", "release"]
    reason: str


def facts_at(events: Iterable[RiskEvent], session: date) -> Facts:
    """The facts of a session's decision: of the events up to it, in their order, the last one holds."""
    killed = None
    for event in events:
        if event.session <= session:
            killed = event.reason if event.kind == "kill" else None
    return Facts(kill_switch=killed is not None, kill_reason=killed or "")


@dataclass(frozen=True, slots=True)
class State:
    """Where the book stands when it decides: settled, and marked at the close of the session."""

    ledger: Ledger
    mark: Mark
    facts: Facts = Facts()


@dataclass(frozen=True, slots=True)
class Targets:
    """The positions that a book wants, before the gate; arrays of shape (n_strategies, n_symbols).

    Attributes
    ----------
    held, quantity : ndarray
        Units held, units wanted; exact multiples of each symbol's unit.
    weight : ndarray
        Wanted positions as signed shares of NAV.
    confidence : ndarray
        Of entries, after the regime's factor; 0 where the signal is none to enter by.
    volatility : float
        Annualised volatility of the wanted portfolio before it was scaled.
    scale : float
        Factor in (0, 1] that brought it down to the book's target.
    """

    held: Floats
    quantity: Floats
    weight: Floats
    confidence: Floats
    volatility: float
    scale: float
