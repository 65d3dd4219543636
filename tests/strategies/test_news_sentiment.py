"""News sentiment: good headlines that the price confirms, bad ones, and none."""

from dataclasses import replace

import numpy as np
import pytest
from tests.strategies.swing_bars import NAN, one, say, view_of_bars

from nightdesk import strategies
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.strategies import Direction, ExitDistance, ExitPlan
from nightdesk.testing.random_panels import random_panel
from nightdesk.testing.strategy_contract import StrategyContract

NAME = "news_sentiment"
NAMES = ("sentiment", "sma_20", "momentum_1")


class TestNewsSentiment(StrategyContract):
    """With the spec's numbers, on a market with headlines on one session of three."""

    name = NAME

    @pytest.fixture(params=[1, 2])
    def panel(self, request: pytest.FixtureRequest) -> Panel:
        market, random = random_panel(request.param), np.random.default_rng(request.param)
        told = np.where(
            random.random(market.close.shape) < 1 / 3, random.uniform(-1, 1, market.close.shape), NAN
        )
        return replace(market, sentiment=told)


BARS = [
    # close, sentiment, says, confidence; the average is of 3 closes
    (10.0, 0.9, "HOLD", 0.0),  # nothing is known of the price yet
    (10.0, -0.1, "SELL", 1.0),  # bad news need no price
    (10.0, NAN, "HOLD", 0.0),
    (11.0, 0.4, "BUY", 0.7),
    (12.0, 0.3, "HOLD", 0.0),  # good, and not good enough
    (12.0, 0.5, "HOLD", 0.0),  # the price does not rise
    (11.0, 0.8, "HOLD", 0.0),  # the price falls
    (11.2, 0.8, "HOLD", 0.0),  # rises under the average of 11.4
    (12.0, NAN, "HOLD", 0.0),  # rises above it without headlines
    (12.5, 1.0, "BUY", 1.0),
    (12.6, 0.0, "HOLD", 0.0),
    (12.7, -0.01, "SELL", 1.0),
]


def test_on_twelve_bars_it_buys_good_news_that_the_price_confirms() -> None:
    strategy = strategies.make(NAME, {"average": 3})
    close, sentiment, directions, confidences = zip(*BARS, strict=True)
    said = say(strategy, view_of_bars(strategy, close, sentiment=sentiment))
    assert [direction for direction, _ in said] == list(directions)
    assert [confidence for _, confidence in said] == pytest.approx(list(confidences))


SCENARIOS = [
    # sentiment, SMA20, return, close -> direction, confidence, words
    (
        (0.5, 99, 0.01),
        100,
        "BUY",
        0.75,
        "sentiment +0.50 is above 0.3, the close 100.00 above sma_20 99.00 and",
    ),
    ((0.3, 99, 0.01), 100, "HOLD", 0.0, "no condition holds: sentiment +0.30"),
    ((0.5, 100, 0.01), 100, "HOLD", 0.0, "no condition holds"),
    ((0.5, 99, 0.0), 100, "HOLD", 0.0, "no condition holds"),
    ((-0.01, 99, 0.01), 100, "SELL", 1.0, "sentiment -0.01 is below 0"),
    ((-1.0, NAN, NAN), NAN, "SELL", 1.0, "sentiment -1.00 is below 0"),
    ((0.0, 99, 0.01), 100, "HOLD", 0.0, "no condition holds"),
    ((NAN, 99, 0.01), 100, "HOLD", 0.0, "no headlines of the session: nothing is said"),
    ((NAN, NAN, NAN), NAN, "HOLD", 0.0, "no headlines of the session"),
    ((0.5, NAN, 0.01), 100, "HOLD", 0.0, "sma_20 not known"),
    ((0.5, 99, NAN), 100, "HOLD", 0.0, "momentum_1 not known"),
]


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: str(row[0]))
def test_every_condition_and_its_edge(row: tuple) -> None:
    numbers, close, direction, confidence, words = row
    found = one(NAME, dict(zip(NAMES, numbers, strict=True)), close=close)
    assert found[:2] == (direction, pytest.approx(confidence, abs=1e-12))
    assert words in found[2]


def test_in_a_book_without_news_it_is_silent_and_says_so() -> None:
    strategy = strategies.make(NAME)
    view = view_of_bars(strategy, np.linspace(10.0, 12.0, 30))
    found = strategy.signals(view)
    assert (found.direction == Direction.HOLD).all()
    assert (found.confidence == 0.0).all()
    assert strategy.explain(view, found, 29, 0) == "no headlines of the session: nothing is said"


def test_it_leaves_after_10_sessions_or_at_two_and_a_half_true_ranges() -> None:
    assert strategies.make(NAME).exit_plan == ExitPlan(sessions=10, stop=ExitDistance(atr=2.5))


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(Refused, match=r"params: sell_below 0\.4 lies above buy_above 0\.3"):
        strategies.make(NAME, {"sell_below": 0.4})
