"""What a decision makes of the book's risk: levels, stops and correlations from its state and its day."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.engine.desks import SESSION, day, desk, state

from nightdesk.core.errors import Refused
from nightdesk.engine import Facts, State, gate, judge, plan, targets
from nightdesk.risk import Answer, begin
from nightdesk.strategies import Direction

HOLD, BUY, STRONG_BUY = Direction.HOLD, Direction.BUY, Direction.STRONG_BUY
TREND = "time_series_momentum"
LIMITS = {"max_weight": {}, "cash_buffer": {"limit": 0.05}, "stop_loss": {}}
LEVELS: dict[str, Any] = {"havens": ["GLD"], "first_out": ["SPY"]}
DESK = desk(limits=LIMITS, levels=LEVELS)


def fallen(now: State, peak: int) -> State:
    """The same book, with its peak somewhere above the 100,000 dollars that it has."""
    return replace(now, risk=begin(Decimal(peak)))


def decide(now: State, *direction: Direction, **changed: Any) -> dict[str, float]:
    """What is held of each symbol after the decision."""
    today = day(list(direction), **changed)
    wanted = targets(DESK, now, today)
    quantity = gate(DESK, now, today, wanted).quantity
    return dict(zip(DESK.symbols, quantity.sum(axis=0).tolist(), strict=True))


def test_a_book_begins_at_level_zero_with_the_highest_value_known() -> None:
    now, today = state(), day([HOLD, HOLD])
    judged = judge(DESK, now, today, targets(DESK, now, today))
    assert (judged.risk.level, judged.risk.peak, judged.change) == (0, 100_000, None)


@pytest.mark.parametrize(
    ("peak", "left"),
    [
        (100_000, {"GLD": 200, "SPY": 80}),
        (108_696, {"GLD": 150, "SPY": 0}),  # 8.0004 %: level 2
        (113_637, {"GLD": 100, "SPY": 0}),  # 12.0005 %: level 3
        (117_648, {"GLD": 0, "SPY": 0}),  # 15.0007 %: level 4
    ],
)
def test_a_level_sells_on_the_session_that_enters_it(peak: int, left: dict[str, float]) -> None:
    now = fallen(state((TREND, "GLD", 200), (TREND, "SPY", 80)), peak)
    assert decide(now, HOLD, HOLD) == left


def test_at_level_one_only_the_sure_buy_and_nothing_that_is_first_out() -> None:
    now = fallen(state(), 105_264)  # 5.0008 %
    assert decide(now, STRONG_BUY, STRONG_BUY, confidence=np.full((1, 2), 0.6)) == {"GLD": 150, "SPY": 0}
    assert decide(now, STRONG_BUY, STRONG_BUY, confidence=np.full((1, 2), 0.59)) == {"GLD": 0, "SPY": 0}


def test_the_factor_of_the_regime_counts_before_the_confidence_that_level_one_asks() -> None:
    now = fallen(state(), 105_264)
    assert decide(now, STRONG_BUY, STRONG_BUY, vix=35.0, confidence=np.full((1, 2), 1.0))["GLD"] == 0


def test_a_stop_is_judged_by_the_average_entry_and_the_close() -> None:
    now = state((TREND, "GLD", 100))
    assert decide(now, HOLD, HOLD, price=np.array([88.0, 200.0]))["GLD"] == 100
    assert decide(now, HOLD, HOLD, price=np.array([87.9, 200.0]))["GLD"] == 50
    assert decide(now, HOLD, HOLD, price=np.array([81.9, 200.0]))["GLD"] == 0


@pytest.mark.parametrize(
    "bad", [{"age": np.array([1, 0])}, {"quarantined": np.array([True, False])}], ids=["stale", "quarantined"]
)
def test_no_stop_acts_on_a_price_that_is_not_to_be_trusted(bad: dict[str, Any]) -> None:
    now = state((TREND, "GLD", 100))
    assert decide(now, HOLD, HOLD, price=np.array([50.0, 200.0]), **bad)["GLD"] == 100


def test_the_average_entry_is_over_all_strategies_that_hold_the_symbol() -> None:
    judged = judge(
        DESK, state((TREND, "GLD", 100)), day([HOLD, HOLD], price=np.array([90.0, 200.0])), _none()
    )
    assert judged.standing.fall.tolist() == pytest.approx([0.10, np.nan], nan_ok=True)
    assert judged.standing.stop_at.tolist() == pytest.approx([0.12, np.nan], nan_ok=True)


def _none() -> Any:
    now, today = state((TREND, "GLD", 100)), day([HOLD, HOLD])
    return targets(DESK, now, today)


def test_a_symbol_has_the_stop_of_its_own_or_that_of_the_book() -> None:
    universe = {
        "GLD": {"max_weight": 0.5, "stop": {"halve": 0.02, "leave": 0.03}},
        "SPY": {"max_weight": 0.4},
    }
    stops = desk(limits=LIMITS, universe=universe).stops
    assert (stops["GLD"].halve, stops["SPY"].halve) == (0.02, 0.12)
    with pytest.raises(Refused, match=r"universe\.GLD\.stop: the book has no limits\.stop_loss"):
        desk(universe=universe)


def test_the_wanted_portfolio_is_calm_under_the_volatility_target_of_the_book() -> None:
    now, today = fallen(state(), 117_648), day([STRONG_BUY, STRONG_BUY])
    wanted = targets(DESK, now, today)
    assert judge(DESK, now, today, wanted).volatility < 0.15
    wild = replace(today, returns=today.returns * 100)
    again = judge(DESK, now, wild, wanted)
    assert again.volatility > 0.15
    unknown = judge(DESK, now, replace(today, returns=np.full((60, 2), np.nan)), wanted)
    assert np.isnan(unknown.volatility)


def test_recovery_buys_a_quarter_of_what_is_wanted() -> None:
    whole = decide(state(), STRONG_BUY, HOLD)["GLD"]
    recovering = replace(state(), risk=replace(begin(Decimal(100_000)), recovery=0))
    assert decide(recovering, STRONG_BUY, HOLD)["GLD"] == int(whole / 4)


def test_an_answer_and_a_level_that_a_person_set_reach_the_state() -> None:
    said = Facts(forced=4, forced_by="ann")
    now, today = replace(state((TREND, "GLD", 10)), facts=said), day([HOLD, HOLD])
    judged = judge(DESK, now, today, targets(DESK, now, today))
    assert (judged.risk.level, judged.risk.waits()) == (4, True)
    later = replace(now, risk=judged.risk, facts=Facts(answer=Answer(SESSION, "confirm", "ann")))
    assert not judge(DESK, later, today, targets(DESK, later, today)).risk.waits()


def test_a_book_without_levels_and_stops_is_left_alone() -> None:
    plain, today = desk(), day([HOLD, HOLD], price=np.array([10.0, 20.0]))
    now = fallen(state((TREND, "GLD", 200), (TREND, "SPY", 80)), 900_000)
    gated = gate(plain, now, today, targets(plain, now, today))
    assert plan(plain, now, today, gated.quantity) == ()
    assert gated.judged.risk.level == 0


@pytest.mark.parametrize("key", ["havens", "first_out"])
def test_levels_that_name_a_symbol_the_book_does_not_trade_are_refused(key: str) -> None:
    with pytest.raises(Refused, match=f"levels.{key}: TLT is no symbol of this book"):
        desk(levels={key: ["TLT"]})
