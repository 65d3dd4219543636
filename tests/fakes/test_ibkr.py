"""The fake gateway, driven through `ib_async` as the broker drives it."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from ib_async import IB, MarketOrder, Stock
from tests.fakes.ibkr import IbkrGateway

AAPL = Stock("AAPL", "SMART", "USD")


@pytest.fixture
def gateway() -> Iterator[IbkrGateway]:
    with IbkrGateway(cash=Decimal(1_000_000)) as server:
        yield server


@pytest.fixture
def ib(gateway: IbkrGateway) -> Iterator[IB]:
    client = IB()
    client.connect("127.0.0.1", gateway.port, clientId=7, timeout=5)
    yield client
    client.disconnect()


def test_a_client_learns_its_accounts_and_the_figures(gateway: IbkrGateway, ib: IB) -> None:
    assert ib.client.serverVersion() == 178
    assert ib.managedAccounts() == [gateway.account] == ["DU1234567"]
    figures = {value.tag: value.value for value in ib.accountSummary()}
    assert figures["NetLiquidation"] == figures["ExcessLiquidity"] == "1000000.00"
    assert ib.reqCurrentTime() == gateway.now


def test_a_market_order_after_the_close_is_held_and_executed_at_the_open(
    gateway: IbkrGateway, ib: IB
) -> None:
    gateway.prices["AAPL"] = 185
    trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100, tif="DAY", orderRef="ref-1"))
    assert ib.waitOnUpdate(5)
    ib.sleep(0.1)
    assert [entry.errorCode for entry in trade.log] == [0, 0, 399]
    assert gateway.order("ref-1").status == "PreSubmitted"
    gateway.open_market({"AAPL": 186.2})
    ib.sleep(0.1)
    (fill,) = trade.fills
    assert (fill.execution.price, fill.execution.shares, fill.commissionReport.commission) == (186.2, 100, 1)
    assert trade.orderStatus.status == "Filled"
