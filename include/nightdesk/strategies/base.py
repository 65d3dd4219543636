"""What a strategy is: conditions on the factors of one session, for every symbol at once.

A signal depends on no position, and on no other session: the daily run computes one row, the backtest all
rows, with the same function. A strategy that needs yesterday's value asks for that factor (``rsi_14@1``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.book import Frozen
from nightdesk.calendar import Sessions
from nightdesk.panel import Floats, Panel

if TYPE_CHECKING:
    from nightdesk.strategies.learning import Model

Codes = NDArray[np.int8]


class Direction(IntEnum):
    """What a strategy says of a symbol; reductions are negative."""

    STRONG_SELL = -2
    SELL = -1
    HOLD = 0
    BUY = 1
    STRONG_BUY = 2


@dataclass(frozen=True)
class View:
    """What a strategy sees.

    Attributes
    ----------
    symbols : tuple of str, length n_symbols
        The symbols that may be traded.
    sessions : ndarray of shape (n_sessions,), datetime64[D]
    close : ndarray of shape (n_sessions, n_symbols)
        Raw dollars of the session, NaN without a bar; in the same dollars as the factors that are prices.
    vix : ndarray of shape (n_sessions,)
        Newest close of the volatility index, NaN before its first bar. A session without a bar of it opens
        nothing, and must not look like a calmer or a wilder one.
    factors : mapping of factor name to ndarray of shape (n_sessions, n_symbols)
        NaN where a value has too little history.
    models : mapping of strategy name to tuple of Model, length n_sessions
        Of a strategy that learns, the model that was live in each session (`nightdesk.strategies.learning`).
    """

    symbols: tuple[str, ...]
    sessions: Sessions
    close: Floats
    vix: Floats
    factors: Mapping[str, Floats]
    models: Mapping[str, tuple[Model, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, panel: Panel, factors: Mapping[str, Floats], symbols: Sequence[str], volatility_index: str
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
        """
        n = len(symbols)
        return cls(
            symbols=tuple(symbols),
            sessions=panel.sessions,
            close=panel.close[:, :n],
            vix=panel.last_close[:, panel.column(volatility_index)],
            factors={name: values[:, :n] for name, values in factors.items()},
        )

    def rows(self, first: int, stop: int) -> View:
        """The sessions from row `first` up to, and without, row `stop`."""
        cut = slice(first, stop)
        return View(
            symbols=self.symbols,
            sessions=self.sessions[cut],
            close=self.close[cut],
            vix=self.vix[cut],
            factors={name: values[cut] for name, values in self.factors.items()},
            models={name: models[cut] for name, models in self.models.items()},
        )


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
        The clause of the strategy that fired; `Strategy.explain` puts it in words.
    """

    direction: Codes
    strength: Floats
    confidence: Floats
    reason: Codes

    def row(self, t: int) -> Signals:
        """The one session `t`, still of shape (1, n_symbols)."""
        at = t % len(self.direction)
        return Signals(**{field.name: getattr(self, field.name)[at : at + 1] for field in fields(self)})


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """What ends a position beside its signals.

    Attributes
    ----------
    sessions : int or None
        Sessions that it is held, the one that opened it counted; None: as long as the signals allow.
    stop_atr : float or None
        Average true ranges (ATR14, of the decision that opened it) below the average entry at which it is
        left; None: no such stop.
    """

    sessions: int | None = None
    stop_atr: float | None = None


class Strategy(ABC):
    """Base of every strategy.

    A subclass has a `name`, a frozen model `Params` whose defaults are the spec's, and is registered with
    `nightdesk.strategies.register`.
    """

    name: ClassVar[str]

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
        """What ends its positions beside its signals; nothing, where a strategy does not say."""
        return ExitPlan()

    def check(self, symbols: Sequence[str], path: str) -> None:  # noqa: B027 (most ask for nothing)
        """Raise `Refused`, naming keys below `path`, when a book of these symbols is not one for it."""

    @abstractmethod
    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol of the view; row t depends on row t only."""

    @abstractmethod
    def explain(self, view: View, signals: Signals, t: int, n: int) -> str:
        """Why the signal of session row `t` and symbol column `n` is what it is, with its numbers."""
