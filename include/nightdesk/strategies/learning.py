"""Strategies that learn: a model is fitted at fixed sessions, and each session uses the one that was live.

The **grid** of refits is the calendar's: the first session of each month, or of another span. In between, the
model of the newest grid session is live. So every driver fits models in the same sessions, whenever it begins
and wherever the book's origin lies, and a model is a function of the bars up to its own grid session. Before
the first grid session of a panel the model of its first session is live, which has no sample to learn from.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from nightdesk.core.calendar import Sessions
from nightdesk.core.panel import Floats
from nightdesk.strategies.model import Model
from nightdesk.strategies.strategy import Strategy, View

#: Spans of the calendar whose first sessions are a grid of refits. A week begins on Monday.
Span = Literal["week", "month", "quarter", "year"]


def opens_span(sessions: Sessions, span: Span) -> NDArray[np.bool_]:
    """Where the session before is of another span; the first row, whose predecessor is not known, opens none.

    Parameters
    ----------
    sessions : ndarray of shape (n_sessions,), datetime64[D]
        Ascending, none left out.
    span : Span
    """
    months = sessions.astype("datetime64[M]").astype(np.int64)
    # the first of January 1970 was a Thursday
    weeks = (sessions.astype("datetime64[D]").astype(np.int64) + 3) // 7
    number = {"week": weeks, "month": months, "quarter": months // 3, "year": months // 12}[span]
    opens = np.zeros(len(sessions), dtype=np.bool_)
    opens[1:] = number[1:] != number[:-1]
    return opens


class LearningStrategy(Strategy):
    """Base of the strategies that learn; their `factors` hold what fitting needs too.

    `View.models` must hold the live models under the strategy's name before `signals` or `explain` is asked:
    `with_models` fits them all, the daily run reads the one that was stored.
    """

    @property
    @abstractmethod
    def refit(self) -> Span:
        """In the first session of which span it is fitted anew."""

    @property
    @abstractmethod
    def horizon(self) -> int:
        """Sessions of the return whose sign is foretold."""

    @property
    def outcome(self) -> str:
        """Name of the factor that is foretold, one of `factors`: the return that ends in a session."""
        return f"momentum_{self.horizon}"

    @abstractmethod
    def fit(self, view: View) -> Model:
        """The model as of the last session of the view, from its rows alone."""

    @abstractmethod
    def rising(self, view: View) -> Floats:
        """Probability of a rise by the live models, shape (n_sessions, n_symbols); NaN where none is known.

        By it the skill of the models is measured (`nightdesk.strategies.skill`).
        """

    def live_rows(self, sessions: Sessions) -> NDArray[np.intp]:
        """The row of the model that is live in each session, shape (n_sessions,).

        Parameters
        ----------
        sessions : ndarray of shape (n_sessions,), datetime64[D]
            Every session of the exchange from the book's origin on, ascending.
        """
        row = np.arange(len(sessions))
        return np.maximum.accumulate(np.where(opens_span(sessions, self.refit), row, 0))

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
    rows = strategy.live_rows(view.sessions).tolist()
    fits = {row: strategy.fit(view.rows(0, row + 1)) for row in dict.fromkeys(rows)}
    return tuple(fits[row] for row in rows)
