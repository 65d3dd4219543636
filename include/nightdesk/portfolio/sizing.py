"""Sizing methods: from one strategy's signals to the quantities that it wants, registered by name."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from nightdesk.errors import Refused
from nightdesk.panel import Floats
from nightdesk.strategies.base import Codes


@dataclass(frozen=True, slots=True)
class Ask:
    """What a sizing method is told of one strategy in one session; arrays of shape (n_symbols,).

    Attributes
    ----------
    held : ndarray
        Units that the strategy holds.
    direction, previous_direction : int8 ndarrays
        Its signals of this session and of the one before.
    confidence : ndarray
        In [0, 1], before the regime's factor.
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
    """

    held: Floats
    direction: Codes
    previous_direction: Codes
    confidence: Floats
    factors: Mapping[str, Floats]
    price: Floats
    capital: float
    max_weight: Floats
    volatility_target: Floats
    buy_fraction: float
    entry_factor: float


class Sizing(ABC):
    """Base of every sizing method."""

    name: ClassVar[str]
    factors: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def quantities(self, ask: Ask) -> Floats:
        """Wanted units of shape (n_symbols,), signed, not yet rounded."""


_METHODS: dict[str, type[Sizing]] = {}


def register[S: Sizing](cls: type[S]) -> type[S]:
    """Make a sizing method known under its `name`; for use as a decorator."""
    if cls.name in _METHODS:
        raise ValueError(f"two sizing methods are named {cls.name}")
    _METHODS[cls.name] = cls
    return cls


def names() -> tuple[str, ...]:
    """Names of all registered methods, sorted."""
    return tuple(sorted(_METHODS))


def make(name: str, *, path: str) -> Sizing:
    """The sizing method of that name; `Refused` at `path` of the book when there is none."""
    if name not in _METHODS:
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names())}"
        raise Refused(f"{path}: there is no sizing method {name!r}; {hint}")
    return _METHODS[name]()
