"""IBKR through its own protocol and `ib_async`'s client, at a gateway on loopback that answers well."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.brokers.ibkr_desk import CAPITAL, CLIENT_ID, EVENING, at, book, broker, gateway, order
from tests.fakes.ibkr import IbkrGateway
from tests.fakes.ibkr_state import Order as FakeOrder

from nightdesk.brokers import DuplicateOrder, OrderState, RejectedOrder, Unreadable, make
from nightdesk.brokers.credentials import LIVE_VARIABLE
from nightdesk.brokers.ibkr import IbkrBroker
from nightdesk.brokers.ibkr_address import account_at_ibkr
from nightdesk.brokers.ibkr_contracts import ContractsInMemory
from nightdesk.brokers.ibkr_orders import quoted
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.orders.order import Order, exits_id
from nightdesk.testing.broker_contract import BrokerContract, OpenMarket
from nightdesk.testing.resting_contract import RestingContract
from nightdesk.tws_terms import TwsAddress

__all__ = ["book", "broker", "gateway", "order"]

#: 10:00 in New York the next day.
MORNING = datetime(2024, 1, 3, 15, 0, tzinfo=UTC)


@pytest.fixture
def capital() -> Decimal:
    return CAPITAL


@pytest.fixture
def open_market(gateway: IbkrGateway) -> OpenMarket:
    return lambda price, units: gateway.open_market(
        {"SPY": price}, volume={} if units is None else {"SPY": units}
    )


@pytest.fixture
def sent(gateway: IbkrGateway) -> Callable[[], int]:
    """Orders that the desk asked for; a bracket's legs belong to it, and the exits of a pair are one."""
    return lambda: len({one.oca_group or one.order_ref for one in gateway.orders if not one.parent_id})


@pytest.fixture
def trade(gateway: IbkrGateway) -> OpenMarket:
    return lambda price, units: gateway.trade("SPY", price, units)


class TestIbkrBroker(BrokerContract):
    """Everything that any broker promises."""


class TestWhatRestsAtIbkr(RestingContract):
    """Stops and targets."""


def test_the_account_is_made_from_the_book_and_the_environment(book: Book, gateway: IbkrGateway) -> None:
    made = make(book, None, gateway.environ("ibkr-paper"))  # type: ignore[arg-type]
    assert made.account().cash == CAPITAL
    made.close()


def test_an_account_tells_its_margin(broker: IbkrBroker, gateway: IbkrGateway) -> None:
    gateway.hold("SPY", -200, 100.0)
    account = broker.account()
    assert (account.cash, account.net_liquidation) == (CAPITAL, CAPITAL - 20_000)
    assert (account.initial_margin, account.maintenance_margin) == (6000, 5000)
    assert account.excess_liquidity == CAPITAL - 25_000
    assert account.obstacle("etf") == ""


@pytest.mark.parametrize("tag", ["TotalCashValue", "ExcessLiquidity", "MaintMarginReq"])
@pytest.mark.parametrize("value", ["", "much", "NaN", "1e30"])
def test_a_figure_that_is_no_number_is_no_figure(
    broker: IbkrBroker, gateway: IbkrGateway, tag: str, value: str
) -> None:
    gateway.standing[tag] = value
    with pytest.raises(Unreadable, match=f"the account cannot be read: its {tag} is .*, no number"):
        broker.account()


def test_an_account_below_its_margin_is_told_and_may_still_sell(
    broker: IbkrBroker, gateway: IbkrGateway
) -> None:
    gateway.standing["ExcessLiquidity"] = "-12.50"
    account = broker.account()
    assert account.notes == ("its excess liquidity is -12.50 dollars: IBKR may liquidate positions",)
    assert account.obstacle("equity") == ""


def test_the_clock_is_that_of_tws(broker: IbkrBroker) -> None:
    assert broker.clock() == EVENING


