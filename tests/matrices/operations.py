"""The operations of the fault matrix: what each finds, runs and asks, and how its day goes on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import Literal

import pytest
from tests.conftest import open_connection
from tests.matrices.scenes import WatchedDesk, WatchedIbkrDesk, look_ahead
from tests.matrices.stage import Stage
from tests.session.small_desk import session

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations.collect import collect
from nightdesk.operations.kill_switch import kill, release
from nightdesk.store.kill_switch_rows import kill_switch

#: The session whose orders meet the faults: a purchase and a sale, in a book that holds four symbols.
TRADING = 13

#: The session whose order in crypto works past its time: a part is executed until it is settled.
WORKING = 0


#: A desk of the matrix.
Desk = WatchedDesk | WatchedIbkrDesk

InBrief = Literal["each", "by turns", "none"]


@dataclass(frozen=True)
class Operation:
    """One column.

    Attributes
    ----------
    name : str
        Its head.
    endpoint : str
        Where the fault is armed.
    number : int
        The session whose orders it is about.
    stage : Stage
        What the step finds.
    run : callable
        One attempt at the step.
    does : str
        What the step is there for: to send, to cancel, to collect or to settle.
    go_on : callable or None
        Leads from there to the settled session after `number`; None where that is the step itself.
    in_brief : str
        Where there is little time: whether it meets each fault, every fourth one (by turns with others, so
        that each fault meets one of them), or none.
    asks : int
        How often it asks the endpoint when nothing is wrong.
    """

    name: str
    endpoint: str
    number: int
    stage: Stage
    run: Callable[[], object]
    does: Literal["send", "cancel", "collect", "settle"]
    go_on: Callable[[], None] | None = None
    in_brief: InBrief = "each"
    asks: int = 0

    @property
    def desk(self) -> Desk:
        """Whose operation it is."""
        return self.stage.desk


def operations(make_desk: Callable[[], Desk]) -> list[Operation]:
    """All columns, those before the market opens first: on a new desk, at Alpaca on two."""
    desk = make_desk()
    trading = _Trading(desk)
    columns = [*trading.sending(), *trading.settling()]
    if isinstance(desk, WatchedDesk):
        other = make_desk()
        assert isinstance(other, WatchedDesk)
        columns += _cancelling(other)
    return [_asking(one) for one in columns]


def _asking(operation: Operation) -> Operation:
    operation.stage.restore()
    operation.run()
    return replace(operation, asks=operation.desk.faults.asked(operation.endpoint))


class _Trading:
    """A desk that sends orders in an evening and settles them in the next one.

    Parameters
    ----------
    desk : WatchedDesk or WatchedIbkrDesk
        A new one.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        for number in range(TRADING + 1):
            if number:
                desk.live_through(number)
            desk.evening(number)
            desk.price_coins(number)
            desk.run_steps(number, "ingest", "orders" if number == TRADING else "close")
        self._nothing_sent = desk.market.state
        begun = Stage(desk)
        self._submit()
        #: Without the sessions to come: a person's commands look at the newest one that was begun.
        self._sent = self._stage()
        begun.restore()
        look_ahead(desk, TRADING + 1, TRADING + 2)
        self._planned = Stage(desk)

    def sending(self) -> list[Operation]:
        """What is done before the market opens."""
        there, not_there = (
            self._unanswered(self._desk.faults.after),
            self._unanswered(self._desk.faults.before),
        )
        sent, planned = self._sent, self._planned

        def of(
            name: str, endpoint: str, stage: Stage, *, stops: bool = False, in_brief: InBrief = "each"
        ) -> Operation:
            if stops:
                return Operation(name, endpoint, TRADING, stage, self._stop, "cancel", self._go_on, in_brief)
            return Operation(name, endpoint, TRADING, stage, self._submit, "send", self._go_on, in_brief)

        margin = [of("margin", "margin", planned, in_brief="by turns")]
        return [
            *(margin if isinstance(self._desk, WatchedIbkrDesk) else []),
            of("submit", "submit", planned),
            of("query, it is there", "query", there),
            of("query, it is not", "query", not_there, in_brief="by turns"),
            of("clock", "clock", planned, in_brief="none"),
            of("cancel by the switch", "cancel", sent, stops=True, in_brief="by turns"),
            of("open orders", "open_orders", sent, stops=True, in_brief="none"),
        ]

    def settling(self) -> list[Operation]:
        """What is done after the open: one order is executed in two parts, and stale lists lack one."""
        desk, exchange = self._desk, self._desk.market
        self._planned.restore()
        desk.run_steps(TRADING, "submit", "close")
        prices = desk.prices(TRADING + 1)
        opens = get_calendar().open_at(session(TRADING + 1))
        exchange.open_market(prices, at=opens, volume={"GLD": 20})
        half = exchange.state
        exchange.trade("GLD", prices["GLD"] + 0.25)
        desk.go_to(exchange.now)
        exchange.before = half
        opened = Stage(desk)
        self._close_and_wait()
        exchange.before = half
        traded = Stage(desk)

        def of(name: str, endpoint: str, *, in_brief: InBrief = "each") -> Operation:
            return Operation(name, endpoint, TRADING, traded, self._settle, "settle", in_brief=in_brief)

        def collecting(name: str, endpoint: str) -> Operation:
            run, go_on = self._collect, self._settle_collected
            return Operation(name, endpoint, TRADING, opened, run, "collect", go_on, "none")

        movements = [of("movements", "movements", in_brief="none")]
        return [
            *(movements if isinstance(desk, WatchedDesk) else []),
            of("query in settling", "query", in_brief="by turns"),
            of("fills", "fills"),
            of("orders of fills", "orders", in_brief="none"),
            of("positions", "positions"),
            of("account", "account", in_brief="by turns"),
            collecting("query in collecting", "query"),
            collecting("fills in collecting", "fills"),
        ]

    def _stage(self) -> Stage:
        """As things stand, except that stale answers are as old as if nothing had been sent."""
        self._desk.market.before = self._nothing_sent  # type: ignore[assignment]
        return Stage(self._desk)

    def _unanswered(self, fault: Enum) -> Stage:
        """One order is not known to have arrived."""
        self._planned.restore()
        self._desk.faults.arm("submit", fault)
        with pytest.raises(Transient):
            self._submit()
        self._desk.faults.wait_out(fault)
        return self._stage()

    def _submit(self) -> None:
        self._desk.run_steps(TRADING, "submit", "submit")

    def _settle(self) -> None:
        self._desk.run_steps(TRADING + 1, "settle", "settle")

    def _collect(self) -> None:
        with self._desk.at(TRADING) as context:
            collect(context)

    def _settle_collected(self) -> None:
        self._close_and_wait()
        self._settle()

    def _stop(self) -> None:
        desk = self._desk
        with open_connection(desk.url) as conn:
            try:
                kill(conn, "small", reason="a test", who="somebody", file=desk.book, environ=desk.environ)
            except Refused as error:  # nothing was left to do
                if "is stopped since" not in str(error):
                    raise

    def _close_and_wait(self) -> None:
        self._desk.market.close_market(self._desk.prices(TRADING + 1, 5))
        self._desk.evening(TRADING + 1)

    def _go_on(self) -> None:
        """Release the book where it was stopped, end the session, and settle the next one."""
        desk = self._desk
        if isinstance(desk, WatchedIbkrDesk):
            self._collect()  # as the DAG `fills` does: IBKR tells what ended on its day only
        with open_connection(desk.url) as conn:
            if kill_switch(conn, "small", date.max).on:
                release(conn, "small", reason="it was looked at", who="somebody")
        desk.run_steps(TRADING, "report", "close")
        desk.live_through(TRADING + 1)
        desk.evening(TRADING + 1)
        look_ahead(desk, TRADING + 1)
        self._settle()


def _cancelling(desk: WatchedDesk) -> list[Operation]:
    """A desk whose order in crypto is half executed and still works when it is settled."""
    desk.evening(WORKING)
    desk.run_steps(WORKING, "ingest", "orders")
    look_ahead(desk, WORKING + 1, WORKING + 2)
    desk.run_steps(WORKING, "submit", "close")
    exchange, prices = desk.fake.exchange, desk.prices(WORKING + 1)
    coin = prices.pop("BTC-USD")
    exchange.open_market(prices, at=get_calendar().open_at(session(WORKING + 1)))
    [order] = [one for one in desk.fake.orders if one["symbol"] == "BTC/USD"]
    exchange.execute(order["client_order_id"], 40, coin)
    exchange.close_market({})
    half = exchange.state
    desk.evening(WORKING + 1)
    exchange.before = half

    def settle() -> None:
        desk.run_steps(WORKING + 1, "settle", "settle")

    return [Operation("cancel in settling", "cancel", WORKING, Stage(desk), settle, "settle")]
