"""What one decision is made from: the market of its session, the state of the book, the facts people set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from nightdesk.accounting.ledger import Ledger, Mark
from nightdesk.accounting.tax import TaxView
from nightdesk.core.panel import Floats
from nightdesk.engine.carried import Carried
from nightdesk.engine.desk import Desk
from nightdesk.engine.held_arrays import Holdings
from nightdesk.engine.today import Today
from nightdesk.portfolio import Dropped
from nightdesk.risk import NO_LOSS, Answer, PeriodLows, RiskEvent, RiskState
from nightdesk.strategies.strategy import Codes, all_long

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Day:
    """What one session offers; none of it depends on a position.

    Symbols are those of the book (n_symbols, in its order), strategies likewise (n_strategies).

    Attributes
    ----------
    session, as_of
        The session, and the instant of the decision (UTC): the close of the session, or the end of an hour.
    price : ndarray of shape (n_symbols,)
        Newest good raw close in dollars, restated for splits since; NaN before a symbol's first bar.
    has_bar, quarantined : bool ndarrays of shape (n_symbols,)
        Whether there is a bar of this session; whether the data checks hold the symbol in quarantine.
    age : ndarray of shape (n_symbols,)
        Sessions since the newest bar: 0 with a bar, -1 before the first.
    factors : mapping of name to ndarray of shape (n_symbols,)
        This session's factors.
    returns : ndarray of shape (window, n_symbols)
        Adjusted returns of the last sessions, the newest that is over last; NaN beside missing bars and
        before the first session.
    history : ndarray of shape (var_window, n_symbols)
        The same over the window of value at risk.
    direction, previous_direction : int8 ndarrays of shape (n_strategies, n_symbols)
        Signals of this session, and of the session before in the same panel.
    side, previous_side : int8 ndarrays of shape (n_strategies, n_symbols)
        The sides that they speak of; all long where left out.
    confidence : ndarray of shape (n_strategies, n_symbols)
        In [0, 1].
    vix : float
        Newest value of the volatility index; NaN where there was none yet.
    band : int
        Index of the regime among the book's bands; -1 where no value of the index is known.
    splits : mapping of symbol to float
        Units after for one before, of the symbols that split in this session.
    successors : mapping of symbol to (symbol, float)
        Of the symbols that become another in this session: its name, and units of it for one.
    opens_month : bool
        Whether it is the first session of its month.
    closes : bool
        Whether the decision is made at the close of its session, as every one of a daily book is.
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
    history: Floats
    direction: Codes
    confidence: Floats
    previous_direction: Codes
    vix: float
    band: int
    entries_allowed: bool = True
    entries_reason: str = ""
    splits: Mapping[str, float] = field(default_factory=dict)
    successors: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    opens_month: bool = False
    closes: bool = True
    side: Codes = field(default_factory=all_long)
    previous_side: Codes = field(default_factory=all_long)

    def __post_init__(self) -> None:
        for name, side in (("side", self.side), ("previous_side", self.previous_side)):
            if not side.shape:
                object.__setattr__(self, name, np.full_like(self.direction, side))


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts that people or the machine set, as of one decision.

    Attributes
    ----------
    kill_switch, kill_reason
        Whether the book is stopped, and why.
    answer : Answer or None
        The newest word of a person on a book that waits at a drawdown level.
    asked : date or None
        Newest session of which a person was asked for it.
    simulates : bool
        Whether the simulated person answers for those that nobody was asked about.
    forced, forced_by
        Drawdown level that a person sets in this session, 0 for none, and who.
    """

    kill_switch: bool = False
    kill_reason: str = ""
    answer: Answer | None = None
    asked: date | None = None
    simulates: bool = True
    forced: int = 0
    forced_by: str = ""


def facts_at(events: Iterable[RiskEvent], session: date, *, simulates: bool = True) -> Facts:
    """The facts of a session's decision: of the events up to it, in their order, the last one holds.

    A level that was set counts in its own session alone: what it entered lasts by itself. `simulates` is
    whether a simulated person may answer where no real one was asked.
    """
    facts = Facts(simulates=simulates)
    for event in events:
        if event.session > session:
            continue
        match event.kind:
            case "kill":
                facts = replace(facts, kill_switch=True, kill_reason=event.reason)
            case "release":
                facts = replace(facts, kill_switch=False, kill_reason="")
            case "review" | "confirm" | "reject":
                facts = replace(facts, answer=Answer(event.session, event.kind, event.who))
            case "ask":
                facts = replace(facts, asked=event.session)
            case "level" if event.session == session:
                facts = replace(facts, forced=event.level, forced_by=event.who)
    return facts


@dataclass(frozen=True, slots=True)
class State:
    """Where the book stands when it decides: settled, and marked at the close of the session.

    `risk` and `carried` are what the decision before left, not yet restated for this session's actions; None
    before the first. `tax` is empty where no rule of the book asks for it, and `periods` have lost nothing
    where none does. `today` is what the session has brought before this decision. `holdings` are those of the
    ledger as arrays, where they were made before; see `nightdesk.engine.held_arrays`.
    """

    ledger: Ledger
    mark: Mark
    facts: Facts = Facts()
    risk: RiskState | None = None
    carried: Carried | None = field(default=None, compare=False)
    tax: TaxView = field(default_factory=TaxView)
    periods: PeriodLows = NO_LOSS
    today: Today = field(default_factory=Today)
    holdings: Holdings | None = field(default=None, compare=False, repr=False)

    def held_by(self, desk: Desk) -> Holdings:
        """The positions as arrays: those that it keeps, or new ones where they are of another ledger."""
        known = self.holdings
        if known is not None and known.ledger is self.ledger and known.desk is desk:
            return known
        return Holdings(desk, self.ledger)


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
    carried : Carried
        What it leaves to the next decision.
    volatility : float
        Annualised volatility of the wanted portfolio before it was scaled.
    scale : float
        Factor in (0, 1] that brought it down to the book's target.
    cause : int8 ndarray
        Why the strategy wants it: a `nightdesk.engine.exits.Cause`.
    dropped : tuple of Dropped
        Entries that the book's filters took away.
    """

    held: Floats
    quantity: Floats
    weight: Floats
    confidence: Floats
    carried: Carried
    volatility: float
    scale: float
    cause: Codes
    dropped: tuple[Dropped, ...] = ()
