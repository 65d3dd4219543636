"""Strategies whose signals are made in turn: they depend on what is held and on the decision before.

What depends on no position is measured for all sessions at once (`InTurn.study`), like the factors. The rest
is a pure function of one decision (`InTurn.speak`), which the daily run, a backfill and the backtest call
when the book has been settled.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.strategies.strategy import Direction, Signals, Strategy, View

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Turn:
    """What a strategy in turn is told of one decision; arrays have shape (n_symbols,).

    Attributes
    ----------
    session : date
    symbols : tuple of str
    held : ndarray
        Its own units, signed.
    price : ndarray
        Newest good raw close, dollars; NaN before the first.
    has_bar, quarantined, member : bool ndarrays
        Of this session; who is no member, or is off in it, opens nothing.
    factors : mapping of name to ndarray
    codes : frozenset of int
        Codes of its bundles of which a leg is held.
    study : object
        What `InTurn.study` gave for the session.
    before : tuple
        The states that its decision before left, under the names that symbols have now.
    """

    session: date
    symbols: tuple[str, ...]
    held: Floats
    price: Floats
    has_bar: Flags
    quarantined: Flags
    member: Flags
    factors: Mapping[str, Floats]
    codes: frozenset[int]
    study: Any
    before: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class NotOpened:
    """An entry that gave way: the symbol, the one that stood in the way, two numbers, and the words."""

    symbol: str
    other: str
    value: float
    limit: float
    words: str


@dataclass(frozen=True)
class Spoken:
    """What a strategy says in its turn.

    Attributes
    ----------
    signals : Signals
        Of shape (1, n_symbols).
    states : tuple
        What it leaves to its next decision.
    loss_at_stop : ndarray of shape (n_symbols,)
        Share of an entry's value that is lost where the strategy stops it; NaN where it enters nothing.
    not_opened : tuple of NotOpened
    """

    signals: Signals
    states: tuple[Any, ...]
    loss_at_stop: Floats
    not_opened: tuple[NotOpened, ...] = field(default=())


class InTurn(Strategy):
    """Base of the strategies that speak in turn.

    `View.turns` holds the states after each session under the strategy's name, where `numbers` or `figures`
    are asked of signals that were made.
    """

    @property
    @abstractmethod
    def look_back(self) -> int:
        """Sessions of bars, today included, that `study` needs."""

    @abstractmethod
    def study(self, view: View, first: int = 0) -> Sequence[Any]:
        """What depends on no position, of every session of the view; that of row t depends on rows up to t.

        What is given for rows before `first` is not looked at.
        """

    @abstractmethod
    def speak(self, turn: Turn) -> Spoken:
        """Signals and states of one decision."""

    def restated(self, states: Sequence[Any], successors: Mapping[str, tuple[str, float]]) -> tuple[Any, ...]:
        """The states under the names that symbols have after a session's corporate actions.

        `successors` are those of `nightdesk.engine.Carried.restated`.
        """
        return tuple(states)

    def signals(self, view: View) -> Signals:
        """Nothing: what it says is said in turn."""
        return quiet(view.close.shape, bundles=self.bundles)


def quiet(shape: tuple[int, ...], *, bundles: bool) -> Signals:
    """Signals that say nothing, with the arrays of bundles where they are asked for."""
    legs: dict[str, Any] = {}
    if bundles:
        legs = {"bundle": np.zeros(shape, dtype=np.int16), "ratio": np.zeros(shape)}
    return Signals(
        direction=np.full(shape, Direction.HOLD, dtype=np.int8),
        strength=np.zeros(shape),
        confidence=np.zeros(shape),
        reason=np.zeros(shape, dtype=np.int8),
        **legs,
    )
