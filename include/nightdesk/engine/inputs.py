"""What one decision is made from: the market of its session, the state of the book, the facts people set."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, fields, replace
from datetime import date, datetime
from functools import cached_property, partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.accounting.ledger import Ledger, Mark
from nightdesk.accounting.tax import TaxView
from nightdesk.core.contracts import unit_value
from nightdesk.core.panel import Floats
from nightdesk.engine.day_terms import DayTerms
from nightdesk.engine.desk import Desk
from nightdesk.engine.entry_conditions import Barred
from nightdesk.engine.held_arrays import Holdings
from nightdesk.orders.fills import Fill
from nightdesk.portfolio import Bundles, Dropped, portfolio_volatility
from nightdesk.risk import NO_LOSS, Answer, Override, PeriodLows, RiskEvent, RiskState
from nightdesk.strategies.in_turn import Spoken
from nightdesk.strategies.strategy import BundleCodes, Codes, all_long

#: What a number is of, which says what a corporate action makes of it.
CarriedKind = Literal["share", "dollars", "units"]


@dataclass(frozen=True, slots=True)
class Carried:
    """What a decision leaves to the next; arrays of shape (n_strategies, n_symbols), 0 where it is nothing.

    The arrays are the columns of the stored targets that carry it.

    Attributes
    ----------
    allocation : ndarray
        Shares of its capital that a strategy goes on wanting, until it decides anew.
    stop_distance : ndarray
        Dollars against the position, from its average entry, at which the strategy leaves it.
    target_distance : ndarray
        Dollars for the position, from its average entry, at which the strategy leaves it.
    reduce_to : ndarray
        Units, absolute, down to which a reduction that was begun goes on until no more is held.
    bundles : Bundles or None
        What belongs together from this decision on; None in a book without bundles.
    turns : mapping of strategy name to tuple of states
        What strategies that speak in turn left to their next turn; empty in a book without any.
    """

    allocation: Floats = field(metadata={"kind": "share"})
    stop_distance: Floats = field(metadata={"kind": "dollars"})
    target_distance: Floats = field(metadata={"kind": "dollars"})
    reduce_to: Floats = field(metadata={"kind": "units"})
    bundles: Bundles | None = None
    turns: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all arrays that are carried, without those of bundles."""
        return tuple(one.name for one in fields(cls) if "kind" in one.metadata)

    @classmethod
    def of(
        cls,
        arrays: Mapping[str, Floats],
        bundles: Bundles | None = None,
        turns: Mapping[str, tuple[Any, ...]] | None = None,
    ) -> Self:
        """From the arrays by their names."""
        allocation, stop, target, reduce_to = (arrays[name] for name in cls.names())
        return cls(allocation, stop, target, reduce_to, bundles, turns or {})

    @classmethod
    def nothing(cls, shape: tuple[int, int]) -> Self:
        """What is carried before the first decision of (n_strategies, n_symbols)."""
        return cls.of({name: np.zeros(shape) for name in cls.names()})

    def restated(
        self,
        symbols: Sequence[str],
        splits: Mapping[str, float],
        successors: Mapping[str, tuple[str, float]],
    ) -> Carried:
        """The same in units and dollars after a session's corporate actions.

        Of a symbol that becomes another, what is carried goes over to that one: shares of capital and units
        are added to its own, dollars a unit take the place of none. The states of strategies that speak in
        turn stay as they are: these restate them.

        Parameters
        ----------
        symbols : sequence of str, length n_symbols
        splits : mapping of symbol to float
            Units after for one before.
        successors : mapping of symbol to (symbol, float)
            The symbol that it becomes, and units of that for one.
        """
        if not splits and not successors:
            return self
        ratios = np.array([splits.get(symbol, 1.0) for symbol in symbols])
        column = {symbol: n for n, symbol in enumerate(symbols)}
        moves = [(column[old], column[new], ratio) for old, (new, ratio) in successors.items()]
        return Carried(
            **{
                one.name: _restated(getattr(self, one.name), one.metadata["kind"], ratios, moves)
                for one in fields(self)
                if "kind" in one.metadata
            },
            bundles=None if self.bundles is None else self.bundles.restated(symbols, splits, successors),
            turns=self.turns,
        )


def _restated(
    before: Floats, kind: CarriedKind, ratios: Floats, moves: Sequence[tuple[int, int, float]]
) -> Floats:
    """One array after splits of these ratios, and moves (old column, new column, units of it for one)."""
    after = before * ratios if kind == "units" else before / ratios if kind == "dollars" else before.copy()
    for old, new, ratio in moves:
        if kind == "dollars":
            after[:, new] = np.where(after[:, new] > 0, after[:, new], after[:, old] / ratio)
        else:
            after[:, new] += after[:, old] * (ratio if kind == "units" else 1.0)
        after[:, old] = 0.0
    return after


@dataclass(frozen=True, slots=True)
class Today:
    """A session so far; as it is by default for a daily book, whose session holds one decision.

    Attributes
    ----------
    trades : int
        Orders executed in the session that the decision's orders are meant for: none for a decision at a
        close, whose orders meet a new session.
    notional : float
        Dollars of them.
    low : float
        Lowest return of the day at a mark of the session; infinite before the first.
    """

    trades: int = 0
    notional: float = 0.0
    low: float = math.inf

    def after(self, fills: Iterable[Fill], day_return: float) -> Today:
        """The session after some more executions and the mark that follows them."""
        new = tuple(fills)
        return Today(
            trades=self.trades + len({fill.client_order_id for fill in new}),
            notional=self.notional + float(sum(fill.notional for fill in new)),
            low=min(self.low, day_return),
        )

    def at_close(self) -> Today:
        """As the decision at the close counts it, whose orders meet the next session."""
        return Today(low=self.low)


