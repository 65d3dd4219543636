"""What a strategy is: conditions on the factors of one session, for every symbol at once.

A signal depends on no position, and on no other session: the daily run computes one row, the backtest all
rows, with the same function. A strategy that needs yesterday's value asks for that factor (``rsi_14@1``). The
exception are strategies that speak in turn, `nightdesk.strategies.in_turn`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions
from nightdesk.core.cell_figures import Figures
from nightdesk.core.exit_plan import ExitPlan
from nightdesk.core.fields import Frozen
from nightdesk.core.members import PairSpan
from nightdesk.core.panel import Floats, Panel
from nightdesk.core.withheld import under_their_names
from nightdesk.strategies.words import Texts, in_words

if TYPE_CHECKING:
    from nightdesk.strategies.model import Model

Codes = NDArray[np.int8]

#: Codes of bundles.
BundleCodes = NDArray[np.int16]

#: Name of the close among the values that a strategy needs and its words name.
CLOSE = "close"

#: A plan that ends nothing.
NO_PLAN = ExitPlan()

#: The fields of a bar that a strategy sees.
BAR = (CLOSE, "open", "high", "low", "volume")


class SignalSide(IntEnum):
    """Positions that a signal speaks of, by the sign of their units; `EITHER` leaves, and never enters."""

    SHORT = -1
    EITHER = 0
    LONG = 1


class SignalAction(IntEnum):
    """What a signal asks for on its side: to open or add, nothing, or to come closer to flat."""

    LEAVE = -1
    HOLD = 0
    ENTER = 1


class Direction(IntEnum):
    """Which way a strategy would trade a symbol, and how much it means it.

    With the side it says the action: a BUY enters a long or leaves a short, a SELL leaves a long or enters a
    short. A strategy that does not say its side speaks of longs.
    """

    STRONG_SELL = -2
    SELL = -1
    HOLD = 0
    BUY = 1
    STRONG_BUY = 2


def all_long() -> Codes:
    """The side of signals that do not say theirs, for all of them."""
    return np.array(SignalSide.LONG, dtype=np.int8)


def actions(direction: Codes, side: Codes) -> Codes:
    """The `SignalAction` of each signal; the arrays are of one shape, and so is the result."""
    way = np.sign(direction)
    return np.where(side == SignalSide.EITHER, -np.abs(way), way * side).astype(np.int8, copy=False)


def spoken(direction: int, side: int) -> str:
    """A signal for people: its direction, and where it is not about longs, what that does to which side."""
    words = Direction(direction).name.replace("_", " ").lower()
    if side == SignalSide.LONG or direction == Direction.HOLD:
        return words
    action = SignalAction.ENTER if direction * side > 0 else SignalAction.LEAVE
    return f"{words}, {action.name.lower()} {SignalSide(side).name.lower()}"


@dataclass(frozen=True)
class View:
    """What a strategy sees.

    Attributes
    ----------
    symbols : tuple of str, length n_symbols
        The symbols that may be traded.
    sessions : ndarray of shape (n_sessions,), datetime64[D]
    close, open, high, low : ndarray of shape (n_sessions, n_symbols)
        Raw dollars of the session, NaN without a bar; in the same dollars as the factors that are prices.
    volume : ndarray of shape (n_sessions, n_symbols)
        Units traded in the session, NaN without a bar.
    vix : ndarray of shape (n_sessions,)
        Newest close of the volatility index, NaN before its first bar. A session without a bar of it opens
        nothing, and must not look like a calmer or a wilder one.
    factors : mapping of factor name to ndarray of shape (n_sessions, n_symbols)
        NaN where a value has too little history.
    models : mapping of strategy name to tuple of Model, length n_sessions
        Of a strategy that learns, the model that was live in each session (`nightdesk.strategies.learning`).
    member : bool ndarray of shape (n_sessions, n_symbols) or None
        Who is a member of the universe; None where all are. A strategy that compares symbols with each other
        compares members alone. What it enters of others is not opened; what it leaves of them is left.
    pairs : tuple of PairSpan
        Pairs that a screen has found, and in which sessions they may be entered.
    turns : mapping of strategy name to tuple of states, length n_sessions
        Of a strategy that speaks in turn, what each decision left (`nightdesk.strategies.in_turn`); empty
        where no decision was made.
    """

    symbols: tuple[str, ...]
    sessions: Sessions
    close: Floats
    open: Floats
    high: Floats
    low: Floats
    volume: Floats
    vix: Floats
    factors: Mapping[str, Floats]
    models: Mapping[str, tuple[Model, ...]] = field(default_factory=dict)
    member: NDArray[np.bool_] | None = None
    pairs: tuple[PairSpan, ...] = ()
    turns: Mapping[str, tuple[tuple[Any, ...], ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        panel: Panel,
        factors: Mapping[str, Floats],
        symbols: Sequence[str],
        volatility_index: str,
        member: NDArray[np.bool_] | None = None,
        pairs: tuple[PairSpan, ...] = (),
    ) -> Self:
        """The view of all sessions of a panel.

        Parameters
        ----------
        panel : Panel
            Its first columns are `symbols`.
        factors : mapping of factor name to ndarray of shape (n_sessions, n_columns)
            Of all columns of the panel.
        symbols : sequence of str
            The symbols that may be traded.
        volatility_index : str
            The column whose newest close is `vix`.
        member : bool ndarray of shape (n_sessions, n_symbols), optional
            Who is a member of the universe; all by default.
        pairs : tuple of PairSpan, optional
            Those of the universe's screen.
        """
        n = len(symbols)
        panel, factors = under_their_names(panel, factors)
        return cls(
            symbols=tuple(symbols),
            sessions=panel.sessions,
            **{name: getattr(panel, name)[:, :n] for name in BAR},
            vix=newest_close(panel, volatility_index),
            factors={name: values[:, :n] for name, values in factors.items()},
            member=member,
            pairs=pairs,
        )

    def rows(self, first: int, stop: int) -> View:
        """The sessions from row `first` up to, and without, row `stop`."""
        cut = slice(first, stop)
        return View(
            symbols=self.symbols,
            sessions=self.sessions[cut],
            **{name: getattr(self, name)[cut] for name in BAR},
            vix=self.vix[cut],
            factors={name: values[cut] for name, values in self.factors.items()},
            models={name: models[cut] for name, models in self.models.items()},
            member=None if self.member is None else self.member[cut],
            pairs=self.pairs,
            turns={name: states[cut] for name, states in self.turns.items()},
        )


def newest_close(panel: Panel, symbol: str) -> Floats:
    """Newest daily close of a reference in each row, shape (n_rows,); in hours, of the sessions then over."""
    return panel.by_row(panel.days.last_close[:, panel.days.column(symbol)], np.nan)


@dataclass(frozen=True)
class Signals:
    """What a strategy says, one entry a session and symbol; all arrays have shape (n_sessions, n_symbols).

    Attributes
    ----------
    direction : int8
        A `Direction`.
    strength : float64
        In [-1, 1]; 0 where it is not known.
    confidence : float64
        In [0, 1]; 0 where too little is known to say anything.
    reason : int8
        The clause of the strategy that fired; `Strategy.words` has its words.
    side : int8
        A `SignalSide`, or one for all; long where a strategy leaves it out. `EITHER` with any direction but
        HOLD leaves whatever is held.
    bundle : int16, or None
        The bundle of the strategy that the symbol is a leg of in the session, from 1 on; 0 where it is of
        none. None: the strategy has no bundles.
    ratio : float64, or None
        Units of the leg for one unit of its bundle, more than 0; 0 where it is of none. The sign of a leg is
        that of its side.
    """

    direction: Codes
    strength: Floats
    confidence: Floats
    reason: Codes
    side: Codes = field(default_factory=all_long)
    bundle: BundleCodes | None = None
    ratio: Floats | None = None

    def __post_init__(self) -> None:
        if not self.side.shape:
            object.__setattr__(self, "side", np.full_like(self.direction, self.side))

    @property
    def action(self) -> Codes:
        """The `SignalAction` of each signal."""
        return actions(self.direction, self.side)

    def row(self, t: int) -> Signals:
        """The one session `t`, still of shape (1, n_symbols)."""
        at = t % len(self.direction)
        return self.rows(at, at + 1)

    def rows(self, first: int, stop: int) -> Signals:
        """The sessions from row `first` up to, and without, row `stop`."""
        return Signals(**{name: values[first:stop] for name, values in self.arrays().items()})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that is said, by the names of the attributes, without those that are None."""
        every = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: values for name, values in every.items() if values is not None}


