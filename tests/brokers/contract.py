"""What every broker promises: a test class that the tests of each broker inherit."""

from dataclasses import replace
from decimal import Decimal

import pytest

from nightdesk.brokers import Broker, DuplicateOrder, OrderState, RejectedOrder
from nightdesk.errors import Refused
from nightdesk.execution.orders import Order


class BrokerContract:
    """Inherit it and give the fixtures `broker` (an account without positions), `capital` and `order`."""

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

    def test_the_clock_knows_its_time_zone(self, broker: Broker) -> None:
        assert broker.clock().tzinfo is not None

    def test_a_new_account_holds_its_cash_alone(self, broker: Broker, capital: Decimal) -> None:
        assert broker.account().cash == capital
        assert dict(broker.positions()) == {}
