"""Stops and targets under every bad answer: never two for one position, none after the retry, or both an exit
and a stop.

What rests is placed, cancelled and left for an exit as a step of the desk does it: after an attempt that had
no answer it asks before it sends, and an exit is sent when the word on the cancel has come. Then the price
goes to the stop and to the target: what was not protected is still there, and what was sold twice is short.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

import pytest
from tests.brokers.ibkr_desk import CLIENT_ID
from tests.conftest import PROJECT
from tests.fakes.alpaca import FakeAlpaca
from tests.fakes.ibkr import Error, IbkrGateway
from tests.fakes.ibkr import Fault as IbkrFault
from tests.matrices.broker_faults import READ_SECONDS, AlpacaFaults, BrokerFaults, IbkrFaults

from nightdesk.brokers import Broker, BrokerOrder, DuplicateOrder, OrderState, RejectedOrder, Unreadable
from nightdesk.brokers.alpaca import AlpacaBroker
from nightdesk.brokers.alpaca_http import Patience
from nightdesk.brokers.credentials import Credentials
from nightdesk.brokers.ibkr import IbkrBroker
from nightdesk.brokers.ibkr_questions import IbkrPatience
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused, Transient
from nightdesk.orders.order import Intent, Order
from nightdesk.tws_terms import TwsAddress, TwsPatience

#: 10:00 in New York on a Wednesday, after a close of 21:00 UTC the day before.
MORNING, DECIDED = datetime(2024, 1, 3, 15, 0, tzinfo=UTC), datetime(2024, 1, 2, 21, 0, tzinfo=UTC)
HELD = Decimal(100)
#: How often a step is tried, as Airflow does; of no single bad answer it needs as many.
TRIES = 6


@dataclass(frozen=True)
class Desk:
    """A position of 100 units at 100 dollars at one of the fakes, with the market open."""

    broker: Broker
    faults: BrokerFaults
    trade: Callable[[float], None]
    held: Callable[[], Decimal]
    slow: Callable[[bool], None]

    def crash_and_soar(self) -> Decimal:
        """What is held when the price was at the stop, and at the target, with every answer good."""
        self.faults.heal()
        self.trade(94.0)
        self.trade(121.0)
        return self.held()


@contextmanager
def at_alpaca() -> Iterator[Desk]:
    book = load_book(PROJECT / "books" / "multi_asset.yaml")
    book = book.model_copy(update={"broker": BrokerEntry(kind="alpaca", account="alpaca-paper")})
    with FakeAlpaca(MORNING, silence=1.5 * READ_SECONDS) as fake:
        exchange = fake.exchange
        exchange.hold("SPY", HELD, 100)
        patience = Patience(connect=READ_SECONDS, read=READ_SECONDS, tries=2, total=1.0)

        def slow(wanted: bool) -> None:
            exchange.slow_cancels = wanted
            if not wanted:
                exchange.finish_cancels()

        def held() -> Decimal:
            found = exchange.state.holdings.get("SPY")
            return Decimal(0) if found is None else found.quantity

        broker = AlpacaBroker(book, Credentials(fake.key, fake.secret, fake.url), patience)
        yield Desk(broker, AlpacaFaults(fake), lambda price: exchange.trade("SPY", price), held, slow)


@contextmanager
def at_ibkr() -> Iterator[Desk]:
    book = load_book(PROJECT / "books" / "multi_asset.yaml")
    book = book.model_copy(update={"broker": BrokerEntry(kind="ibkr", account="ibkr-paper")})
    with IbkrGateway(MORNING) as gateway:
        gateway.hold("SPY", HELD, 100)
        address = TwsAddress("127.0.0.1", gateway.port, CLIENT_ID)
        patience = IbkrPatience(confirm=1.0, commission=0.1, shortable=0.5)
        line = TwsPatience(connect=5.0, in_use=0.0, answer=1.0)

        def slow(wanted: bool) -> None:
            gateway.slow_cancels = wanted
            if not wanted:
                gateway.finish_cancels()

        def held() -> Decimal:
            found = gateway.state.positions.get("SPY")
            return Decimal(0) if found is None else found.units

        broker = IbkrBroker(book, address, gateway.account, patience=patience, line_patience=line)
        try:
            yield Desk(
                broker,
                IbkrFaults(gateway, CLIENT_ID),
                lambda price: gateway.trade("SPY", price),
                held,
                slow,
            )
        finally:
            broker.close()


DESKS = {"alpaca": at_alpaca, "ibkr": at_ibkr}
#: Answers that may be bad while something is placed, and while it is cancelled.
PLACING = {"alpaca": ("submit", "query"), "ibkr": ("submit", "query", "orders", "fills")}
CANCELLING = {"alpaca": ("cancel", "query", "order"), "ibkr": ("cancel", "query", "orders", "fills")}


def cells(endpoints: dict[str, tuple[str, ...]]) -> list[object]:
    """Every bad answer of each broker at each of its endpoints."""
    return [
        pytest.param(kind, endpoint, fault, id=f"{kind}-{endpoint}-{fault.name}")
        for kind, every in (("alpaca", AlpacaFaults), ("ibkr", IbkrFaults))
        for endpoint in endpoints[kind]
        for fault in every.every
        if isinstance(fault, Enum) and _is_met(kind, endpoint, fault)
    ]


def _is_met(kind: str, endpoint: str, fault: Enum) -> bool:
    if kind == "alpaca":
        return True
    # A locate is for what is sold short.
    return fault is not IbkrFault.LOCATE and IbkrFaults.meets(None, endpoint, fault)  # type: ignore[arg-type]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def resting(kind: str, name: str = "rests") -> Order:
    """A stop at 95 for what is held, or the pair of it and a target at 120."""
    return Order(
        name,
        "multi_asset",
        DECIDED.date(),
        DECIDED,
        "SPY",
        "sell",
        HELD,
        "protect trend",
        HELD,
        (Intent("trend", "SPY", -HELD),),
        order_type="oco" if kind == "oco" else "stop",
        time_in_force="gtc",
        stop_price=Decimal(95),
        target_price=Decimal(120) if kind == "oco" else None,
    )


def sale(units: Decimal) -> Order:
    """The exit of so many units at the market."""
    intents = (Intent("trend", "SPY", -units),)
    return replace(
        resting("stop", "exit"), quantity=units, order_type="market", time_in_force="day", stop_price=None,
        purpose="rebalance", intents=intents,
    )  # fmt: skip


def placed(desk: Desk, order: Order) -> BrokerOrder:
    """The order at the broker, sent as a step sends it: asked for before it is sent once more."""
    for attempt in range(TRIES):
        try:
            known = desk.broker.order_by_client_id(order.client_order_id) if attempt else None
            return known or desk.broker.submit(order)
        except (Transient, DuplicateOrder):
            continue
        except RejectedOrder:
            found = desk.broker.order_by_client_id(order.client_order_id)
            if found is not None:
                return found
            raise
        except Refused:  # a door that was closed once, such as a 401
            continue
    raise AssertionError("it was not placed")


def cancelled(desk: Desk, name: str) -> BrokerOrder:
    """The order when the broker has said that it ended."""
    for _ in range(TRIES):
        try:
            known = desk.broker.cancel(name)
        except (Transient, Refused):
            desk.slow(False)
            continue
        if known.state.ended:
            return known
        desk.slow(False)
    raise AssertionError("its end was not told")


@pytest.mark.parametrize("kind", ["stop", "oco"])
@pytest.mark.parametrize(("broker", "endpoint", "fault"), cells(PLACING))
def test_what_was_placed_under_a_bad_answer_rests_once(
    stack: ExitStack, broker: str, endpoint: str, fault: Enum, kind: str
) -> None:
    desk = stack.enter_context(DESKS[broker]())
    desk.faults.arm(endpoint, fault)
    known = placed(desk, resting(kind))
    desk.faults.wait_out(fault)
    assert (known.client_order_id, known.side) == ("rests", "sell")
    assert desk.crash_and_soar() == 0, "protected once"


@pytest.mark.parametrize("price", [None, 94.0, 121.0], ids=["quiet", "stop filled", "target filled"])
@pytest.mark.parametrize(("broker", "endpoint", "fault"), cells(CANCELLING))
def test_an_exit_and_what_rested_are_never_both_executed(
    stack: ExitStack, broker: str, endpoint: str, fault: Enum, price: float | None
) -> None:
    desk = stack.enter_context(DESKS[broker]())
    placed(desk, resting("oco"))
    desk.faults.arm(endpoint, fault)
    if price is not None:
        desk.trade(price)
    after = cancelled(desk, "rests")
    left = max(HELD - after.filled, Decimal(0))
    assert left == desk.held(), "what the broker said of it is so, or it said that more was sold"
    assert (left == HELD) == (price is None)
    desk.faults.heal()
    if left:
        placed(desk, sale(left))
    assert desk.crash_and_soar() == 0


@pytest.mark.parametrize("broker", DESKS)
@pytest.mark.parametrize("kind", ["stop", "oco"])
def test_a_cancel_that_is_slow_is_no_word_and_the_stop_that_fills_meanwhile_counts(
    stack: ExitStack, broker: str, kind: str
) -> None:
    desk = stack.enter_context(DESKS[broker]())
    placed(desk, resting(kind))
    desk.slow(True)
    assert not desk.broker.cancel("rests").state.ended
    desk.trade(94.0)
    desk.slow(False)
    after = cancelled(desk, "rests")
    assert (after.state, after.filled) == (OrderState.FILLED, HELD)
    assert desk.crash_and_soar() == 0


@pytest.mark.parametrize("broker", DESKS)
@pytest.mark.parametrize("kind", ["stop", "oco"])
def test_what_rests_is_replaced_by_one_at_another_price_and_never_two(
    stack: ExitStack, broker: str, kind: str
) -> None:
    desk = stack.enter_context(DESKS[broker]())
    placed(desk, resting(kind))
    cancelled(desk, "rests")
    placed(desk, replace(resting(kind, "again"), stop_price=Decimal(97)))
    desk.trade(96.0)
    assert desk.held() == 0
    assert [one.client_order_id for one in desk.broker.open_orders()] == []
    assert {one.client_order_id for one in desk.broker.fills_since(DECIDED)} == {"again"}


def test_of_a_pair_whose_target_ibkr_refuses_nothing_is_left(stack: ExitStack) -> None:
    desk = stack.enter_context(at_ibkr())
    gateway: IbkrGateway = desk.faults._gateway  # type: ignore[attr-defined]
    gateway.script("order", None)
    gateway.script("order", Error(201, "Order rejected - reason:No such price", kept=True))
    with pytest.raises(RejectedOrder, match="No such price"):
        desk.broker.submit(resting("oco"))
    assert list(desk.broker.open_orders()) == []
    known = desk.broker.order_by_client_id("rests")
    assert known is not None
    assert known.state is OrderState.REJECTED
    assert desk.crash_and_soar() == HELD


@pytest.mark.parametrize("fault", [IbkrFault.DROP_BEFORE, IbkrFault.DROP_AFTER, IbkrFault.SILENT_AFTER])
def test_a_stop_whose_target_had_no_word_protects_what_is_held(stack: ExitStack, fault: IbkrFault) -> None:
    desk = stack.enter_context(at_ibkr())
    gateway: IbkrGateway = desk.faults._gateway  # type: ignore[attr-defined]
    gateway.script("order", None)
    gateway.script("order", fault)
    known = placed(desk, resting("oco"))
    assert (known.client_order_id, known.state) == ("rests", OrderState.ACCEPTED)
    assert len(gateway.orders) == (1 if fault is IbkrFault.DROP_BEFORE else 2)
    assert cancelled(desk, "rests").state is OrderState.CANCELLED
    assert desk.crash_and_soar() == HELD


def test_a_pair_is_not_over_while_an_old_list_hides_its_stop(stack: ExitStack) -> None:
    desk = stack.enter_context(at_ibkr())
    gateway: IbkrGateway = desk.faults._gateway  # type: ignore[attr-defined]
    placed(desk, resting("oco"))
    [target] = [one for one in gateway.orders if one.kind == "LMT"]
    gateway.cancel(CLIENT_ID, target.order_id)
    gateway.always("reqAllOpenOrders", IbkrFault.EMPTY)
    with pytest.raises(Unreadable, match="its target has ended, and no list has its stop"):
        desk.broker.order_by_client_id("rests")
    gateway.heal()
    known = desk.broker.order_by_client_id("rests")
    assert known is not None
    assert known.state is OrderState.ACCEPTED
