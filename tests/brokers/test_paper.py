"""The embedded paper broker."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.conftest import PROJECT, open_connection

from nightdesk.accounting import Period, accrual_terms
from nightdesk.accounting.period import Rates
from nightdesk.brokers import make
from nightdesk.brokers.paper import PaperBroker
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.orders.fills import FillBars
from nightdesk.orders.order import Intent, Order, client_order_id, entry_id
from nightdesk.testing.broker_contract import BrokerContract, OpenMarket
from nightdesk.testing.resting_contract import RestingContract

FUNDED = date(2022, 3, 1)
CAPITAL = Decimal("100000.00")


def session(number: int) -> date:
    return get_calendar().shift(FUNDED, number)


def close(number: int) -> datetime:
    return get_calendar().close_at(session(number))


def day(number: int, price: float = 100.0, volume: float = 1e6, **actions: Any) -> Period:
    """A session in which SPY opens at `price`; `splits`, `dividends` and `restated` by symbol."""
    bars = FillBars(session(number), {"SPY": price}, {"SPY": volume})
    return period(bars, number, **actions)


def period(bars: FillBars, number: int, **actions: Any) -> Period:
    terms = accrual_terms(load_book(PROJECT / "books" / "multi_asset.yaml"))
    return Period(close(number), session(number), session(number - 1), bars, terms, **actions)


@pytest.fixture(scope="module")
def book() -> Book:
    return load_book(PROJECT / "books" / "multi_asset.yaml")


@pytest.fixture
def broker(book: Book, database: str) -> Iterator[PaperBroker]:
    with open_connection(database) as conn:
        made = make(book, conn)
        assert isinstance(made, PaperBroker)
        made.fund(close(0), CAPITAL)
        yield made


@pytest.fixture
def capital() -> Decimal:
    return CAPITAL


@pytest.fixture
def order() -> Order:
    as_of: datetime = get_calendar().close_at(FUNDED)
    return Order(
        client_order_id=client_order_id("multi_asset", as_of, "SPY", "buy", "rebalance"),
        book="multi_asset",
        session=FUNDED,
        as_of=as_of,
        symbol="SPY",
        side="buy",
        quantity=Decimal(100),
        purpose="rebalance",
        reference_price=Decimal(99),
        intents=(Intent("time_series_momentum", "SPY", Decimal(100)),),
    )


@pytest.fixture
def open_market(broker: PaperBroker) -> OpenMarket:
    opened = iter(range(1, 100))

    def open_next(price: float, units: int | None) -> None:
        broker.advance(day(next(opened), price, 1e6 if units is None else units * 10.0))

    return open_next


@pytest.fixture
def sent(broker: PaperBroker) -> Callable[[], int]:
    return lambda: sum(entry_id(one.client_order_id) is None for one in broker.open_orders())


@pytest.fixture
def trade(open_market: OpenMarket) -> OpenMarket:
    """A session of its own: what rests on paper meets nothing within one."""
    return open_market


class TestPaperBroker(BrokerContract):
    """Everything that any broker promises."""


class TestWhatRestsOnPaper(RestingContract):
    """Everything that a broker promises at which stops and targets rest."""


def test_an_order_fills_at_the_next_open_moved_by_slippage_with_commission(
    broker: PaperBroker, order: Order
) -> None:
    broker.submit(order)
    broker.advance(day(1))
    [fill] = broker.fills_since(close(0))
    assert (fill.session, fill.quantity, fill.price) == (session(1), Decimal(100), Decimal("100.05"))
    assert fill.commission == Decimal("10.00")  # 0.10 % of 10,005.00, half-even to the cent
    assert broker.account().cash == CAPITAL - Decimal("10005.00") - fill.commission
    assert broker.positions() == {"SPY": Decimal(100)}
    assert broker.order_by_client_id(order.client_order_id).state == "filled"  # type: ignore[union-attr]


def test_what_the_volume_does_not_bear_expires_with_the_reason(broker: PaperBroker, order: Order) -> None:
    broker.submit(order)
    broker.advance(day(1, volume=300))
    assert broker.positions() == {"SPY": Decimal(30)}
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert known.state == "expired"
    assert "only 0.1 of the bar's volume of 300 may be taken" in known.answer["reason"]


def test_the_same_session_is_lived_through_again_until_an_order_is_received(
    broker: PaperBroker, order: Order
) -> None:
    broker.submit(order)
    broker.advance(day(1, price=100.0))
    broker.advance(day(1, price=101.0))
    assert [fill.reference_price for fill in broker.fills_since(close(0))] == [Decimal(101)]
    broker.submit(replace(order, client_order_id="another"))
    broker.advance(day(1, price=150.0))
    assert [fill.reference_price for fill in broker.fills_since(close(0))] == [Decimal(101)]


@pytest.mark.parametrize("number", [0, 2])
def test_the_market_opens_its_sessions_in_order(broker: PaperBroker, number: int) -> None:
    broker.advance(day(1))
    broker.advance(day(2))
    if number == 0:
        with pytest.raises(Refused, match="its next session is 2022-03-04, not 2022-03-02"):
            broker.advance(day(1))
    else:
        with pytest.raises(Refused, match="its next session is 2022-03-04, not 2022-03-07"):
            broker.advance(day(4))


def test_a_dividend_is_paid_and_a_split_restates_positions_and_orders(
    broker: PaperBroker, order: Order
) -> None:
    broker.submit(order)
    broker.advance(day(1))
    cash = broker.account().cash
    broker.submit(replace(order, client_order_id="more", quantity=Decimal(10)))
    broker.advance(day(2, price=50.0, splits={"SPY": 2.0}, dividends={"SPY": 0.25}, restated={"SPY": 50.0}))
    assert broker.positions() == {"SPY": Decimal(220)}
    [fill] = broker.fills_since(close(1))
    assert fill.quantity == Decimal(20)
    assert broker.account().cash == cash + Decimal("50.00") - fill.notional - fill.commission


def test_an_account_is_taken_back_to_before_a_session(broker: PaperBroker, order: Order) -> None:
    broker.submit(order)
    broker.advance(day(1))
    broker.submit(replace(order, client_order_id="more"))
    broker.advance(day(2))
    broker.take_back(close(1))
    assert broker.account().cash == CAPITAL
    assert broker.positions() == {}
    assert [one.client_order_id for one in broker.open_orders()] == [order.client_order_id]
    broker.advance(day(1))
    assert broker.positions() == {"SPY": Decimal(100)}


def test_an_account_is_funded_once(broker: PaperBroker) -> None:
    broker.fund(close(0), Decimal(5))
    assert broker.account().cash == CAPITAL


def test_an_unknown_kind_of_broker_is_refused_with_the_known_ones(book: Book, conn: object) -> None:
    entry = book.broker.model_copy(update={"kind": "papper"})
    with pytest.raises(Refused, match=r"broker\.kind: there is no broker 'papper'; did you mean paper\?"):
        make(book.model_copy(update={"broker": entry}), conn)  # type: ignore[arg-type]


def test_a_limit_order_fills_when_the_session_reaches_it_and_else_expires_with_the_reason(
    broker: PaperBroker, order: Order
) -> None:
    limited = replace(order, order_type="limit", limit_price=Decimal("98.50"))
    broker.submit(replace(limited, client_order_id="reached"))
    broker.submit(replace(limited, client_order_id="missed", limit_price=Decimal("97.00")))
    bars = FillBars(session(1), {"SPY": 100.0}, {"SPY": 1e6}, {"SPY": 98.0}, {"SPY": 101.0})
    broker.advance(period(bars, 1))
    [fill] = broker.fills_since(close(0))
    assert (fill.client_order_id, fill.price, fill.reference_price) == ("reached", Decimal("98.50"), 100)
    missed = broker.order_by_client_id("missed")
    assert missed is not None
    assert missed.state == "expired"
    assert "the limit of 97.0 was not reached" in missed.answer["reason"]
    assert "its low was 98.0" in missed.answer["reason"]


def test_borrowed_units_and_a_debit_cost_by_the_days_that_they_are_borrowed(
    broker: PaperBroker, order: Order
) -> None:
    rates = Rates(debit=Decimal("0.072"), borrow={"SPY": Decimal("0.036")})
    terms = replace(accrual_terms(load_book(PROJECT / "books" / "multi_asset.yaml")), rates=rates)
    broker.submit(replace(order, side="sell", client_order_id="short"))
    broker.advance(replace(day(1), terms=terms))
    cash = broker.account().cash
    broker.advance(replace(day(2), terms=terms, closes={"SPY": 100.0}))
    assert broker.account().cash == cash - Decimal("1.00")  # 10,000 dollars at 3.6 % for a day of 360
    broker.submit(replace(order, quantity=Decimal(3000), client_order_id="levered"))
    broker.advance(replace(day(3), terms=terms, closes={"SPY": 100.0}))
    owed = broker.account().cash
    assert owed < 0
    broker.advance(replace(day(4), terms=terms, closes={"SPY": 100.0}))
    days = (session(4) - session(3)).days
    assert broker.account().cash - owed == (owed * Decimal("0.072") * days / 360).quantize(Decimal("0.01"))