def test_of_several_accounts_only_the_own_one_counts(book: Book, order: Order) -> None:
    with IbkrGateway(EVENING, CAPITAL, others=("DU7654321",)) as both:
        both.prices["SPY"] = 99.0
        other = IbkrBroker(book, TwsAddress("127.0.0.1", both.port, 7), "DU7654321")
        with pytest.raises(Unreadable):
            other.account()  # the fake tells of one account's figures alone
        assert dict(other.positions()) == {}
        other.close()
        own = at(both, book)
        assert own.submit(order).state is OrderState.ACCEPTED
        own.close()
        assert list(other.open_orders()) == []
        other.close()


ENTRY = BrokerEntry(kind="ibkr", account="ibkr-paper")
LIVE = BrokerEntry(kind="ibkr", account="ibkr-live", live=True, capital_limit=Decimal(5000))


def environ(entry: BrokerEntry, url: str = "ib://127.0.0.1:5555/7", key: str = "DU1234567") -> dict[str, str]:
    name = entry.account.upper().replace("-", "_")
    return {f"NIGHTDESK_ACCOUNT_{name}_URL": url, f"NIGHTDESK_ACCOUNT_{name}_KEY": key}


@pytest.mark.parametrize(
    ("entry", "url", "key", "words"),
    [
        (ENTRY, "", "DU1234567", "set NIGHTDESK_ACCOUNT_IBKR_PAPER_URL in the environment"),
        (ENTRY, "", "", "set NIGHTDESK_ACCOUNT_IBKR_PAPER_URL and NIGHTDESK_ACCOUNT_IBKR_PAPER_KEY in"),
        (ENTRY, "ib://127.0.0.1:5555/7", "U1234567", "U1234567 is one with real money"),
        (LIVE, "ib://127.0.0.1:5555/7", "DU1234567", "DU1234567 is a paper account"),
        (ENTRY, "ib://127.0.0.1:7496/7", "DU1234567", "7496/7 is the port of real money"),
        (ENTRY, "ib://127.0.0.1:4001/7", "DU1234567", "4001/7 is the port of real money"),
        (LIVE, "ib://127.0.0.1:7497/7", "U1234567", "7497/7 is the port of paper accounts"),
        (LIVE, "ib://127.0.0.1:4002/7", "U1234567", "4002/7 is the port of paper accounts"),
        (ENTRY, "ib://127.0.0.1:5555/7", "F1234567", "found the id 'F1234567'; one of IBKR is DU and digits"),
        (ENTRY, "ib://127.0.0.1:5555/7", "DU12x", "found the id 'DU12x'"),
        (LIVE, "ib://127.0.0.1:5555/7", "UD12", "found the id 'UD12'"),
        (ENTRY, "http://127.0.0.1:5555/7", "DU1234567", "expected ib://host:port/clientId"),
    ],
)
def test_an_account_of_the_other_kind_is_refused_before_anything_is_connected(
    entry: BrokerEntry, url: str, key: str, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        account_at_ibkr(entry, environ(entry, url, key))


def test_real_money_wants_the_environment_to_name_it(book: Book) -> None:
    live = book.model_copy(update={"broker": LIVE})
    with pytest.raises(Refused, match=f"{LIVE_VARIABLE} does not name it"):
        make(live, None, environ(LIVE, key="U1234567"))  # type: ignore[arg-type]


def test_a_login_to_another_account_is_refused_and_nothing_is_sent(
    book: Book, gateway: IbkrGateway, order: Order
) -> None:
    stranger = IbkrBroker(book, TwsAddress("127.0.0.1", gateway.port, 7), "DU7777777")
    for ask in (stranger.account, stranger.positions, stranger.clock, lambda: stranger.submit(order)):
        with pytest.raises(Refused, match=r"is DU7777777, and TWS at .* is logged in to DU1234567"):
            ask()
    stranger.close()
    assert gateway.orders == []


def test_a_connection_is_shared_in_a_process_and_ends_with_its_last_user(
    book: Book, gateway: IbkrGateway
) -> None:
    one, other = at(gateway, book), at(gateway, book)
    assert gateway.clients == []
    one.clock()
    other.clock()
    assert gateway.clients == [CLIENT_ID]
    one.close()
    one.close()
    assert other.clock() == EVENING
    assert len(gateway.asked("startApi")) <= 1
    other.close()
    assert gateway.clients == []


def test_no_account_shows_in_a_log(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broker.submit(order)
    gateway.open_market({"SPY": 100.0})
    broker.account()
    broker.fills_since(order.as_of)
    assert [one for one in caplog.messages if gateway.account in one] == []


def test_a_day_order_is_held_in_the_evening_and_good_for_the_session_that_opens_next(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.submit(order)
    (told,) = gateway.orders
    assert (told.kind, told.tif, told.status, told.order_ref) == (
        "MKT",
        "DAY",
        "PreSubmitted",
        order.client_order_id,
    )
    assert told.account == gateway.account
    gateway.close_market()
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert known.state is OrderState.CANCELLED
    assert known.filled == 0


def test_a_market_order_in_hours_is_executed_at_once_and_known_as_filled(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.now = MORNING
    broker.submit(order)
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert known.state is OrderState.FILLED
    (fill,) = broker.fills_since(order.as_of)
    assert (fill.quantity, fill.price, fill.executed_at) == (100, 99, MORNING)
    assert (fill.commission, fill.commission_pending, fill.corrects) == (1, False, "")


@pytest.mark.parametrize(
    ("changes", "written"),
    [
        ({"time_in_force": "open"}, ("MKT", "OPG", None, None)),
        ({"time_in_force": "close"}, ("MOC", "DAY", None, None)),
        ({"order_type": "limit", "limit_price": Decimal("98.567")}, ("LMT", "DAY", Decimal("98.56"), None)),
        (
            {"order_type": "limit", "limit_price": Decimal("98.567"), "time_in_force": "close"},
            ("LOC", "DAY", Decimal("98.56"), None),
        ),
        (
            {"order_type": "stop", "stop_price": Decimal("105.004"), "time_in_force": "gtc"},
            ("STP", "GTC", None, Decimal("105")),
        ),
    ],
)
def test_orders_are_written_as_ibkr_wants_them(
    broker: IbkrBroker,
    gateway: IbkrGateway,
    order: Order,
    changes: dict[str, object],
    written: tuple[object, ...],
) -> None:
    broker.submit(replace(order, **changes))  # type: ignore[arg-type]
    (told,) = gateway.orders
    assert (told.kind, told.tif, told.limit or None, told.stop or None) == written


def test_an_order_for_the_opening_auction_that_comes_too_late_is_rejected(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.now = datetime(2024, 1, 3, 14, 29, tzinfo=UTC)
    with pytest.raises(RejectedOrder, match="Exchange is closed"):
        broker.submit(replace(order, time_in_force="open"))


def test_an_account_with_real_money_trades_where_book_and_environment_name_it(
    book: Book, order: Order
) -> None:
    live = book.model_copy(update={"broker": LIVE})
    with IbkrGateway(EVENING, CAPITAL, account="U1234567") as server:
        server.prices["SPY"] = 99.0
        known = server.environ("ibkr-live") | {LIVE_VARIABLE: "ibkr-live"}
        made = make(live, None, known)  # type: ignore[arg-type]
        assert made.submit(order).state is OrderState.ACCEPTED
        made.close()


def test_a_limit_of_a_sale_is_rounded_up_and_below_a_dollar_it_is_finer() -> None:
    assert quoted(Decimal("98.561"), Decimal("0.01"), "ROUND_CEILING") == Decimal("98.57")
    assert quoted(Decimal("0.56789"), Decimal("0.0001")) == Decimal("0.5679")
    assert quoted(Decimal("98.561"), Decimal("0.05")) == Decimal("98.55")


def test_a_bracket_is_three_orders_and_only_the_last_sets_it_going(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    wanted = replace(order, order_type="bracket", stop_price=Decimal(90), target_price=Decimal(120))
    known = broker.submit(wanted)
    assert (known.client_order_id, known.quantity, known.state) == (
        order.client_order_id,
        100,
        OrderState.ACCEPTED,
    )
    entry, target, stop = gateway.orders
    assert [one.kind for one in (entry, target, stop)] == ["MKT", "LMT", "STP"]
    assert [one.action for one in (entry, target, stop)] == ["BUY", "SELL", "SELL"]
    assert {target.parent_id, stop.parent_id} == {entry.order_id}
    exits = exits_id(order.client_order_id)
    assert {(one.oca_group, one.oca_type) for one in (target, stop)} == {(exits, 2)}
    assert [one.order_ref for one in (target, stop)] == [f"{exits}/target", f"{exits}/stop"]
    transmits = [one.fields for one in gateway.asked("placeOrder")][-3:]
    assert len(transmits) == 3
    gateway.open_market({"SPY": 100.0})
    gateway.trade("SPY", 121.0)
    states = {one.order_ref: one.status for one in gateway.orders}
    assert list(states.values()) == ["Filled", "Filled", "Cancelled"]
    assert dict(broker.positions()) == {}


def test_a_bracket_of_a_stop_alone_is_two_orders_whose_exit_rests_longer_than_its_entry(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.submit(replace(order, order_type="bracket", stop_price=Decimal(90)))
    entry, stop = gateway.orders
    assert [(one.kind, one.tif, one.action) for one in (entry, stop)] == [
        ("MKT", "DAY", "BUY"),
        ("STP", "GTC", "SELL"),
    ]
    assert (stop.parent_id, stop.order_ref) == (entry.order_id, exits_id(order.client_order_id))


@pytest.mark.parametrize("target", [None, Decimal(120)])
def test_an_entry_whose_exit_is_refused_is_not_sent(
    broker: IbkrBroker,
    gateway: IbkrGateway,
    order: Order,
    target: Decimal | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accept = gateway._accept

    def refuse_stops(one: FakeOrder) -> None:
        if one.kind == "STP":
            gateway._refuse(one, "The stop is too far.")
        accept(one)

    monkeypatch.setattr(gateway, "_accept", refuse_stops)
    wanted = replace(order, order_type="bracket", stop_price=Decimal(90), target_price=target)
    with pytest.raises(RejectedOrder, match="The stop is too far"):
        broker.submit(wanted)
    gateway.open_market({"SPY": 100.0})
    assert dict(broker.positions()) == {}
    assert list(broker.open_orders()) == []


def test_a_contract_is_looked_up_once_and_kept(book: Book, gateway: IbkrGateway, order: Order) -> None:
    kept = ContractsInMemory()
    one = at(gateway, book, kept)
    one.submit(replace(order, symbol="BRK-B", quantity=Decimal(1), client_order_id="a"))
    one.close()
    other = at(gateway, book, kept)
    other.submit(replace(order, symbol="BRK-B", quantity=Decimal(2), client_order_id="b"))
    assert len(gateway.asked("reqContractDetails")) == 1
    found = kept.find("BRK-B")
    assert found is not None
    assert (found.con_id, found.name, found.primary_exchange, found.tick) == (
        72063691,
        "BRK B",
        "NYSE",
        Decimal("0.01"),
    )
    assert [known.symbol for known in other.open_orders()] == ["BRK-B", "BRK-B"]
    other.close()


def test_an_ambiguous_contract_is_refused_with_all_that_it_may_be(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.list_stock("SPY", con_id=999, primary="AMEX", long_name="Another")
    with pytest.raises(RejectedOrder, match=r"several contracts 'SPY' .*999 \(Another, AMEX\).*756733"):
        broker.submit(order)
    assert gateway.orders == []


def test_an_unknown_contract_is_refused(broker: IbkrBroker, gateway: IbkrGateway, order: Order) -> None:
    gateway.stocks["SPY"] = []
    with pytest.raises(RejectedOrder, match="IBKR has no stock or fund 'SPY' in dollars"):
        broker.submit(order)
    assert gateway.orders == []


def test_a_short_sale_wants_shares_to_borrow(broker: IbkrBroker, gateway: IbkrGateway, order: Order) -> None:
    sale = replace(order, side="sell", client_order_id="short")
    gateway.shortable["SPY"] = Decimal(99)
    with pytest.raises(RejectedOrder, match="sells 100 SPY short, and IBKR has 99 shares to lend"):
        broker.submit(sale)
    assert gateway.orders == []
    gateway.hold("SPY", 1, 99.0)
    assert broker.submit(sale).state is OrderState.ACCEPTED
    gateway.open_market({"SPY": 100.0})
    assert dict(broker.positions()) == {"SPY": Decimal(-99)}


def test_what_is_held_is_sold_without_a_look_at_the_lenders(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.hold("SPY", 100, 99.0)
    broker.submit(replace(order, side="sell"))
    assert gateway.asked("reqMktData") == []


def test_an_order_beyond_the_margin_is_refused_and_one_that_frees_margin_is_sent(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    with pytest.raises(RejectedOrder, match=r"the margin would be 118,800.00 dollars, 18,\d\d\d.\d\d beyond"):
        broker.submit(replace(order, quantity=Decimal(4000)))
    assert gateway.orders == []
    gateway.hold("SPY", 5000, 99.0)
    gateway.move_cash(-420_000)
    assert broker.submit(replace(order, side="sell", quantity=Decimal(1000))).state is OrderState.ACCEPTED


def test_a_person_s_order_is_seen_and_left_to_the_person(broker: IbkrBroker, gateway: IbkrGateway) -> None:
    byhand = gateway.by_hand("SPY", "SELL", 5)
    (known,) = broker.open_orders()
    assert (known.client_order_id, known.side, known.quantity) == (f"ibkr:{byhand.perm_id}", "sell", 5)
    again = broker.order_by_client_id(known.client_order_id)
    assert again is not None
    assert not again.state.ended
    with pytest.raises(Refused, match="was sent by a person in TWS, and IBKR lets client id 7 not cancel it"):
        broker.cancel(known.client_order_id)
    gateway.open_market({"SPY": 100.0})
    (fill,) = broker.fills_since(EVENING - timedelta(hours=1))
    assert fill.client_order_id == known.client_order_id
    assert dict(broker.positions()) == {"SPY": Decimal(-5)}


def test_a_cancel_may_take_its_time(broker: IbkrBroker, gateway: IbkrGateway, order: Order) -> None:
    gateway.slow_cancels = True
    broker.submit(order)
    assert broker.cancel(order.client_order_id).state is OrderState.ACCEPTED
    gateway.finish_cancels()
    assert broker.cancel(order.client_order_id).state is OrderState.CANCELLED


def test_what_was_filled_before_a_cancel_stays_filled(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.submit(order)
    gateway.open_market({"SPY": 100.0}, volume={"SPY": 40})
    known = broker.cancel(order.client_order_id)
    assert (known.state, known.filled) == (OrderState.CANCELLED, 40)


def test_an_execution_that_ibkr_forgot_is_not_told(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    gateway.log_days = 0
    broker.submit(order)
    gateway.open_market({"SPY": 100.0})
    assert len(broker.fills_since(order.as_of)) == 1
    gateway.now = MORNING + timedelta(days=1)
    assert list(broker.fills_since(order.as_of)) == []
    assert broker.order_by_client_id(order.client_order_id) is None


def test_an_order_that_only_its_executions_tell_of_is_known_and_not_sent_again(
    broker: IbkrBroker, gateway: IbkrGateway, order: Order
) -> None:
    broker.submit(order)
    gateway.open_market({"SPY": 100.0})
    gateway.now = MORNING + timedelta(days=1)
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert (known.state, known.filled, known.quantity) == (OrderState.FILLED, 100, 100)
    with pytest.raises(DuplicateOrder):
        broker.submit(order)
