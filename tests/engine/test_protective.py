"""What rests for the positions of a book: scenarios of positions, targets and orders that rest already."""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.desks import book, day, desk, state, two_strategies

from nightdesk.core.errors import Refused
from nightdesk.engine import Carried, Desk, placed_by, plan_protection, targets
from nightdesk.engine.exits import Cause
from nightdesk.orders import Order
from nightdesk.orders.resting import Protected, Resting
from nightdesk.strategies import Direction

HOLD = Direction.HOLD
TREND = "time_series_momentum"
AT_2_PCT = {"protective": {"stop": 0.02}}


def planned(
    where: Desk, held: int, wanted: int, rests: tuple[Resting, ...] = (), **changed: Any
) -> tuple[Protected, ...]:
    """The plan of a book whose one strategy holds gold from 100 dollars on and keeps some of it."""
    carried = changed.pop("carried", Carried.nothing((1, 2)))
    today = day([HOLD, HOLD], **changed)
    quantity = np.array([[float(wanted), 0.0]])
    return plan_protection(where, state((TREND, "GLD", held)), today, quantity, carried, rests)


def placed(where: Desk, held: int = 50, **changed: Any) -> Order:
    """What is placed for gold that is held whole."""
    [order] = placed_by(planned(where, held, held, **changed))
    return order


def test_a_book_that_asks_for_nothing_rests_nothing_and_keeps_its_hash() -> None:
    assert planned(desk(), 50, 50) == ()
    assert "protective" not in book().configuration
    assert book(**AT_2_PCT).config_hash != book().config_hash


@pytest.mark.parametrize(
    ("terms", "held", "kind", "side", "stop", "target"),
    [
        ({"stop": 0.02}, 50, "stop", "sell", "98", None),
        ({"stop": 0.02}, -50, "stop", "buy", "102", None),
        ({"stop": 0.02, "target": 0.10}, 50, "oco", "sell", "98", "110"),
        ({"stop": 0.02, "target": 0.10}, -50, "oco", "buy", "102", "90"),
        ({"stop": 0.020001}, 50, "stop", "sell", "98", None),  # 97.9999: no more is lost than is said
        ({"stop": 0.020001}, -50, "stop", "buy", "102", None),
    ],
)
def test_a_position_is_protected_from_its_average_entry(
    terms: dict[str, float], held: int, kind: str, side: str, stop: str, target: str | None
) -> None:
    order = placed(desk(protective=terms), held)
    assert (order.order_type, order.side, order.time_in_force) == (kind, side, "gtc")
    assert order.quantity == 50
    assert order.stop_price == Decimal(stop)
    assert order.target_price == (None if target is None else Decimal(target))
    assert order.purpose == f"protect {TREND}"
    assert [(one.strategy, abs(one.quantity)) for one in order.intents] == [(TREND, 50)]


def test_a_strategy_may_say_where_its_positions_are_stopped() -> None:
    exits = {"stop": {"atr": 2}, "target": {"share": 0.3}}
    terms = {"stop": "strategy", "target": "strategy"}
    where = desk(strategies={TREND: {"exits": exits, "protective": terms}})
    carried = replace(
        Carried.nothing((1, 2)),
        stop_distance=np.array([[6.5, 0.0]]),
        target_distance=np.array([[30.0, 0.0]]),
    )
    order = placed(where, carried=carried)
    assert (order.order_type, order.stop_price, order.target_price) == ("oco", Decimal("93.5"), Decimal(130))
    [none] = planned(where, 50, 50)
    assert (none.action, none.words) == ("none", "its strategy has set no stop for it")


def rests(where: Desk, held: int = 50, filled: int = 0, **changed: Any) -> Resting:
    """What an earlier decision has placed."""
    order = replace(placed(where, held), client_order_id="before", **changed)
    return Resting(order, Decimal(filled))


