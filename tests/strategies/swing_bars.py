"""Hand-made bars of one symbol, and what a strategy says of each of their sessions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nightdesk import factors, strategies
from nightdesk.strategies import Direction, Signals, Strategy, View
from nightdesk.testing.random_panels import members, panel_of

NAN = float("nan")


def flat_bars(close: np.ndarray) -> dict[str, np.ndarray]:
    """Bars that open, move and end at these closes, one unit traded in each."""
    return {"close": close, "open": close, "high": close, "low": close, "volume": np.ones_like(close)}


def view_of_bars(
    strategy: Strategy,
    close: Sequence[float],
    volume: Sequence[float] | None = None,
    sentiment: Sequence[float] | None = None,
) -> View:
    """What a strategy sees of one symbol with these closes; the volatility index stands still."""

    def two(values: Sequence[float]) -> np.ndarray:
        return np.column_stack([values, np.full(len(values), 20.0)])

    panel = panel_of(two(close), volume=None if volume is None else two(volume), symbols=("AAPL", "^VIX"))
    if sentiment is not None:
        panel = replace(panel, sentiment=two(sentiment))
    found = factors.compute(panel, strategy.factors, benchmark="AAPL", universe=members(panel))
    return View.of(panel, found, ("AAPL",), "^VIX")


def session_of(strategy: Strategy, values: dict[str, float], close: float = 100.0) -> View:
    """One session of one symbol whose factors have these values; those left out are missing."""
    return View(
        symbols=("AAPL",),
        sessions=np.array(["2020-03-16"], dtype="datetime64[D]"),
        **flat_bars(np.array([[close]])),
        vix=np.array([20.0]),
        factors={name: np.array([[values.get(name, NAN)]]) for name in strategy.factors},
    )


def say(strategy: Strategy, view: View) -> list[tuple[str, float]]:
    """Direction and confidence of each session."""
    found: Signals = strategy.signals(view)
    return [
        (Direction(int(direction)).name, float(confidence))
        for direction, confidence in zip(found.direction[:, 0], found.confidence[:, 0], strict=True)
    ]


def one(name: str, values: dict[str, float], close: float = 100.0, **params: Any) -> tuple[str, float, str]:
    """Direction, confidence and words of one session."""
    strategy = strategies.make(name, params)
    view = session_of(strategy, values, close)
    ((direction, confidence),) = say(strategy, view)
    return direction, confidence, strategy.explain(view, strategy.signals(view), 0, 0)
