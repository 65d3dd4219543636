"""Orders that rest at the paper broker: scenarios of a stop, or of an oco, and the bar that it meets."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.orders import FillBars, FillTerms, Intent, Order, Terms, open_session
from nightdesk.orders.fills import reaches_both
from nightdesk.orders.order import leg_filled
from nightdesk.orders.resting import Resting, rest_of

SESSION = date(2020, 3, 17)
TERMS = FillTerms(
    {"GLD": Terms(commission=Decimal("0.0010"), slippage=Decimal("0.0005"), unit=Decimal(1))},
    max_volume_share=Decimal("0.10"),
)


def resting(
    side: Literal["buy", "sell"], stop: str, target: str | None = None, quantity: str = "10"
) -> Order:
    signed = Decimal(quantity) if side == "buy" else -Decimal(quantity)
    return Order(
        client_order_id=f"rests-{side}",
        book="one",
        session=date(2020, 3, 16),
        as_of=datetime(2020, 3, 16, 20, tzinfo=UTC),
        symbol="GLD",
        side=side,
        quantity=Decimal(quantity),
        purpose="protect trend",
        reference_price=Decimal(100),
        intents=(Intent("trend", "GLD", signed),),
        order_type="stop" if target is None else "oco",
        time_in_force="gtc",
        stop_price=Decimal(stop),
        target_price=None if target is None else Decimal(target),
    )


def bar(opened: float, low: float, high: float, volume: float = 1e6) -> FillBars:
    return FillBars(SESSION, {"GLD": opened}, {"GLD": volume}, {"GLD": low}, {"GLD": high})


@pytest.mark.parametrize(
    ("order", "met", "price", "leg"),
    [
        (resting("sell", "98"), bar(100, 98.01, 101), None, None),
        (resting("sell", "98"), bar(100, 98, 101), "97.951000", "stop"),
        (resting("sell", "98"), bar(100, 90, 101), "97.951000", "stop"),
        (resting("sell", "98"), bar(98, 98, 101), "97.951000", "stop"),
        (resting("sell", "98"), bar(95, 94, 99), "94.952500", "stop"),  # a gap: at the open
        (resting("sell", "98"), bar(100, math.nan, math.nan), None, None),
        (resting("buy", "102"), bar(100, 99, 101.99), None, None),
        (resting("buy", "102"), bar(100, 99, 102), "102.051000", "stop"),
        (resting("buy", "102"), bar(105, 104, 106), "105.052500", "stop"),
        (resting("sell", "98", "110"), bar(100, 98.5, 109.99), None, None),
        (resting("sell", "98", "110"), bar(100, 98.5, 110), "110.000000", "target"),  # a limit: no slippage
        (resting("sell", "98", "110"), bar(100, 97, 109), "97.951000", "stop"),
        (resting("sell", "98", "110"), bar(100, 97, 112), "97.951000", "stop"),  # both: the stop
        (resting("sell", "98", "110"), bar(112, 111, 113), "111.944000", "target"),
        (resting("sell", "98", "110"), bar(110, 95, 113), "110.000000", "target"),  # the open came first
        (resting("sell", "98", "110"), bar(97, 96, 113), "96.951500", "stop"),
        (resting("buy", "102", "90"), bar(100, 90, 101), "90.000000", "target"),
        (resting("buy", "102", "90"), bar(100, 89, 103), "102.051000", "stop"),
        (resting("buy", "102", "90"), bar(88, 87, 103), "88.044000", "target"),
    ],
)
def test_what_rests_fills_where_its_bar_reaches_it_and_rests_on_elsewhere(
    order: Order, met: FillBars, price: str | None, leg: str | None
) -> None:
    fills, expired = open_session([order], met, TERMS)
    assert expired == ()
    assert [one.price for one in fills] == ([] if price is None else [Decimal(price)])
    assert [leg_filled(order, one.price) for one in fills] == ([] if leg is None else [leg])
    mirrored = {one.side for one in fills} <= {order.side}
    assert mirrored


def test_of_a_bar_that_reaches_stop_and_target_it_is_said_that_nobody_knows_which_came_first() -> None:
    both = resting("sell", "98", "110")
    assert reaches_both(both, bar(100, 97, 112))
    assert not reaches_both(both, bar(100, 97, 109))
    assert not reaches_both(both, bar(97, 96, 113))  # the open says it
    assert not reaches_both(resting("sell", "98"), bar(100, 97, 112))


def test_a_bar_that_failed_its_checks_reaches_nothing_and_a_bad_open_is_no_price() -> None:
    met = bar(100, math.nan, math.nan)
    assert open_session([resting("sell", "98")], replace(met, withheld=frozenset({"GLD"})), TERMS) == ((), ())
    gap = replace(bar(50, 49, 51), bad={"GLD": "beyond the jump limit"})
    assert open_session([resting("sell", "98")], gap, TERMS) == ((), ())


def test_what_rests_meets_the_volume_after_the_orders_of_the_decision_and_what_is_left_rests_on() -> None:
    stop = resting("sell", "98", quantity="60")
    sale = replace(
        stop,
        client_order_id="sale",
        quantity=Decimal(40),
        order_type="market",
        time_in_force="day",
        stop_price=None,
        intents=(Intent("trend", "GLD", Decimal(-40)),),
    )
    fills, expired = open_session([stop, sale], bar(95, 94, 96, volume=700), TERMS)
    assert [(one.client_order_id, one.quantity) for one in fills] == [("sale", 40), ("rests-sell", 30)]
    assert expired == ()
    assert rest_of(stop, Decimal(30)).quantity == 30
    assert rest_of(stop, Decimal(30)).intents == (Intent("trend", "GLD", Decimal(-30)),)


def test_executions_of_one_session_have_an_id_each() -> None:
    stop = resting("sell", "98", quantity="60")
    [first], _ = open_session([stop], bar(95, 94, 96, volume=300), TERMS)
    [second], _ = open_session([rest_of(stop, first.quantity)], bar(95, 94, 96, volume=900), TERMS)
    assert (first.quantity, second.quantity) == (30, 30)
    assert first.execution_id != second.execution_id
    again = replace(stop, quantity=Decimal("60.0000"))  # as a database writes it
    assert open_session([again], bar(95, 94, 96, volume=300), TERMS)[0][0].execution_id == first.execution_id


def test_what_is_left_of_an_order_is_compared_with_what_is_to_rest() -> None:
    sent = resting("sell", "98", quantity="60")
    wanted = replace(rest_of(sent, Decimal(20)), client_order_id="another")
    assert Resting(sent, Decimal(20)).is_as(wanted)
    assert not Resting(sent).is_as(wanted)
    assert not Resting(sent, Decimal(20)).is_as(replace(wanted, stop_price=Decimal("97.99")))
    assert not Resting(sent, Decimal(20)).is_as(replace(wanted, order_type="oco", target_price=Decimal(110)))


prices = st.decimals("90", "110", places=2)


@given(opened=prices, one=prices, other=prices, stop=prices, target=prices)
def test_a_stop_never_fills_better_than_it_rests_and_a_target_never_worse(
    opened: Decimal, one: Decimal, other: Decimal, stop: Decimal, target: Decimal
) -> None:
    if not stop < target:
        return
    low, high = min(opened, one, other), max(opened, one, other)
    order = resting("sell", str(stop), str(target))
    fills, _ = open_session([order], bar(float(opened), float(low), float(high)), TERMS)
    reached = low <= stop or high >= target
    assert len(fills) == reached
    for fill in fills:
        if leg_filled(order, fill.price) == "stop":
            assert fill.price <= stop
            assert fill.reference_price == min(stop, opened)
        else:
            assert fill.price >= target
            assert low > stop or opened >= target