@pytest.mark.parametrize(
    ("held", "wanted", "sent", "filled", "action", "units"),
    [
        (50, 50, 50, 0, "keep", None),
        (50, 60, 50, 0, "keep", None),  # what is bought is protected by the next decision
        (40, 40, 50, 10, "keep", None),  # executed in part: the rest rests
        (40, 40, 50, 0, "replace", 40),  # sold otherwise
        (60, 60, 50, 0, "replace", 60),
        (50, 20, 50, 0, "replace", 20),  # the order that sells 30 goes out with it
        (50, 0, 50, 0, "cancel", None),
        (50, -10, 50, 0, "cancel", None),
    ],
)
def test_what_rests_follows_the_position(
    held: int, wanted: int, sent: int, filled: int, action: str, units: int | None
) -> None:
    where = desk(**AT_2_PCT)
    [one] = planned(where, held, wanted, (rests(where, sent, filled),))
    assert (one.action, one.resting) == (action, "before")
    assert (one.order and one.order.quantity) == units


def test_after_a_split_what_rested_is_placed_anew_in_the_new_units() -> None:
    where = desk(**AT_2_PCT)
    before = rests(where, 25, stop_price=Decimal(196))  # 25 at 200 have become 50 at 100
    [one] = planned(where, 50, 50, (before,))
    assert one.action == "replace"
    assert one.order is not None
    assert (one.order.quantity, one.order.stop_price) == (50, 98)


def test_of_two_that_rest_for_one_position_one_is_cancelled() -> None:
    where = desk(**AT_2_PCT)
    first = rests(where)
    second = Resting(replace(first.order, client_order_id="second"))
    plan = planned(where, 50, 50, (first, second))
    assert [(one.action, one.resting) for one in plan] == [("keep", "before"), ("cancel", "second")]


def test_what_rests_for_a_position_that_is_gone_is_cancelled() -> None:
    where = desk(**AT_2_PCT)
    before = rests(where)
    [one] = plan_protection(
        where, state(), day([HOLD, HOLD]), np.zeros((1, 2)), Carried.nothing((1, 2)), (before,)
    )
    assert (one.action, one.resting) == ("cancel", "before")


def test_without_the_key_what_rested_is_cancelled() -> None:
    [one] = planned(desk(), 50, 50, (rests(desk(**AT_2_PCT)),))
    assert (one.action, one.resting) == ("cancel", "before")


@pytest.mark.parametrize(
    ("held", "price", "cause"),
    [
        (50, 98.01, Cause.NONE),
        (50, 98.0, Cause.STOP),
        (-50, 102.0, Cause.STOP),
        (50, 110.0, Cause.TARGET),
        (-50, 90.0, Cause.TARGET),
    ],
)
def test_a_position_past_its_stop_or_target_at_the_close_is_left_at_the_next_open(
    held: int, price: float, cause: Cause
) -> None:
    wide = {TREND: {"exits": {"stop": {"share": 0.5}, "target": {"share": 0.9}}}}
    where = desk(strategies=wide, protective={"stop": 0.02, "target": 0.1})
    today = day([HOLD, HOLD], price=np.array([price, 200.0]))
    wanted = targets(where, state((TREND, "GLD", held)), today)
    assert wanted.cause[0, 0] == cause
    assert (wanted.quantity[0, 0] == 0) == (cause != Cause.NONE)


def test_a_stop_nearer_than_a_tick_does_not_rest_and_the_words_say_so() -> None:
    [one] = planned(desk(protective={"stop": 0.00005}), 50, 50)
    assert one.action == "none"
    assert one.words == "a stop 0.005 from the entry 100 is nearer than a tick of 0.01"


def netted(first: int, second: int, after: tuple[int, int] | None = None) -> tuple[Protected, ...]:
    """Two strategies hold gold."""
    where = two_strategies(desk(**AT_2_PCT))
    held = state(("trend", "GLD", first), ("carry", "GLD", second))
    wanted = (first, second) if after is None else after
    quantity = np.array([[float(wanted[0]), 0.0], [float(wanted[1]), 0.0]])
    return plan_protection(where, held, day([HOLD] * 2, [HOLD] * 2), quantity, Carried.nothing((2, 2)), ())


def units_of(plan: tuple[Protected, ...]) -> dict[str, int]:
    return {one.strategy: int(one.order.quantity) if one.order else 0 for one in plan}


