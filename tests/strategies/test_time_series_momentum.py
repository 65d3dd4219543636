"""Time-series momentum: every condition, every boundary, and what is missing."""

from pathlib import Path

import numpy as np
import pytest
from tests.strategies.swing_bars import flat_bars

from nightdesk import strategies
from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.strategies import Direction, Signals, View
from nightdesk.testing.strategy_contract import StrategyContract

NAN = np.nan
BOOKS = Path(__file__).resolve().parents[2] / "books"
STRONG_SELL, SELL, HOLD, BUY, STRONG_BUY = Direction


class TestTimeSeriesMomentum(StrategyContract):
    """With the spec's numbers."""

    name = "time_series_momentum"


class TestOtherNumbers(StrategyContract):
    """With a shorter window and narrower thresholds."""

    name = "time_series_momentum"
    params = {"window": 20, "strong_buy_above": 0.05, "strong_sell_below": -0.05}  # noqa: RUF012


def one(m: float, price: float, sma_20: float, sma_50: float, sma_200: float, vix: float) -> View:
    """One symbol on one session."""
    numbers = {"momentum_60": m, "sma_20": sma_20, "sma_50": sma_50, "sma_200": sma_200}
    return View(
        symbols=("SPY",),
        sessions=np.array(["2020-03-16"], dtype="datetime64[D]"),
        **flat_bars(np.array([[price]])),
        vix=np.array([vix]),
        factors={name: np.array([[value]]) for name, value in numbers.items()},
    )


def signal(*numbers: float) -> tuple[Direction, float, str]:
    strategy = strategies.make("time_series_momentum")
    view = one(*numbers)
    found = strategy.signals(view)
    words = strategy.explain(view, found, 0, 0)
    return Direction(found.direction[0, 0]), float(found.confidence[0, 0]), words


SCENARIOS = [
    # momentum, price, SMA20, SMA50, SMA200, VIX -> direction, confidence
    (-0.15, 90, 95, 97, 100, 20, STRONG_SELL, 0.85, "momentum_60 -15.00% is below -10.00%"),
    (-0.35, 90, 95, 97, 100, 20, STRONG_SELL, 1.0, "and the close 90.00 below sma_200 100.00"),
    (-0.15, 110, 95, 97, 100, 20, SELL, 0.7, "momentum_60 -15.00% is below -2.00%"),
    (-0.10, 90, 95, 97, 100, 20, SELL, 0.7, "below -2.00%"),
    (-0.15, 100, 95, 97, 100, 20, SELL, 0.7, "below -2.00%"),
    (-0.05, 110, 95, 97, 100, 20, SELL, 0.6, "below -2.00%"),
    (-0.02, 110, 95, 97, 100, 20, HOLD, 0.54, "no condition holds"),
    (0.01, 96, 95, 97, 100, 20, SELL, 0.52, "the close 96.00 is below sma_50 97.00"),
    (0.15, 96, 95, 97, 90, 20, SELL, 0.7, "is below sma_50"),
    (
        0.15,
        97,
        95,
        97,
        90,
        20,
        BUY,
        0.7,
        "momentum_60 15.00% is above 2.00% and the close 97.00 above sma_20 95.00",
    ),
    (0.15, 110, 95, 97, 100, 20, STRONG_BUY, 0.85, "VIX 20.00 below 30"),
    (0.40, 110, 95, 97, 100, 29.99, STRONG_BUY, 1.0, "above sma_50 97.00 and sma_200 100.00"),
    (0.15, 110, 95, 97, 100, 30, BUY, 0.7, "above 2.00%"),
    (0.15, 100, 95, 97, 100, 20, BUY, 0.7, "above 2.00%"),
    (0.10, 110, 95, 97, 100, 20, BUY, 0.7, "above 2.00%"),
    (0.05, 110, 95, 97, 100, 20, BUY, 0.6, "above 2.00%"),
    (0.05, 95, 95, 90, 80, 20, HOLD, 0.6, "no condition holds"),
    (0.02, 110, 95, 97, 100, 20, HOLD, 0.54, "no condition holds"),
    (0.0, 110, 95, 97, 100, 20, HOLD, 0.5, "no condition holds"),
    # what is missing does not fire; what needs it not still may
    (0.15, 110, 95, 97, 100, NAN, BUY, 0.7, "above 2.00%"),
    (0.15, 110, 95, 97, NAN, 20, BUY, 0.7, "above 2.00%"),
    (
        0.15,
        110,
        NAN,
        97,
        NAN,
        20,
        HOLD,
        0.0,
        "too little history, or a bar is missing: sma_20, sma_200 not known",
    ),
    (0.01, 110, 95, 97, NAN, 20, HOLD, 0.0, "sma_200 not known"),
    (-0.15, 90, 95, 97, NAN, 20, SELL, 0.7, "below -2.00%"),
    (-0.15, NAN, 95, 97, 100, 20, SELL, 0.7, "below -2.00%"),
    (NAN, 90, 95, 97, 100, 20, SELL, 0.5, "is below sma_50"),
    (NAN, 110, 95, 97, 100, 20, HOLD, 0.0, "momentum_60 not known"),
    (0.15, NAN, 95, 97, 100, 20, HOLD, 0.0, "the close not known"),
]


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: f"{row[0]} {row[1]} {row[5]}")
def test_the_first_condition_that_holds_decides(row: tuple) -> None:
    *numbers, direction, confidence, words = row
    found = signal(*numbers)
    assert found[:2] == (direction, pytest.approx(confidence, abs=1e-12))
    assert words in found[2]


