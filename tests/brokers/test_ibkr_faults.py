"""IBKR at its worst: what is lost, late, twice, corrected or of another order, and a TWS that is away."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.brokers.ibkr_desk import at, book, broker, gateway, hasty, order
from tests.fakes.ibkr import Error, Fault, IbkrGateway, Partial

from nightdesk.brokers import DuplicateOrder, OrderState, RejectedOrder, Unreachable, Unreadable
from nightdesk.brokers.ibkr import IbkrBroker
from nightdesk.brokers.ibkr_questions import IbkrPatience
from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.orders.order import Order
from nightdesk.tws_terms import TwsAddress, TwsPatience

__all__ = ["book", "broker", "gateway", "hasty", "order"]

#: 10:00 in New York the next day.
MORNING = datetime(2024, 1, 3, 15, 0, tzinfo=UTC)

ASKS: dict[str, Callable[[IbkrBroker, Order], object]] = {
    "account": lambda broker, order: broker.account(),
    "positions": lambda broker, order: broker.positions(),
    "clock": lambda broker, order: broker.clock(),
    "order_by_client_id": lambda broker, order: broker.order_by_client_id(order.client_order_id),
    "open_orders": lambda broker, order: broker.open_orders(),
    "orders_since": lambda broker, order: broker.orders_since(order.as_of),
    "fills_since": lambda broker, order: broker.fills_since(order.as_of),
    "submit": lambda broker, order: broker.submit(replace(order, client_order_id="another")),
    "cancel": lambda broker, order: broker.cancel(order.client_order_id),
}


def placed(gateway: IbkrGateway) -> int:
    """How many orders arrived."""
    return len(gateway.orders)


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.SILENT_AFTER])
def test_an_order_whose_word_is_lost_is_unknown_and_found_before_the_next_send(
    hasty: IbkrBroker, gateway: IbkrGateway, order: Order, fault: Fault
) -> None:
    gateway.script("order", fault)
    with pytest.raises(Unreachable):
        hasty.submit(order)
    assert placed(gateway) == 1
    known = hasty.order_by_client_id(order.client_order_id)
    assert known is not None
    assert known.state is OrderState.ACCEPTED
    with pytest.raises(DuplicateOrder):
        hasty.submit(order)
    assert placed(gateway) == 1


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.SILENT_BEFORE])
def test_an_order_that_never_arrived_is_unknown_and_sent_by_the_next_attempt(
    hasty: IbkrBroker, gateway: IbkrGateway, order: Order, fault: Fault
) -> None:
    gateway.script("order", fault)
    with pytest.raises(Unreachable):
        hasty.submit(order)
    assert placed(gateway) == 0
    assert hasty.order_by_client_id(order.client_order_id) is None
    assert hasty.submit(order).state is OrderState.ACCEPTED
    assert placed(gateway) == 1


def test_an_order_is_found_by_a_broker_of_another_process(
    book: Book, gateway: IbkrGateway, order: Order
) -> None:
    one = at(gateway, book)
    gateway.script("order", Fault.DROP_AFTER)
    with pytest.raises(Unreachable):
        one.submit(order)
    one.close()
    other = at(gateway, book)
    with pytest.raises(DuplicateOrder):
        other.submit(order)
    other.close()
    assert placed(gateway) == 1


#: TWS names a question in an error by its number, which the lists of orders have not.
LOST_LISTS = [
    *(
        (request, fault)
        for request in ("reqAllOpenOrders", "reqCompletedOrders", "reqExecutions")
        for fault in (Fault.DROP_BEFORE, Fault.SILENT_AFTER, Fault.TRUNCATED)
    ),
    ("reqExecutions", Error(321, "no")),
]


@pytest.mark.parametrize(("request_", "fault"), LOST_LISTS)
def test_without_one_of_the_lists_nothing_is_sent(
    hasty: IbkrBroker, gateway: IbkrGateway, order: Order, request_: str, fault: Fault | Error
) -> None:
    gateway.script(request_, fault)
    with pytest.raises((Unreachable, Unreadable)):
        hasty.submit(order)
    assert placed(gateway) == 0


def test_notice_10349_is_no_cancel(broker: IbkrBroker, gateway: IbkrGateway, order: Order) -> None:
    gateway.script("order", Fault.TIF_NOTICE)
    assert broker.submit(order).state is OrderState.ACCEPTED
    gateway.open_market({"SPY": 100.0})
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert known.state is OrderState.FILLED


@pytest.mark.parametrize(
    "fault", [Fault.STATUS_TWICE, Fault.STATUS_FIRST, Fault.EXECUTION_FIRST, Fault.EXECUTION_TWICE]
)
def test_in_whichever_order_and_however_often_words_come_the_order_is_one(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order, fault: Fault
) -> None:
    gateway.now = MORNING
    gateway.script("order", fault)
    broker.submit(order)
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert (known.state, known.filled) == (OrderState.FILLED, 100)
    assert [fill.quantity for fill in broker.fills_since(order.as_of)] == [100]


def test_an_execution_counts_though_the_status_of_its_order_is_of_before(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.submit(order)
    gateway.open_market({"SPY": 100.0}, volume={"SPY": 40})
    gateway.script("reqAllOpenOrders", Fault.STALE)
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert (known.state, known.filled) == (OrderState.PARTIALLY_FILLED, 40)


def test_order_numbers_that_tws_begins_anew_mix_nothing_up(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.submit(order)
    gateway.open_market({"SPY": 100.0})
    gateway.now = MORNING + timedelta(hours=7)
    gateway.reset_order_ids()
    broker.close()
    later = replace(order, client_order_id="later", quantity=Decimal(7))
    broker.submit(later)
    first, second = gateway.orders
    gateway.reset_order_ids()
    broker.close()
    assert second.order_id <= first.order_id
    known = {one.client_order_id: one for one in broker.orders_since(order.as_of)}
    assert {name: (one.state, one.quantity, one.filled) for name, one in known.items()} == {
        order.client_order_id: (OrderState.FILLED, 100, 100),
        "later": (OrderState.ACCEPTED, 7, 0),
    }
    assert broker.cancel("later").state is OrderState.CANCELLED
    assert [one.status for one in gateway.orders] == ["Filled", "Cancelled"]


def test_two_orders_under_one_reference_are_told_and_neither_is_believed(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.submit(order)
    gateway.copy_of(order.client_order_id)
    numbers = ", ".join(str(one.perm_id) for one in gateway.orders)
    for ask in ("order_by_client_id", "open_orders", "cancel"):
        with pytest.raises(
            Unreadable, match=rf"several orders under the reference .*\(permanent ids {numbers}"
        ):
            ASKS[ask](broker, order)
    with pytest.raises(Unreadable):
        broker.submit(order)
    assert placed(gateway) == 2
    first, second = gateway.orders
    gateway.cancel(second.client_id, second.order_id)
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert known.answer["perm_id"] == first.perm_id
    with pytest.raises(DuplicateOrder):
        broker.submit(order)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("code", [110, 200, 201, 202, 203, 321])
def test_an_error_that_refuses_an_order_rejects_it(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order, code: int, kept: bool
) -> None:
    gateway.script("order", Error(code, "no, thank you", kept=kept))
    with pytest.raises(RejectedOrder, match=rf"no, thank you \({code}\)") as raised:
        broker.submit(order)
    assert raised.value.answer["code"] == code
    known = broker.order_by_client_id(order.client_order_id)
    assert (known is not None and known.state is OrderState.REJECTED) if kept else known is None


def test_an_order_that_ibkr_refused_later_is_told_as_rejected(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.submit(order)
    gateway.reject(order.client_order_id, "the margin is not enough")
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert (known.state, known.filled) == (OrderState.REJECTED, 0)
    assert "the margin is not enough" in known.answer["words"]


def test_an_error_that_does_not_say_whether_the_order_is_there_leaves_it_unknown(
    hasty: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.script("order", Error(10318, "something new"))
    with pytest.raises(Unreadable, match=r"IBKR said of it: something new \(10318\)"):
        hasty.submit(order)


def test_a_margin_that_ibkr_does_not_tell_keeps_the_order_here(
    hasty: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.script("what-if", Fault.SILENT_AFTER)
    with pytest.raises(Unreachable, match="the margin of an order"):
        hasty.submit(order)
    assert placed(gateway) == 0


def test_an_api_that_may_only_read_sends_nothing(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.read_only = True
    with pytest.raises(RejectedOrder, match="Read-Only mode"):
        broker.submit(order)
    assert placed(gateway) == 0


def test_a_status_that_ibkr_does_not_describe_is_unreadable(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.submit(order)
    gateway.script("reqAllOpenOrders", Fault.UNKNOWN_STATUS)
    with pytest.raises(Unreadable, match="its status 'InLimbo' is none that IBKR describes"):
        broker.order_by_client_id(order.client_order_id)


def test_a_commission_that_is_late_is_pending_and_told_with_the_same_execution(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.now = MORNING
    gateway.script("order", Fault.COMMISSION_LATE)
    broker.submit(order)
    (pending,) = broker.fills_since(order.as_of)
    assert (pending.commission, pending.commission_pending) == (0, True)
    gateway.release_commissions()
    (complete,) = broker.fills_since(order.as_of)
    assert (complete.commission, complete.commission_pending) == (1, False)
    assert replace(complete, commission=pending.commission, commission_pending=True) == pending


def test_a_correction_counts_in_place_of_what_it_corrects(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.submit(order)
    gateway.open_market({"SPY": 100.0})
    (first,) = broker.fills_since(order.as_of)
    second = gateway.correct(first.execution_id, price=100.5, units=90)
    third = gateway.correct(first.execution_id, units=100)
    told = {fill.execution_id: fill for fill in broker.fills_since(order.as_of)}
    assert list(told) == [first.execution_id, second, third]
    assert told[first.execution_id] == first
    assert [told[name].corrects for name in (second, third)] == [first.execution_id] * 2
    assert (told[second].quantity, told[second].price) == (90, Decimal("100.5"))
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert (known.state, known.filled) == (OrderState.FILLED, 100)


@pytest.mark.parametrize("fault", [Fault.NEGATIVE_FILL, Fault.UNKNOWN_ORDER, Fault.WRONG_SYMBOL])
def test_what_is_impossible_is_given_as_it_came(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order, fault: Fault
) -> None:
    broker.submit(order)
    gateway.open_market({"SPY": 100.0})
    gateway.script("reqExecutions", fault)
    (fill,) = broker.fills_since(order.as_of)
    assert (fill.quantity, fill.client_order_id, fill.symbol) == {
        Fault.NEGATIVE_FILL: (-100, order.client_order_id, "SPY"),
        Fault.UNKNOWN_ORDER: (100, "another", "SPY"),
        Fault.WRONG_SYMBOL: (100, order.client_order_id, "WRONG"),
    }[fault]


def test_a_partial_execution_on_arrival_is_one(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.now = MORNING
    gateway.script("order", Partial(30))
    broker.submit(order)
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert (known.state, known.filled) == (OrderState.PARTIALLY_FILLED, 30)


@pytest.mark.parametrize("login", ["hangs", "closes", "no account"])
def test_a_login_that_is_over_is_silence_within_seconds(
    book: Book, gateway: IbkrGateway, order: Order, login: str
) -> None:
    gateway.login = login
    address = TwsAddress("127.0.0.1", gateway.port, 7)
    broker = IbkrBroker(book, address, gateway.account, line_patience=TwsPatience(connect=0.5, in_use=0.0))
    begun = time.monotonic()
    for ask in ASKS.values():
        with pytest.raises(Unreachable, match=r"does not finish its handshake|hung up before"):
            ask(broker, order)
    assert time.monotonic() - begun < 5 * len(ASKS)
    broker.close()


@pytest.mark.parametrize("ask", ASKS)
def test_while_tws_restarts_it_is_silent_and_afterwards_everything_is_there(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order, ask: str
) -> None:
    broker.submit(order)
    with gateway.away(), pytest.raises(Unreachable, match=r"nothing answers at|broke"):
        ASKS[ask](broker, order)
    assert [one.client_order_id for one in broker.open_orders()] == [order.client_order_id]


def test_a_tws_that_has_lost_ibkr_takes_no_order_and_nobody_waits_for_it(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.clock()
    gateway.lose_connection()
    begun = time.monotonic()
    with pytest.raises(Unreachable, match=r"TWS has no connection to IBKR .*\(1100\)"):
        broker.submit(order)
    assert time.monotonic() - begun < 15
    gateway.restore_connection()
    assert placed(gateway) == 0
    assert broker.submit(order).state is OrderState.ACCEPTED


def test_a_tws_that_loses_ibkr_while_an_order_is_under_way_leaves_it_unknown(
    hasty: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.script("order", Fault.SILENT_BEFORE)
    with pytest.raises(Unreachable):
        hasty.submit(order)
    gateway.lose_connection()
    with pytest.raises(Unreachable):
        hasty.order_by_client_id(order.client_order_id)
    gateway.restore_connection(data_lost=True)
    assert hasty.submit(order).state is OrderState.ACCEPTED
    assert placed(gateway) == 1


def test_a_port_that_was_reset_is_silence(broker: IbkrBroker, gateway: IbkrGateway, order: Order) -> None:
    broker.clock()
    gateway.reset_port()
    with pytest.raises(Unreachable, match="nothing answers at"):
        broker.clock()


def test_a_client_id_of_somebody_else_is_waited_for_and_then_named(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.occupied.add(7)
    with pytest.raises(Unreachable, match="client id 7 is in use"):
        broker.submit(order)
    gateway.occupied.clear()
    assert broker.submit(order).state is OrderState.ACCEPTED


def test_news_of_data_farms_are_no_fault(broker: IbkrBroker, gateway: IbkrGateway, order: Order) -> None:
    broker.clock()
    for code in (2103, 2105, 2107, 2108, 2110):
        gateway.notice(code)
    assert broker.submit(order).state is OrderState.ACCEPTED


def test_shares_that_are_being_located_leave_a_working_order(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.now = MORNING
    gateway.script("order", Fault.LOCATE)
    assert broker.submit(replace(order, side="sell")).state is OrderState.ACCEPTED
    gateway.release_locates()
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert known.state is OrderState.FILLED


def test_an_order_of_another_client_is_left_to_it(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.by_hand("SPY", "BUY", 3, order_ref="theirs", client_id=99)
    with pytest.raises(Refused, match="was sent by client id 99, and IBKR lets client id 7 not cancel it"):
        broker.cancel("theirs")


@pytest.mark.parametrize(
    "fault", [Error(10147, "not found"), Error(10148, "cannot be cancelled"), Fault.SILENT_AFTER]
)
def test_after_a_cancel_the_lists_say_what_became_of_the_order(
    hasty: IbkrBroker, gateway: IbkrGateway, order: Order, fault: Error | Fault
) -> None:
    hasty.submit(order)
    gateway.script("cancelOrder", fault)
    state = hasty.cancel(order.client_order_id).state
    assert state is (OrderState.CANCELLED if fault is Fault.SILENT_AFTER else OrderState.ACCEPTED)


#: What each call asks of TWS, beside the handshake.
ASKED = {
    "account": ("reqAccountSummary", "reqCurrentTime"),
    "positions": ("reqPositions", "reqCurrentTime"),
    "clock": ("reqCurrentTime",),
    "order_by_client_id": ("reqAllOpenOrders", "reqCompletedOrders", "reqExecutions"),
    "fills_since": ("reqExecutions",),
    "submit": ("reqExecutions", "reqContractDetails", "what-if", "order"),
    "cancel": ("reqAllOpenOrders", "cancelOrder"),
}
CALLS = [(ask, request) for ask, requests in ASKED.items() for request in (*requests, "handshake")]


@pytest.mark.parametrize(("ask", "request_"), CALLS)
@pytest.mark.parametrize(
    "fault", [Fault.DROP_BEFORE, Fault.DROP_AFTER, Fault.TRUNCATED, Fault.SILENT_BEFORE, Fault.SILENT_AFTER]
)
def test_every_call_ends_however_tws_falls_silent_and_the_next_one_is_whole(
    book: Book, gateway: IbkrGateway, order: Order, ask: str, request_: str, fault: Fault
) -> None:
    broker = at(gateway, book)
    broker.submit(order)
    broker.close()
    impatient = IbkrBroker(
        book,
        TwsAddress("127.0.0.1", gateway.port, 7),
        gateway.account,
        patience=IbkrPatience(confirm=0.4, commission=0.1, shortable=0.4),
        line_patience=TwsPatience(connect=0.8, in_use=0.0, answer=0.4),
    )
    gateway.always(request_, fault)
    begun = time.monotonic()
    # A cancel that is answered by nothing is looked for in the lists.
    with suppress(Unreachable, Unreadable):
        ASKS[ask](impatient, order)
    assert time.monotonic() - begun < 30
    impatient.close()
    gateway.heal()
    assert {one.client_order_id for one in broker.open_orders()} <= {order.client_order_id, "another"}
    with suppress(DuplicateOrder):
        broker.submit(replace(order, client_order_id="another"))
    broker.close()
    assert sorted(one.order_ref for one in gateway.orders) == sorted([order.client_order_id, "another"])
