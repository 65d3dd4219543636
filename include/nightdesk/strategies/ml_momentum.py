"""ML momentum: the probability that a symbol rises over the next week, learnt from the book's own past."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import IntEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, model_validator

from nightdesk.core.calendar import Sessions, as_date
from nightdesk.core.exit_plan import ExitPlan
from nightdesk.core.panel import Floats
from nightdesk.strategies.comparing import above
from nightdesk.strategies.learning import LearningStrategy, Span
from nightdesk.strategies.logistic import contributions, fit_logistic, probability
from nightdesk.strategies.model import Model
from nightdesk.strategies.strategy import Direction, Signals, View
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.swing import SwingParams, confidences, first_that_holds, unknown
from nightdesk.strategies.words import TOO_LITTLE_HISTORY

AVERAGE = "sma_50"
DISTANCE = f"distance_{AVERAGE}"

#: What the model sees of a symbol: trend, calm, short-term excess, attention, and place against its average.
FEATURES = ("momentum_60", "volatility_20", "rsi_14", "volume_ratio_20", DISTANCE)

#: How many contributions an explanation tells.
TOLD = 3


class MlMomentumClause(IntEnum):
    """What was found of a symbol."""

    NOT_LIKELY = 0
    LIKELY = 1
    NO_MODEL = 2
    UNKNOWN = 3


@register
class MlMomentum(LearningStrategy):
    """Buy what a logistic regression finds likely to rise; leave by age alone.

    ========= ====================== ===========
    BUY       P > buy_above          P
    HOLD      else                   0
    ========= ====================== ===========

    P is the probability that the return of the next `horizon` sessions is positive.

    **The model** is a logistic regression on `FEATURES`: four factors and the distance of the close from its
    SMA50, standardised by mean and deviation of the samples. It is pooled over the book's symbols and over
    the last `window` sessions, and fitted anew in the first session of each month (`refit`).

    **Purged.** A sample of session u is used at session t only when its outcome is known by then,
    u + horizon <= t. It is put together so that nothing else is possible: each outcome is a return that ends
    in the window, and is set beside the features of `horizon` sessions before.

    With fewer samples than `min_samples`, or with samples that all rose or all fell, there is no model and
    nothing is said.
    """

    name = "ml_momentum"

    class Params(SwingParams):
        """Spans are in sessions."""

        buy_above: float = Field(0.60, gt=0, lt=1, description="probability of a rise that is bought")
        horizon: int = Field(5, ge=1, le=60, description="sessions of the return that is foretold")
        window: int = Field(252, ge=20, le=2520, description="sessions that a model learns from")
        refit: Span = Field("month", description="span of the calendar in whose first session it is refitted")
        min_samples: int = Field(500, ge=20, description="samples that a model needs")
        inverse_regularisation: float = Field(1.0, gt=0, description="C of the regression; less is smoother")
        sessions: int = Field(5, ge=1, description="sessions after which a position is left")

        @model_validator(mode="after")
        def _has_samples(self) -> Self:
            if self.horizon >= self.window:
                raise ValueError(
                    f"horizon {self.horizon} is not shorter than window {self.window}: "
                    "no outcome of it would ever be known"
                )
            return self

    params: Params

    @property
    def factors(self) -> tuple[str, ...]:
        return (*(name for name in FEATURES if name != DISTANCE), AVERAGE, self.outcome)

    @property
    def refit(self) -> Span:
        return self.params.refit

    @property
    def horizon(self) -> int:
        return self.params.horizon

    @property
    def learns_by(self) -> Mapping[str, JsonValue]:
        learnt = {"horizon", "window", "refit", "min_samples", "inverse_regularisation"}
        return {**self.params.model_dump(mode="json", include=learnt), "features": list(FEATURES)}

    @property
    def exit_plan(self) -> ExitPlan:
        return ExitPlan(sessions=self.params.sessions, stop=self.params.stop)

    def fit(self, view: View) -> Model:
        """The model as of the last session of the view, from the last `window` of its sessions."""
        p, end = self.params, len(view.sessions)
        window = view.rows(max(0, end - p.window), end)
        count = max(0, len(window.sessions) - p.horizon)
        seen = np.stack([values[:count] for values in features(window).values()])
        became = window.factors[self.outcome][p.horizon :]
        known = np.isfinite(seen).all(axis=0) & np.isfinite(became)
        rises = above(became[known], 0.0)
        first, last = _span(window.sessions[:count], known)
        enough = len(rises) >= p.min_samples and 0 < int(rises.sum()) < len(rises)
        return Model(
            fitted=as_date(view.sessions[-1]),
            first=first,
            last=last,
            samples=len(rises),
            rising=int(rises.sum()) / len(rises) if len(rises) else math.nan,
            features=FEATURES,
            **(fit_logistic(seen[:, known].T, rises, p.inverse_regularisation) if enough else {}),
        )

    def rising(self, view: View) -> Floats:
        return probability(self.models(view), tuple(features(view).values()))

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol; strength is 2 P - 1, 0 where P is not known."""
        rising, seen = self.rising(view), tuple(features(view).values())
        silent = np.array([not one.speaks for one in self.models(view)], dtype=bool)[:, None]
        direction, reason = first_that_holds(
            [
                (MlMomentumClause.LIKELY, Direction.BUY, above(rising, self.params.buy_above)),
                (MlMomentumClause.NO_MODEL, Direction.HOLD, np.broadcast_to(silent, rising.shape)),
                (MlMomentumClause.UNKNOWN, Direction.HOLD, unknown(*seen)),
            ],
            MlMomentumClause.NOT_LIKELY,
        )
        return Signals(
            direction=direction,
            strength=np.where(np.isfinite(rising), 2.0 * rising - 1.0, 0.0),
            confidence=confidences(direction, rising),
            reason=reason,
        )

    @property
    def words(self) -> Mapping[int, str]:
        p = self.params
        probability = f"the probability of a rise in {p.horizon} sessions {{probability:.1%}} is"
        above = f"above {p.buy_above:.1%}, by the model of {{fitted}} ({{samples}} samples)"
        most = ", ".join(f"{{feature {k}}} {{share {k}:+.2f}}" for k in range(TOLD))
        return {
            MlMomentumClause.LIKELY: f"{probability} {above}; most of its log-odds: {most}",
            MlMomentumClause.NOT_LIKELY: f"{probability} not {above}; most of its log-odds: {most}",
            MlMomentumClause.NO_MODEL: "no model: on {fitted} there were {silence}",
            MlMomentumClause.UNKNOWN: TOO_LITTLE_HISTORY,
        }

    @property
    def needs(self) -> tuple[str, ...]:
        return FEATURES

    def numbers(self, view: View, signals: Signals) -> Mapping[str, NDArray[Any]]:
        """The probability, what is known of the model, and the features that add most to the log-odds."""
        models, seen = self.models(view), features(view)
        shares = contributions(models, tuple(seen.values()))
        largest = np.argsort(-np.abs(shares), axis=-1, kind="stable")[..., :TOLD]
        names, amounts = np.array(FEATURES, dtype=object)[largest], np.take_along_axis(shares, largest, -1)
        return {
            **seen,
            "probability": (1.0 + signals.strength) / 2.0,
            "fitted": _of_models(models, lambda model: str(model.fitted)),
            "samples": _of_models(models, lambda model: str(model.samples)),
            "silence": _of_models(models, self._silence),
            **{f"feature {k}": names[..., k] for k in range(TOLD)},
            **{f"share {k}": amounts[..., k] for k in range(TOLD)},
        }

    def _silence(self, model: Model) -> str:
        if model.samples < self.params.min_samples:
            return f"{model.samples} samples, and {self.params.min_samples} are needed"
        return f"{model.samples} samples that all {'rose' if model.rising > 0 else 'fell'}"


def features(view: View) -> dict[str, Floats]:
    """Values of `FEATURES` by name, each of shape (n_sessions, n_symbols), NaN where they are missing."""
    distance = view.close / view.factors[AVERAGE] - 1.0
    return {name: distance if name == DISTANCE else view.factors[name] for name in FEATURES}


def _of_models(models: Sequence[Model], text: Callable[[Model], str]) -> NDArray[np.object_]:
    """A text of each session's model, of shape (n_sessions, 1)."""
    texts = {id(model): text(model) for model in models}
    return np.array([[texts[id(model)]] for model in models], dtype=object)


def _span(sessions: Sessions, known: NDArray[np.bool_]) -> tuple[date | None, date | None]:
    """First and last session with a sample."""
    held = sessions[known.any(axis=1)]
    return (as_date(held[0]), as_date(held[-1])) if len(held) else (None, None)
