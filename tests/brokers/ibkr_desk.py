"""What the tests of IBKR's broker share: a book with an account there, a gateway, an order in the evening."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.conftest import PROJECT
from tests.fakes.ibkr import IbkrGateway

from nightdesk.brokers.ibkr import IbkrBroker
from nightdesk.brokers.ibkr_contracts import ContractCache
from nightdesk.brokers.ibkr_questions import IbkrPatience
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.orders.order import Intent, Order, client_order_id
from nightdesk.tws_terms import TwsAddress, TwsPatience

DECIDED = date(2024, 1, 2)
CAPITAL = Decimal("100000.00")
#: 16:30 in New York.
EVENING = datetime(2024, 1, 2, 21, 30, tzinfo=UTC)
CLIENT_ID = 7
#: The gateway answers at once where it answers at all, and the machine may be busy.
PATIENCE = IbkrPatience(confirm=20.0, commission=1.0, shortable=20.0)
LINE_PATIENCE = TwsPatience(connect=30.0, in_use=0.0, answer=30.0)
#: Where an answer never comes.
HASTE = IbkrPatience(confirm=1.5, commission=1.0, shortable=1.5)
LINE_HASTE = TwsPatience(connect=30.0, in_use=0.0, answer=1.5)


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


def at(
    gateway: IbkrGateway, book: Book, contracts: ContractCache | None = None, *, haste: bool = False
) -> IbkrBroker:
    """The account of a book at a gateway."""
    address = TwsAddress("127.0.0.1", gateway.port, CLIENT_ID)
    patience, line = (HASTE, LINE_HASTE) if haste else (PATIENCE, LINE_PATIENCE)
    return IbkrBroker(book, address, gateway.account, contracts, patience=patience, line_patience=line)


@pytest.fixture
def broker(book: Book, gateway: IbkrGateway) -> Iterator[IbkrBroker]:
    made = at(gateway, book)
    yield made
    made.close()


@pytest.fixture
def hasty(book: Book, gateway: IbkrGateway) -> Iterator[IbkrBroker]:
    """The broker where an answer will not come."""
    made = at(gateway, book, haste=True)
    yield made
    made.close()


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