@pytest.mark.parametrize(
    ("m", "strength"), [(-0.5, -1.0), (-0.1, -0.5), (0.0, 0.0), (0.05, 0.25), (0.9, 1.0)]
)
def test_strength_grows_with_momentum_up_to_one(m: float, strength: float) -> None:
    found = strategies.make("time_series_momentum").signals(one(m, 100, 95, 97, 90, 20))
    assert found.strength[0, 0] == pytest.approx(strength)


def test_the_confidence_of_a_strong_signal_starts_at_its_own_threshold() -> None:
    strategy = strategies.make("time_series_momentum", {"strong_buy_above": 0.04})
    found: Signals = strategy.signals(one(0.05, 110, 95, 97, 100, 20))
    assert found.direction[0, 0] == STRONG_BUY
    assert found.confidence[0, 0] == pytest.approx(0.7 + 0.3 * 0.1)


def test_the_window_is_a_parameter() -> None:
    assert strategies.make("time_series_momentum", {"window": 20}).factors == (
        "momentum_20",
        "sma_20",
        "sma_50",
        "sma_200",
    )


def test_the_book_states_the_defaults() -> None:
    entry = load_book(BOOKS / "multi_asset.yaml").strategies["time_series_momentum"]
    named = strategies.make("time_series_momentum", entry.params)
    assert named.params == strategies.make("time_series_momentum").params


WRONG = [
    (
        {"windw": 60},
        "strategies.time_series_momentum.params.windw: unknown key; time_series_momentum knows window",
    ),
    ({"window": 0}, "strategies.time_series_momentum.params.window: found 0; input should be greater"),
    ({"window": "sixty"}, "strategies.time_series_momentum.params.window: found 'sixty'"),
    ({"strong_buy_vix_below": -1}, "params.strong_buy_vix_below: found -1"),
    ({"buy_above": float("nan")}, "params.buy_above: found nan"),
    (
        {"buy_above": 0.2},
        "strategies.time_series_momentum.params: the thresholds must rise in this order; found "
        "strong_sell_below -0.1, sell_below -0.02, buy_above 0.2, strong_buy_above 0.1",
    ),
]


@pytest.mark.parametrize(("params", "message"), WRONG)
def test_a_wrong_parameter_is_refused_with_its_path(params: dict, message: str) -> None:
    with pytest.raises(Refused) as refusal:
        strategies.make("time_series_momentum", params)
    assert message in str(refusal.value)