@pytest.mark.parametrize(
    ("held", "after", "units"),
    [
        ((100, 50), None, {"trend": 100, "carry": 50}),
        ((100, -40), None, {"trend": 60, "carry": 0}),  # the broker holds 60
        ((100, -100), None, {"trend": 0, "carry": 0}),
        ((-30, 100), None, {"trend": 0, "carry": 70}),
        ((100, 50), (100, 0), {"trend": 100}),
        ((100, 50), (100, -70), {"trend": 30}),  # once the other is filled the broker holds 30
    ],
)
def test_no_more_rests_than_the_broker_holds_whoever_holds_it(
    held: tuple[int, int], after: tuple[int, int] | None, units: dict[str, int]
) -> None:
    plan = netted(*held, after)
    assert units_of(plan) == units
    short = [one for one in plan if not units[one.strategy]]
    assert all(one.words.startswith("other positions of the book net it") for one in short)


def test_a_strategy_may_have_terms_of_its_own_and_none() -> None:
    own = {TREND: {"protective": {"stop": 0.05}}}
    assert placed(desk(strategies=own, **AT_2_PCT)).stop_price == 95
    assert planned(desk(strategies={TREND: {"protective": {}}}, **AT_2_PCT), 50, 50) == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"protective": {"target": 0.1}}, "found without a stop"),
        ({"protective": {"stop": 1.2}}, r"protective\.stop: found 1\.2; input should be less than 1$"),
        ({"protective": {"stop": "near"}}, r"protective\.stop: found 'near'; input should be 'strategy'$"),
        ({"protective": {"stop": "strategy"}}, "has no stop among its exits"),
        (
            {"strategies": {TREND: {"exits": {"stop": {"share": 0.1}}}}, "protective": {"stop": "strategy",
             "target": "strategy"}},
            "has no target among its exits",
        ),
    ],
)  # fmt: skip
def test_terms_that_protect_less_than_they_say_are_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        desk(**changed)


units = st.integers(-60, 60)


@given(st.lists(st.tuples(units, units), min_size=2, max_size=2), st.lists(st.integers(1, 60), max_size=3))
def test_whatever_is_held_and_rests_a_plan_never_rests_more_than_the_book_holds(
    positions: list[tuple[int, int]], before: list[int]
) -> None:
    where = two_strategies(desk(**AT_2_PCT))
    names = ("trend", "carry")
    held = state(*((name, "GLD", now) for name, (now, _) in zip(names, positions, strict=True) if now))
    quantity = np.array([[float(after), 0.0] for _, after in positions])
    one = placed(desk(**AT_2_PCT))
    rest = tuple(
        Resting(
            replace(
                one,
                client_order_id=f"before-{n}",
                quantity=Decimal(size),
                intents=(replace(one.intents[0], strategy=names[n % 2], quantity=Decimal(-size)),),
            )
        )
        for n, size in enumerate(before)
    )
    today = day([HOLD] * 2, [HOLD] * 2)
    plan = plan_protection(where, held, today, quantity, Carried.nothing((2, 2)), rest)
    # Each order that rests is spoken of once, and each position has at most one that rests afterwards.
    assert sorted(one.resting for one in plan if one.resting) == sorted(one.name for one in rest)
    standing: dict[str, list[Order]] = defaultdict(list)
    for said in plan:
        if said.action == "keep":
            standing[said.strategy].append(next(one.order for one in rest if one.name == said.resting))
        elif said.order is not None:
            standing[said.strategy].append(said.order)
    assert all(len(orders) == 1 for orders in standing.values())
    for side, sign in (("sell", 1), ("buy", -1)):
        total = sum(int(one.quantity) for orders in standing.values() for one in orders if one.side == side)
        now, after = (sum(pair[at] for pair in positions) for at in (0, 1))
        assert total <= max(min(sign * now, sign * after), 0)
    # What a plan leaves is what the next plan keeps.
    again = tuple(Resting(one) for orders in standing.values() for one in orders)
    following = plan_protection(where, held, today, quantity, Carried.nothing((2, 2)), again)
    assert {one.action for one in following if one.resting} <= {"keep"}
