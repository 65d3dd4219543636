"""Contracts of IBKR that are kept in the database: asked for once a day, and told when one changes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tests.conftest import PROJECT
from tests.fakes.ibkr import IbkrGateway

from nightdesk.brokers import RejectedOrder
from nightdesk.brokers.ibkr import IbkrBroker
from nightdesk.brokers.ibkr_contract_store import KIND, ContractsInStore, whole_number
from nightdesk.brokers.ibkr_contracts import IbkrNames
from nightdesk.brokers.ibkr_questions import IbkrPatience
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.orders.order import Intent, Order, client_order_id
from nightdesk.store.broker_contract_rows import KeptContract, keep_contract, kept_contract, name_contract
from nightdesk.store.db import Connection, now
from nightdesk.tws_terms import TwsAddress, TwsPatience

DECIDED = date(2024, 1, 2)
SPY = 756733


@pytest.fixture
def gateway() -> Iterator[IbkrGateway]:
    with IbkrGateway(datetime(2024, 1, 2, 21, 30, tzinfo=UTC), Decimal(100_000)) as server:
        server.prices["SPY"] = 99.0
        yield server


@pytest.fixture
def book() -> Book:
    book = load_book(PROJECT / "books" / "multi_asset.yaml")
    return book.model_copy(update={"broker": BrokerEntry(kind="ibkr", account="ibkr-paper")})


def send(gateway: IbkrGateway, conn: Connection, book: Book, symbol: str = "SPY", number: int = 0) -> None:
    """Let a process of its own send an order."""
    as_of = get_calendar().close_at(DECIDED)
    order = Order(
        client_order_id=client_order_id("multi_asset", as_of, symbol, "buy", f"rebalance{number}"),
        book="multi_asset",
        session=DECIDED,
        as_of=as_of,
        symbol=symbol,
        side="buy",
        quantity=Decimal(1),
        purpose="rebalance",
        reference_price=Decimal(99),
        intents=(Intent("time_series_momentum", symbol, Decimal(1)),),
    )
    broker = IbkrBroker(
        book,
        TwsAddress("127.0.0.1", gateway.port, 7),
        gateway.account,
        ContractsInStore(conn, book.name, IbkrNames(book.universe)),
        IbkrPatience(confirm=1.0, commission=0.3, shortable=0.3),
        TwsPatience(connect=2.0, in_use=2.0, answer=2.0),
    )
    try:
        broker.submit(order)
    finally:
        broker.close()


def lookups(gateway: IbkrGateway) -> int:
    return len(gateway.asked("reqContractDetails"))


def kept(conn: Connection, symbol: str = "SPY") -> KeptContract:
    found = kept_contract(conn, KIND, symbol)
    assert found is not None
    return found


def let_a_day_pass(conn: Connection, **changed: object) -> None:
    """Let what is kept of SPY be a day old, and perhaps another number."""
    one = kept(conn)
    row = {name: getattr(one, name) for name in KeptContract.__dataclass_fields__}
    row |= {"asked_at": one.asked_at - timedelta(days=1, minutes=1)} | changed
    keep_contract(conn, KIND, KeptContract(**row))  # type: ignore[arg-type]


def alerts(conn: Connection) -> list[tuple[str, str]]:
    with conn.cursor() as cursor:
        cursor.execute("SELECT level, body FROM nightdesk.alerts ORDER BY alert_id")
        return cursor.fetchall()


def test_a_contract_is_looked_up_once_a_day_and_kept_with_its_steps(
    gateway: IbkrGateway, conn: Connection, book: Book
) -> None:
    send(gateway, conn, book, number=1)
    send(gateway, conn, book, number=2)
    assert lookups(gateway) == 1
    one = kept(conn)
    assert (one.contract_id, one.primary_exchange) == (SPY, "ARCA")
    assert (one.tick, one.size_increment) == (Decimal("0.01"), Decimal("0.0001"))
    assert now(conn) - one.asked_at < timedelta(minutes=1)
    let_a_day_pass(conn)
    send(gateway, conn, book, number=3)
    assert lookups(gateway) == 2
    assert now(conn) - kept(conn).asked_at < timedelta(minutes=1)
    assert alerts(conn) == []


def test_a_symbol_that_is_another_contract_now_is_told(
    gateway: IbkrGateway, conn: Connection, book: Book
) -> None:
    send(gateway, conn, book, number=1)
    let_a_day_pass(conn, contract_id=4711)
    send(gateway, conn, book, number=2)
    assert kept(conn).contract_id == SPY
    [(level, body)] = alerts(conn)
    assert level == "WARNING"
    assert f"SPY was contract 4711 (ARCA) and is {SPY} (ARCA) now" in body


def test_of_several_contracts_none_is_taken_until_a_person_names_one(
    gateway: IbkrGateway, conn: Connection, book: Book
) -> None:
    gateway.list_stock("SPY")
    gateway.list_stock("SPY", con_id=4711, primary="NYSE")
    with pytest.raises(RejectedOrder) as refused:
        send(gateway, conn, book, number=1)
    assert "nightdesk broker BOOK --contract SPY=NUMBER" in str(refused.value)
    assert str(SPY) in str(refused.value)
    name_contract(conn, KIND, "SPY", SPY)
    send(gateway, conn, book, number=2)
    assert (kept(conn).contract_id, kept(conn).primary_exchange) == (SPY, "ARCA")
    let_a_day_pass(conn)
    send(gateway, conn, book, number=3)  # the number that is kept goes on to tell which it is
    assert kept(conn).contract_id == SPY
    assert alerts(conn) == []


@pytest.mark.parametrize(
    "text", ["SPY", "SPY=", "=5", "SPY=x", "SPY=0", "SPY=-3", "SPY=99999999999", "SPY=１"]
)
def test_what_names_no_contract_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="such as BRK-B=72063691"):
        whole_number(text)


def test_a_symbol_and_a_number_name_a_contract() -> None:
    assert whole_number("BRK-B=72063691") == ("BRK-B", 72063691)
