"""IBKR through its own protocol and `ib_async`'s client, at a gateway on loopback that answers well."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.conftest import PROJECT
from tests.fakes.ibkr import IbkrGateway

from nightdesk.brokers.ibkr import IbkrBroker
from nightdesk.brokers.ibkr_questions import IbkrPatience
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.orders.order import Intent, Order, client_order_id
from nightdesk.testing.broker_contract import BrokerContract, OpenMarket
from nightdesk.tws_line import TwsAddress, TwsPatience

DECIDED = date(2024, 1, 2)
CAPITAL = Decimal("100000.00")
#: 16:30 in New York.
EVENING = datetime(2024, 1, 2, 21, 30, tzinfo=UTC)
QUICK = IbkrPatience(confirm=1.0, commission=0.3, shortable=0.3)
LINE = TwsPatience(connect=2.0, in_use=0.0, answer=2.0)


@pytest.fixture(scope="module")
def book() -> Book:
    book = load_book(PROJECT / "books" / "multi_asset.yaml")
    entry = BrokerEntry(kind="ibkr", account="ibkr-paper")
    berkshire = book.universe["SPY"].model_copy(update={"asset_class": "equity"})
    return book.model_copy(update={"broker": entry, "universe": {**book.universe, "BRK-B": berkshire}})


@pytest.fixture
def gateway() -> Iterator[IbkrGateway]:
    with IbkrGateway(EVENING, CAPITAL) as server:
        server.prices.update({"SPY": 99.0, "BRK-B": 350.0})
        server.log_days = 7
        yield server


@pytest.fixture
def broker(book: Book, gateway: IbkrGateway) -> Iterator[IbkrBroker]:
    address = TwsAddress("127.0.0.1", gateway.port, 7)
    made = IbkrBroker(book, address, gateway.account, patience=QUICK, line_patience=LINE)
    yield made
    made.close()


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
def open_market(gateway: IbkrGateway) -> OpenMarket:
    return lambda price, units: gateway.open_market(
        {"SPY": price}, volume={} if units is None else {"SPY": units}
    )


@pytest.fixture
def sent(gateway: IbkrGateway) -> Callable[[], int]:
    """Orders that the desk asked for; a bracket's legs belong to it."""
    return lambda: sum(not one.parent_id for one in gateway.orders)


class TestIbkrBroker(BrokerContract):
    """Everything that any broker promises."""
