"""Alpaca through its own client, over HTTP, at a service on loopback that answers well."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.conftest import PROJECT
from tests.fakes.alpaca import FakeAlpaca, Fault
from tests.fakes.alpaca_orders import receive

from nightdesk.brokers import DuplicateOrder, OrderState, RejectedOrder, Unreadable, make
from nightdesk.brokers.alpaca import AlpacaBroker
from nightdesk.brokers.alpaca_address import address_of
from nightdesk.brokers.alpaca_answers import STATES, Rubbish, Symbols, order_of
from nightdesk.brokers.alpaca_http import Patience
from nightdesk.brokers.credentials import Credentials
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.orders.order import Intent, Order, client_order_id, exits_id
from nightdesk.testing.broker_contract import BrokerContract, OpenMarket
from nightdesk.testing.resting_contract import RestingContract

DECIDED = date(2022, 3, 1)
CAPITAL = Decimal("100000.00")
#: 19:30 in New York: Alpaca takes orders for the next auctions again.
EVENING = datetime(2022, 3, 2, 0, 30, tzinfo=UTC)


#: A purchase at the market, as it is sent.
MARKET = {"side": "buy", "type": "market", "time_in_force": "day"}


def session(number: int) -> date:
    return get_calendar().shift(DECIDED, number)


@pytest.fixture(scope="module")
def book() -> Book:
    book = load_book(PROJECT / "books" / "multi_asset.yaml")
    entry = BrokerEntry(kind="alpaca", account="alpaca-paper")
    berkshire = book.universe["SPY"].model_copy(update={"asset_class": "equity"})
    return book.model_copy(update={"broker": entry, "universe": {**book.universe, "BRK-B": berkshire}})


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with FakeAlpaca(EVENING, CAPITAL) as server:
        yield server


@pytest.fixture
def broker(book: Book, fake: FakeAlpaca) -> AlpacaBroker:
    return AlpacaBroker(book, Credentials(fake.key, fake.secret, fake.url), Patience(total=3.0))


@pytest.fixture
def capital() -> Decimal:
    return CAPITAL


@pytest.fixture
def order() -> Order:
    as_of = get_calendar().close_at(DECIDED)
    return Order(
        client_order_id=client_order_id("multi_asset", as_of, "SPY", "buy", "rebalance"),
        book="multi_asset",
        session=DECIDED,
        as_of=as_of,
        symbol="SPY",
        side="buy",
        quantity=Decimal(100),
        purpose="rebalance",
        reference_price=Decimal(99),
        intents=(Intent("time_series_momentum", "SPY", Decimal(100)),),
    )


@pytest.fixture
def open_market(fake: FakeAlpaca) -> OpenMarket:
    return lambda price, units: fake.exchange.open_market(
        {"SPY": price}, volume={} if units is None else {"SPY": units}
    )


@pytest.fixture
def sent(fake: FakeAlpaca) -> Callable[[], int]:
    return lambda: len(fake.asked("submit"))


@pytest.fixture
def trade(fake: FakeAlpaca) -> OpenMarket:
    return lambda price, units: fake.exchange.trade("SPY", price, units)


class TestAlpacaBroker(BrokerContract):
    """Everything that any broker promises."""


class TestWhatRestsAtAlpaca(RestingContract):
    """Stops and targets."""


def coins(order: Order, quantity: str) -> Order:
    return replace(order, symbol="BTC-USD", quantity=Decimal(quantity), client_order_id="coins")


def test_the_account_is_made_from_the_book_and_the_environment(book: Book, fake: FakeAlpaca) -> None:
    made = make(book, None, fake.environ("alpaca-paper"))  # type: ignore[arg-type]
    assert made.account().cash == CAPITAL


@pytest.mark.parametrize(
    ("standing", "asset_class", "words"),
    [
        ({}, "etf", ""),
        ({"trading_blocked": True}, "etf", "orders are blocked by Alpaca (trading_blocked)"),
        ({"account_blocked": True}, "crypto", "all activity is blocked by Alpaca (account_blocked)"),
        (
            {"trade_suspended_by_user": True},
            "etf",
            "its owner has suspended trading in its settings (trade_suspended_by_user)",
        ),
        ({"status": "ACCOUNT_CLOSED"}, "etf", "its status is ACCOUNT_CLOSED"),
        ({"status": "PAPER_ONLY"}, "etf", ""),
        ({"status": "LIMITED"}, "etf", "its status is LIMITED"),
        ({"currency": "EUR"}, "etf", "its currency is EUR, and the desk counts in USD"),
        ({"crypto_status": "INACTIVE"}, "etf", ""),
        ({"crypto_status": "INACTIVE"}, "crypto", "its status for crypto is INACTIVE"),
        ({"transfers_blocked": True, "pattern_day_trader": None}, "etf", ""),
    ],
)
def test_an_account_says_what_bars_it_from_trading(
    broker: AlpacaBroker, fake: FakeAlpaca, standing: dict[str, object], asset_class: str, words: str
) -> None:
    fake.exchange.standing.update(standing)
    assert broker.account().obstacle(asset_class) == words
    assert broker.account().buying_power == 200_000


@pytest.mark.parametrize("name", ["status", "cash", "buying_power", "trading_blocked"])
def test_an_account_that_cannot_be_read_is_no_account(
    broker: AlpacaBroker, fake: FakeAlpaca, name: str
) -> None:
    fake.exchange.standing[name] = ["rubbish"]
    with pytest.raises(Unreadable, match=f"the account cannot be read: its {name} is"):
        broker.account()


def test_an_execution_of_another_age_is_rubbish(broker: AlpacaBroker, fake: FakeAlpaca) -> None:
    fake.exchange.post("DIV", 1, "SPY", created_at="2099-01-01T00:00:00Z")
    with pytest.raises(Unreadable, match="outside the XNYS calendar"):
        broker.movements_since(get_calendar().close_at(DECIDED))


def test_a_day_order_is_queued_in_the_evening_and_good_for_the_session_that_opens_next(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    assert broker.submit(order).answer["status"] == "accepted"
    assert fake.asked("submit")[0].body == {
        "symbol": "SPY",
        "qty": "100",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        "client_order_id": order.client_order_id,
    }
    fake.exchange.open_market({})
    fake.exchange.close_market()
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert known.state is OrderState.EXPIRED


def test_a_day_order_for_crypto_is_sent_as_gtc_by_the_name_of_the_pair_and_executed_at_once(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    fake.exchange.price("BTC/USD", 44000)
    known = broker.submit(coins(order, "0.0125"))
    body = fake.asked("submit")[0].body
    assert (body["symbol"], body["time_in_force"], body["qty"]) == ("BTC/USD", "gtc", "0.0125")
    assert (known.symbol, known.state) == ("BTC-USD", OrderState.FILLED)
    assert broker.positions() == {"BTC-USD": Decimal("0.0125")}
    [fill] = broker.fills_since(get_calendar().close_at(DECIDED))
    assert (fill.symbol, fill.session) == ("BTC-USD", session(1))


def test_limits_stops_and_brackets_are_written_in_the_steps_of_the_exchange_and_never_worse_than_asked(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    fake.exchange.hold("SPY", 10, 100)
    limited = replace(order, order_type="limit", quantity=Decimal(1), limit_price=Decimal("98.129999"))
    broker.submit(limited)
    broker.submit(replace(limited, client_order_id="sale", side="sell", limit_price=Decimal("101.870001")))
    broker.submit(replace(limited, client_order_id="penny", limit_price=Decimal("0.12345")))
    fake.exchange.hold("QQQ", 10, 100)
    stop = replace(order, client_order_id="stop", side="sell", order_type="stop", quantity=Decimal(1))
    broker.submit(replace(stop, symbol="QQQ", stop_price=Decimal("95.004")))
    bracket = replace(order, client_order_id="bracket", order_type="bracket", quantity=Decimal(1))
    broker.submit(replace(bracket, stop_price=Decimal("94.996"), target_price=Decimal("120.004")))
    buy, sale, penny, stopped, both = (one.body for one in fake.asked("submit"))
    assert (buy["limit_price"], sale["limit_price"], penny["limit_price"]) == ("98.12", "101.88", "0.1234")
    assert stopped["stop_price"] == "95"
    assert (both["type"], both["order_class"]) == ("market", "bracket")
    assert (both["take_profit"], both["stop_loss"]) == ({"limit_price": "120"}, {"stop_price": "95"})
    assert {one.status for one in fake.asked("submit")} == {200}


def test_a_small_quantity_is_written_in_digits(broker: AlpacaBroker, fake: FakeAlpaca, order: Order) -> None:
    broker.submit(coins(order, "1E-4"))
    assert fake.asked("submit")[0].body["qty"] == "0.0001"


def test_an_order_for_the_auction_is_refused_between_9_28_and_19_00_in_alpacas_words(
    book: Book, order: Order
) -> None:
    with FakeAlpaca(datetime(2022, 3, 1, 21, 30, tzinfo=UTC)) as early:
        broker = AlpacaBroker(book, Credentials(early.key, early.secret, early.url))
        with pytest.raises(RejectedOrder, match="not accepted at this time") as raised:
            broker.submit(replace(order, time_in_force="open"))
        assert raised.value.answer["code"] == 42210000
        assert broker.order_by_client_id(order.client_order_id) is None


def test_an_execution_in_the_closing_auction_belongs_to_the_session_that_it_closes(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    broker.submit(replace(order, time_in_force="close"))
    fake.exchange.open_market({"SPY": 99})
    assert list(broker.fills_since(get_calendar().close_at(DECIDED))) == []
    fake.exchange.close_market({"SPY": 100})
    [fill] = broker.fills_since(get_calendar().close_at(DECIDED))
    assert (fill.session, fill.price) == (session(1), Decimal(100))


def test_what_trades_all_week_is_executed_in_the_session_that_closes_next(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    broker.submit(coins(order, "0.3"))
    close = get_calendar().close_at(session(3))  # a Friday
    for at in (close - timedelta(seconds=1), close + timedelta(seconds=1), close + timedelta(days=2)):
        fake.exchange.trade("BTC-USD", 44000, Decimal("0.1"), at)
    told = broker.fills_since(get_calendar().close_at(DECIDED))
    assert [fill.session for fill in told] == [session(3), session(4), session(4)]
    assert [fill.executed_at and fill.executed_at.replace(microsecond=0) for fill in told] == [
        close - timedelta(seconds=1),
        close + timedelta(seconds=1),
        close + timedelta(days=2),
    ]
    assert [fill.session for fill in broker.fills_since(get_calendar().close_at(session(3)))] == [
        session(4),
        session(4),
    ]


def test_too_little_buying_power_is_a_rejection_with_the_answer(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    fake.exchange.price("SPY", 400)
    with pytest.raises(RejectedOrder, match=r"insufficient buying power \(40310000\)") as raised:
        broker.submit(replace(order, quantity=Decimal(600)))
    assert raised.value.answer["cost_basis"] == "240000"
    assert fake.created == 0


def test_bad_input_under_the_code_of_a_duplicate_is_a_rejection_and_no_duplicate(
    broker: AlpacaBroker, order: Order
) -> None:
    with pytest.raises(RejectedOrder, match="no more than 128 characters") as raised:
        broker.submit(replace(order, client_order_id="x" * 129))
    assert raised.value.answer["code"] == 40010001
    broker.submit(order)
    with pytest.raises(DuplicateOrder):
        broker.submit(order)


def test_a_short_position_is_negative_and_what_is_not_in_the_book_keeps_its_name(
    broker: AlpacaBroker, fake: FakeAlpaca
) -> None:
    fake.exchange.hold("QQQ", -5, 300)
    fake.exchange.hold("BRK-B", 2, 310)
    fake.exchange.hold("ETH-USD", Decimal("0.25"), 2900)
    fake.exchange.hold("NVDA", 7, 240)
    assert broker.positions() == {
        "QQQ": Decimal(-5),
        "BRK-B": Decimal(2),
        "ETHUSD": Decimal("0.25"),
        "NVDA": Decimal(7),
    }


def test_symbols_are_named_as_alpaca_names_them_and_back(book: Book) -> None:
    symbols = Symbols(book.universe)
    assert [symbols.theirs(one) for one in ("SPY", "BTC-USD", "BRK-B")] == ["SPY", "BTC/USD", "BRK.B"]
    assert [symbols.theirs(one) for one in ("BRK.B", "BRK/B")] == ["BRK.B", "BRK.B"]
    theirs = ("SPY", "BTC/USD", "BTCUSD", "BRK.B", "ETH/USD")
    assert [symbols.ours(one) for one in theirs] == ["SPY", "BTC-USD", "BTC-USD", "BRK-B", "ETH-USD"]


@pytest.mark.parametrize("status", sorted(STATES))
@pytest.mark.parametrize("filled", ["0", "40"])
def test_every_status_is_a_state_and_a_working_one_tells_what_is_filled(
    book: Book, status: str, filled: str
) -> None:
    answer = {
        "id": "7b08df51-c1ac-453c-99f9-323a5f075f0d",
        "client_order_id": "one",
        "symbol": "SPY",
        "side": "buy",
        "qty": "100",
        "filled_qty": "100" if status == "filled" else filled,
        "status": status,
    }
    state = order_of(answer, Symbols(book.universe)).state
    ended = {"filled", "canceled", "replaced", "expired", "rejected"}
    assert state.ended == (status in ended)
    if status not in ended:
        assert state is (OrderState.PARTIALLY_FILLED if filled == "40" else OrderState.ACCEPTED)


def test_an_order_in_dollars_that_a_person_sent_is_read(book: Book, fake: FakeAlpaca) -> None:
    sent = receive(fake.exchange, {**MARKET, "symbol": "SPY", "qty": "3"})
    in_dollars = {**sent, "qty": None, "notional": "500", "filled_qty": "1.25", "status": "partially_filled"}
    known = order_of(in_dollars, Symbols(book.universe))
    assert (known.quantity, known.state) == (Decimal("1.25"), OrderState.PARTIALLY_FILLED)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../account"},
        {"id": None},
        {"status": "in_limbo"},
        {"status": None},
        {"side": "sideways"},
        {"symbol": ""},
        {"client_order_id": 7},
        {"qty": "many"},
        {"qty": "NaN"},
        {"qty": "Infinity"},
        {"qty": "1E+999999"},
        {"qty": True},
        {"qty": ["1"]},
        {"filled_qty": None},
        {"filled_qty": "-1"},
        {"filled_qty": "101"},
        {"status": "filled", "filled_qty": "99"},
    ],
)
def test_an_order_that_cannot_be_is_rubbish(book: Book, fake: FakeAlpaca, change: dict[str, object]) -> None:
    good = receive(fake.exchange, {**MARKET, "symbol": "SPY", "qty": "100"})
    order_of(good, Symbols(book.universe))
    with pytest.raises(Rubbish):
        order_of({**good, **change}, Symbols(book.universe))


def test_every_page_of_the_open_orders_is_read_in_order_and_each_order_once(
    broker: AlpacaBroker, fake: FakeAlpaca
) -> None:
    bracket = {
        "order_class": "bracket",
        "take_profit": {"limit_price": "120"},
        "stop_loss": {"stop_price": "80"},
    }
    for _ in range(360):  # each with two legs of the same instant, so that pages end within one
        receive(fake.exchange, {**MARKET, **bracket, "symbol": "SPY", "qty": "1"})
    fake.exchange.lists_held = True
    known = [one.client_order_id for one in broker.open_orders()]
    sent = [one["client_order_id"] for one in fake.orders[::3]]
    assert known == [name for one in sent for name in (one, exits_id(one))]
    assert len(known) == 720
    assert len(fake.asked("open_orders")) == 3
    assert len(fake.asked("orders")) == 1, "the groups with their legs"


def test_every_page_of_the_executions_is_read_and_each_told_once(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    broker.submit(replace(order, quantity=Decimal(300)))
    fake.exchange.open_market({})
    for number in range(1, 251):
        fake.exchange.execute(order.client_order_id, 1, 100 + number / 100)
    fills = broker.fills_since(get_calendar().close_at(DECIDED))
    assert [fill.price for fill in fills] == [Decimal(10000 + number) / 100 for number in range(1, 251)]
    assert len({fill.execution_id for fill in fills}) == 250
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert (known.state, known.filled) == (OrderState.PARTIALLY_FILLED, Decimal(250))


def test_an_execution_of_an_order_from_long_ago_is_known_by_that_order(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    broker.submit(replace(order, time_in_force="gtc"))
    later = get_calendar().open_at(session(30))
    fake.exchange.open_market({"SPY": 100}, at=later)
    [fill] = broker.fills_since(get_calendar().close_at(session(29)))
    assert (fill.client_order_id, fill.session) == (order.client_order_id, session(30))
    assert len(fake.asked("order")) == 1


def test_an_execution_of_no_order_has_an_empty_client_order_id(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    broker.submit(order)
    fake.exchange.open_market({"SPY": 100})
    fake.fail("fills", Fault.UNKNOWN_ORDER)
    assert [fill.client_order_id for fill in broker.fills_since(get_calendar().close_at(DECIDED))] == [
        order.client_order_id,
        "",
    ]


def test_movements_are_told_by_kind_with_what_they_moved(broker: AlpacaBroker, fake: FakeAlpaca) -> None:
    exchange = fake.exchange
    exchange.hold("SPY", 100, 400)
    exchange.crypto_fee = Decimal("0.0025")
    exchange.price("BTC-USD", 40000)
    receive(exchange, {**MARKET, "symbol": "BTC/USD", "qty": "0.1", "time_in_force": "gtc"})
    exchange.pay_dividend("SPY", "1.366")
    exchange.post("FEE", "-0.02", "SPY", activity_sub_type="TAF", description="TAF fee of 3 shares")
    exchange.post("INT", "1.17")
    exchange.post("FEE", "-0.61", "SPY", description="Stock borrow fee for SPY")
    exchange.post("CSD", "5000")
    exchange.post("SPIN", "0", "XYZ", qty="10")
    exchange.post("DIV", "-3", "SPY", status="canceled")
    told = broker.movements_since(get_calendar().close_at(DECIDED))
    assert [(one.kind, one.symbol, one.quantity, one.cash) for one in told] == [
        ("fee", "BTC-USD", Decimal("-0.00025"), Decimal(0)),
        ("dividend", "SPY", Decimal(0), Decimal("136.60")),
        ("fee", "SPY", Decimal(0), Decimal("-0.02")),
        ("interest", "", Decimal(0), Decimal("1.17")),
        ("borrow", "SPY", Decimal(0), Decimal("-0.61")),
        ("transfer", "", Decimal(0), Decimal("5000")),
        ("corporate_action", "XYZ", Decimal(0), Decimal(0)),
    ]
    assert {one.session for one in told} == {session(1)}
    assert told[2].words == "FEE TAF TAF fee of 3 shares"
    assert len({one.movement_id for one in told}) == 7
    assert list(broker.movements_since(get_calendar().close_at(session(1)))) == []
    assert broker.positions()["BTC-USD"] == Decimal("0.09975")


def test_a_cancel_that_takes_its_time_gives_back_a_working_order(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    fake.exchange.slow_cancels = True
    broker.submit(order)
    assert broker.cancel(order.client_order_id).answer["status"] == "pending_cancel"
    assert broker.cancel(order.client_order_id).state is OrderState.ACCEPTED  # asked twice, answered 422
    fake.exchange.execute(order.client_order_id, 60, 100)
    fake.exchange.finish_cancels()
    known = broker.cancel(order.client_order_id)
    assert (known.state, known.filled) == (OrderState.CANCELLED, Decimal(60))


def test_an_order_that_was_executed_before_the_cancel_arrived_is_given_back_as_filled(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    broker.submit(order)
    fake.exchange.open_market({"SPY": 100})
    fake.fail("query", Fault.STALE)  # it still looks open, and is cancelled
    assert broker.cancel(order.client_order_id).state is OrderState.FILLED
    assert [one.status for one in fake.asked("cancel")] == [422]


PAPER, LIVE = "https://paper-api.alpaca.markets", "https://api.alpaca.markets"


@pytest.mark.parametrize(
    ("url", "live", "address"),
    [
        (None, False, PAPER),
        (None, True, LIVE),
        (f"{PAPER}/v2/", False, PAPER),
        ("http://127.0.0.1:8123", False, "http://127.0.0.1:8123"),
        ("https://broker.example.org/alpaca/", True, "https://broker.example.org/alpaca"),
    ],
)
def test_an_account_is_at_the_service_of_its_kind(url: str | None, live: bool, address: str) -> None:
    assert address_of("one", url, live) == address


@pytest.mark.parametrize(
    ("url", "live", "reason"),
    [
        (LIVE, False, "it is a paper account .* its service is paper-api.alpaca.markets"),
        ("https://API.ALPACA.MARKETS./v2", False, "it is a paper account"),
        ("https://broker-api.alpaca.markets", False, "it is a paper account"),
        (PAPER, True, "it holds real money .* its service is api.alpaca.markets"),
        ("http://paper-api.alpaca.markets", False, "would send the key unencrypted"),
        ("http://192.168.0.7:80", False, "would send the key unencrypted"),
        ("https://me:pass@paper-api.alpaca.markets", False, "must be https:// and a host"),
        ("paper-api.alpaca.markets", False, "must be https:// and a host"),
        ("https://", True, "must be https:// and a host"),
        ("https://api.alpaca.markets?key=1", True, "must be https:// and a host"),
    ],
)
def test_an_address_that_is_not_for_the_account_is_refused_with_the_reason(
    url: str, live: bool, reason: str
) -> None:
    with pytest.raises(Refused, match=f"account one of alpaca.*{reason}"):
        address_of("one", url, live)


def test_a_paper_book_cannot_be_led_to_the_live_service(book: Book) -> None:
    with pytest.raises(Refused, match="is a paper account"):
        AlpacaBroker(book, Credentials("key", "secret", LIVE))


def test_a_wrong_key_is_refused_by_the_name_of_the_account(
    book: Book, fake: FakeAlpaca, order: Order
) -> None:
    broker = AlpacaBroker(book, Credentials("PKWRONG", fake.secret, fake.url))
    for call in (broker.account, broker.positions, lambda: broker.submit(order)):
        with pytest.raises(Refused, match=r"account alpaca-paper of alpaca does not open .*401") as raised:
            call()
        assert not isinstance(raised.value, RejectedOrder)


@pytest.mark.parametrize("key", ["PK WITH BLANK", "PKLINE\n", "PKÜ"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(book: Book, key: str) -> None:
    with pytest.raises(Refused, match="copy it again") as raised:
        AlpacaBroker(book, Credentials(key, "secret"))
    assert key.strip() not in str(raised.value)


def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(
    book: Book, fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert AlpacaBroker(book, Credentials(fake.key, fake.secret, fake.url)).account().cash == CAPITAL


def test_an_answer_to_another_order_settles_nothing(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    broker.submit(order)
    fake.fail("submit", Fault.DUPLICATE)
    with pytest.raises(Unreadable, match="sent was second SPY buy 100"):
        broker.submit(replace(order, client_order_id="second"))
    known = broker.order_by_client_id("second")
    assert known is not None
    assert known.state is OrderState.ACCEPTED