class Strategy(ABC):
    """Base of every strategy.

    A subclass has a `name`, a frozen model `Params` whose defaults are the spec's, and is registered with
    `nightdesk.strategies.register`. In a book that calls one of it by another name, that one has this name.
    """

    name: str
    #: The sides that it opens positions on. A strategy of one side leaves whatever it holds when it leaves.
    sides: frozenset[SignalSide] = frozenset({SignalSide.LONG})
    #: Whether it says bundles: legs that trade together or not at all.
    bundles: bool = False
    #: Whether its own signals end what loses too much, so that its positions need no stop beside them.
    stops_itself: bool = False

    #: The parameter, and its value, by which it asks for no factors over hours; empty where there is none.
    without_hours: str = ""

    #: Parameters to show it by, where it has no defaults for all of them.
    example: Mapping[str, Any] = MappingProxyType({})

    class Params(Frozen):
        """The strategy's own parameters, validated; an unknown key is refused."""

    def __init__(self, params: Frozen) -> None:
        self.params = params

    @property
    @abstractmethod
    def factors(self) -> tuple[str, ...]:
        """Names of the factors that the signals need."""

    @property
    def exit_plan(self) -> ExitPlan:
        """What ends its positions beside its signals, where the book says nothing else; nothing here."""
        return NO_PLAN

    @property
    def needs_found_pairs(self) -> bool:
        """Whether it trades nothing but pairs that a screen of the universe finds."""
        return False

    def check(self, symbols: Sequence[str], path: str) -> None:  # noqa: B027 (most ask for nothing)
        """Raise `Refused`, naming keys below `path`, when a book of these symbols is not one for it."""

    @abstractmethod
    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol of the view; row t depends on row t only."""

    @property
    @abstractmethod
    def words(self) -> Mapping[int, str]:
        """Why a signal is what it is: a text for each clause, with the names of its numbers in braces.

        `nightdesk.strategies.words` says how. Such a number is a factor, a field of the bar (``close``,
        ``open``, ``high``, ``low``, ``volume``), ``vix``, ``strength``, or one of `numbers`; ``{absent}``
        names what is missing of `needs`. Words of a clause that holds without a value must not name it.
        """

    @property
    def needs(self) -> tuple[str, ...]:
        """What ``{absent}`` looks at, in its order: the factors and the close, unless it says so."""
        return (*self.factors, CLOSE)

    def numbers(self, view: View, signals: Signals) -> Mapping[str, NDArray[Any]]:
        """Further numbers or texts that the words name, by name; row t depends on row t only.

        Each array has shape (n_sessions, n_symbols), or (n_sessions, 1) where it is the same for all symbols.
        """
        return {}

    def figures(self, view: View, signals: Signals) -> Figures:
        """What people see of each signal beside its words, by name; row t depends on row t only.

        It is kept with the signals, and decides nothing.

        Returns
        -------
        mapping of name to ndarray of shape (n_sessions, n_symbols)
            Of float64, NaN where a number is missing, or of texts, empty where one is. The names are the
            same whatever the view.
        """
        return {}

    @property
    def shows_figures(self) -> bool:
        """Whether it shows any figures."""
        return type(self).figures is not Strategy.figures

    def explain(self, view: View, signals: Signals, t: int, n: int) -> str:
        """Why the signal of session row `t` and symbol column `n` is what it is, with its numbers."""
        at = t % len(view.sessions)
        said = signals.row(at)
        value = self._values(view.rows(at, at + 1), said)

        def own(name: str) -> NDArray[Any]:
            row = value(name)
            return row[:, n, None] if row.shape[1] > 1 else row

        return str(in_words(self.words, said.reason[:, n, None], own, self.needs)[0, 0])

    def explanations(self, view: View, signals: Signals) -> Texts:
        """`explain` of every session and symbol, of shape (n_sessions, n_symbols)."""
        return in_words(self.words, signals.reason, self._values(view, signals), self.needs)

    def _values(self, view: View, signals: Signals) -> Callable[[str], NDArray[Any]]:
        """The values that the words may name, by name; `numbers` is asked once, when it is needed."""
        own = cache(partial(self.numbers, view, signals))

        def value(name: str) -> NDArray[Any]:
            if name in view.factors:
                return view.factors[name]
            if name in own():
                return own()[name]
            bars = {one: getattr(view, one) for one in BAR}
            seen: dict[str, NDArray[Any]] = {**bars, "vix": view.vix[:, None], "strength": signals.strength}
            if name not in seen:
                known = ", ".join(sorted([*view.factors, *own(), *seen]))
                raise LookupError(f"the words of {self.name} name {name!r}; there are {known}")
            return seen[name]

        return value
