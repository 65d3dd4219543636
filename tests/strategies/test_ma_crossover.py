"""Moving-average crossover: the one session that it buys in, what it leaves, and what is missing."""

import pytest
from tests.strategies.swing_bars import NAN, one, say, view_of_bars

from nightdesk import strategies
from nightdesk.core.errors import Refused
from nightdesk.strategies import ExitDistance, ExitPlan
from nightdesk.testing.strategy_contract import StrategyContract

NAME = "ma_crossover"
NAMES = ("sma_20", "sma_50", "sma_20@1", "sma_50@1", "volume_ratio_20")


class TestMaCrossover(StrategyContract):
    """With the spec's numbers."""

    name = NAME


class TestOtherNumbers(StrategyContract):
    """With shorter windows and less volume."""

    name = NAME
    params = {"short": 5, "long": 15, "volume_window": 10, "volume_above": 0.8}  # noqa: RUF012


# Averages of 2 and 4 closes, volume against the mean of the 2 sessions before.
BARS = [
    # close, volume, says, confidence
    (10.0, 100, "HOLD", 0.0),
    (10.0, 100, "HOLD", 0.0),
    (10.0, 100, "HOLD", 0.0),
    (9.0, 100, "SELL", 1.0),  # 9.50 under 9.75
    (9.0, 100, "SELL", 1.0),
    (9.0, 100, "SELL", 1.0),  # 9.00 under 9.25
    (9.5, 100, "HOLD", 0.0),  # 9.25 crosses above 9.125, with no more volume than usual
    (10.0, 200, "HOLD", 0.0),  # volume, but it crossed the session before
    (8.0, 100, "SELL", 1.0),
    (9.0, 100, "SELL", 1.0),
    (9.0, 100, "HOLD", 0.0),  # 9.00 and 9.00
    (10.0, 150, "BUY", 0.75),  # 9.50 crosses above 9.00 on 1.5 of the usual volume
    (10.0, 100, "HOLD", 0.0),
]


def test_on_thirteen_bars_it_buys_the_one_crossing_with_volume() -> None:
    strategy = strategies.make(NAME, {"short": 2, "long": 4, "volume_window": 2})
    close, volume, *expected = zip(*BARS, strict=True)
    assert say(strategy, view_of_bars(strategy, close, volume)) == list(zip(*expected, strict=True))


def test_a_bar_that_is_missing_on_the_day_of_the_crossing_misses_it() -> None:
    strategy = strategies.make(NAME, {"short": 2, "long": 4, "volume_window": 2})
    close, volume, *_ = zip(*BARS, strict=True)
    gap = [NAN if at == 11 else value for at, value in enumerate(close)]
    assert [direction for direction, _ in say(strategy, view_of_bars(strategy, gap, volume))][11:] == [
        "HOLD",
        "HOLD",
    ]


SCENARIOS = [
    # SMA20, SMA50, both of yesterday, volume ratio -> direction, confidence, words
    (
        (101, 100, 99, 100, 1.5),
        "BUY",
        0.75,
        "sma_20 101.00 crosses above sma_50 100.00 (after yesterday's 99.00",
    ),
    ((101, 100, 100, 100, 3.0), "BUY", 1.0, "volume_ratio_20 3.00 is above 1"),
    ((101, 100, 99, 100, 9.0), "BUY", 1.0, "volume_ratio_20 9.00 is above 1"),
    ((101, 100, 99, 100, 1.0), "HOLD", 0.0, "no crossing with volume"),
    ((101, 100, 101, 100, 2.0), "HOLD", 0.0, "no crossing with volume"),
    ((100, 100, 99, 100, 2.0), "HOLD", 0.0, "no crossing with volume"),
    ((99, 100, 101, 100, 2.0), "SELL", 1.0, "sma_20 99.00 is below sma_50 100.00"),
    ((99, 100, NAN, NAN, NAN), "SELL", 1.0, "is below"),
    ((101, 100, NAN, 100, 2.0), "HOLD", 0.0, "sma_20@1 not known"),
    ((101, 100, 99, 100, NAN), "HOLD", 0.0, "volume_ratio_20 not known"),
    ((NAN, 100, 99, 100, 2.0), "HOLD", 0.0, "sma_20 not known"),
]


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: str(row[0]))
def test_every_condition_and_its_edge(row: tuple) -> None:
    numbers, direction, confidence, words = row
    found = one(NAME, dict(zip(NAMES, numbers, strict=True)))
    assert found[:2] == (direction, pytest.approx(confidence, abs=1e-12))
    assert words in found[2]


def test_it_leaves_by_its_condition_or_its_stop_and_by_no_age() -> None:
    assert strategies.make(NAME).exit_plan == ExitPlan(stop=ExitDistance(atr=2.5))


def test_two_windows_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(
        Refused, match=r"strategies\.ma_crossover\.params: short 50 is not shorter than long 50"
    ):
        strategies.make(NAME, {"short": 50})
