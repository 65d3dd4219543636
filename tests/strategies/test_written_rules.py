"""Rules in a book: which decides, how sure it is, and what it says."""

from typing import Any

import numpy as np
import pytest
from tests.strategies.swing_bars import say, session_of

from nightdesk import strategies
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.strategies import SignalSide, Strategy
from nightdesk.testing.strategy_contract import StrategyContract, view_of

DIP = {"enter": "rsi_14 < 45 and close > sma_50", "leave": ["rsi_14 > 60", "crosses_below(sma_20, sma_50)"]}
BOTH = DIP | {
    "enter_short": "rsi_14 > 70 and adjusted_close < ta.ema(50)",
    "leave_short": "rsi_14 < 50",
    "confidence": "abs(rsi_14 - 50) / 50",
}


class TestOneSide(StrategyContract):
    """Longs alone."""

    name = "rules"
    params = DIP


class TestBothSides(StrategyContract):
    """Longs and shorts, with an indicator of pandas-ta and a confidence of its own."""

    name = "rules"
    params = BOTH


class TestBlind(StrategyContract):
    """A condition on the market alone, which needs a bar of the symbol all the same."""

    name = "rules"
    params = {"enter": "vix < 20 and rsi_14 > 0", "leave": "vix > 21"}  # noqa: RUF012


class TestFactorsOfFactors(StrategyContract):
    """Conditions on factors of factors, with a crossing of one and parentheses around it."""

    name = "rules"
    params = {  # noqa: RUF012
        "enter": "( zscore_60_of( momentum_5@1 ) < -1 ) and adjusted_close > mean_50_of(adjusted_close)",
        "leave": "crosses_above(mean_20_of(rsi_14), 55)",
    }

    def test_the_words_hold_their_values(self, strategy: Strategy, panel: Panel) -> None:
        view = view_of(strategy, panel)
        found = strategy.signals(view)
        entered = np.argwhere(found.direction > 0)
        t, n = entered[0]
        z = view.factors["zscore_60_of(momentum_5@1)"][t, n]
        assert f"(zscore_60_of(momentum_5@1) {z:g}, adjusted_close" in strategy.explain(view, found, t, n)


def make(**params: Any) -> Strategy:
    return strategies.make("rules", params)


def said(strategy: Strategy, values: dict[str, float], close: float = 100.0) -> tuple[str, int, float, str]:
    view = session_of(strategy, values, close)
    found = strategy.signals(view)
    [(direction, _)] = say(strategy, view)
    return (
        direction,
        int(found.side[0, 0]),
        float(found.confidence[0, 0]),
        strategy.explain(view, found, 0, 0),
    )


CASES = [
    ({"rsi_14": 25.0}, "STRONG_BUY", 1, 0.5, "enter: rsi_14 < 30 (rsi_14 25)"),
    ({"rsi_14": 50.0}, "HOLD", 1, 0.0, "no condition holds"),
    ({"rsi_14": 65.0}, "STRONG_SELL", 1, 1.0, "leave: rsi_14 > 60 (rsi_14 65)"),
    ({"rsi_14": 35.0}, "STRONG_BUY", -1, 1.0, "leave_short: rsi_14 < 40 (rsi_14 35)"),
    ({"rsi_14": 85.0}, "STRONG_SELL", -1, 0.7, "enter_short: rsi_14 > 80 (rsi_14 85)"),
    ({}, "HOLD", 1, 0.0, "too little history, or a bar is missing: rsi_14 not known"),
]


@pytest.mark.parametrize(("values", "direction", "side", "sure", "words"), CASES)
def test_the_first_that_holds_decides(
    values: dict[str, float], direction: str, side: int, sure: float, words: str
) -> None:
    strategy = make(
        enter="rsi_14 < 30",
        leave="rsi_14 > 60",
        enter_short="rsi_14 > 80",
        leave_short="rsi_14 < 40",
        confidence="abs(rsi_14 - 50) / 50",
    )
    found = said(strategy, values)
    assert found == (direction, side, pytest.approx(sure), words)
    assert strategy.sides == {SignalSide.LONG, SignalSide.SHORT}


def test_where_both_sides_would_be_entered_neither_is() -> None:
    strategy = make(enter="rsi_14 < 50", enter_short="rsi_14 > 20")
    assert said(strategy, {"rsi_14": 30.0})[::3] == (
        "HOLD",
        "enter and enter_short hold both: nothing is entered",
    )


def test_where_both_sides_are_left_whatever_is_held_is() -> None:
    strategy = make(
        enter="rsi_14 < 10", enter_short="rsi_14 > 90", leave="vix > 10", leave_short="rsi_14 > 1"
    )
    assert said(strategy, {"rsi_14": 30.0})[:3] == ("STRONG_SELL", 0, 1.0)


def test_an_entry_of_no_confidence_is_none_and_says_so() -> None:
    strategy = make(enter="rsi_14 < 50", confidence="rsi_14 - 40")
    assert said(strategy, {"rsi_14": 30.0})[::3] == (
        "HOLD",
        "a condition to enter holds, and its confidence, rsi_14 - 40, is not above 0",
    )


def test_a_division_by_zero_does_not_fire_and_is_told() -> None:
    strategy = make(enter="1 / rsi_14 > 0", leave="not 1 / rsi_14 > 0")
    assert said(strategy, {"rsi_14": 0.0})[::3] == (
        "HOLD",
        "a number of a condition is not defined (it divides by zero)",
    )


def test_of_several_conditions_one_that_holds_is_enough_and_is_named() -> None:
    strategy = make(enter=["rsi_14 < 10", "close > 99 and vix < 25"])
    assert said(strategy, {"rsi_14": 30.0})[3] == "enter: close > 99 and vix < 25 (close 100, vix 20)"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "neither enter nor enter_short"),
        (
            {"enter": "rsi_14 <"},
            "strategies.dips.params: enter: 'rsi_14 <' cannot be read: something is missing",
        ),
        (
            {"enter": "rsi_14 < 30", "leave": ["rsi_14 > 70", "close@-1 > 3"]},
            "leave: close@-1 looks into tomorrow",
        ),
        ({"enter": "rsi_14 < 30", "leave_short": "rsi_14 > 70"}, "leave_short has nothing to leave"),
        ({"enter": "rsi_14 < 30", "confidence": "rsi_14 > 3"}, "confidence: 'rsi_14 > 3' is a condition"),
        ({"enter": ["rsi_14 < 30"] * 21}, "enter has 21 conditions, and 20 are the most"),
        ({"enter": 5}, "enter: found 5"),
        ({"entry": "rsi_14 < 30"}, "unknown key"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_key(params: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        strategies.make("rules", params, path="strategies.dips", called="dips")


def test_two_of_one_kind_have_names_of_their_own() -> None:
    one, other = (
        strategies.make("rules", {"enter": "rsi_14 < 30"}, called=name) for name in ("dips", "tops")
    )
    assert (one.name, other.name, type(one).name) == ("dips", "tops", "rules")


def test_columns_of_one_row_broadcast_to_all_symbols() -> None:
    strategy = make(enter="vix < 25")
    view = session_of(strategy, {})
    assert strategy.signals(view).direction.shape == view.close.shape
    assert np.isfinite(strategy.signals(view).confidence).all()