def since_close(mark: Mark, closing: Mark | None) -> Mark:
    """A mark within a session, its day's return measured from the closing mark of the session before.

    Parameters
    ----------
    mark : Mark
    closing : Mark or None
        None in a book's first session, of which there is no return.
    """
    moved = 0.0 if closing is None or not closing.nav else float(mark.nav / closing.nav - 1)
    return replace(mark, day_return=moved)


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
    strength : ndarray of shape (n_strategies, n_symbols)
        Of the signals, in [-1, 1]; 0 where it is not known, and where it is left out.
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
    multiplier : ndarray of shape (n_symbols,), or float
        Dollars that a unit moves by with a dollar of its price; 1.0 where no symbol has another.
    bundle, ratio : ndarrays of shape (n_strategies, n_symbols), or None
        The bundles that the signals speak of, see `nightdesk.strategies.Signals`; None in a book without any.
    member : bool ndarray of shape (n_symbols,), or True
        Which members of the universe may be opened in this session; True in a book that lists its symbols.
    legs : bool ndarray of shape (n_strategies, n_symbols) or None
        Members that a strategy does not open, since they are such as legs of pairs alone; None where none is.
    barred : Barred or None
        Entries that a condition of the book forbids; None in a book without any.
    entries_allowed, entries_reason
        False, with the reason, where benchmark or volatility index are too old to open anything.
    studies : mapping of strategy name to object
        What strategies that speak in turn measured of the session.
    spoken : mapping of strategy name to Spoken
        What they said of it, where they were heard (`nightdesk.engine.turns.heard`).
    loss_at_stop : ndarray of shape (n_strategies, n_symbols), or None
        Share of an entry's value that is lost where its strategy stops it; NaN where it says none. None in a
        book none of whose strategies does.
    made : DayTerms or None
        Its `terms`, where they were made before. A day that `replace` makes of it has none.
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
    strength: Floats = field(default_factory=partial(np.array, 0.0))
    multiplier: Floats | float = 1.0
    bundle: BundleCodes | None = None
    ratio: Floats | None = None
    member: Flags | Literal[True] = True
    legs: Flags | None = None
    barred: Barred | None = None
    studies: Mapping[str, Any] = field(default_factory=dict)
    spoken: Mapping[str, Spoken] = field(default_factory=dict)
    loss_at_stop: Floats | None = None
    made: InitVar[DayTerms | None] = None
    _made: DayTerms | None = field(init=False, compare=False, repr=False)

    def terms(self, desk: Desk) -> DayTerms:
        """What decisions make of it before they look at a position."""
        if self._made is not None:
            return self._made
        return DayTerms.of(desk, self.price, self.direction, self.side, self.confidence, self.band)

    @property
    def unit_value(self) -> Floats:
        """Dollars of exposure a unit, of shape (n_symbols,); NaN before a symbol's first bar."""
        return unit_value(self.price, self.multiplier)

    def __post_init__(self, made: DayTerms | None) -> None:
        object.__setattr__(self, "_made", made)
        for name, side in (("side", self.side), ("previous_side", self.previous_side)):
            if not side.shape:
                object.__setattr__(self, name, np.full_like(self.direction, side))
        if not self.strength.shape:
            object.__setattr__(self, "strength", np.full(self.direction.shape, float(self.strength)))


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
    overrides : tuple of Override
        What people limit in this decision.
    """

    kill_switch: bool = False
    kill_reason: str = ""
    answer: Answer | None = None
    asked: date | None = None
    simulates: bool = True
    forced: int = 0
    forced_by: str = ""
    overrides: tuple[Override, ...] = ()


def facts_at(
    events: Iterable[RiskEvent], session: date, as_of: datetime | None = None, *, simulates: bool = True
) -> Facts:
    """The facts of a decision: of the events up to it, in their order, the last one holds.

    `as_of` is its instant, which matters where the session holds several; None: its last one.

    A level that was set counts in its own session alone: what it entered lasts by itself. `simulates` is
    whether a simulated person may answer where no real one was asked.
    """
    facts = Facts(simulates=simulates)
    for event in events:
        if not event.counts_in(session, as_of):
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


@dataclass(frozen=True)
class Unscaled:
    """What strategies want before it is scaled: units, dollars of exposure a unit, NAV, and past returns."""

    quantity: Floats
    worth: Floats
    nav: float
    returns: Floats

    @classmethod
    def measured(cls, volatility: float) -> Self:
        """One of which the volatility is known, and nothing else."""
        nothing = np.empty((0, 0))
        found = cls(nothing, nothing, math.nan, nothing)
        found.__dict__["volatility"] = volatility
        return found

    @cached_property
    def volatility(self) -> float:
        """Annualised, see `nightdesk.portfolio.portfolio_volatility`."""
        weight = self.quantity.sum(axis=0) * self.worth / self.nav
        return portfolio_volatility(weight, self.returns)


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
    unscaled : Unscaled
        The wanted portfolio before it was scaled.
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
    unscaled: Unscaled
    scale: float
    cause: Codes
    dropped: tuple[Dropped, ...] = ()

    @property
    def bundles(self) -> Bundles | None:
        """What belongs together; None in a book without bundles."""
        return self.carried.bundles

    @property
    def volatility(self) -> float:
        """Annualised volatility of the wanted portfolio before it was scaled."""
        return self.unscaled.volatility
