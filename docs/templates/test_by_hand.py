"""The broker keeps what every broker must keep; the person is played by the tests."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from nightdesk.brokers import Broker, Unreachable, Unreadable, open_account
from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.orders import Intent, Order
from nightdesk.orders.order import client_order_id
from nightdesk.testing import BrokerContract, OpenMarket

DECIDED = date(2022, 3, 1)
BOOK = """
name: hand
title: Orders by hand
initial_capital: 100000.00
broker: {kind: by_hand, account: my-hand}
universe:
  SPY: {max_weight: 0.5}
  BTC-USD: {asset_class: crypto, unit: 0.0001, max_weight: 0.1}
strategies: {time_series_momentum: {share: 1.0}}
regime: [{name: ANY}]
limits: {}
"""


@pytest.fixture
def book() -> Book:
    return Book.model_validate(yaml.safe_load(BOOK))


@pytest.fixture
def capital() -> Decimal:
    return Decimal("100000.00")


@pytest.fixture
def folder(tmp_path: Path, capital: Decimal) -> Path:
    (tmp_path / "account.json").write_text(json.dumps({"cash": str(capital)}))
    return tmp_path


@pytest.fixture
def broker(book: Book, folder: Path) -> Broker:
    return open_account(book, {"NIGHTDESK_ACCOUNT_MY_HAND_FOLDER": str(folder)})


@pytest.fixture
def order() -> Order:
    as_of = get_calendar().close_at(DECIDED)
    return Order(
        client_order_id=client_order_id("hand", as_of, "SPY", "buy", "rebalance"),
        book="hand",
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
def open_market(broker: Broker, folder: Path) -> OpenMarket:
    def execute(price: float, units: int | None) -> None:
        path = folder / "executions.csv"
        rows = path.read_text() if path.exists() else "client_order_id,session,price,quantity,commission\n"
        session = get_calendar().shift(DECIDED, 1)
        for one in broker.open_orders():
            quantity = one.quantity if units is None else units
            rows += f"{one.client_order_id},{session},{price},{quantity},1.00\n"
        path.write_text(rows)

    return execute


@pytest.fixture
def sent(folder: Path) -> Callable[[], int]:
    path = folder / "orders.jsonl"
    return lambda: len(path.read_text().splitlines()) if path.exists() else 0


class TestByHand(BrokerContract):
    """Everything that any broker promises."""


def test_an_account_without_a_folder_names_the_variable(book: Book) -> None:
    with pytest.raises(Refused, match="set NIGHTDESK_ACCOUNT_MY_HAND_FOLDER"):
        open_account(book, {})


def test_a_folder_that_is_gone_is_no_answer(book: Book, tmp_path: Path, order: Order) -> None:
    away = open_account(book, {"NIGHTDESK_ACCOUNT_MY_HAND_FOLDER": str(tmp_path / "away")})
    for ask in (away.account, away.positions, away.open_orders, lambda: away.submit(order)):
        with pytest.raises(Unreachable):
            ask()


def test_a_word_where_a_price_belongs_concludes_nothing(broker: Broker, order: Order, folder: Path) -> None:
    broker.submit(order)
    row = f"{order.client_order_id},2022-03-02,dear,100,1.00"
    (folder / "executions.csv").write_text(f"client_order_id,session,price,quantity,commission\n{row}\n")
    with pytest.raises(Unreadable, match=r"executions\.csv, line 2"):
        broker.positions()
