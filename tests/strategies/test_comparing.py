"""Equal is equal: rounding alone is neither above nor below, in the functions and in every strategy."""

import numpy as np
import pytest
from tests.strategies.swing_bars import NAN, say, session_of, view_of_bars

from nightdesk import strategies
from nightdesk.strategies.comparing import above, apart, at_most, below

CASES = [
    # first, second -> above, below, at most
    (1.0, 1.0, False, False, True),
    (0.1 + 0.2, 0.3, False, False, True),
    (28.9 * (1 + 5e-10), 28.9, False, False, True),
    (28.9 * (1 + 5e-9), 28.9, True, False, False),
    (28.9, 28.9 * (1 + 5e-9), False, True, True),
    (1e-16, 0.0, False, False, True),
    (1e-9, 0.0, True, False, False),
    (-2e-4, -1e-4, False, True, True),
    (NAN, 1.0, False, False, False),
    (1.0, NAN, False, False, False),
]


@pytest.mark.parametrize(("first", "second", "over", "under", "most"), CASES)
def test_a_difference_of_rounding_is_none(
    first: float, second: float, over: bool, under: bool, most: bool
) -> None:
    found = above(first, second), below(first, second), at_most(first, second)
    assert tuple(bool(one) for one in found) == (over, under, most)


def test_each_element_is_compared_by_itself() -> None:
    random = np.random.default_rng(1)
    first, second = random.normal(size=(2, 300, 7))
    whole = above(first, second)
    assert np.array_equal(whole, first > second)
    assert all(np.array_equal(above(first[t : t + 1], second[t : t + 1])[0], whole[t]) for t in range(300))
    assert np.array_equal(at_most(first, second), ~whole)


def test_numbers_that_differ_read_differently() -> None:
    assert apart(28.912, 28.874, 1) == ("28.91", "28.87")
    assert apart(28.9, 27.0, 1) == ("28.9", "27.0")
    assert apart(28.9, 28.9 * (1 + 1e-15), 1) == ("28.9", "28.9")
    assert apart(100.0, 100.0 + 2e-7, 2) == ("100.0000000", "100.0000002")


#: A fall whose every close is the one before times a factor that no binary fraction is, then a standstill.
STANDSTILL = [*(100.0 * 0.99**k for k in range(30)), *[100.0 * 0.99**29 * 1.001] * 20]


def test_the_rsi_of_a_price_that_stands_still_does_not_rise() -> None:
    """Wilder's averages shrink alike, so the RSI stays where it is, but for its last bits."""
    strategy = strategies.make("rsi_mean_reversion")
    view = view_of_bars(strategy, STANDSTILL)
    still = view.factors["rsi_14"][31:, 0]
    assert len(np.unique(still)) > 1
    assert np.ptp(still) < 1e-10
    assert (still < 30.0).all()
    directions = [direction for direction, _ in say(strategy, view)]
    assert directions[30] == "BUY"
    assert set(directions[31:]) == {"HOLD"}


UP, DOWN = 1 + 1e-15, 1 - 1e-15

NOISE = [
    # strategy, factors, close -> what it says of numbers that differ by rounding alone
    ("rsi_mean_reversion", {"rsi_14": 28.9 * UP, "rsi_14@1": 28.9}, 1.0, "HOLD"),
    ("rsi_mean_reversion", {"rsi_14": 70.0 * UP, "rsi_14@1": 60.0}, 1.0, "HOLD"),
    (
        "ma_crossover",
        {"sma_20": 50.0 * UP, "sma_50": 50.0, "sma_20@1": 50.0, "sma_50@1": 50.0, "volume_ratio_20": 2.0},
        1.0,
        "HOLD",
    ),
    (
        "ma_crossover",
        {"sma_20": 50.0 * DOWN, "sma_50": 50.0, "sma_20@1": 51.0, "sma_50@1": 50.0, "volume_ratio_20": 2.0},
        1.0,
        "HOLD",
    ),
    (  # yesterday the averages were equal: today's is a crossing
        "ma_crossover",
        {"sma_20": 51.0, "sma_50": 50.0, "sma_20@1": 50.0 * UP, "sma_50@1": 50.0, "volume_ratio_20": 2.0},
        1.0,
        "BUY",
    ),
    (
        "volatility_breakout",
        {
            "sma_1": 60.0 * UP,
            "bb_upper_20_2": 60.0,
            "sma_1@1": 60.0,
            "bb_upper_20_2@1": 59.0,
            "sma_20": 50.0,
            "volume_ratio_20": 2.0,
        },
        60.0,
        "HOLD",
    ),
    (
        "volatility_breakout",
        {
            "sma_1": 50.0,
            "bb_upper_20_2": 60.0,
            "sma_1@1": 50.0,
            "bb_upper_20_2@1": 60.0,
            "sma_20": 50.0 * UP,
            "volume_ratio_20": 1.0,
        },
        50.0,
        "HOLD",
    ),
    ("news_sentiment", {"sentiment": 0.5, "sma_20": 50.0, "momentum_1": 1e-16}, 60.0, "HOLD"),
    ("news_sentiment", {"sentiment": 0.5, "sma_20": 50.0 * DOWN, "momentum_1": 0.01}, 50.0, "HOLD"),
    ("news_sentiment", {"sentiment": -1e-17, "sma_20": 50.0, "momentum_1": 0.01}, 60.0, "HOLD"),
    (
        "time_series_momentum",
        {"momentum_60": 0.01, "sma_20": 50.0, "sma_50": 50.0 * UP, "sma_200": 40.0},
        50.0,
        "HOLD",
    ),
    (
        "time_series_momentum",
        {"momentum_60": 0.02 * UP, "sma_20": 49.0, "sma_50": 49.0, "sma_200": 40.0},
        50.0,
        "HOLD",
    ),
    (
        "time_series_momentum",
        {"momentum_60": 0.05, "sma_20": 50.0 * DOWN, "sma_50": 49.0, "sma_200": 40.0},
        50.0,
        "HOLD",
    ),
    ("rotation", {"rank_momentum_12_1": 0.7 * UP, "sma_200": 40.0}, 50.0, "STRONG_SELL"),
    ("rotation", {"rank_momentum_12_1": 0.9, "sma_200": 50.0 * DOWN}, 50.0, "STRONG_SELL"),
    ("cross_sectional_momentum", {"rank_momentum_12_1": 0.9, "sma_200": 50.0 * DOWN}, 50.0, "HOLD"),
    ("cross_sectional_momentum", {"rank_momentum_12_1": 0.3 * DOWN, "sma_200": 40.0}, 50.0, "HOLD"),
]


@pytest.mark.parametrize(("name", "values", "close", "says"), NOISE)
def test_a_condition_that_rounding_alone_would_meet_does_not_hold(
    name: str, values: dict[str, float], close: float, says: str
) -> None:
    strategy = strategies.make(name)
    ((direction, _),) = say(strategy, session_of(strategy, values, close))
    assert direction == says
