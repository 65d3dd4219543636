"""RSI mean reversion: the turn it buys, the height it leaves, and what is missing."""

import numpy as np
import pytest
from tests.strategies.swing_bars import NAN, one, say, view_of_bars

from nightdesk import strategies
from nightdesk.core.errors import Refused
from nightdesk.strategies import ExitDistance, ExitPlan
from nightdesk.testing.strategy_contract import StrategyContract

NAME = "rsi_mean_reversion"


class TestRsiMeanReversion(StrategyContract):
    """With the spec's numbers."""

    name = NAME


class TestOtherNumbers(StrategyContract):
    """With a shorter window and nearer thresholds."""

    name = NAME
    params = {"window": 5, "buy_below": 40, "sell_above": 60}  # noqa: RUF012


# Worked out by hand for a window of 2, in which Wilder's average moves half of the way each session.
BARS = [
    # close, RSI, says
    (100.0, NAN, "HOLD"),
    (98.0, NAN, "HOLD"),
    (96.0, 0.0, "HOLD"),  # no RSI of yesterday
    (95.0, 0.0, "HOLD"),  # low, and not above yesterday's
    (95.5, 25.0, "BUY"),
    (95.0, 100 / 6, "HOLD"),  # low and falling
    (95.25, 37.5, "HOLD"),  # rises out of the low range
    (97.0, 86.111, "SELL"),
    (97.0, 86.111, "SELL"),  # as long as it is high
    (94.0, 13.596, "HOLD"),
    (94.5, 32.534, "HOLD"),
    (94.25, 26.685, "HOLD"),
    (94.26, 27.725, "BUY"),
]


def test_on_thirteen_bars_it_buys_each_turn_and_leaves_what_is_high() -> None:
    strategy = strategies.make(NAME, {"window": 2})
    close, rsi, expected = zip(*BARS, strict=True)
    view = view_of_bars(strategy, close)
    np.testing.assert_allclose(view.factors["rsi_2"][:, 0], rsi, atol=5e-4)
    assert [direction for direction, _ in say(strategy, view)] == list(expected)


SCENARIOS = [
    # RSI, of yesterday -> direction, confidence, words
    (20.0, 18.0, "BUY", 0.5 + 0.5 * 10 / 30, "rsi_14 20.0 is below 30 and above yesterday's 18.0"),
    (29.9, 18.0, "BUY", 0.5 + 0.5 * 0.1 / 30, "above yesterday's"),
    (0.1, 0.0, "BUY", 0.5 + 0.5 * 29.9 / 30, "above yesterday's"),
    (20.0, 20.0, "HOLD", 0.0, "rsi_14 20.0 is below 30, but not above yesterday's 20.0"),
    (30.0, 18.0, "HOLD", 0.0, "rsi_14 30.0 is neither below 30 nor above 70"),
    (70.0, 75.0, "HOLD", 0.0, "neither below 30 nor above 70"),
    (70.1, 75.0, "SELL", 1.0, "rsi_14 70.1 is above 70"),
    (20.0, NAN, "HOLD", 0.0, "rsi_14@1 not known"),
    (80.0, NAN, "SELL", 1.0, "above 70"),
    (NAN, 20.0, "HOLD", 0.0, "too little history, or a bar is missing: rsi_14 not known"),
]


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: f"{row[0]} after {row[1]}")
def test_every_condition_and_its_edge(row: tuple) -> None:
    now, before, direction, confidence, words = row
    found = one(NAME, {"rsi_14": now, "rsi_14@1": before})
    assert found[:2] == (direction, pytest.approx(confidence, abs=1e-12))
    assert words in found[2]


def test_it_leaves_after_20_sessions_or_at_two_and_a_half_true_ranges() -> None:
    assert strategies.make(NAME).exit_plan == ExitPlan(sessions=20, stop=ExitDistance(atr=2.5))
    assert strategies.make(NAME, {"sessions": 7, "stop_atr": 3}).exit_plan == ExitPlan(
        sessions=7, stop=ExitDistance(atr=3.0)
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"stop_atr": 1.9}, "params.stop_atr: found 1.9; input should be greater than or equal to 2"),
        ({"stop_atr": 3.1}, "params.stop_atr: found 3.1; input should be less than or equal to 3"),
        ({"buy_below": 71}, "buy_below 71 lies above sell_above 70"),
        ({"sessions": 0}, "params.sessions: found 0"),
        ({"windows": 14}, "params.windows: unknown key; rsi_mean_reversion knows"),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_path(params: dict, message: str) -> None:
    with pytest.raises(Refused) as refusal:
        strategies.make(NAME, params)
    assert message in str(refusal.value)
