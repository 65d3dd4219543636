"""Distances to limits: every rule's number against its limit, worked by hand."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.core.drawdown_levels import Levels
from nightdesk.core.margin import Margin
from nightdesk.risk import LEVEL_RULES, Correlations, Distance, RiskMeasures, Standing, make_rules
from nightdesk.risk.distances import distances

SYMBOLS = ("GLD", "SPY", "QQQ")
REG_T = Margin(kind="reg_t")


def measured(*weights: float, **changed: Any) -> RiskMeasures:
    """Three symbols with caps of 50, 40 and 30 % in a calm book; changes of `Standing` go by name too."""
    standing = {name: changed.pop(name) for name in list(changed) if name in Standing.__dataclass_fields__}
    fields: dict[str, Any] = {
        "symbols": SYMBOLS,
        "weights": np.array(weights or (0.0, 0.0, 0.0)),
        "max_weight": np.array([0.5, 0.4, 0.3]),
        "traded": np.zeros(3),
        "day_return": 0.0,
        "volatility": 0.12,
        "volatility_target": 0.15,
        "standing": replace(Standing.calm(3), **standing),
        "drawdown": 0.0,
        "levels": None,
    }
    return RiskMeasures(**{**fields, **changed})


def told(limits: dict[str, dict[str, Any]], what: RiskMeasures, *, levels: bool = False) -> list[Distance]:
    """The distances to the limits of some rules, without that to the volatility target."""
    rules = make_rules(limits, also=LEVEL_RULES if levels else ())
    return list(distances(rules, what)[1:])


def numbers(one: Distance) -> tuple[float, ...]:
    return tuple(round(number, 12) for number in (one.value, one.limit, one.room, one.room_share))


@pytest.mark.parametrize(
    ("volatility", "room", "share", "state"),
    [
        (0.12, 0.03, 0.2, "within"),
        (0.15, 0.0, 0.0, "at"),
        (0.15 + 1e-12, 0.0, 0.0, "at"),
        (0.18, -0.03, -0.2, "beyond"),
    ],
)
def test_the_volatility_against_its_target(volatility: float, room: float, share: float, state: str) -> None:
    (one,) = distances((), measured(volatility=volatility))
    assert (one.rule, one.subject, one.state) == ("volatility", "", state)
    assert (one.room, one.room_share) == (pytest.approx(room, abs=1e-11), pytest.approx(share, abs=1e-11))


def test_what_could_not_be_measured_is_unknown_and_not_within() -> None:
    (one,) = distances((), measured(volatility=math.nan))
    assert one.state == "unknown"
    assert math.isnan(one.room)


@pytest.mark.parametrize(
    ("day_return", "room", "state"),
    [(0.01, 0.03, "within"), (-0.015, 0.005, "within"), (-0.02, 0.0, "at"), (-0.05, -0.03, "beyond")],
)
def test_the_breaker_has_room_down_to_its_loss(day_return: float, room: float, state: str) -> None:
    (one,) = told({"daily_loss": {"limit": -0.02}}, measured(day_return=day_return))
    assert numbers(one) == (day_return, -0.02, room, round(room / 0.02, 12))
    assert (one.rule, one.state) == ("daily_loss", state)


def test_of_the_symbols_the_one_nearest_to_its_cap_is_told() -> None:
    # 30 of 50 %, 20 of 40 %, 27 of 30 %: the last has used 9 / 10
    (one,) = told({"max_weight": {}}, measured(0.30, -0.20, 0.27))
    assert (one.subject, one.state) == ("QQQ", "within")
    assert numbers(one) == (0.27, 0.3, 0.03, 0.1)


def test_the_distance_of_a_book_that_lets_positions_drift_is_that_to_where_they_are_cut() -> None:
    (one,) = told({"max_weight": {"drift": 0.02}}, measured(0.30, -0.20, 0.31))
    assert (one.subject, one.state) == ("QQQ", "within")
    assert numbers(one)[:2] == (0.31, 0.32)


def test_a_symbol_that_may_not_be_held_is_beyond_its_cap() -> None:
    what = measured(0.30, 0.0, 0.01, max_weight=np.array([0.5, 0.4, 0.0]))
    (one,) = told({"max_weight": {}}, what)
    assert (one.subject, one.state, one.room) == ("QQQ", "beyond", -0.01)
    assert math.isnan(one.room_share)


def test_gross_counts_both_sides_and_is_at_most_one_without_margin() -> None:
    what = measured(0.5, -0.3, 0.1)
    (without,) = told({"gross_leverage": {"limit": 1.5}}, what)
    (with_margin,) = told({"gross_leverage": {"limit": 1.5}}, replace(what, margin=REG_T))
    assert numbers(without) == (0.9, 1.0, 0.1, 0.1)
    assert numbers(with_margin) == (0.9, 1.5, 0.6, 0.4)


def test_the_cash_buffer_is_what_positions_leave() -> None:
    (plain,) = told({"cash_buffer": {"limit": 0.05}}, measured(0.5, 0.4, 0.08))
    assert numbers(plain) == (0.02, 0.05, -0.03, -0.6)
    assert plain.state == "beyond"
    # on margin half of gross 1.8 is put up: excess equity of 10 %
    (margin,) = told({"cash_buffer": {"limit": 0.05}}, measured(0.9, 0.6, 0.3, margin=REG_T))
    assert numbers(margin) == (0.1, 0.05, 0.05, 1.0)


def test_places_heat_and_cash_of_a_book_without_margin() -> None:
    book = measured(0.2, 0.15, 0.0, positions=4, heat=0.40, cash=0.65)
    limits = {"position_count": {"limit": 10}, "heat": {}, "cash": {"reserve": 0.02}}
    places, heat, cash = told(limits, book)
    assert numbers(places) == (4, 10, 6, 0.6)
    assert numbers(heat) == (0.35, 0.40, 0.05, 0.125)
    assert numbers(cash) == (0.65, 0.02, 0.63, 31.5)
    assert [one.rule for one in told({"heat": {}}, measured(heat=None))] == []


def test_every_held_position_stands_before_its_next_stop() -> None:
    what = measured(
        0.3, 0.2, 0.0, fall=np.array([0.10, -0.05, np.nan]), stop_at=np.array([0.18, 0.12, np.nan])
    )
    gold, equity = told({"stop_loss": {}}, what)
    assert (gold.subject, *numbers(gold)) == ("GLD", 0.10, 0.18, 0.08, round(0.08 / 0.18, 12))
    assert (equity.subject, equity.state) == ("SPY", "within")
    assert equity.room == pytest.approx(0.17)


def test_a_position_without_a_trusted_price_has_an_unknown_fall() -> None:
    what = measured(0.3, 0.0, 0.0, fall=np.full(3, np.nan), stop_at=np.array([0.12, np.nan, np.nan]))
    (one,) = told({"stop_loss": {}}, what)
    assert (one.subject, one.state, one.limit) == ("GLD", "unknown", 0.12)


CORRELATIONS = Correlations.given(np.array([[1.0, 0.1, 0.2], [0.1, 1.0, 0.9], [0.2, 0.9, 1.0]]))
PAIRS = {"correlation": {"limit": 0.7, "joint_cap": 0.75}}


def test_the_closest_pair_is_told_and_what_it_may_weigh_jointly() -> None:
    closest, joint = told(PAIRS, measured(0.5, 0.3, 0.2, correlations=CORRELATIONS))
    assert (closest.subject, closest.unit, closest.state) == ("SPY / QQQ", "correlation", "beyond")
    assert numbers(closest) == (0.9, 0.7, -0.2, round(-0.2 / 0.7, 12))
    # 30 + 20 % of at most 0.75 x (40 + 30 %)
    assert (joint.rule, joint.subject, joint.unit) == ("joint_weight", "SPY / QQQ", "share")
    assert numbers(joint) == (0.5, 0.525, 0.025, round(0.025 / 0.525, 12))


def test_pairs_that_do_not_move_together_have_no_joint_cap_and_symbols_that_are_not_held_no_pair() -> None:
    (one,) = told(PAIRS, measured(0.5, 0.3, 0.0, correlations=CORRELATIONS))
    assert (one.subject, one.value, one.state) == ("GLD / SPY", 0.1, "within")
    assert told(PAIRS, measured(0.5, 0.0, 0.0, correlations=CORRELATIONS)) == []
    assert told(PAIRS, measured(0.5, 0.3, 0.2)) == []


def test_trades_and_turnover_of_the_decision() -> None:
    what = measured(traded=np.array([0.1, 0.0, 0.15]))
    trades, turnover = told({"trades_per_day": {"limit": 2}, "turnover_per_day": {"limit": 0.3}}, what)
    assert (trades.unit, trades.value, trades.limit, trades.state) == ("count", 2.0, 2.0, "at")
    assert numbers(turnover) == (0.25, 0.3, 0.05, round(0.05 / 0.3, 12))


@pytest.mark.parametrize(
    ("level", "drawdown", "subject", "limit", "room"),
    [
        (0, 0.03, "level 1", 0.05, 0.02),
        (1, 0.045, "level 2", 0.08, 0.035),
        (3, 0.14, "level 4", 0.15, 0.01),
    ],
)
def test_the_drawdown_stands_before_the_next_level(
    level: int, drawdown: float, subject: str, limit: float, room: float
) -> None:
    (one,) = told({}, measured(level=level, drawdown=drawdown, levels=Levels()), levels=True)
    assert (one.rule, one.subject, one.limit) == ("drawdown_level", subject, limit)
    assert one.room == pytest.approx(room)


def test_below_the_last_level_there_is_none_to_stand_before() -> None:
    assert told({}, measured(level=4, drawdown=0.2, levels=Levels()), levels=True) == []


def test_the_leverage_of_a_recovery_is_told_while_there_is_one() -> None:
    what = measured(0.4, 0.4, 0.0, levels=Levels(), leverage_limit=1.0)
    leverage = told({}, what, levels=True)[-1]
    assert (leverage.rule, numbers(leverage)) == ("recovery_leverage", (0.8, 1.0, 0.2, 0.2))


LIMITS: dict[str, dict[str, Any]] = {
    "daily_loss": {"limit": -0.02},
    "max_weight": {},
    "gross_leverage": {"limit": 1.0},
    "cash_buffer": {"limit": 0.05},
    "turnover_per_day": {"limit": 0.3},
    "trades_per_day": {"limit": 2},
    "stop_loss": {},
    **PAIRS,
}


@st.composite
def books(draw: st.DrawFn) -> RiskMeasures:
    """Books of any weights, trades, falls and correlations."""
    weight = st.floats(-1.0, 1.0, allow_subnormal=False)
    close, apart = draw(st.floats(-1.0, 1.0)), draw(st.floats(-1.0, 1.0))
    return measured(
        *draw(st.tuples(weight, weight, weight)),
        traded=np.abs(draw(st.tuples(weight, weight, weight))),
        day_return=draw(st.floats(-0.3, 0.3)),
        volatility=draw(st.floats(0.0, 0.5)),
        correlations=Correlations.given(
            np.array([[1.0, close, apart], [close, 1.0, np.nan], [apart, np.nan, 1.0]])
        ),
        fall=np.array(draw(st.tuples(weight, weight, weight))),
        stop_at=np.array([0.12, 0.18, 0.05]),
    )


def has_the_right_sign(book: RiskMeasures) -> None:
    for one in distances(make_rules(LIMITS), book):
        within = one.value > one.limit if one.rule in ("daily_loss", "cash_buffer") else one.value < one.limit
        assert abs(one.room) == pytest.approx(abs(one.value - one.limit), abs=1e-12)
        assert one.room_share * abs(one.limit) == pytest.approx(one.room, abs=1e-12)
        if one.state == "at":
            assert one.value == pytest.approx(one.limit, rel=1e-8)
        else:
            assert (one.room > 0) == within
            assert one.state == ("within" if within else "beyond")


@settings(max_examples=200, deadline=None)
@given(books())
def test_room_is_positive_within_a_limit_and_negative_beyond_it(book: RiskMeasures) -> None:
    has_the_right_sign(book)


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@given(books())
def test_room_has_the_right_sign_in_many_books(book: RiskMeasures) -> None:
    has_the_right_sign(book)


def test_limits_on_trades_count_those_that_the_session_has_had() -> None:
    limits = {"trades_per_day": {"limit": 5}, "turnover_per_day": {"limit": 0.5}}
    so_far = {"trades_today": 3, "turnover_today": 0.3}
    trades, turnover = told(limits, measured(traded=np.array([0.15, 0.0, 0.1]), **so_far))
    assert numbers(trades)[:3] == (5.0, 5.0, 0.0)
    assert numbers(turnover)[:3] == (0.55, 0.5, -0.05)
    assert (trades.state, turnover.state) == ("at", "beyond")
