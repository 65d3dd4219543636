"""Five signals weighed into one number: momentum, carry, volatility, tails and beta, over sessions and hours.

Each raw signal (`nightdesk.factors.raw_signals`) is compared with its own year: its score is the hyperbolic
tangent of its 252-period z-score, so a score lies in (-1, 1) whatever its unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from nightdesk.core.cell_figures import Figures
from nightdesk.core.fields import Frozen
from nightdesk.core.panel import Floats
from nightdesk.strategies.comparing import Flags, above, below
from nightdesk.strategies.strategy import Codes, Direction, Signals, SignalSide, Strategy, View
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.swing import unknown

ScoreName = Literal["momentum", "carry", "volatility", "tail", "beta"]
Weight = Annotated[float, Field(ge=0)]

#: Weights of the scores in a composite, in the order in which they are told.
WEIGHTS: Mapping[ScoreName, float] = {
    "momentum": 0.30,
    "carry": 0.25,
    "volatility": 0.20,
    "tail": 0.15,
    "beta": 0.10,
}

HOURLY, BENCHMARK = "h:", "benchmark_close"


class FiveClause(IntEnum):
    """What was found of a symbol."""

    LEVEL = 0
    LONG = 1
    SHORT = 2
    LONG_BY_DAYS = 3
    SHORT_BY_DAYS = 4
    TOO_FEW_SCORES = 5
    NO_BENCHMARK = 6
    NO_BAR = 7


@dataclass(frozen=True)
class Composite:
    """Scores of one clock and what they add up to; arrays of shape (n_sessions, n_symbols), NaN for missing.

    Attributes
    ----------
    scores : mapping of str to ndarray
        Each in (-1, 1), in the order of `WEIGHTS`; without those that have no weight.
    known : ndarray
        How many of them there are.
    value : ndarray
        Their weighted mean, in (-1, 1); NaN where too few are known.
    confidence : ndarray
        Share of the weight that has the sign of `value`, in [0, 1]; 0 where that is NaN.
    """

    scores: Mapping[str, Floats]
    known: Floats
    value: Floats
    confidence: Floats


def compose(scores: Mapping[str, Floats], weights: Mapping[str, float], fewest: int) -> Composite:
    """Weigh scores; where some are missing, the weights of the rest are scaled up to all of the weight.

    Parameters
    ----------
    scores : mapping of str to ndarray of shape (n_sessions, n_symbols)
    weights : mapping of str to float
        Of each of them, above 0, in any unit.
    fewest : int
        Scores without which there is no value.
    """
    shape = next(iter(scores.values())).shape
    weight, known, total, agreeing = (np.zeros(shape) for _ in range(4))
    # one after the other, so that a session alone has the same bits as among all
    for name, score in scores.items():
        there = np.isfinite(score)
        weight += np.where(there, weights[name], 0.0)
        known += there
        total += np.where(there, weights[name] * score, 0.0)
    enough = known >= fewest
    value = np.divide(total, weight, out=np.full(shape, np.nan), where=enough)
    for name, score in scores.items():
        agreeing += np.where(enough & (np.sign(score) == np.sign(value)), weights[name], 0.0)
    speaks = enough & (value != 0.0)
    confidence = np.divide(agreeing, weight, out=np.zeros(shape), where=speaks)
    return Composite(scores, known, value, np.minimum(confidence, 1.0))


@register
class FiveSignals(Strategy):
    """Long or short by the sign of five weighed scores, over sessions and over hours.

    =========== ======================== ======================================================
    STRONG_BUY  hybrid > 0, enters long  share of the scores' weight with their composite's sign
    STRONG_SELL hybrid < 0, enters short the same
    HOLD        else                     0
    =========== ======================== ======================================================

    A score is the hyperbolic tangent of the 252-period z-score of its raw signal, such as
    ``zscore_252_of(momentum_signal)``. A composite is the weighted mean of the scores that are known; with
    fewer than `fewest_scores` there is none. Its confidence is the share of their weight that has its sign.
    The hybrid is 1 - `hourly` of the composite over sessions and `hourly` of that over hours, and so is the
    confidence. The strength is the hybrid.

    Without the composite over sessions nothing is said. Without that over hours the one over sessions counts
    alone. Where the benchmark has no bar of the decision's hour, or of the last session that was over,
    nothing is entered: its returns are never guessed. A symbol without a bar is held.

    Labels decide nothing: `trend` is BULLISH or BEARISH where the composite over sessions is beyond
    `trend_band`, else NEUTRAL; `timing` is BUY or SELL where that over hours is beyond `timing_band`, else
    WAIT.
    """

    name = "five_signals"
    sides = frozenset({SignalSide.LONG, SignalSide.SHORT})
    without_hours = "hourly: 0"

    class Params(Frozen):
        """Scores and composites lie in (-1, 1)."""

        weights: dict[ScoreName, Weight] = Field(
            default_factory=lambda: dict(WEIGHTS),
            description="weight of each score, in any unit; one left out keeps its own, one of 0 is out",
        )
        hourly: float = Field(
            0.30, ge=0, lt=1, description="share of the composite over hours; 0 asks for no hours"
        )
        fewest_scores: int = Field(3, ge=1, le=5, description="scores without which nothing is said")
        trend_band: float = Field(0.05, ge=0, le=1, description="composite over sessions of a trend")
        timing_band: float = Field(0.02, ge=0, le=1, description="composite over hours of a timing")
        carry: Literal["raw", "standardised"] = Field(
            "raw", description="the carry signal as it is, or with its three terms standardised first"
        )

        @field_validator("weights")
        @classmethod
        def _whole(cls, weights: dict[ScoreName, float]) -> dict[ScoreName, float]:
            return {**WEIGHTS, **weights}

        @model_validator(mode="after")
        def _enough_to_speak(self) -> Self:
            weighed = [name for name, weight in self.weights.items() if weight > 0]
            if len(weighed) < self.fewest_scores:
                raise ValueError(
                    f"fewest_scores is {self.fewest_scores}, and {len(weighed)} scores have a weight "
                    f"({', '.join(weighed) or 'none'}): nothing would ever be said"
                )
            return self

    params: Params

    @property
    def weights(self) -> dict[str, float]:
        """Those above 0, by the name of the score."""
        return {name: weight for name, weight in self.params.weights.items() if weight > 0}

    @property
    def factors(self) -> tuple[str, ...]:
        names = (*map(self._factor_of, self.weights), BENCHMARK)
        return (*names, *(f"{HOURLY}{name}" for name in names)) if self.params.hourly else names

    def _factor_of(self, score: str) -> str:
        form = "_standardised" if score == "carry" and self.params.carry == "standardised" else ""
        return f"zscore_252_of({score}_signal{form})"

    def composites(self, view: View) -> tuple[Composite, Composite]:
        """Those over sessions and over hours; the latter of no value where no hours are asked for."""
        return self._composite(view, ""), self._composite(view, HOURLY)

    def _composite(self, view: View, clock: str) -> Composite:
        absent = np.full(view.close.shape, np.nan)
        scores = {
            name: np.tanh(view.factors.get(f"{clock}{self._factor_of(name)}", absent))
            for name in self.weights
        }
        return compose(scores, self.weights, self.params.fewest_scores)

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol; strength is the hybrid, 0 where nothing is said."""
        daily, hourly = self.composites(view)
        hybrid, sure = self._hybrid(daily, hourly)
        alone = unknown(hourly.value) & bool(self.params.hourly)
        rises, falls = above(hybrid, 0.0), below(hybrid, 0.0)
        reason = np.select(
            [
                unknown(view.close),
                (daily.known > 0) & self._without_benchmark(view),
                unknown(daily.value),
                rises & alone,
                falls & alone,
                rises,
                falls,
            ],
            [
                FiveClause.NO_BAR,
                FiveClause.NO_BENCHMARK,
                FiveClause.TOO_FEW_SCORES,
                FiveClause.LONG_BY_DAYS,
                FiveClause.SHORT_BY_DAYS,
                FiveClause.LONG,
                FiveClause.SHORT,
            ],
            FiveClause.LEVEL,
        ).astype(np.int8)
        way = _way(reason)
        return Signals(
            direction=(way * Direction.STRONG_BUY).astype(np.int8),
            strength=np.where(way != 0, np.clip(np.nan_to_num(hybrid), -1.0, 1.0), 0.0),
            confidence=np.where(way != 0, sure, 0.0),
            reason=reason,
            side=np.where(way < 0, SignalSide.SHORT, SignalSide.LONG).astype(np.int8),
        )

    def _hybrid(self, daily: Composite, hourly: Composite) -> tuple[Floats, Floats]:
        """Both composites as one, and its confidence; that over sessions alone where the other is missing."""
        share = np.where(np.isfinite(hourly.value), self.params.hourly, 0.0)
        value = (1.0 - share) * daily.value + share * np.nan_to_num(hourly.value)
        return value, (1.0 - share) * daily.confidence + share * hourly.confidence

    def _without_benchmark(self, view: View) -> Flags:
        clocks = ("", HOURLY) if self.params.hourly else ("",)
        return unknown(*(view.factors[f"{clock}{BENCHMARK}"] for clock in clocks))

    def figures(self, view: View, signals: Signals) -> Figures:
        """The scores over sessions, both composites, the hybrid, and the labels."""
        daily, hourly = self.composites(view)
        absent = np.full(view.close.shape, np.nan)
        return {
            **{f"score_{name}": daily.scores.get(name, absent) for name in WEIGHTS},
            "daily": daily.value,
            "hourly": hourly.value,
            "hybrid": self._hybrid(daily, hourly)[0],
            "trend": _label(daily.value, self.params.trend_band, ("BULLISH", "BEARISH", "NEUTRAL")),
            "timing": _label(hourly.value, self.params.timing_band, ("BUY", "SELL", "WAIT")),
        }

    @property
    def words(self) -> Mapping[int, str]:
        p = self.params
        labels = "trend {trend}, timing {timing}" if p.hourly else "trend {trend}"
        made = "the composite over sessions {daily:+.3f}"
        if p.hourly:
            shares = f"{1 - p.hourly:.0%}", f"{p.hourly:.0%}"
            made = f"{shares[0]} of {made} and {shares[1]} of that over hours {{hourly:+.3f}}"
        whole = f"the hybrid {{hybrid:+.3f}} is {made}; {{scores}}; {labels}"
        # Of a symbol that splits, values over sessions are missing until the session is over.
        lacks = (
            "too little history, a bar is missing, or it splits in this session"
            if p.hourly
            else "too little history, or a bar is missing"
        )
        by_days = (
            "the hybrid {hybrid:+.3f} is the composite over sessions alone, since that over hours is not "
            "known ({hourly_known:.0f} of its scores are); {scores}; trend {trend}"
        )
        return {
            FiveClause.LEVEL: "the hybrid is 0: {scores}",
            FiveClause.LONG: f"long: {whole}",
            FiveClause.SHORT: f"short: {whole}",
            FiveClause.LONG_BY_DAYS: f"long: {by_days}",
            FiveClause.SHORT_BY_DAYS: f"short: {by_days}",
            FiveClause.TOO_FEW_SCORES: (
                f"no signal: {{known:.0f}} of {len(self.weights)} scores are known and {p.fewest_scores} are "
                f"needed; {lacks}: {{lacking}} not known"
            ),
            FiveClause.NO_BENCHMARK: "no entry: the benchmark has no bar of {without_benchmark}",
            FiveClause.NO_BAR: "no bar of it, so nothing is said",
        }

    def numbers(self, view: View, signals: Signals) -> Mapping[str, NDArray[Any]]:
        """What the words name: the figures, the scores as a list, and what is missing."""
        daily, hourly = self.composites(view)
        lacking = _lists({name: (unknown(score), None) for name, score in daily.scores.items()})
        told = _lists({name: (~unknown(score), score) for name, score in daily.scores.items()})
        rest = np.where(lacking == "", "", " (" + lacking + " not known, the others count for more)")
        return {
            **self.figures(view, signals),
            "scores": told + rest,
            "lacking": lacking,
            "known": daily.known,
            "hourly_known": hourly.known,
            "without_benchmark": np.where(
                unknown(view.factors[BENCHMARK]), "the last session that was over", "this hour"
            ),
        }


