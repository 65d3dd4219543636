"""Stops, targets and ages of a strategy's positions, on both sides, as a book says them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.engine.desks import book, day, desk, state

from nightdesk.core.errors import Refused
from nightdesk.core.exit_plan import ExitPlan
from nightdesk.engine import Carried, Desk, Targets, gate, resolve, targets
from nightdesk.engine.decision import sizing_figures
from nightdesk.engine.exits import Cause, stop_words, target_words
from nightdesk.portfolio.sizing import BOTH_SIDES
from nightdesk.strategies import Direction, ExitDistance, SignalSide
from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum

HOLD, BUY, STRONG_SELL = Direction.HOLD, Direction.BUY, Direction.STRONG_SELL
TREND = "time_series_momentum"
#: Of gold and SPY, dollars.
ATR = {"volatility_60": np.array([0.20, 0.20]), "atr_14": np.array([4.0, 8.0])}


def made(exits: dict[str, Any] | None = None, **changed: Any) -> Desk:
    """A book whose one strategy, which trades both sides, ends its positions so."""
    entry = {} if exits is None else {"exits": exits}
    found = desk(strategies={TREND: entry}, **changed)
    (strategy,) = found.strategies.values()
    both = type("BothWays", (type(strategy),), {"sides": BOTH_SIDES})
    return replace(found, strategies={TREND: both(strategy.params)})


def decided(
    where: Desk, quantity: int, price: float, carried: Carried | None = None, **changed: Any
) -> Targets:
    """Gold, held from 100 dollars on, closes at a price; the strategy says nothing new."""
    now = replace(state((TREND, "GLD", quantity)), carried=carried)
    today = day([HOLD, HOLD], price=np.array([price, 200.0]), factors=ATR, **changed)
    return targets(where, now, today)


def carries(**distances: float) -> Carried:
    """Of gold."""
    return replace(
        Carried.nothing((1, 2)), **{name: np.array([[value, 0.0]]) for name, value in distances.items()}
    )


@pytest.mark.parametrize(
    ("exits", "quantity", "price", "cause"),
    [
        ({"stop": {"share": 0.02}}, 50, 98.01, Cause.NONE),
        ({"stop": {"share": 0.02}}, 50, 98.0, Cause.STOP),
        ({"stop": {"share": 0.02}}, 50, 103.0, Cause.NONE),
        ({"stop": {"share": 0.02}}, -50, 101.99, Cause.NONE),
        ({"stop": {"share": 0.02}}, -50, 102.0, Cause.STOP),
        ({"stop": {"share": 0.02}}, -50, 97.0, Cause.NONE),
        ({"target": {"share": 0.05}}, 50, 104.99, Cause.NONE),
        ({"target": {"share": 0.05}}, 50, 105.0, Cause.TARGET),
        ({"target": {"share": 0.05}}, -50, 95.0, Cause.TARGET),
        ({"target": {"share": 0.05}}, -50, 106.0, Cause.NONE),
        ({"stop": {"share": 0.02}, "target": {"share": 0.05}, "sessions": 1}, 50, 94.0, Cause.STOP),
        ({"stop": {"share": 0.02}, "target": {"share": 0.05}, "sessions": 1}, 50, 106.0, Cause.TARGET),
        ({"stop": {"share": 0.02}, "target": {"share": 0.05}, "sessions": 1}, 50, 100.0, Cause.AGE),
        ({"sessions": 2}, 50, 100.0, Cause.NONE),
    ],
)
def test_a_position_is_left_where_its_plan_ends(
    exits: dict[str, Any], quantity: int, price: float, cause: Cause
) -> None:
    found = decided(made(exits), quantity, price)
    assert found.cause[0, 0] == cause
    assert found.quantity[0, 0] == (quantity if cause == Cause.NONE else 0)


@pytest.mark.parametrize(
    ("quantity", "price", "cause"),
    [
        *((50, 92.01, Cause.NONE), (50, 92.0, Cause.STOP), (50, 112.0, Cause.TARGET)),
        *((-50, 107.99, Cause.NONE), (-50, 108.0, Cause.STOP), (-50, 88.0, Cause.TARGET)),
    ],
)
def test_what_is_said_in_true_ranges_was_fixed_when_the_position_was_opened(
    quantity: int, price: float, cause: Cause
) -> None:
    where = made({"stop": {"atr": 2}, "target": {"atr": 3}})
    assert (
        decided(where, quantity, price, carries(stop_distance=8.0, target_distance=12.0)).cause[0, 0] == cause
    )
    assert decided(where, quantity, price).cause[0, 0] == Cause.NONE, (
        "nothing was fixed, so nothing is reached"
    )


@pytest.mark.parametrize("side", [SignalSide.LONG, SignalSide.SHORT])
def test_what_is_opened_is_given_its_distances_and_what_is_held_keeps_them(side: SignalSide) -> None:
    where = made({"stop": {"atr": 2}, "target": {"share": 0.05}})
    says = BUY if side == SignalSide.LONG else Direction.SELL
    about = np.full((1, 2), side, dtype=np.int8)
    opens = targets(where, state(), day([says, HOLD], factors=ATR, side=about))
    assert opens.quantity[0, 0] * side > 0
    assert opens.carried.stop_distance.tolist() == [[8.0, 0.0]]
    assert opens.carried.target_distance.tolist() == [[5.0, 0.0]]
    wilder = {**ATR, "atr_14": np.array([9.0, 9.0])}
    held = replace(state((TREND, "GLD", 50 * side)), carried=opens.carried)
    later = targets(where, held, day([HOLD, HOLD], factors=wilder, price=np.array([101.0, 200.0])))
    assert later.carried.stop_distance.tolist() == [[8.0, 0.0]]
    assert later.carried.target_distance.tolist() == [[5.0, 0.0]]


def test_what_is_turned_round_has_the_distances_of_its_new_side() -> None:
    where = made({"stop": {"atr": 2}, "target": {"share": 0.05}})
    held = replace(state((TREND, "GLD", 50)), carried=carries(stop_distance=1.0, target_distance=1.0))
    short = np.full((1, 2), SignalSide.SHORT, dtype=np.int8)
    found = targets(where, held, day([STRONG_SELL, HOLD], factors=ATR, side=short))
    assert found.quantity[0, 0] < 0
    assert found.cause[0, 0] == Cause.OPENS
    assert found.carried.stop_distance[0, 0] == 8.0
    assert found.carried.target_distance[0, 0] == 5.0


def test_a_split_restates_what_was_fixed() -> None:
    where = made({"stop": {"atr": 2}, "target": {"atr": 3}})
    halved = carries(stop_distance=32.0, target_distance=48.0)  # fixed before four came of one
    found = decided(where, 50, 93.0, halved, splits={"GLD": 4.0})
    assert found.cause[0, 0] == Cause.NONE
    assert found.carried.stop_distance[0, 0] == 8.0
    assert found.carried.target_distance[0, 0] == 12.0
    assert decided(where, 50, 92.0, halved, splits={"GLD": 4.0}).cause[0, 0] == Cause.STOP


def test_a_price_that_is_not_of_the_session_or_not_to_be_trusted_ends_nothing() -> None:
    where = made({"stop": {"share": 0.02}, "target": {"share": 0.05}})
    assert decided(where, 50, 90.0, age=np.array([1, 0])).cause[0, 0] == Cause.NONE
    assert decided(where, 50, 90.0, quarantined=np.array([True, False])).cause[0, 0] == Cause.NONE


def test_a_stop_passes_the_limits_on_trades_and_a_target_does_not() -> None:
    where = made(
        {"stop": {"share": 0.02}, "target": {"share": 0.05}},
        limits={"max_weight": {}, "turnover_per_day": {"limit": 0.01}},
    )
    for quantity, price, left in ((100, 97.0, 0.0), (-100, 103.0, 0.0), (100, 106.0, 91.0)):
        now = state((TREND, "GLD", quantity))
        today = day([HOLD, HOLD], price=np.array([price, 200.0]), factors=ATR)
        assert gate(where, now, today, targets(where, now, today)).quantity[0, 0] == left


def test_what_the_book_leaves_out_is_the_strategys_own() -> None:
    own = ExitPlan(sessions=20, stop=ExitDistance(atr=2.5))
    said = ExitPlan(stop=ExitDistance(share=0.02), target=ExitDistance(atr=3.0))
    assert said.or_else(own) == ExitPlan(
        sessions=20, stop=ExitDistance(share=0.02), target=ExitDistance(atr=3.0)
    )
    swing = {"rsi_mean_reversion": {"sizing": "atr_risk", "exits": {"target": {"share": 0.1}}}}
    plan = desk(strategies=swing).exit_plans["rsi_mean_reversion"]
    assert plan == ExitPlan(sessions=20, stop=ExitDistance(atr=2.5), target=ExitDistance(share=0.1))


def test_a_plan_in_true_ranges_asks_for_them_and_one_in_shares_does_not() -> None:
    assert "atr_14" in made({"target": {"atr": 3}}).factor_names
    assert "atr_14" not in made({"target": {"share": 0.05}}).factor_names
    assert made().ends_positions is False
    assert made({"sessions": 5}).ends_positions is True


@pytest.mark.parametrize(
    ("exits", "words"),
    [
        ({"stop": {"share": 0.02, "atr": 2}}, "exits.stop: a distance is a share of the entry price or"),
        ({"stop": {}}, "exits.stop: a distance is a share of the entry price or a number of ATR: give one"),
        ({"stop": {"share": 1.5}}, "exits: stop: a share of 1.5 of the entry price is all of it"),
        ({"target": {"atr": 0}}, "exits.target.atr: found 0; input should be greater than 0"),
        ({"sessions": 0}, "exits.sessions: found 0; input should be greater than or equal to 1"),
        ({"stopp": {"share": 0.02}}, r"exits.stopp: unknown key \(did you mean stop\?\)"),
    ],
)
def test_a_plan_that_means_nothing_is_refused(exits: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=f"two.yaml: strategies.{TREND}.{words}"):
        resolve(book(strategies={TREND: {"exits": exits}}))


def test_a_book_without_a_plan_of_its_own_keeps_its_hash() -> None:
    assert '"exits"' not in book().configuration
    assert '"exits"' in book(strategies={TREND: {"exits": {"sessions": 5}}}).configuration


def test_the_words_say_the_numbers_of_both_sides() -> None:
    assert stop_words(102.0, 100.0, 2.0) == (
        "stop: the close 102.00 is 2.00 above the average entry 100.00, 2.00 are allowed"
    )
    assert target_words(106.0, 100.0, 5.0) == (
        "target: the close 106.00 is 6.00 above the average entry 100.00, 5.00 were aimed at"
    )


def test_a_strategy_is_given_a_sizing_that_opens_on_its_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TimeSeriesMomentum, "sides", BOTH_SIDES)
    with pytest.raises(Refused, match="opens long and short positions, and risk_parity sizes long ones"):
        desk(strategies={TREND: {"sizing": "risk_parity"}})


def test_a_sizing_is_told_the_stop_of_what_is_opened_by_the_plan_of_its_own_strategy() -> None:
    by_stop = {"sizing": "stop_risk", "sizing_params": {"risk": 0.001, "max_share": 0.5}}
    today = day([BUY, HOLD], factors=ATR)
    price, atr = float(today.price[0]), float(today.factors["atr_14"][0])
    for stop, distance in (({"share": 0.05}, 0.05 * price), ({"atr": 2}, 2 * atr)):
        where = desk(strategies={TREND: by_stop | {"exits": {"stop": stop}}})
        nav = float(state().mark.nav)
        assert targets(where, state(), today).quantity[0, 0] == int(0.001 * nav / distance)
        figures = sizing_figures(where, state(), today)
        assert figures["units_by_risk"][0, 0] == pytest.approx(0.001 * nav / distance)
        assert np.isnan(figures["units_by_risk"][0, 1])


def test_a_strategy_without_a_stop_is_not_sized_by_one() -> None:
    with pytest.raises(Refused, match=f"strategies.{TREND}.sizing: stop_risk sizes by the stop, and {TREND}"):
        desk(strategies={TREND: {"sizing": "stop_risk"}})
