"""Volatility breakout: closes running above the band, what it leaves, and what is missing."""

import pytest
from tests.strategies.swing_bars import NAN, one, say, view_of_bars

from nightdesk import strategies
from nightdesk.strategies import ExitDistance, ExitPlan
from nightdesk.testing.strategy_contract import StrategyContract

NAME = "volatility_breakout"
NAMES = ("sma_1", "bb_upper_20_2", "sma_1@1", "bb_upper_20_2@1", "sma_20", "volume_ratio_20")


class TestVolatilityBreakout(StrategyContract):
    """With the spec's numbers."""

    name = NAME


class TestOtherNumbers(StrategyContract):
    """With three closes above narrower bands."""

    name = NAME
    params = {"window": 10, "width": 1.5, "closes": 3, "average": 5, "volume_above": 0.5}  # noqa: RUF012


# Bands of one deviation around 3 closes, an average of 3, volume against the mean of the 2 sessions before.
BARS = [
    # close, volume, says, confidence
    (10.0, 100, "HOLD", 0.0),
    (10.0, 100, "HOLD", 0.0),
    (10.0, 100, "HOLD", 0.0),  # on the band, which has no width
    (11.0, 100, "HOLD", 0.0),  # the first close above
    (12.0, 150, "HOLD", 0.0),  # the second, on 1.5 of the usual volume and no more
    (13.0, 200, "BUY", 0.5 + 0.5 * 1.6 / 3),
    (13.0, 400, "HOLD", 0.0),  # under the band
    (12.0, 100, "SELL", 1.0),  # under the average of 12.67
    (12.0, 100, "SELL", 1.0),
    (12.0, 100, "HOLD", 0.0),  # on the average
    (13.0, 300, "HOLD", 0.0),  # the first close above
    (14.0, 600, "BUY", 1.0),
    (14.0, 900, "HOLD", 0.0),
]


def test_on_thirteen_bars_it_buys_the_second_close_above_with_volume() -> None:
    params = {"window": 3, "width": 1, "volume_window": 2, "average": 3}
    strategy = strategies.make(NAME, params)
    close, volume, directions, confidences = zip(*BARS, strict=True)
    said = say(strategy, view_of_bars(strategy, close, volume))
    assert [direction for direction, _ in said] == list(directions)
    assert [confidence for _, confidence in said] == pytest.approx(list(confidences))


SCENARIOS = [
    # close, band, both of yesterday, SMA20, volume ratio -> direction, confidence, words
    (
        (106, 105, 104, 103, 100, 1.8),
        "BUY",
        0.8,
        "2 closes running above the upper band and volume_ratio_20 1.80 above 1.5 "
        "(closes against bb_upper_20_2, newest first: 106.00 against 105.00, 104.00 against 103.00)",
    ),
    ((106, 105, 104, 103, 100, 30.0), "BUY", 1.0, "volume_ratio_20 30.00"),
    ((106, 105, 104, 103, 100, 1.5), "HOLD", 0.0, "no breakout with volume"),
    ((106, 105, 103, 103, 100, 1.8), "HOLD", 0.0, "no breakout with volume"),
    ((105, 105, 104, 103, 100, 1.8), "HOLD", 0.0, "no breakout with volume"),
    ((99, 105, 104, 103, 100, 1.8), "SELL", 1.0, "the close 99.00 is below sma_20 100.00"),
    ((100, 105, 104, 103, 100, 1.8), "HOLD", 0.0, "no breakout with volume"),
    ((99, NAN, NAN, NAN, 100, NAN), "SELL", 1.0, "is below sma_20"),
    ((106, 105, NAN, 103, 100, 1.8), "HOLD", 0.0, "sma_1@1 not known"),
    ((106, 105, 104, 103, NAN, NAN), "HOLD", 0.0, "sma_20, volume_ratio_20 not known"),
]


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: str(row[0]))
def test_every_condition_and_its_edge(row: tuple) -> None:
    numbers, direction, confidence, words = row
    found = one(NAME, dict(zip(NAMES, numbers, strict=True)), close=numbers[0])
    assert found[:2] == (direction, pytest.approx(confidence, abs=1e-12))
    assert words in found[2]


def test_where_both_conditions_hold_it_is_left() -> None:
    wide = {"sma_1": 106, "bb_upper_20_2": 105, "sma_1@1": 104, "bb_upper_20_2@1": 103, "volume_ratio_20": 2}
    assert one(NAME, {**wide, "sma_200": 110}, close=106, average=200)[:2] == ("SELL", 1.0)


def test_it_leaves_after_10_sessions_or_at_two_and_a_half_true_ranges() -> None:
    assert strategies.make(NAME).exit_plan == ExitPlan(sessions=10, stop=ExitDistance(atr=2.5))


def test_the_closes_that_must_run_above_are_a_parameter() -> None:
    assert strategies.make(NAME, {"closes": 1}).factors == (
        "sma_1",
        "bb_upper_20_2",
        "sma_20",
        "volume_ratio_20",
    )