def _way(reason: Codes) -> Codes:
    """1 where a clause is long, -1 where it is short, else 0."""
    longs = np.isin(reason, (FiveClause.LONG, FiveClause.LONG_BY_DAYS))
    shorts = np.isin(reason, (FiveClause.SHORT, FiveClause.SHORT_BY_DAYS))
    return longs.astype(np.int8) - shorts.astype(np.int8)


def _label(value: Floats, band: float, words: tuple[str, str, str]) -> NDArray[np.str_]:
    """The first word above the band, the second below its negative, else the third; empty where missing."""
    up, down, between = words
    return np.select([unknown(value), above(value, band), below(value, -band)], ["", up, down], between)


def _lists(parts: Mapping[str, tuple[Flags, Floats | None]]) -> NDArray[np.object_]:
    """The names of what is true in each cell, with their values where they have any, and commas between."""
    shape = next(iter(parts.values()))[0].shape
    out = np.full(shape, "", dtype=object)
    for name, (true, values) in parts.items():
        texts: Sequence[str] = [name] * int(true.sum())
        if values is not None:
            texts = [f"{name} {value:+.2f}" for value in values[true].tolist()]
        before = out[true]
        out[true] = [f"{old}, {new}" if old else new for old, new in zip(before, texts, strict=True)]
    return out
