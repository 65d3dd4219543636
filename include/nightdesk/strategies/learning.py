"""Strategies that learn: a model is fitted at fixed sessions, and each session uses the one that was live.

The **grid** of refits is fixed by the book's origin: the origin itself and every so many sessions after it.
In between, the model of the newest grid session is live. So every driver fits the same models, whenever it
begins, and a model is a function of the bars up to its own grid session.
"""

from __future__ import annotations

import hashlib
import json
import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cached_property

from pydantic import JsonValue

from nightdesk.strategies.base import Strategy, View


@dataclass(frozen=True)
class Model:
    """What was learnt, as plain numbers: a linear score of standardised features.

    The score of a symbol is intercept + Σ coefficient × (feature - mean) / deviation. A model that could not
    be fitted has no coefficients and is silent.

    Attributes
    ----------
    fitted : date
        Grid session; nothing after it was used.
    first, last : date or None
        First and last session of the samples; None without any.
    samples : int
        Pairs of features and an outcome that was known by then.
    rising : float
        Share of the samples whose outcome was a rise; NaN without any.
    features : tuple of str
    means, deviations : tuple of float
        Of each feature over the samples.
    coefficients : tuple of float
        Empty where nothing was fitted.
    intercept : float
        NaN where nothing was fitted.
    log_loss, accuracy : float
        In the samples, natural logarithm and share of right calls; NaN where nothing was fitted.
    """

    fitted: date
    first: date | None
    last: date | None
    samples: int
    rising: float
    features: tuple[str, ...]
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    coefficients: tuple[float, ...] = ()
    intercept: float = math.nan
    log_loss: float = math.nan
    accuracy: float = math.nan

    @property
    def speaks(self) -> bool:
        """Whether it was fitted."""
        return bool(self.coefficients)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all its numbers to the last bit, hexadecimal."""
        text = json.dumps(asdict(self), default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class LearningStrategy(Strategy):
    """Base of the strategies that learn; their `factors` hold what fitting needs too.

    `View.models` must hold the live models under the strategy's name before `signals` or `explain` is asked:
    `with_models` fits them all, the daily run reads the one that was stored.
    """

    @property
    @abstractmethod
    def refit_every(self) -> int:
        """Sessions from one refit to the next."""

    @abstractmethod
    def fit(self, view: View) -> Model:
        """The model as of the last session of the view, from its rows alone."""

    def live_row(self, t: int) -> int:
        """The grid session whose model is live in session `t`; both counted from the book's origin."""
        return t - t % self.refit_every

    @property
    @abstractmethod
    def learns_by(self) -> Mapping[str, JsonValue]:
        """The parameters that decide what `fit` gives."""

    def recipe(self, symbols: Sequence[str]) -> str:
        """SHA-256 of what decides a model of these symbols beside their bars, hexadecimal."""
        made_of = [self.name, dict(self.learns_by), list(symbols), list(self.factors)]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def models(self, view: View) -> tuple[Model, ...]:
        """The live models of every session of the view.

        Raises
        ------
        LookupError
            When the view does not hold them.
        """
        found = view.models.get(self.name, ())
        if len(found) != len(view.sessions):
            raise LookupError(
                f"{self.name} needs the model of each of {len(view.sessions)} sessions and was given "
                f"{len(found)}: fit them with `with_models`"
            )
        return found


def with_models(view: View, strategies: Iterable[Strategy]) -> View:
    """The view with the live models of every strategy that learns.

    Parameters
    ----------
    view : View
        Its first session is the book's origin.
    strategies : iterable of Strategy
        Those that do not learn are passed over.
    """
    fitted = {one.name: _live(one, view) for one in strategies if isinstance(one, LearningStrategy)}
    return replace(view, models={**view.models, **fitted}) if fitted else view


def _live(strategy: LearningStrategy, view: View) -> tuple[Model, ...]:
    """The model that is live in each session, fitted once per grid session."""
    rows = [strategy.live_row(t) for t in range(len(view.sessions))]
    fits = {row: strategy.fit(view.rows(0, row + 1)) for row in dict.fromkeys(rows)}
    return tuple(fits[row] for row in rows)
