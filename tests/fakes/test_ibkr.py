"""The fake gateway, driven through `ib_async` as the broker drives it: the account and its orders."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ib_async import IB, ExecutionFilter, LimitOrder, MarketOrder, Stock, StopOrder
from tests.fakes.ibkr import IbkrGateway
from tests.fakes.ibkr_client import AAPL, codes, connected, send, settled, until


@pytest.fixture
def gateway() -> Iterator[IbkrGateway]:
    with IbkrGateway(cash=Decimal(1_000_000)) as server:
        server.prices["AAPL"] = 185
        yield server


@pytest.fixture
def ib(gateway: IbkrGateway) -> Iterator[IB]:
    with connected(gateway) as client:
        yield client


def figures(ib: IB) -> dict[str, str]:
    return {value.tag: value.value for value in ib.accountSummary()}


def test_a_client_learns_its_accounts_and_the_time(gateway: IbkrGateway, ib: IB) -> None:
    assert ib.client.serverVersion() == 178
    assert ib.managedAccounts() == [gateway.account] == ["DU1234567"]
    assert ib.reqCurrentTime() == gateway.now
    gateway.runs = True
    assert gateway.now < ib.reqCurrentTime() or gateway.clock() > gateway.now
    assert gateway.clients == [7]


def test_the_account_has_cash_positions_and_margin(gateway: IbkrGateway, ib: IB) -> None:
    gateway.hold("AAPL", 1000, 185)
    gateway.hold("BRK-B", -500, 400)
    settled(ib)
    told = figures(ib)
    assert told["TotalCashValue"] == "1000000.00"
    assert told["NetLiquidation"] == "985000.00"
    assert told["GrossPositionValue"] == "385000.00"
    assert told["InitMarginReq"] == "115500.00"
    assert told["MaintMarginReq"] == "96250.00"
    assert told["ExcessLiquidity"] == "888750.00"
    held = {one.contract.symbol: (one.position, one.avgCost) for one in ib.reqPositions()}
    assert held == {"AAPL": (1000, 185), "BRK B": (-500, 400)}
    assert {one.contract.exchange for one in ib.reqPositions()} == {""}
    assert {v.value for v in ib.accountValues() if v.tag == "NetLiquidation"} == {"985000.00"}


def test_figures_in_place_of_the_usual_ones_are_told(gateway: IbkrGateway, ib: IB) -> None:
    gateway.standing["ExcessLiquidity"] = "12.00"
    assert figures(ib)["ExcessLiquidity"] == "12.00"


def test_a_market_order_after_the_close_is_held_and_executed_at_the_open(
    gateway: IbkrGateway, ib: IB
) -> None:
    trade = send(ib, "BUY", 100, "ref-1")
    assert [(entry.status, entry.errorCode) for entry in trade.log] == [
        ("PendingSubmit", 0),
        ("PreSubmitted", 0),
        ("ValidationError", 399),  # the notice that it waits; the order is well
    ]
    assert gateway.order("ref-1").status == "PreSubmitted"
    gateway.open_market({"AAPL": 186.2})
    settled(ib)
    (fill,) = trade.fills
    assert fill.execution.time == datetime(2024, 1, 3, 14, 30, tzinfo=UTC)
    assert (fill.execution.price, fill.execution.shares, fill.execution.side) == (186.2, 100, "BOT")
    assert fill.execution.execId == gateway.executions[0].exec_id
    assert fill.commissionReport.commission == 1
    assert trade.orderStatus.status == "Filled"
    assert gateway.state.cash == Decimal("981379")
    assert ib.positions()[0].avgCost == pytest.approx(186.21)


def test_a_market_order_in_hours_is_executed_at_once(gateway: IbkrGateway, ib: IB) -> None:
    gateway.open_market({"AAPL": 186})
    trade = send(ib, "SELL", 300, "ref-1")
    assert trade.orderStatus.status == "Filled"
    assert (trade.fills[0].execution.side, trade.fills[0].commissionReport.commission) == ("SLD", 1.5)
    assert gateway.state.positions["AAPL"].units == -300
    assert gateway.state.cash == Decimal("1000000") + 300 * 186 - Decimal("1.5")


def test_closing_tells_what_was_realised(gateway: IbkrGateway, ib: IB) -> None:
    gateway.hold("AAPL", 100, 180)
    gateway.open_market({"AAPL": 186})
    trade = send(ib, "SELL", 100, "ref-1")
    settled(ib)
    assert trade.fills[0].commissionReport.realizedPNL == 599
    assert ib.positions() == []


def test_orders_of_the_auction_are_taken_until_9_28_and_trade_only_there(
    gateway: IbkrGateway, ib: IB
) -> None:
    send(ib, "BUY", 100, "filled", tif="OPG")
    gateway.prices["MSFT"] = 370
    send(ib, "BUY", 100, "none", "MSFT", tif="OPG")
    gateway.open_market({"AAPL": 186.2})
    settled(ib)
    assert [gateway.order(ref).status for ref in ("filled", "none")] == ["Filled", "Cancelled"]
    assert codes(ib) == [399, 399, 202]
    gateway.close_market()
    gateway.now = datetime(2024, 1, 4, 14, 29, tzinfo=UTC)
    assert send(ib, "BUY", 100, "late", tif="OPG").orderStatus.status == "Inactive"
    assert codes(ib)[-1] == 201


def test_an_order_of_the_day_ends_with_it_and_a_good_till_cancelled_one_does_not(
    gateway: IbkrGateway, ib: IB
) -> None:
    gateway.open_market({"AAPL": 186})
    day = ib.placeOrder(AAPL, LimitOrder("BUY", 10, 180, tif="DAY", orderRef="day"))
    lasting = ib.placeOrder(AAPL, LimitOrder("BUY", 10, 180, tif="GTC", orderRef="gtc"))
    settled(ib)
    assert [day.orderStatus.status, lasting.orderStatus.status] == ["Submitted", "Submitted"]
    gateway.close_market()
    settled(ib)
    assert [day.orderStatus.status, lasting.orderStatus.status] == ["Cancelled", "Submitted"]
    gateway.open_market({"AAPL": 179.5})
    settled(ib)
    assert lasting.fills[0].execution.price == 179.5


def test_a_stop_waits_for_its_trigger(gateway: IbkrGateway, ib: IB) -> None:
    gateway.hold("AAPL", 100, 180)
    gateway.open_market({"AAPL": 186})
    trade = ib.placeOrder(AAPL, StopOrder("SELL", 100, 175, tif="GTC", orderRef="stop"))
    settled(ib)
    assert (trade.orderStatus.status, trade.orderStatus.whyHeld) == ("PreSubmitted", "trigger")
    gateway.trade("AAPL", 176)
    settled(ib)
    assert not trade.fills
    gateway.trade("AAPL", 174.9)
    settled(ib)
    assert trade.fills[0].execution.price == 174.9


def test_a_bracket_is_transmitted_as_one_and_its_children_cancel_one_another(
    gateway: IbkrGateway, ib: IB
) -> None:
    ids = [ib.client.getReqId() for _ in range(3)]
    parent = MarketOrder("BUY", 100, orderId=ids[0], tif="DAY", orderRef="entry", transmit=False)
    profit = LimitOrder(
        "SELL", 100, 200, orderId=ids[1], parentId=ids[0], tif="GTC", orderRef="profit", transmit=False
    )
    loss = StopOrder("SELL", 100, 170, orderId=ids[2], parentId=ids[0], tif="GTC", orderRef="loss")
    for order in (profit, loss):
        order.ocaGroup, order.ocaType = "exit-1", 1
    trades = [ib.placeOrder(AAPL, order) for order in (parent, profit)]
    settled(ib)
    assert ib.reqAllOpenOrders() == []  # nothing is transmitted yet
    trades.append(ib.placeOrder(AAPL, loss))
    settled(ib)
    assert [trade.orderStatus.whyHeld for trade in trades] == ["", "child", "child"]
    gateway.open_market({"AAPL": 186})
    settled(ib)
    assert [trade.orderStatus.status for trade in trades] == ["Filled", "Submitted", "PreSubmitted"]
    gateway.trade("AAPL", 169)
    settled(ib)
    assert [trade.orderStatus.status for trade in trades] == ["Filled", "Cancelled", "Filled"]
    assert gateway.state.positions == {}


def test_a_bracket_whose_parent_is_cancelled_is_cancelled_whole(gateway: IbkrGateway, ib: IB) -> None:
    ids = [ib.client.getReqId() for _ in range(2)]
    parent = ib.placeOrder(AAPL, LimitOrder("BUY", 100, 180, orderId=ids[0], tif="DAY", transmit=False))
    child = ib.placeOrder(AAPL, StopOrder("SELL", 100, 170, orderId=ids[1], parentId=ids[0], tif="GTC"))
    settled(ib)
    ib.cancelOrder(parent.order)
    settled(ib)
    assert [parent.orderStatus.status, child.orderStatus.status] == ["Cancelled", "Cancelled"]


def test_a_cancel_is_confirmed_and_one_of_nothing_is_refused(gateway: IbkrGateway, ib: IB) -> None:
    trade = send(ib, "BUY", 100, "ref-1")
    ib.cancelOrder(trade.order)
    until(ib, trade.isDone)
    assert codes(ib) == [399, 202]
    ib.client.cancelOrder(4711)
    ib.client.cancelOrder(trade.order.orderId)
    settled(ib)
    assert codes(ib)[2:] == [10147, 10148]


def test_a_slow_cancel_may_be_overtaken_by_the_execution(gateway: IbkrGateway, ib: IB) -> None:
    gateway.slow_cancels = True
    trade = send(ib, "BUY", 100, "ref-1")
    ib.cancelOrder(trade.order)
    settled(ib)
    assert trade.orderStatus.status == "PendingCancel"
    gateway.open_market({"AAPL": 186})
    gateway.finish_cancels()
    settled(ib)
    assert trade.orderStatus.status == "Filled"


def test_an_order_that_is_sent_again_under_its_id_is_changed(gateway: IbkrGateway, ib: IB) -> None:
    trade = ib.placeOrder(AAPL, LimitOrder("BUY", 100, 180, tif="DAY", orderRef="ref-1"))
    settled(ib)
    trade.order.lmtPrice = 182
    ib.placeOrder(AAPL, trade.order)
    settled(ib)
    (order,) = gateway.orders
    assert (order.limit, gateway.created) == (182, 1)
    ib.cancelOrder(trade.order)
    settled(ib)
    ib.client.placeOrder(trade.order.orderId, AAPL, trade.order)
    settled(ib)
    assert codes(ib)[-1] == 103


def test_what_if_tells_margins_and_makes_no_order(gateway: IbkrGateway, ib: IB) -> None:
    gateway.hold("AAPL", 100, 185)
    told = ib.whatIfOrder(AAPL, MarketOrder("BUY", 900, tif="DAY", account=gateway.account))
    assert told.numeric().initMarginChange == 49950  # 30 % of 166,500
    assert float(told.initMarginAfter) == 55500
    assert float(told.maintMarginAfter) == 46250
    assert (told.commission, told.commissionCurrency) == (4.5, "USD")
    assert gateway.orders == []
    assert gateway.created == 0


def test_an_order_beyond_the_margin_is_rejected_and_inactive(gateway: IbkrGateway, ib: IB) -> None:
    trade = send(ib, "BUY", 20_000, "ref-1")  # 3.7 million dollars on one
    assert codes(ib) == [201]
    assert [(entry.status, entry.errorCode) for entry in trade.log] == [
        ("PendingSubmit", 0),
        ("Cancelled", 201),  # the client makes that of the error; the gateway says Inactive
        ("Inactive", 0),
    ]
    assert "MUST EXCEED THE INITIAL MARGIN" in trade.log[1].message
    assert trade.orderStatus.status == "Inactive"
    assert gateway.order("ref-1").status == "Inactive"
    assert send(ib, "BUY", 16_000, "ref-2").isActive()
    assert send(ib, "BUY", 5_000, "ref-3").orderStatus.status == "Inactive"  # what waits counts too
    assert send(ib, "SELL", 5_000, "ref-4").isActive()


def test_what_cannot_be_borrowed_is_not_sold_short(gateway: IbkrGateway, ib: IB) -> None:
    gateway.shortable["AAPL"] = Decimal(150)
    (contract,) = ib.qualifyContracts(Stock("AAPL", "SMART", "USD"))
    ticker = ib.reqMktData(contract, "236")
    until(ib, lambda: ticker.shortableShares == 150)
    assert (ticker.shortable, ticker.last) == (2, 185)
    gateway.hold("AAPL", 50, 185)
    assert send(ib, "SELL", 200, "ref-1").isActive()
    trade = send(ib, "SELL", 1, "ref-2")
    assert (trade.orderStatus.status, codes(ib)[-1]) == ("Inactive", 201)
    assert "not available for short sale" in trade.log[1].message


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (MarketOrder("BUY", 0), 434),
        (MarketOrder("BUY", 1.5), 10243),
        (MarketOrder("BUY", 1, account="DU7654321"), 321),
        (MarketOrder("BUY", 1, tif="FOK"), 321),
        (LimitOrder("BUY", 1, 180.001), 110),
    ],
)
def test_what_tws_itself_refuses_is_no_order(
    gateway: IbkrGateway, ib: IB, order: MarketOrder, code: int
) -> None:
    ib.placeOrder(AAPL, order)
    settled(ib)
    assert codes(ib) == [code]
    assert gateway.orders == []


def test_contracts_are_found_by_symbol_or_id_unknown_or_ambiguous(gateway: IbkrGateway, ib: IB) -> None:
    (details,) = ib.reqContractDetails(Stock("BRK B", "SMART", "USD"))
    assert (details.contract.conId, details.contract.primaryExchange) == (72063691, "NYSE")
    assert (details.minTick, details.sizeIncrement, details.timeZoneId) == (0.01, 0.0001, "US/Eastern")
    (same,) = ib.reqContractDetails(Stock(conId=72063691))
    assert same.contract.symbol == "BRK B"
    assert ib.reqContractDetails(Stock("BRK-B", "SMART", "USD")) == []
    assert codes(ib) == [200]
    gateway.list_stock("ABC", con_id=1, primary="NYSE")
    gateway.list_stock("ABC", con_id=2, primary="ARCA")
    assert len(ib.reqContractDetails(Stock("ABC", "SMART", "USD"))) == 2
    assert len(ib.reqContractDetails(Stock("ABC", "SMART", "USD", primaryExchange="ARCA"))) == 1
    trade = send(ib, "BUY", 1, "ref-1", "ABC")
    assert codes(ib) == [200, 200]
    assert "ambiguous" in trade.log[-1].message


def test_an_order_by_the_contract_of_a_position_lacks_an_exchange(gateway: IbkrGateway, ib: IB) -> None:
    gateway.hold("AAPL", 100, 185)
    settled(ib)
    (held,) = ib.reqPositions()
    ib.placeOrder(held.contract, MarketOrder("SELL", 100))
    settled(ib)
    assert codes(ib) == [321]


def test_orders_are_told_by_client_and_of_all_clients(gateway: IbkrGateway, ib: IB) -> None:
    send(ib, "BUY", 100, "ours")
    gateway.by_hand("AAPL", "SELL", 5)
    with connected(gateway, client_id=8) as other:
        assert other.reqOpenOrders() == []
        told = {one.order.orderRef: one.order for one in other.reqAllOpenOrders()}
    assert (told["ours"].clientId, told["ours"].permId) == (7, gateway.order("ours").perm_id)
    assert (told[""].orderId, told[""].clientId) == (0, 0)


def test_completed_orders_bear_no_order_id_and_no_total(gateway: IbkrGateway, ib: IB) -> None:
    send(ib, "BUY", 100, "ref-1")
    gateway.open_market({"AAPL": 186})
    ib.cancelOrder(send(ib, "BUY", 7, "ref-2", "MSFT").order)
    with connected(gateway, client_id=8) as other:
        told = {one.order.orderRef: one for one in other.reqCompletedOrders(False)}
        first = told["ref-1"]
        assert (first.order.orderId, first.order.totalQuantity, first.order.filledQuantity) == (0, 0, 100)
        assert first.orderStatus.status == "Filled"
        last = told["ref-2"]
        assert (last.order.totalQuantity, last.order.filledQuantity) == (7, 0)
        assert last.orderStatus.status == "Cancelled"
        gateway.close_market()
        gateway.now = datetime(2024, 1, 4, 12, tzinfo=UTC)
        assert other.reqCompletedOrders(False) == []  # only those of the day are told


def test_orders_that_end_come_unasked_to_who_asked_for_completed_ones(gateway: IbkrGateway, ib: IB) -> None:
    heard: list[str] = []
    ib.wrapper.completedOrder = lambda contract, order, state: heard.append(order.orderRef)
    send(ib, "BUY", 100, "ref-1")
    gateway.open_market({"AAPL": 186})
    until(ib, lambda: heard == ["ref-1"])


def test_executions_are_told_for_the_day_by_filter(gateway: IbkrGateway, ib: IB) -> None:
    send(ib, "BUY", 100, "ref-1")
    gateway.open_market({"AAPL": 186, "MSFT": 370})
    gateway.now = datetime(2024, 1, 3, 15, tzinfo=UTC)
    send(ib, "BUY", 10, "ref-2", "MSFT")

    def asked(**terms: object) -> list[str]:
        return [one.execution.orderRef for one in ib.reqExecutions(ExecutionFilter(**terms))]

    assert asked() == ["ref-1", "ref-2"]
    assert asked(symbol="MSFT") == ["ref-2"]
    assert asked(clientId=9) == []
    assert asked(acctCode=gateway.account, time="20240103-14:45:00") == ["ref-2"]
    assert asked(time="20240103 09:45:00 US/Eastern") == ["ref-2"]
    gateway.close_market()
    gateway.now = datetime(2024, 1, 4, 12, tzinfo=UTC)
    assert asked() == []
    gateway.log_days = 1
    assert asked() == ["ref-1", "ref-2"]


def test_a_client_that_comes_later_learns_commissions_with_executions(gateway: IbkrGateway, ib: IB) -> None:
    send(ib, "BUY", 100, "ref-1")
    gateway.open_market({"AAPL": 186})
    with connected(gateway, client_id=8) as other:
        (fill,) = other.fills()
        assert fill.commissionReport.commission == 1


def test_order_ids_go_on_after_a_new_connection_and_come_again_after_a_reset(gateway: IbkrGateway) -> None:
    with connected(gateway) as ib:
        first = send(ib, "BUY", 1, "day-1").order
    with connected(gateway) as ib:
        assert ib.client.getReqId() > first.orderId
        gateway.open_market({"AAPL": 186})
        gateway.close_market()
    gateway.reset_order_ids()
    gateway.now = datetime(2024, 1, 4, 22, tzinfo=UTC)
    with connected(gateway) as ib:
        again = MarketOrder("BUY", 1, tif="DAY", orderRef="day-2", orderId=first.orderId)
        ib.placeOrder(AAPL, again)
        settled(ib)
    one, two = gateway.orders
    assert one.order_id == two.order_id
    assert one.perm_id != two.perm_id


def test_nothing_keeps_a_reference_from_being_used_twice(gateway: IbkrGateway, ib: IB) -> None:
    send(ib, "BUY", 100, "ref-1")
    send(ib, "BUY", 100, "ref-1")
    gateway.copy_of("ref-1")
    told = [one.order for one in ib.reqAllOpenOrders() if one.order.orderRef == "ref-1"]
    assert len({order.permId for order in told}) == 3
    assert [order.clientId for order in told] == [7, 7, 99]


def test_a_request_that_the_gateway_does_not_know_is_refused(gateway: IbkrGateway, ib: IB) -> None:
    ib.client.reqScannerParameters()
    settled(ib)
    assert codes(ib) == [320]


def test_what_arrived_is_noted(gateway: IbkrGateway, ib: IB) -> None:
    send(ib, "BUY", 100, "ref-1")
    (request,) = gateway.asked("placeOrder")
    assert request.client_id == 7
    assert "ref-1" in request.fields


def test_dividends_and_splits_reach_the_account(gateway: IbkrGateway, ib: IB) -> None:
    gateway.hold("AAPL", 101, 200)
    gateway.hold("MSFT", -10, 370)
    gateway.pay_dividend("AAPL", 0.25)
    gateway.pay_dividend("MSFT", 0.75)
    assert gateway.state.cash == Decimal("1000017.75")
    assert gateway.split("AAPL", 1.5) == Decimal("0.5")
    settled(ib)
    told = {one.contract.symbol: (one.position, one.avgCost) for one in ib.positions()}
    assert told["AAPL"] == (151, pytest.approx(133.3333333))
    assert gateway.prices["AAPL"] == pytest.approx(Decimal("133.3333333"))


def test_a_kept_state_can_be_set_again(gateway: IbkrGateway, ib: IB) -> None:
    kept = gateway.state
    first = send(ib, "BUY", 100, "ref-1")
    gateway.state = kept
    assert gateway.next_order_id(7) == 1
    with connected(gateway, client_id=8) as other:
        assert other.reqAllOpenOrders() == []
        assert send(other, "BUY", 100, "ref-2").order.permId == first.order.permId


def test_a_process_that_is_killed_leaves_its_client_id_free(gateway: IbkrGateway) -> None:
    script = (
        "import os, signal, sys\n"
        "from ib_async import IB\n"
        "ib = IB()\n"
        "ib.connect('127.0.0.1', int(sys.argv[1]), clientId=7, timeout=5)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(gateway.port)], check=False)
    assert done.returncode == -signal.SIGKILL
    with connected(gateway):
        assert gateway.clients == [7]
