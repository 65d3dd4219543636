"""What every broker promises: a test class that the tests of each broker inherit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import get_args

import pytest

from nightdesk.brokers import Broker, DuplicateOrder, OrderState, RejectedOrder
from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.orders.order import Order, OrderType, TimeInForce

#: Lets the market open for what was ordered, at a price and for so many units at most (None: for all).
OpenMarket = Callable[[float, int | None], None]

TYPES_AND_TIMES = [(one, other) for one in get_args(OrderType) for other in get_args(TimeInForce)]


class BrokerContract:
    """Inherit it and give the fixtures that it asks for.

    `book` names the account, `broker` is that account without positions, `capital` its cash, `order` a
    purchase of 100 units at the market that the next session brings, `open_market` that session, and `sent`
    counts the orders that reached the broker.
    """

    def test_an_order_is_known_by_its_client_order_id(self, broker: Broker, order: Order) -> None:
        assert broker.order_by_client_id(order.client_order_id) is None
        broker.submit(order)
        known = broker.order_by_client_id(order.client_order_id)
        assert known is not None
        assert (known.symbol, known.side, known.quantity) == (order.symbol, order.side, order.quantity)
        assert known.state is OrderState.ACCEPTED
        assert [one.client_order_id for one in broker.open_orders()] == [order.client_order_id]

    def test_a_client_order_id_is_taken_once(self, broker: Broker, order: Order) -> None:
        broker.submit(order)
        with pytest.raises(DuplicateOrder):
            broker.submit(replace(order, quantity=order.quantity * 2))
        known = broker.order_by_client_id(order.client_order_id)
        assert known is not None
        assert known.quantity == order.quantity

    def test_a_cancelled_order_is_open_no_more_and_can_be_cancelled_again(
        self, broker: Broker, order: Order
    ) -> None:
        broker.submit(order)
        assert broker.cancel(order.client_order_id).state is OrderState.CANCELLED
        assert broker.cancel(order.client_order_id).state is OrderState.CANCELLED
        assert list(broker.open_orders()) == []

    def test_an_unknown_order_cannot_be_cancelled(self, broker: Broker) -> None:
        with pytest.raises(Refused, match="has no order nobody-sent-this"):
            broker.cancel("nobody-sent-this")

    def test_an_impossible_order_is_rejected_with_the_answer(self, broker: Broker, order: Order) -> None:
        with pytest.raises(RejectedOrder) as raised:
            broker.submit(replace(order, quantity=Decimal("0.5")))
        assert raised.value.answer
        assert broker.order_by_client_id(order.client_order_id) is None

    @pytest.mark.parametrize(("order_type", "time_in_force"), TYPES_AND_TIMES)
    @pytest.mark.parametrize("quantity", ["2", "0.5"])
    @pytest.mark.parametrize("asset_class", ["etf", "crypto"])
    def test_it_takes_what_it_says_it_can_do_and_rejects_everything_else_unsent(
        self,
        broker: Broker,
        book: Book,
        order: Order,
        sent: Callable[[], int],
        order_type: OrderType,
        time_in_force: TimeInForce,
        quantity: str,
        asset_class: str,
    ) -> None:
        symbol, instrument = next(
            (symbol, one) for symbol, one in book.universe.items() if one.asset_class == asset_class
        )
        wanted = replace(
            order,
            symbol=symbol,
            quantity=Decimal(quantity),
            order_type=order_type,
            time_in_force=time_in_force,
            limit_price=Decimal("100.00") if order_type == "limit" else None,
            stop_price=Decimal("95.00") if order_type in ("stop", "bracket", "oco") else None,
            target_price=Decimal("120.00") if order_type in ("bracket", "oco") else None,
        )
        fault = broker.capabilities.fault_of(wanted, instrument)
        if fault is None:
            assert not broker.submit(wanted).state.ended or time_in_force == "ioc"
            assert sent() == 1
        else:
            with pytest.raises(RejectedOrder, match=r"account .* refuses"):
                broker.submit(wanted)
            assert sent() == 0

    def test_a_symbol_that_is_not_in_the_book_is_rejected_unsent(
        self, broker: Broker, order: Order, sent: Callable[[], int]
    ) -> None:
        with pytest.raises(RejectedOrder, match="symbol NVDA is not traded here"):
            broker.submit(replace(order, symbol="NVDA"))
        assert sent() == 0

    def test_an_execution_moves_positions_and_cash_by_what_it_says(
        self, broker: Broker, order: Order, capital: Decimal, open_market: OpenMarket
    ) -> None:
        broker.submit(order)
        open_market(100.0, None)
        known = broker.order_by_client_id(order.client_order_id)
        assert known is not None
        assert (known.state, known.filled) == (OrderState.FILLED, order.quantity)
        fills = broker.fills_since(order.as_of)
        assert sum(fill.quantity for fill in fills) == order.quantity
        assert {(fill.client_order_id, fill.symbol, fill.side) for fill in fills} == {
            (order.client_order_id, order.symbol, order.side)
        }
        assert dict(broker.positions()) == {order.symbol: order.quantity}
        assert broker.account().cash == capital - sum(fill.notional + fill.commission for fill in fills)
        assert list(broker.open_orders()) == []

    def test_a_partial_execution_shows_in_the_order_and_in_the_account(
        self, broker: Broker, order: Order, capital: Decimal, open_market: OpenMarket
    ) -> None:
        broker.submit(order)
        open_market(100.0, 40)
        known = broker.order_by_client_id(order.client_order_id)
        assert known is not None
        assert known.filled == 40
        assert known.state in (OrderState.PARTIALLY_FILLED, OrderState.EXPIRED)
        [fill] = broker.fills_since(order.as_of)
        assert fill.quantity == 40
        assert dict(broker.positions()) == {order.symbol: Decimal(40)}
        assert broker.account().cash == capital - fill.notional - fill.commission

    def test_executions_are_told_again_with_the_same_ids_and_only_after_the_session_asked_for(
        self, broker: Broker, order: Order, open_market: OpenMarket
    ) -> None:
        broker.submit(order)
        open_market(100.0, None)
        fills = broker.fills_since(order.as_of)
        assert list(broker.fills_since(order.as_of)) == list(fills)
        assert len({fill.execution_id for fill in fills}) == len(fills) > 0
        assert list(broker.fills_since(get_calendar().close_at(fills[-1].session))) == []

    def test_an_order_that_has_ended_is_given_back_by_a_cancel_as_it_is(
        self, broker: Broker, order: Order, open_market: OpenMarket
    ) -> None:
        broker.submit(order)
        open_market(100.0, None)
        assert broker.cancel(order.client_order_id).state is OrderState.FILLED

    def test_what_was_bought_and_sold_is_no_position(
        self, broker: Broker, order: Order, capital: Decimal, open_market: OpenMarket
    ) -> None:
        broker.submit(order)
        open_market(100.0, None)
        broker.submit(replace(order, client_order_id="back-again", side="sell"))
        open_market(101.0, None)
        assert dict(broker.positions()) == {}
        bought, sold = broker.fills_since(order.as_of)
        gain = sold.notional - bought.notional - sold.commission - bought.commission
        assert broker.account().cash == capital + gain

    def test_open_orders_come_in_the_order_in_which_they_were_received(
        self, broker: Broker, order: Order
    ) -> None:
        names = ["b-first", "a-second", "c-third"]
        for name in names:
            broker.submit(replace(order, client_order_id=name, quantity=Decimal(1)))
        assert [one.client_order_id for one in broker.open_orders()] == names

    def test_the_clock_knows_its_time_zone(self, broker: Broker) -> None:
        assert broker.clock().tzinfo is not None

    def test_a_new_account_holds_its_cash_alone(self, broker: Broker, capital: Decimal) -> None:
        assert broker.account().cash == capital
        assert dict(broker.positions()) == {}
