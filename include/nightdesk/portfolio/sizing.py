"""Sizing methods: from one strategy's signals to the quantities that it wants, registered by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.contracts import unit_value
from nightdesk.core.fields import Frozen
from nightdesk.core.panel import Floats
from nightdesk.core.registry import Registry, validated
from nightdesk.strategies.strategy import Codes, Direction, SignalSide

Flags = NDArray[np.bool_]

BOTH_SIDES = frozenset({SignalSide.LONG, SignalSide.SHORT})


@dataclass(frozen=True, slots=True)
class Ask:
    """What a sizing method is told of one strategy in one session; arrays of shape (n_symbols,).

    A method that is `elementwise` is told of several strategies at once: the arrays that differ between them
    (`held` to `strength`, `allocation`, `reduce_to`, `stop_distance`) have shape (n_of_them, n_symbols),
    `capital` and `entry_factor` shape (n_of_them, 1).

    Attributes
    ----------
    held : ndarray
        Units that the strategy holds.
    direction, previous_direction : int8 ndarrays
        Its signals of this session and of the one before.
    enters : int8 ndarray
        Side of the entries that the signals ask for: 1 a long, -1 a short, 0 none.
    leaves, left_before : bool ndarrays
        Where the signals ask for less of what is held, and where those of the session before did.
    confidence : ndarray
        In [0, 1], before the regime's factor.
    strength : ndarray
        Of its signals, in [-1, 1]; 0 where it is not known.
    factors : mapping of name to ndarray
        Those that `Sizing.factors` names.
    price : ndarray
        Dollars; NaN before a symbol's first bar.
    capital : float
        NAV × the strategy's share, in dollars.
    max_weight, volatility_target : ndarray
        Of each symbol, as the book says.
    buy_fraction : float
        What a BUY wants of what a STRONG_BUY would.
    entry_factor : float
        The regime's factor on the confidence of entries. It makes an addition smaller and turns nothing that
        is held into a reduction.
    returns : ndarray of shape (window, n_symbols)
        Adjusted returns of the book's `portfolio.volatility_window` sessions, this one last; NaN where
        missing.
    costs : ndarray
        Commission and slippage of a trade, share of its notional.
    allocation : ndarray
        Shares of the capital that the strategy wants by a decision that it carries on; 0 where it has none.
        `Sizing.allocate` is told those of the session before, `Sizing.quantities` those of this session.
    reduce_to : ndarray
        Units, absolute, down to which a sale that was begun goes on; 0 where none is to be done.
        `Sizing.reduce_to` is told those of the session before, in units of this session, and
        `Sizing.quantities` those of this session.
    opens_month : bool
        Whether the session is the first of its month.
    multiplier : ndarray or float
        Dollars that a unit moves by with a dollar of its price; 1.0 where no symbol has another.
    stop_distance : ndarray or float
        Dollars from the price to the stop of the strategy's exit plan, or to where it stops itself, of what
        is opened now; NaN where it has none or it is not known. A method that is not `by_stop` need not be
        told.
    """

    held: Floats
    direction: Codes
    previous_direction: Codes
    enters: Codes
    leaves: Flags
    left_before: Flags
    confidence: Floats
    strength: Floats
    factors: Mapping[str, Floats]
    price: Floats
    capital: float | Floats
    max_weight: Floats
    volatility_target: Floats
    buy_fraction: float
    entry_factor: float | Floats
    returns: Floats
    costs: Floats
    allocation: Floats
    reduce_to: Floats
    opens_month: bool
    multiplier: Floats | float = 1.0
    stop_distance: Floats | float = np.nan

    @property
    def unit_value(self) -> Floats:
        """Dollars of exposure a unit: what a quantity is reckoned by; NaN before a symbol's first bar."""
        return unit_value(self.price, self.multiplier)


def entered(direction: Codes, side: Codes) -> Codes:
    """Side of the entries that signals ask for: 1 a long, -1 a short, 0 none; all arrays of one shape."""
    return np.where(direction * side > 0, side, np.int8(0)).astype(np.int8, copy=False)


