"""What every broker promises at which stops and targets rest: a test class that its tests inherit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from nightdesk.brokers import Broker, BrokerOrder, DuplicateOrder, OrderState
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Order, exits_id
from nightdesk.testing.broker_contract import OpenMarket

STOP, TARGET = Decimal("95.00"), Decimal("120.00")
HUNDRED = Decimal(100)


class RestingContract:
    """Inherit it and give the fixtures that it asks for.

    `broker` is an account without positions, `order` a purchase of 100 units at the market that the next
    session brings, `open_market` that session, and `trade` a price at which, with the session open, so many
    units change hands (None: as many as there are orders).
    """

    @pytest.fixture
    def bought(self, broker: Broker, order: Order, open_market: OpenMarket) -> Order:
        """The order, executed at 100 dollars."""
        broker.submit(order)
        open_market(100.0, None)
        return order

    @pytest.fixture
    def stop(self, bought: Order) -> Order:
        """A stop for what was bought."""
        return replace(
            bought,
            client_order_id="the-stop",
            side="sell",
            order_type="stop",
            time_in_force="gtc",
            stop_price=STOP,
        )

    @pytest.fixture
    def oco(self, stop: Order) -> Order:
        """A stop and a target for it."""
        return replace(stop, client_order_id="the-pair", order_type="oco", target_price=TARGET)

    @pytest.fixture(params=[TARGET, None], ids=["stop and target", "stop alone"])
    def bracket(self, broker: Broker, order: Order, request: pytest.FixtureRequest) -> Order:
        """The purchase with its exits, where a broker has that; its entry is for the next session."""
        if "bracket" not in broker.capabilities.order_types:
            pytest.skip("this broker has no brackets")
        return replace(order, order_type="bracket", stop_price=STOP, target_price=request.param)

    @pytest.mark.parametrize("kind", ["stop", "oco"])
    def test_what_rests_is_one_open_order_until_its_price_is_reached(
        self, broker: Broker, trade: OpenMarket, kind: str, request: pytest.FixtureRequest
    ) -> None:
        order: Order = request.getfixturevalue(kind)
        assert broker.submit(order).state is OrderState.ACCEPTED
        trade(96.0, None)
        trade(119.0, None)
        assert known(broker, order).state is OrderState.ACCEPTED
        [opened] = broker.open_orders()
        assert (opened.client_order_id, opened.quantity) == (order.client_order_id, HUNDRED)
        assert opened.side == "sell"
        with pytest.raises(DuplicateOrder):
            broker.submit(order)
        assert dict(broker.positions()) == {order.symbol: HUNDRED}

    @pytest.mark.parametrize(
        ("kind", "price"),
        [("stop", 94.0), ("oco", 94.0), ("oco", 121.0)],
        ids=["stop", "oco's stop", "target"],
    )
    def test_an_exit_is_executed_once_under_its_own_id_whichever_it_is(
        self, broker: Broker, trade: OpenMarket, kind: str, price: float, request: pytest.FixtureRequest
    ) -> None:
        order: Order = request.getfixturevalue(kind)
        broker.submit(order)
        for one in (price, 94.0, 121.0):
            trade(one, None)
        assert (known(broker, order).state, known(broker, order).filled) == (OrderState.FILLED, HUNDRED)
        fills = executed(broker, order)
        assert sum(one.quantity for one in fills) == 100
        assert {(one.side, one.symbol) for one in fills} == {("sell", order.symbol)}
        if price > 100:
            assert all(one.price >= TARGET for one in fills)
        else:
            assert all(one.price <= STOP for one in fills)
        assert list(broker.open_orders()) == []
        assert dict(broker.positions()) == {}

    @pytest.mark.parametrize("kind", ["stop", "oco"])
    def test_what_rests_is_cancelled_as_a_whole(
        self, broker: Broker, trade: OpenMarket, kind: str, request: pytest.FixtureRequest
    ) -> None:
        order: Order = request.getfixturevalue(kind)
        broker.submit(order)
        assert broker.cancel(order.client_order_id).state is OrderState.CANCELLED
        assert broker.cancel(order.client_order_id).state is OrderState.CANCELLED
        trade(94.0, None)
        trade(121.0, None)
        assert executed(broker, order) == []
        assert list(broker.open_orders()) == []
        assert dict(broker.positions()) == {order.symbol: HUNDRED}

    @pytest.mark.parametrize("price", [94.0, 121.0])
    def test_an_exit_that_is_executed_in_part_leaves_the_rest_to_the_pair(
        self, broker: Broker, trade: OpenMarket, oco: Order, price: float
    ) -> None:
        broker.submit(oco)
        trade(price, 40)
        assert known(broker, oco).filled == 40
        trade(94.0, None)
        trade(121.0, None)
        assert sum(one.quantity for one in executed(broker, oco)) <= 100
        left = HUNDRED - known(broker, oco).filled
        assert dict(broker.positions()) == ({oco.symbol: left} if left else {})
        assert known(broker, oco).state.ended

    def test_a_cancel_leaves_what_was_executed_before_it(
        self, broker: Broker, trade: OpenMarket, stop: Order
    ) -> None:
        broker.submit(stop)
        trade(94.0, 40)
        after = broker.cancel(stop.client_order_id)
        assert (after.state, after.filled) == (OrderState.CANCELLED, Decimal(40))
        trade(93.0, None)
        assert [one.quantity for one in executed(broker, stop)] == [40]
        assert dict(broker.positions()) == {stop.symbol: Decimal(60)}

    @pytest.mark.parametrize("price", [94.0, 121.0])
    def test_the_exits_of_a_bracket_are_an_order_of_their_own_once_its_entry_is_filled(
        self, broker: Broker, bracket: Order, open_market: OpenMarket, trade: OpenMarket, price: float
    ) -> None:
        if price > 100 and bracket.target_price is None:
            pytest.skip("it has no target")
        exits = replace(bracket, client_order_id=exits_id(bracket.client_order_id), side="sell")
        broker.submit(bracket)
        assert known(broker, bracket).state is OrderState.ACCEPTED
        open_market(100.0, None)
        assert known(broker, bracket).state is OrderState.FILLED
        [opened] = broker.open_orders()
        assert (opened.client_order_id, opened.side) == (exits.client_order_id, "sell")
        trade(price, None)
        assert (known(broker, exits).state, known(broker, exits).filled) == (OrderState.FILLED, HUNDRED)
        assert [one.side for one in executed(broker, bracket)] == ["buy"]
        assert sum(one.quantity for one in executed(broker, exits)) == 100
        assert list(broker.open_orders()) == []
        assert dict(broker.positions()) == {}

    def test_the_exits_of_a_bracket_are_cancelled_by_themselves(
        self, broker: Broker, bracket: Order, open_market: OpenMarket, trade: OpenMarket
    ) -> None:
        broker.submit(bracket)
        open_market(100.0, None)
        exits = exits_id(bracket.client_order_id)
        assert broker.cancel(exits).state is OrderState.CANCELLED
        trade(94.0, None)
        trade(121.0, None)
        assert dict(broker.positions()) == {bracket.symbol: HUNDRED}
        assert known(broker, bracket).state is OrderState.FILLED

    def test_the_exits_of_a_bracket_rest_over_many_sessions(
        self, broker: Broker, bracket: Order, open_market: OpenMarket
    ) -> None:
        broker.submit(bracket)
        for price in (100.0, 99.0, 101.0):
            open_market(price, None)
        exits = exits_id(bracket.client_order_id)
        [opened] = broker.open_orders()
        assert (opened.client_order_id, opened.quantity) == (exits, HUNDRED)
        open_market(94.0, None)
        assert dict(broker.positions()) == {}
        found = broker.order_by_client_id(exits)
        assert found is None or found.state is OrderState.FILLED  # a broker may forget what ended

    def test_an_entry_that_is_filled_in_part_takes_its_exits_with_it_when_it_ends(
        self, broker: Broker, bracket: Order, open_market: OpenMarket, trade: OpenMarket
    ) -> None:
        broker.submit(bracket)
        open_market(100.0, 40)
        broker.cancel(bracket.client_order_id)
        assert (known(broker, bracket).state.ended, known(broker, bracket).filled) == (True, Decimal(40))
        found = broker.order_by_client_id(exits_id(bracket.client_order_id))
        assert found is not None
        assert (found.state.ended, found.filled) == (True, Decimal(0))
        trade(94.0, None)
        assert dict(broker.positions()) == {bracket.symbol: Decimal(40)}

    def test_no_exit_is_left_of_an_entry_that_is_cancelled(
        self, broker: Broker, bracket: Order, open_market: OpenMarket
    ) -> None:
        broker.submit(bracket)
        assert broker.cancel(bracket.client_order_id).state is OrderState.CANCELLED
        open_market(94.0, None)
        assert list(broker.open_orders()) == []
        assert dict(broker.positions()) == {}

    def test_an_order_without_exits_has_none(self, broker: Broker, order: Order) -> None:
        broker.submit(order)
        assert broker.order_by_client_id(exits_id(order.client_order_id)) is None


def known(broker: Broker, order: Order) -> BrokerOrder:
    """What the broker knows of an order that it has."""
    found = broker.order_by_client_id(order.client_order_id)
    assert found is not None, f"no order {order.client_order_id}"
    return found


def executed(broker: Broker, order: Order) -> Sequence[Fill]:
    """The executions of an order."""
    every = broker.fills_since(order.as_of)
    return [one for one in every if one.client_order_id == order.client_order_id]
