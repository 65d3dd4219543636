"""The fake gateway, driven through `ib_async`: what the script spoils, and what disturbs a connection."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ib_async import IB, LimitOrder, MarketOrder
from tests.fakes.ibkr import Delay, Error, Fault, IbkrGateway, Partial
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


def place(ib: IB, ref: str = "ref-1") -> None:
    """Send an order without waiting for what is said of it."""
    ib.placeOrder(AAPL, MarketOrder("BUY", 100, tif="DAY", orderRef=ref))


def refs(gateway: IbkrGateway) -> list[str]:
    return [order.order_ref for order in gateway.orders]


@pytest.mark.parametrize(("fault", "taken"), [(Fault.DROP_BEFORE, []), (Fault.DROP_AFTER, ["ref-1"])])
def test_a_connection_is_dropped_before_or_after_an_order_is_taken(
    gateway: IbkrGateway, ib: IB, fault: Fault, taken: list[str]
) -> None:
    gateway.script("placeOrder", fault)
    place(ib)
    until(ib, lambda: not ib.isConnected())
    assert refs(gateway) == taken
    with connected(gateway) as again:
        assert [one.order.orderRef for one in again.reqAllOpenOrders()] == taken


@pytest.mark.parametrize(("fault", "taken"), [(Fault.SILENT_BEFORE, []), (Fault.SILENT_AFTER, ["ref-1"])])
def test_nothing_is_said_of_an_order_that_is_lost_or_taken(
    gateway: IbkrGateway, ib: IB, fault: Fault, taken: list[str]
) -> None:
    gateway.script("placeOrder", fault)
    trade = send(ib, "BUY", 100, "ref-1")
    assert [entry.status for entry in trade.log] == ["PendingSubmit"]
    assert refs(gateway) == taken
    gateway.open_market({"AAPL": 186})
    settled(ib)
    assert len(trade.fills) == len(taken)  # the execution is told


def order_messages(ib: IB) -> list[str]:
    """The messages of orders as they arrive, by name."""
    heard: list[str] = []
    names = {"3": "orderStatus", "5": "openOrder", "11": "execDetails", "59": "commissionReport"}
    interpret = ib.client.decoder.interpret

    def listen(fields: list[str]) -> None:
        if fields[0] in names:
            heard.append(names[fields[0]])
        interpret(fields)

    ib.client.decoder.interpret = listen
    return heard


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (None, "openOrder orderStatus execDetails openOrder orderStatus commissionReport"),
        (
            Fault.STATUS_TWICE,
            "openOrder orderStatus orderStatus execDetails openOrder orderStatus orderStatus "
            "commissionReport",
        ),
        (Fault.STATUS_FIRST, "orderStatus execDetails orderStatus commissionReport openOrder openOrder"),
        (Fault.EXECUTION_FIRST, "execDetails openOrder orderStatus openOrder orderStatus commissionReport"),
        (
            Fault.EXECUTION_TWICE,
            "openOrder orderStatus execDetails execDetails openOrder orderStatus commissionReport",
        ),
        (Fault.COMMISSION_LATE, "openOrder orderStatus execDetails openOrder orderStatus"),
    ],
)
def test_an_order_is_told_in_the_order_of_the_script(
    gateway: IbkrGateway, ib: IB, fault: Fault | None, heard: str
) -> None:
    gateway.open_market({"AAPL": 186})
    told = order_messages(ib)
    gateway.script("placeOrder", fault)
    trade = send(ib, "BUY", 100, "ref-1")
    assert " ".join(told) == heard
    assert trade.orderStatus.status == "Filled"
    assert len(trade.fills) == 1


def test_notice_10349_looks_like_a_cancel_and_the_order_is_executed(gateway: IbkrGateway, ib: IB) -> None:
    gateway.script("placeOrder", Fault.TIF_NOTICE)
    trade = send(ib, "BUY", 100, "ref-1")
    assert [(entry.status, entry.errorCode) for entry in trade.log][:3] == [
        ("PendingSubmit", 0),
        ("Cancelled", 10349),
        ("PreSubmitted", 0),
    ]
    gateway.open_market({"AAPL": 186})
    settled(ib)
    assert trade.fills
    # An order without a time in force gets it too.
    bare = ib.placeOrder(AAPL, MarketOrder("BUY", 1, orderRef="bare"))
    settled(ib)
    assert 10349 in codes(ib)[2:]
    assert bare.fills


def test_a_commission_comes_late_or_never(gateway: IbkrGateway, ib: IB) -> None:
    gateway.open_market({"AAPL": 186})
    gateway.script("placeOrder", Fault.COMMISSION_LATE, Fault.COMMISSION_NEVER)
    late, never = send(ib, "BUY", 100, "late"), send(ib, "BUY", 200, "never")

    def told() -> list[str]:
        with connected(gateway, client_id=8) as other:
            return [one.commissionReport.execId for one in other.fills()]

    assert told() == ["", ""]
    gateway.release_commissions()
    settled(ib)
    assert (late.fills[0].commissionReport.commission, never.fills[0].commissionReport.commission) == (1, 0)
    assert told() == [gateway.executions[0].exec_id, ""]


def test_a_correction_is_the_same_execution_under_the_next_id(gateway: IbkrGateway, ib: IB) -> None:
    gateway.open_market({"AAPL": 186})
    trade = send(ib, "BUY", 100, "ref-1")
    first = gateway.executions[0].exec_id
    second = gateway.correct(first, price=185.5)
    settled(ib)
    assert (first[-3:], second[-3:], second[:-3]) == (".01", ".02", first[:-3])
    assert [(one.execution.price, one.execution.shares) for one in trade.fills] == [(186, 100), (185.5, 100)]
    assert [one.execution.execId for one in ib.reqExecutions()] == [first, second]
    assert gateway.state.cash == Decimal(1_000_000) - 18_550 - 1
    assert gateway.state.positions["AAPL"].cost == Decimal("185.51")
    third = gateway.correct(first, units=90)
    assert third.endswith(".03")
    assert gateway.state.positions["AAPL"].units == 90


def test_an_order_is_executed_in_parts(gateway: IbkrGateway, ib: IB) -> None:
    gateway.open_market({"AAPL": 186})
    gateway.script("placeOrder", Partial(30))
    trade = send(ib, "BUY", 100, "ref-1")
    assert (trade.orderStatus.status, trade.orderStatus.filled, trade.remaining()) == ("Submitted", 30, 70)
    gateway.trade("AAPL", 187, 50)
    gateway.execute("ref-1", 20, 188)
    settled(ib)
    assert [one.execution.cumQty for one in trade.fills] == [30, 80, 100]
    assert trade.orderStatus.avgFillPrice == pytest.approx(186.9)
    assert gateway.order("ref-1").status == "Filled"


def test_an_opening_volume_bounds_what_is_executed(gateway: IbkrGateway, ib: IB) -> None:
    trade = send(ib, "BUY", 100, "ref-1")
    gateway.open_market({"AAPL": 186}, volume={"AAPL": 40})
    gateway.close_market()
    settled(ib)
    assert (trade.orderStatus.status, trade.filled()) == ("Cancelled", 40)


@pytest.mark.parametrize("code", [110, 201, 203, 321, 10147])
def test_an_order_is_refused_with_a_code(gateway: IbkrGateway, ib: IB, code: int) -> None:
    gateway.script("placeOrder", Error(code, "because", kept=code == 201))
    trade = send(ib, "BUY", 100, "ref-1")
    assert codes(ib) == [code]
    assert [order.status for order in gateway.orders] == (["Inactive"] if code == 201 else [])
    assert any(entry.errorCode == code for entry in trade.log)


def test_an_accepted_order_is_rejected_by_the_venue_later(gateway: IbkrGateway, ib: IB) -> None:
    trade = send(ib, "BUY", 100, "ref-1")
    gateway.reject("ref-1", "halted")
    settled(ib)
    assert (trade.orderStatus.status, codes(ib)) == ("Inactive", [399, 201])


def test_a_short_sale_waits_for_shares(gateway: IbkrGateway, ib: IB) -> None:
    gateway.open_market({"AAPL": 186})
    gateway.script("placeOrder", Fault.LOCATE)
    trade = send(ib, "SELL", 100, "ref-1")
    assert (gateway.order("ref-1").why_held, codes(ib)) == ("locate", [404])
    gateway.release_locates()
    settled(ib)
    assert trade.orderStatus.status == "Filled"


def test_a_status_is_a_word_that_nobody_knows(gateway: IbkrGateway, ib: IB) -> None:
    gateway.script("placeOrder", Fault.UNKNOWN_STATUS)
    gateway.now = datetime(2024, 1, 3, 16, tzinfo=UTC)
    del gateway.prices["AAPL"]
    assert send(ib, "BUY", 100, "ref-1").orderStatus.status == "InLimbo"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (None, [("AAPL", 100, "ref-1"), ("AAPL", 50, "ref-2")]),
        (Fault.EMPTY, []),
        (Fault.STALE, [("AAPL", 100, "ref-1")]),
        (Fault.OUT_OF_ORDER, [("AAPL", 50, "ref-2"), ("AAPL", 100, "ref-1")]),
        (Fault.NEGATIVE_FILL, [("AAPL", -100, "ref-1"), ("AAPL", -50, "ref-2")]),
        (Fault.OVERSIZED_FILL, [("AAPL", 1000, "ref-1"), ("AAPL", 500, "ref-2")]),
        (Fault.UNKNOWN_ORDER, [("AAPL", 100, "ref-1"), ("AAPL", 50, "another")]),
        (Fault.WRONG_SYMBOL, [("WRONG", 100, "ref-1"), ("WRONG", 50, "ref-2")]),
    ],
)
def test_a_list_is_spoiled(
    gateway: IbkrGateway, fault: Fault | None, told: list[tuple[str, float, str]]
) -> None:
    gateway.open_market({"AAPL": 186})
    with connected(gateway) as ib:
        send(ib, "BUY", 100, "ref-1")
        send(ib, "BUY", 50, "ref-2")
    gateway.script("reqExecutions", None, fault)
    with connected(gateway) as ib:
        ib.wrapper.fills.clear()
        found = [
            (one.contract.symbol, one.execution.shares, one.execution.orderRef) for one in ib.reqExecutions()
        ]
    assert found == told
    assert gateway.spoiled == (fault is not None)


def test_every_line_of_a_list_comes_twice(gateway: IbkrGateway, ib: IB) -> None:
    send(ib, "BUY", 100, "ref-1")
    gateway.script("reqAllOpenOrders", Fault.DUPLICATE)
    assert [one.order.orderRef for one in ib.reqAllOpenOrders()] == ["ref-1", "ref-1"]


def test_an_answer_is_cut_off(gateway: IbkrGateway, ib: IB) -> None:
    send(ib, "BUY", 100, "ref-1")
    gateway.script("reqAllOpenOrders", Fault.TRUNCATED)
    with pytest.raises(ConnectionError):
        ib.reqAllOpenOrders()


def test_answers_are_late_missing_or_errors_until_the_script_is_healed(gateway: IbkrGateway, ib: IB) -> None:
    gateway.script("reqCurrentTime", Delay(0.3))
    begun = time.monotonic()
    ib.reqCurrentTime()
    assert time.monotonic() - begun >= 0.3
    gateway.always("reqContractDetails", Error(200, "no"))
    assert [ib.reqContractDetails(AAPL) for _ in range(2)] == [[], []]
    gateway.always("reqPositions", Fault.SILENT_AFTER)
    with pytest.raises(asyncio.TimeoutError):
        ib.run(asyncio.wait_for(ib.reqPositionsAsync(), 0.2))
    gateway.heal()
    assert len(ib.reqContractDetails(AAPL)) == 1


def test_a_client_id_in_use_is_refused_and_one_that_has_left_is_not(gateway: IbkrGateway, ib: IB) -> None:
    second = IB()
    heard: list[int] = []
    second.errorEvent += lambda request_id, code, *_: heard.append(code)
    with pytest.raises((TimeoutError, ConnectionError)):
        second.connect("127.0.0.1", gateway.port, clientId=7, timeout=0.5)
    assert heard == [326]
    assert ib.isConnected()
    ib.disconnect()
    for _ in range(5):
        with connected(gateway):
            pass
    gateway.occupied.add(8)
    with pytest.raises((TimeoutError, ConnectionError)):
        second.connect("127.0.0.1", gateway.port, clientId=8, timeout=0.5)


@pytest.mark.parametrize("login", ["hangs", "closes", "no account"])
def test_a_gateway_whose_login_has_expired_takes_connections_and_serves_none(
    gateway: IbkrGateway, login: str
) -> None:
    gateway.login = login
    client = IB()
    with pytest.raises((TimeoutError, ConnectionError)):
        client.connect("127.0.0.1", gateway.port, clientId=7, timeout=0.5)
    gateway.login = "good"
    client.connect("127.0.0.1", gateway.port, clientId=7, timeout=5)
    assert client.isConnected()
    client.disconnect()


def test_the_handshake_is_silent_or_dropped(gateway: IbkrGateway) -> None:
    gateway.script("handshake", Fault.SILENT_AFTER, Fault.DROP_AFTER)
    for _ in range(2):
        with pytest.raises((TimeoutError, ConnectionError)):
            IB().connect("127.0.0.1", gateway.port, clientId=7, timeout=0.5)
    with connected(gateway):
        pass


@pytest.mark.parametrize(("data_lost", "code"), [(False, 1102), (True, 1101)])
def test_orders_wait_while_the_gateway_has_lost_ibkr(
    gateway: IbkrGateway, ib: IB, data_lost: bool, code: int
) -> None:
    gateway.lose_connection()
    trade = send(ib, "BUY", 100, "ref-1")
    assert trade.orderStatus.status == "PendingSubmit"
    assert (refs(gateway), codes(ib)) == ([], [1100])
    gateway.restore_connection(data_lost=data_lost)
    settled(ib)
    assert (refs(gateway), codes(ib)) == (["ref-1"], [1100, code, 399])


def test_a_reset_of_the_port_drops_all_connections(gateway: IbkrGateway, ib: IB) -> None:
    before = gateway.port
    gateway.reset_port()
    until(ib, lambda: not ib.isConnected())
    assert codes(ib) == [1300]
    assert gateway.port != before
    with pytest.raises(ConnectionRefusedError):
        IB().connect("127.0.0.1", before, clientId=7, timeout=1)
    with connected(gateway):
        pass


def test_a_restart_keeps_all_orders(gateway: IbkrGateway, ib: IB) -> None:
    send(ib, "BUY", 100, "ref-1")
    with gateway.away():
        until(ib, lambda: not ib.isConnected())
        with pytest.raises(ConnectionRefusedError):
            IB().connect("127.0.0.1", gateway.port, clientId=7, timeout=1)
        gateway.open_market({"AAPL": 186})
    with connected(gateway) as again:
        assert [one.execution.orderRef for one in again.fills()] == ["ref-1"]


def test_a_read_only_gateway_takes_no_orders(gateway: IbkrGateway, ib: IB) -> None:
    gateway.read_only = True
    send(ib, "BUY", 100, "ref-1")
    assert (codes(ib), gateway.orders) == ([321], [])


def test_a_what_if_question_may_be_refused(gateway: IbkrGateway, ib: IB) -> None:
    gateway.script("placeOrder", Error(201, "Order rejected - reason:no"))
    assert ib.whatIfOrder(AAPL, MarketOrder("BUY", 100, tif="DAY")) == []


def test_orders_and_questions_about_margin_are_told_apart(gateway: IbkrGateway, ib: IB) -> None:
    gateway.script("order", Error(201, "no"))
    gateway.script("what-if", None, Error(201, "no"))
    order = MarketOrder("BUY", 100, tif="DAY", orderRef="ref-1")
    assert ib.whatIfOrder(AAPL, order).status == "PreSubmitted"
    assert ib.whatIfOrder(AAPL, order) == []
    assert send(ib, "BUY", 100, "ref-1").orderStatus.status == "Cancelled"
    assert send(ib, "BUY", 100, "ref-1").isActive()


def test_news_and_other_accounts_are_told(gateway: IbkrGateway) -> None:
    with IbkrGateway(account="U7654321", others=("U7654322",)) as live, connected(live) as ib:
        assert ib.managedAccounts() == ["U7654321", "U7654322"]
        assert {code for _, code in ib.heard} >= {2104, 2106, 2158}
        live.notice(2103)
        until(ib, lambda: codes(ib) == [2103])


def test_a_limit_order_of_yesterday_and_one_of_today_may_share_an_order_id(gateway: IbkrGateway) -> None:
    with connected(gateway) as ib:
        order = LimitOrder("BUY", 10, 100, tif="GTC", orderRef="old")
        ib.placeOrder(AAPL, order)
        settled(ib)
    gateway.reset_order_ids()
    gateway.now = datetime(2024, 1, 3, 22, tzinfo=UTC)
    with connected(gateway, client_id=8) as ib:
        new = send(ib, "BUY", 5, "new", orderId=order.orderId)
        told = {one.order.orderRef: one.order for one in ib.reqAllOpenOrders()}
    assert told["old"].orderId == told["new"].orderId == new.order.orderId
    assert told["old"].permId != told["new"].permId


def test_a_list_lags_until_the_script_is_healed(gateway: IbkrGateway, ib: IB) -> None:
    gateway.open_market({"AAPL": 186})
    gateway.lag("reqExecutions")
    send(ib, "BUY", 100, "ref-1")
    with connected(gateway, client_id=8) as other:
        assert other.reqExecutions() == []
        gateway.heal()
        assert len(other.reqExecutions()) == 1
