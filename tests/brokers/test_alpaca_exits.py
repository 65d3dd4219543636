"""What becomes of stops and targets at Alpaca over weeks, and in whose name its own orders are told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.conftest import PROJECT
from tests.fakes.alpaca import FakeAlpaca, Fault
from tests.fakes.alpaca_orders import receive

from nightdesk.brokers import OrderState, RejectedOrder, Unreadable
from nightdesk.brokers.alpaca import AlpacaBroker
from nightdesk.brokers.alpaca_http import Patience
from nightdesk.brokers.credentials import Credentials
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.orders.order import Intent, Order, exits_id

DECIDED = date(2022, 3, 1)
#: 19:30 in New York the evening after.
EVENING = datetime(2022, 3, 2, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def book() -> Book:
    book = load_book(PROJECT / "books" / "multi_asset.yaml")
    return book.model_copy(update={"broker": BrokerEntry(kind="alpaca", account="alpaca-paper")})


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with FakeAlpaca(EVENING) as server:
        server.exchange.hold("SPY", 100, 100)
        yield server


def at(book: Book, fake: FakeAlpaca) -> AlpacaBroker:
    return AlpacaBroker(book, Credentials(fake.key, fake.secret, fake.url), Patience(total=3.0))


@pytest.fixture
def broker(book: Book, fake: FakeAlpaca) -> AlpacaBroker:
    return at(book, fake)


@pytest.fixture
def stop() -> Order:
    as_of = get_calendar().close_at(DECIDED)
    return Order(
        "the-stop",
        "multi_asset",
        DECIDED,
        as_of,
        "SPY",
        "sell",
        Decimal(100),
        "protect trend",
        Decimal(100),
        (Intent("trend", "SPY", Decimal(-100)),),
        order_type="stop",
        time_in_force="gtc",
        stop_price=Decimal(95),
    )


@pytest.fixture
def oco(stop: Order) -> Order:
    return replace(stop, client_order_id="the-pair", order_type="oco", target_price=Decimal(120))


def state_of(broker: AlpacaBroker, name: str) -> OrderState:
    known = broker.order_by_client_id(name)
    assert known is not None
    return known.state


def test_a_pair_is_sent_as_a_target_with_a_stop_beside_it(
    broker: AlpacaBroker, fake: FakeAlpaca, oco: Order
) -> None:
    broker.submit(replace(oco, stop_price=Decimal("94.996"), target_price=Decimal("120.004")))
    assert fake.asked("submit")[0].body == {
        "symbol": "SPY",
        "qty": "100",
        "side": "sell",
        "type": "limit",
        "time_in_force": "gtc",
        "client_order_id": "the-pair",
        "order_class": "oco",
        "take_profit": {"limit_price": "120"},
        "stop_loss": {"stop_price": "95"},
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time_in_force": "open"}, "an order of type oco cannot be open; day or gtc"),
        ({"quantity": Decimal("0.5")}, "quantity 0.5 is no multiple of 1"),
        ({"stop_price": Decimal(120), "target_price": Decimal(95)}, "are on the wrong sides"),
        ({"stop_price": Decimal(95), "target_price": Decimal(95)}, "are on the wrong sides"),
        ({"side": "buy"}, "are on the wrong sides"),
        ({"target_price": None}, "an order of type oco without target_price"),
        ({"symbol": "BTC-USD"}, "no oco orders for crypto"),
    ],
)
def test_a_pair_that_alpaca_cannot_have_is_rejected_unsent(
    broker: AlpacaBroker, fake: FakeAlpaca, oco: Order, change: dict[str, object], words: str
) -> None:
    with pytest.raises(RejectedOrder, match=words):
        broker.submit(replace(oco, **change))  # type: ignore[arg-type]
    assert fake.asked("submit") == []


def test_a_stop_that_the_price_is_beyond_already_is_refused_in_alpacas_words_and_nothing_rests(
    broker: AlpacaBroker, fake: FakeAlpaca, oco: Order
) -> None:
    fake.exchange.price("SPY", 94)
    with pytest.raises(RejectedOrder, match=r"stop price must be less than base_price - 0\.01"):
        broker.submit(oco)
    assert fake.orders == []
    assert broker.order_by_client_id("the-pair") is None
    assert dict(broker.positions()) == {"SPY": Decimal(100)}


@pytest.mark.parametrize("held_are_listed", [False, True])
def test_all_lists_tell_a_pair_and_the_exits_of_a_bracket_once_under_the_desks_ids(
    broker: AlpacaBroker, book: Book, fake: FakeAlpaca, oco: Order, held_are_listed: bool
) -> None:
    fake.exchange.lists_held = held_are_listed
    broker.submit(oco)
    entry = replace(oco, client_order_id="entry", symbol="QQQ", side="buy", order_type="bracket")
    broker.submit(entry)
    fake.exchange.open_market({"QQQ": 100})
    names = ["the-pair", exits_id("entry")]
    assert [one.client_order_id for one in broker.open_orders()] == names
    assert [one.client_order_id for one in at(book, fake).open_orders()] == names, "of another process"
    every = [one.client_order_id for one in broker.orders_since(oco.as_of)]
    assert every == ["the-pair", "entry", exits_id("entry")]


def test_executions_of_either_exit_bear_the_desks_id_weeks_after_it_was_sent(
    book: Book, fake: FakeAlpaca, oco: Order
) -> None:
    at(book, fake).submit(oco)
    entry = replace(oco, client_order_id="entry", symbol="QQQ", side="buy", order_type="bracket")
    at(book, fake).submit(entry)
    fake.exchange.open_market({"QQQ": 100, "SPY": 100})
    asked = fake.exchange.now + timedelta(days=40)
    fake.exchange.open_market({"SPY": 121, "QQQ": 94}, at=datetime(2022, 4, 12, 14, 0, tzinfo=UTC))
    fills = at(book, fake).fills_since(get_calendar().close_at(date(2022, 4, 11)))
    assert asked.date() == date(2022, 4, 11)
    assert {(one.client_order_id, one.side, one.price) for one in fills} == {
        ("the-pair", "sell", Decimal(121)),
        (exits_id("entry"), "sell", Decimal(94)),
    }


def test_a_persons_orders_keep_the_ids_that_they_have(broker: AlpacaBroker, fake: FakeAlpaca) -> None:
    legs = {"take_profit": {"limit_price": "120"}, "stop_loss": {"stop_price": "95"}}
    body = {"symbol": "SPY", "qty": "10", "side": "sell", "type": "limit", "time_in_force": "gtc"}
    receive(fake.exchange, {**body, "client_order_id": "my-own", "order_class": "oco", **legs})
    receive(fake.exchange, {**body, "client_order_id": "my-other", "limit_price": "130"})
    assert [one.client_order_id for one in broker.open_orders()] == ["my-own", "my-other"]


def test_while_its_stop_is_at_work_a_pair_is_open_and_a_cancel_reaches_the_stop(
    broker: AlpacaBroker, fake: FakeAlpaca, oco: Order
) -> None:
    broker.submit(oco)
    fake.exchange.open_market({"SPY": 94}, volume={"SPY": 30})
    assert [one["status"] for one in fake.orders] == ["canceled", "partially_filled"]
    [opened] = broker.open_orders()
    assert (opened.client_order_id, opened.state) == ("the-pair", OrderState.PARTIALLY_FILLED)
    assert opened.filled == Decimal(30)
    after = broker.cancel("the-pair")
    assert (after.state, after.filled) == (OrderState.CANCELLED, Decimal(30))


def test_a_pair_is_over_when_both_of_it_are(broker: AlpacaBroker, fake: FakeAlpaca, oco: Order) -> None:
    broker.submit(oco)
    fake.exchange.slow_cancels = True
    assert broker.cancel("the-pair").state is OrderState.ACCEPTED
    assert broker.cancel("the-pair").state is OrderState.ACCEPTED
    assert len(fake.asked("cancel")) == 1, "it was asked for already"
    fake.exchange.finish_cancels()
    assert state_of(broker, "the-pair") is OrderState.CANCELLED


def test_what_a_fast_market_sold_twice_is_told_twice(
    broker: AlpacaBroker, fake: FakeAlpaca, oco: Order
) -> None:
    broker.submit(oco)
    fake.exchange.fast_market = True
    fake.exchange.open_market({"SPY": 94})
    fake.exchange.trade("SPY", 121)
    known = broker.order_by_client_id("the-pair")
    assert known is not None
    assert (known.state, known.filled) == (OrderState.FILLED, Decimal(200))
    fills = broker.fills_since(oco.as_of)
    assert [(one.client_order_id, one.quantity) for one in fills] == [("the-pair", 100)] * 2
    assert dict(broker.positions()) == {"SPY": Decimal(-100)}


def test_what_is_good_until_cancelled_ends_after_ninety_days(
    broker: AlpacaBroker, fake: FakeAlpaca, stop: Order, oco: Order
) -> None:
    half = Decimal(50)
    broker.submit(replace(stop, quantity=half))
    broker.submit(replace(oco, quantity=half))
    fake.exchange.now += timedelta(days=89)
    assert len(broker.open_orders()) == 2
    fake.exchange.now += timedelta(days=2)
    assert list(broker.open_orders()) == []
    assert state_of(broker, "the-stop") is OrderState.EXPIRED
    assert state_of(broker, "the-pair") is OrderState.EXPIRED


def test_a_stop_that_a_split_replaces_is_the_same_order_in_every_list(
    broker: AlpacaBroker, fake: FakeAlpaca, stop: Order
) -> None:
    broker.submit(stop)
    fake.exchange.open_market({"SPY": 100})
    fake.exchange.split("SPY", 2, 50, orders="replaced")
    known = broker.order_by_client_id("the-stop")
    assert known is not None
    assert (known.state, known.quantity) == (OrderState.ACCEPTED, Decimal(200))
    assert [one.client_order_id for one in broker.open_orders()] == ["the-stop"]
    assert [one.client_order_id for one in broker.orders_since(stop.as_of)] == ["the-stop"]
    fake.exchange.trade("SPY", 47)
    [fill] = broker.fills_since(stop.as_of)
    assert (fill.client_order_id, fill.quantity) == ("the-stop", Decimal(200))
    assert state_of(broker, "the-stop") is OrderState.FILLED


def test_a_stop_that_a_split_replaces_is_cancelled_by_its_own_id(
    broker: AlpacaBroker, fake: FakeAlpaca, stop: Order
) -> None:
    broker.submit(stop)
    fake.exchange.open_market({"SPY": 100})
    fake.exchange.split("SPY", 2, 50, orders="replaced")
    assert broker.cancel("the-stop").state is OrderState.CANCELLED
    assert list(broker.open_orders()) == []
    assert [one["status"] for one in fake.orders] == ["replaced", "canceled"]


def test_a_pair_that_is_told_without_its_stop_is_not_believed(
    broker: AlpacaBroker, fake: FakeAlpaca, oco: Order
) -> None:
    broker.submit(oco)
    fake.exchange.state.parents.clear()  # type: ignore[attr-defined]
    with pytest.raises(Unreadable, match="it is of class oco and told without its legs"):
        broker.order_by_client_id("the-pair")


def test_a_part_of_an_answer_that_cannot_be_makes_all_of_it_unreadable(
    broker: AlpacaBroker, fake: FakeAlpaca, oco: Order
) -> None:
    broker.submit(oco)
    fake.fail("order", Fault.UNKNOWN_STATUS)
    with pytest.raises(Unreadable, match="'in_limbo' is none that Alpaca describes"):
        broker.order_by_client_id("the-pair")


def test_an_entry_that_ends_in_part_takes_its_exits_with_it(
    broker: AlpacaBroker, fake: FakeAlpaca, oco: Order
) -> None:
    entry = replace(oco, client_order_id="entry", symbol="QQQ", side="buy", order_type="bracket")
    broker.submit(entry)
    fake.exchange.open_market({"QQQ": 100}, volume={"QQQ": 40})
    after = broker.cancel("entry")
    assert (after.state, after.filled) == (OrderState.CANCELLED, Decimal(40))
    assert state_of(broker, exits_id("entry")) is OrderState.CANCELLED
    assert list(broker.open_orders()) == []