def left(direction: Codes, side: Codes, held: Floats, one_sided: Flags | bool = False) -> Flags:
    """Where signals ask for less of what is held; nothing is less of nothing. All arrays of one shape.

    `one_sided` marks the signals of strategies that open on one side only: these leave whatever they hold.
    """
    return reduced(reduces(direction, side), side, held, one_sided)


def reduces(direction: Codes, side: Codes) -> Flags:
    """Where signals ask for less of what may be held; all arrays of one shape."""
    out: Flags = (direction * side < 0) | ((side == SignalSide.EITHER) & (direction != Direction.HOLD))
    return out


def reduced(less: Flags, side: Codes, held: Floats, one_sided: Flags | bool = False) -> Flags:
    """Where signals that ask for less meet a position that they speak of; see `left` and `reduces`."""
    out: Flags = (held != 0.0) & less
    if np.count_nonzero(out) and not np.all(one_sided):
        out &= one_sided | (side == SignalSide.EITHER) | (side * held > 0.0)
    return out


class Sizing(ABC):
    """Base of every sizing method.

    Attributes
    ----------
    name : str
    factors : tuple of str
        Names of the factors that it needs.
    sides : frozenset of SignalSide
        The sides on which it opens positions; a book whose strategy has others is refused.
    elementwise : bool
        Whether each number that it gives depends on those of its own strategy and symbol alone. Then the
        strategies of the same parameters are sized by one call.
    by_stop : bool
        Whether it needs the stop of the exit plan: a strategy is refused that has none and does not stop
        itself.
    """

    name: ClassVar[str]
    factors: ClassVar[tuple[str, ...]] = ()
    sides: ClassVar[frozenset[SignalSide]] = frozenset({SignalSide.LONG})
    elementwise: ClassVar[bool] = False
    by_stop: ClassVar[bool] = False

    class Params(Frozen):
        """The method's own parameters, validated; an unknown key is refused."""

    def __init__(self, params: Frozen) -> None:
        self.params = params

    @property
    def carries(self) -> bool:
        """Whether it carries anything on: it has an `allocate` or a `reduce_to` of its own."""
        own = type(self)
        return own.allocate is not Sizing.allocate or own.reduce_to is not Sizing.reduce_to

    def allocate(self, ask: Ask) -> Floats:
        """Shares of the capital to carry on from this session, of the shape of `held`; none by default."""
        return np.zeros(ask.held.shape)

    def reduce_to(self, ask: Ask) -> Floats:
        """Units down to which to sell until that is done, absolute, of the shape of `held`; none by default.

        What it gives is carried on to the next session's `ask`: where the gate held the sale back, or its
        order met no market, the method asks again.
        """
        return np.zeros(ask.held.shape)

    @abstractmethod
    def quantities(self, ask: Ask) -> Floats:
        """Wanted units of the shape of `held`, signed, not yet rounded."""

    def figures(self, ask: Ask) -> Mapping[str, Floats]:
        """What people see of how it came to its quantities, by name; nothing by default.

        The arrays have the shape of `held`, NaN where a figure is not known or does not apply. They are kept
        beside the targets and decide nothing.
        """
        return {}

    @property
    def shows_figures(self) -> bool:
        """Whether it shows any figures."""
        return type(self).figures is not Sizing.figures


METHODS: Registry[type[Sizing]] = Registry("sizing method")


def register[S: Sizing](cls: type[S]) -> type[S]:
    """Make a sizing method known under its `name`; for use as a decorator."""
    METHODS.add(cls.name, cls)
    return cls


def names() -> tuple[str, ...]:
    """Names of all registered methods, sorted."""
    return METHODS.names()


def make(name: str, params: Mapping[str, Any] | None = None, *, path: str) -> Sizing:
    """Build a sizing method from a book's parameters.

    Parameters
    ----------
    name : str
        A registered name.
    params : mapping, optional
        The method's own parameters; those left out have its defaults.
    path : str
        Where the name stands in the book, for errors; the parameters stand beside it, with ``_params`` added.

    Raises
    ------
    Refused
        When the name is unknown or a parameter is unknown or impossible, with the path of the key.
    """
    cls = METHODS.find(name, path)
    return cls(validated(cls.Params, params or {}, owner=name, where=f"{path}_params"))
