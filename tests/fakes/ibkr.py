"""A server on loopback that answers as IB Gateway and TWS do, well or by a script of faults.

It speaks the wire protocol of TWS at server version 178, driven by any client of that protocol. The order of
fields is that of `ib_async` 2.0.1 (`client.py` for requests, `decoder.py` for messages), which follows IBKR's
own client; codes and texts of errors, states of orders and what is told when follow IBKR's published
documentation of its API (message codes, order submission, executions, historical data limits). It reads plain
orders for US stocks: MKT, LMT, STP, STP LMT, MOC, LOC; DAY, GTC, OPG, IOC; brackets and OCA groups; what-if.

Use::

    with IbkrGateway(cash=Decimal(1_000_000)) as gateway:
        ib = IB(); ib.connect("127.0.0.1", gateway.port, clientId=7)
        gateway.prices["AAPL"] = 185.0           # a last price; executes nothing by itself
        ...                                      # place an order after the close: held, with notice 399
        gateway.open_market({"AAPL": 186.2})     # the next session opens: executed at 186.2

The account (see `IbkrExchange`)
    `account` ("DU1234567"), `accounts` (all that are managed), `now` (stands still until set, unless `runs`),
    `hold(symbol, units, price)`, `prices`, `move_cash(dollars)`, `orders`, `executions`, `order(ref)`,
    `orders_of(ref)`, `standing` (figures in place of the usual ones), `commission_of`, `shortable`,
    `list_stock(symbol, primary=..., min_tick=...)` (twice under one name: ambiguous). Symbols may be written
    BRK-B; at IBKR it is BRK B. Any of some fifteen well-known stocks exists; others once they have a price.
The market
    `open_market(prices, at, volume)`, `trade(symbol, price, volume)`, `close_market(prices)`,
    `execute(ref, units, price)`, `reject(ref, reason)`, `correct(exec_id, price=...)`, `slow_cancels` and
    `finish_cancels()`, `release_locates()`, `release_commissions()`, `forget_old_executions()`, `log_days`.
    In hours a market order is executed at once at the last price. Executions are told for the current day
    (New York) and `log_days` before it, completed orders for the current day only.
The script
    `script("placeOrder", Fault.DROP_AFTER)`: the next such request ends so; None is a good answer; more
    faults are for the requests after it. `always(request, fault)`, `heal()`. Faults are those of
    `ibkr_faults`: `Fault`, `Error(code, text)`, `Delay(seconds)`, `Partial(units)`. Requests are named as
    the methods of the client: placeOrder, cancelOrder, reqExecutions, reqPositions, reqAllOpenOrders,
    reqCompletedOrders, reqAccountSummary, reqContractDetails, reqHistoricalData, ..., and "handshake".
Disturbances
    `notice(code)`, `lose_connection()` (1100: what needs IBKR waits), `restore_connection(data_lost=...)`
    (1101, 1102), `reset_port()` (1300, and `port` is another), `drop()` (all connections), `away()` (a
    restart: refused for the block, then back with all orders), `login` ("good", "hangs", "closes",
    "no account"), `occupied` (client ids in use by others: 326), `read_only`, `reset_order_ids()` (orderIds
    come again, permIds do not), `by_hand(symbol, ...)` and `copy_of(ref)` (an order that another sent).
What was asked
    `requests` (all, in order), `asked(name)`, `created` (orders that requests made), `spoiled`.

Its state is in the process that made it; children of that process talk to it over TCP.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.fakes import ibkr_messages as messages
from tests.fakes.ibkr_answers import ANSWERS, id_of
from tests.fakes.ibkr_exchange import IbkrExchange
from tests.fakes.ibkr_faults import Delay, Error, Fault, Partial, Scripted, retold, told_state
from tests.fakes.ibkr_line import Line
from tests.fakes.ibkr_orders import Rejection, read_order
from tests.fakes.ibkr_state import Order
from tests.fakes.ibkr_wire import (
    REQUESTS,
    SERVER_VERSION,
    Fields,
    Unreadable,
    framed,
    greeting,
    local,
    requests,
)

ACCOUNT = "DU1234567"
#: Notices that mean nothing bad, which a client hears when it has connected.
NEWS = {
    2104: "Market data farm connection is OK:usfarm",
    2106: "HMDS data farm connection is OK:ushmds",
    2158: "Sec-def data farm connection is OK:secdefil",
}
TEXTS = NEWS | {
    1100: "Connectivity between IB and Trader Workstation has been lost.",
    1101: "Connectivity between IB and Trader Workstation has been restored - data lost.",
    1102: "Connectivity between IB and Trader Workstation has been restored - data maintained.",
    2103: "Market data farm connection is broken:usfarm",
    2105: "HMDS data farm connection is broken:ushmds",
    2107: "HMDS data farm connection is inactive but should be available upon demand.ushmds",
    2108: "Market data farm connection is inactive but should be available upon demand.usfarm",
    2110: "Connectivity between Trader Workstation and server is broken. It will be restored automatically.",
}
#: What cannot be done without IBKR's own servers.
NEEDS_IBKR = ("placeOrder", "cancelOrder", "reqContractDetails", "reqHistoricalData", "reqMktData")

__all__ = ["ACCOUNT", "Delay", "Error", "Fault", "IbkrGateway", "Partial", "Request"]


@dataclass(frozen=True)
class Request:
    """A request that arrived; the fields are those after its number."""

    client_id: int
    name: str
    fields: tuple[str, ...]


class IbkrGateway(IbkrExchange):
    """The server, a context manager.

    Parameters
    ----------
    now : datetime
        What its clock shows at first.
    cash : Decimal
    account : str
    others : tuple of str
        Accounts that the same login manages.
    market : mapping, optional
        More for `IbkrExchange`: initial, maintenance.
    """

    def __init__(
        self,
        now: datetime = datetime(2024, 1, 2, 21, 30, tzinfo=UTC),
        cash: Decimal = Decimal(100_000),
        *,
        account: str = ACCOUNT,
        others: tuple[str, ...] = (),
        **market: Any,
    ) -> None:
        super().__init__(now, cash, account, **market)
        self.accounts = (account, *others)
        self.requests: list[Request] = []
        #: How many orders were made by requests.
        self.created = 0
        #: How many answers were bad, or were none, because the script said so.
        self.spoiled = 0
        #: "good", "hangs" (takes a connection and says nothing), "closes", or "no account" (no ids come).
        self.login = "good"
        #: Ids under which somebody else is connected.
        self.occupied: set[int] = set()
        self.read_only = False
        self._faults: dict[str, list[Scripted | None]] = defaultdict(list)
        self._always: dict[str, Scripted] = {}
        self._now_spoiling: Scripted | None = None
        self._lines: dict[int, Line] = {}
        self._all_lines: set[Line] = set()
        self._offline: list[tuple[Line, str, list[str]]] | None = None
        self._socket = _listening(0)
        self.port = int(self._socket.getsockname()[1])

    def script(self, request: str, *faults: Scripted | None) -> None:
        """The next requests of a name end in these faults, one each; None is a good answer."""
        assert request in REQUESTS.values() or request == "handshake", f"{request} is no request"
        with self.lock:
            self._faults[request] += faults

    def always(self, request: str, fault: Scripted) -> None:
        """Every request of a name ends in a fault, until `heal`."""
        assert request in REQUESTS.values() or request == "handshake", f"{request} is no request"
        self._always[request] = fault

    def heal(self) -> None:
        """From now on every answer is good."""
        with self.lock:
            self._faults.clear()
            self._always.clear()
            self.commission_reports.clear()

    def notice(self, code: int, text: str = "", client_id: int | None = None) -> None:
        """Tell a client something, or all."""
        message = messages.error(-1, code, text or TEXTS.get(code, ""))
        with self.lock:
            for line in [*self._lines.values()] if client_id is None else [self._lines[client_id]]:
                line.say(message)

    def lose_connection(self) -> None:
        """The gateway loses IBKR (1100): what needs IBKR waits until `restore_connection`."""
        with self.lock:
            self._offline = self._offline or []
            self.notice(1100)

    def restore_connection(self, *, data_lost: bool = False) -> None:
        """IBKR is back (1102; 1101 where subscriptions are lost), and what waited is done."""
        with self.lock:
            waited, self._offline = self._offline or [], None
            self.notice(1101 if data_lost else 1102)
        for line, name, fields in waited:
            self._serve(line, name, fields)

    def reset_port(self) -> None:
        """The gateway listens on another port (1300), and drops every connection."""
        with self.lock:
            following = _listening(0)
            port = int(following.getsockname()[1])
            text = (
                "TWS socket port has been reset and this connection is being dropped. "
                f"Please reconnect on the new port - {port}"
            )
            self.notice(1300, text)
            self._close()
            self._socket, self.port = following, port
            self._start()

    def drop(self) -> None:
        """Drop every connection."""
        with self.lock:
            for line in list(self._all_lines):
                line.drop()

    @contextmanager
    def away(self) -> Iterator[None]:
        """A restart: nobody listens for the block, and afterwards all orders are there."""
        self._close()
        try:
            yield
        finally:
            self._socket = _listening(self.port)
            self._start()

    def by_hand(
        self, symbol: str, action: str, units: Decimal | int, *, order_ref: str = "", client_id: int = 0
    ) -> Order:
        """A market order that a person enters in TWS, or that another client sent."""
        with self._change():
            self._perm_ids += 1
            order = Order(
                self.next_order_id(client_id) if client_id else 0,
                client_id,
                self._perm_ids,
                self.stock(symbol),
                action,
                Decimal(units),
                "MKT",
                None,
                None,
                "DAY",
                order_ref,
                self.account,
                received_at=self.now,
                expires_at=self.expiry("DAY"),
            )
            if client_id:
                self._order_ids[client_id] = order.order_id
            self.state = self.state.with_order(order)
            self._transmit(order)
            self._try_at_once(order.perm_id)
            return self.state.orders[order.perm_id]

    def copy_of(self, order_ref: str, client_id: int = 99) -> Order:
        """The same order once more, from another client: two permIds under one reference."""
        order = self.order(order_ref)
        return self.by_hand(
            order.stock.symbol, order.action, order.quantity, order_ref=order_ref, client_id=client_id
        )

    def asked(self, name: str) -> list[Request]:
        """The requests of a name that arrived."""
        return [one for one in self.requests if one.name == name]

    @property
    def clients(self) -> list[int]:
        """Ids of the clients that are connected."""
        with self.lock:
            return sorted(self._lines)

    def environ(self, account: str, client_id: int = 7) -> dict[str, str]:
        """The environment variables that lead an account of this name here."""
        from nightdesk.brokers.credentials import variable

        parts = {"key": self.account, "url": f"ib://127.0.0.1:{self.port}/{client_id}"}
        return {variable(account, part): value for part, value in parts.items()}

    def deliver(self, said: list[tuple[int, Fields]]) -> None:
        for client_id, message in retold(self._now_spoiling, said):
            line = self._lines.get(client_id)
            if line is not None:
                line.say(message)

    def __enter__(self) -> IbkrGateway:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _start(self) -> None:
        threading.Thread(target=self._listen, args=(self._socket,), daemon=True).start()

    def _close(self) -> None:
        with suppress(OSError):  # wakes the thread that accepts
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self.lock:
            for line in list(self._all_lines):
                line.drop()
            self._lines.clear()

    def _listen(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:  # closed
                return
            line = Line(connection)
            with self.lock:
                self._all_lines.add(line)
            threading.Thread(target=self._attend, args=(line,), daemon=True).start()

    def _attend(self, line: Line) -> None:
        """Talk to one client until it leaves."""
        try:
            if self._greet(line):
                for fields in requests(line.connection):
                    name = REQUESTS.get(int(fields[0]), fields[0])
                    if name == "startApi":
                        if not self._start_api(line, fields[1:]):
                            return
                    elif line.client_id is not None:
                        self._receive(line, name, fields[1:])
        except OSError:
            pass  # it is gone, or was dropped
        finally:
            with self.lock:
                self._all_lines.discard(line)
                if line.client_id is not None and self._lines.get(line.client_id) is line:
                    del self._lines[line.client_id]
            line.drop()

    def _greet(self, line: Line) -> bool:
        """The handshake: the server's version and time; False where the connection ends with it."""
        if self.login == "closes":
            return False
        versions = greeting(line.connection)
        fault = self._next_fault("handshake")
        if versions is None or fault in (Fault.DROP_BEFORE, Fault.DROP_AFTER):
            return False
        if self.login == "hangs" or fault in (Fault.SILENT_BEFORE, Fault.SILENT_AFTER):
            for _ in requests(line.connection):
                pass
            return False
        if isinstance(fault, Delay):
            time.sleep(fault.seconds)
        lowest, highest = versions
        if not lowest <= SERVER_VERSION <= highest:
            line.say(messages.error(-1, 503, "The TWS is out of date and must be upgraded."))
            return False
        line.say([SERVER_VERSION, local(self.clock()).replace(" US/Eastern", " EST")])
        return True

    def _start_api(self, line: Line, fields: list[str]) -> bool:
        client_id = int(fields[1])
        if self.login == "no account":
            return True
        if not self._register(line, client_id):
            text = "Unable to connect as the client id is already in use. Retry with a unique client id."
            line.say(messages.error(-1, 326, text))
            return False
        with self.lock:
            line.say(messages.managed_accounts(self.accounts))
            line.say(messages.next_valid_id(self.next_order_id(client_id)))
            for code, text in NEWS.items():
                line.say(messages.error(-1, code, text))
            if self._offline is not None:
                line.say(messages.error(-1, 1100, TEXTS[1100]))
        return True

    def _register(self, line: Line, client_id: int) -> bool:
        """Note who a client is; False where somebody has that id. One that has just left is waited for."""
        for _ in range(100):
            with self.lock:
                holder = self._lines.get(client_id)
                if client_id in self.occupied:
                    return False
                if holder is None or holder.gone():
                    line.client_id, self._lines[client_id] = client_id, line
                    return True
            if not holder.pending():
                return False
            time.sleep(0.01)
        return False

    def _receive(self, line: Line, name: str, fields: list[str]) -> None:
        assert line.client_id is not None
        with self.lock:
            self.requests.append(Request(line.client_id, name, tuple(fields)))
            if self._offline is not None and name in NEEDS_IBKR:
                self._offline.append((line, name, fields))
                return
        self._serve(line, name, fields)

    def _serve(self, line: Line, name: str, fields: list[str]) -> None:
        """Do what a request asks for, unless the script says otherwise."""
        fault = self._next_fault(name)
        if fault is not None and not isinstance(fault, Delay):
            self.spoiled += 1
        if isinstance(fault, Delay):
            time.sleep(fault.seconds)
        if fault is Fault.DROP_BEFORE:
            line.drop(hard=True)
        elif fault is Fault.SILENT_BEFORE:
            return
        elif name in ("placeOrder", "cancelOrder", "reqGlobalCancel"):
            self._act(line, name, fields, fault)
        else:
            self._answer(line, name, fields, fault)

    def _answer(self, line: Line, name: str, fields: list[str], fault: Scripted | None) -> None:
        """Answer a question."""
        assert line.client_id is not None
        with self.lock:
            try:
                if isinstance(fault, Error):
                    raise Rejection(fault.code, fault.text)
                if name not in ANSWERS:
                    raise Rejection(320, f"Error reading request: {name} is not known here")
                state = told_state(fault, self.state, self.before)
                told = ANSWERS[name](self, state, line.client_id, fields)
            except (Rejection, Unreadable) as refusal:
                code = refusal.code if isinstance(refusal, Rejection) else 320
                told = [messages.error(id_of(name, fields), code, str(refusal))]
            if fault is Fault.DUPLICATE:
                told = [one for one in told[:-1] for _ in range(2)] + told[-1:]
            if fault in (Fault.SILENT_AFTER, Fault.DROP_AFTER):
                told = []
            data = b"".join(framed(one) for one in told)
            line.send(data[: len(data) // 2] if fault is Fault.TRUNCATED else data)
        if fault in (Fault.DROP_AFTER, Fault.TRUNCATED):
            line.drop()

    def _act(self, line: Line, name: str, fields: list[str], fault: Scripted | None) -> None:
        """Do something with an order."""
        with self.lock:
            self._now_spoiling = fault
            try:
                self._order(line, name, fields, fault)
            finally:
                self._now_spoiling = None
        if fault in (Fault.DROP_AFTER, Fault.TRUNCATED):
            line.drop(hard=True)

    def _order(self, line: Line, name: str, fields: list[str], fault: Scripted | None) -> None:
        assert line.client_id is not None
        order_id = -1 if name == "reqGlobalCancel" else int(fields[1 if name == "cancelOrder" else 0])
        try:
            if isinstance(fault, Error):
                raise Rejection(fault.code, fault.text, kept=fault.kept)
            if self.read_only:
                cause = "The API interface is currently in Read-Only mode."
                raise Rejection(321, f"Error validating request.-'bW' : cause - {cause}")
            if name == "placeOrder":
                before = len(self.state.orders)
                self._place(line.client_id, fields, fault)
                self.created += len(self.state.orders) - before
            elif name == "cancelOrder":
                self.cancel(line.client_id, order_id)
            else:
                self.cancel_all()
        except (Rejection, Unreadable) as refusal:
            rejection = refusal if isinstance(refusal, Rejection) else Rejection(320, str(refusal))
            if rejection.kept:
                self.keep_rejected(line.client_id, read_order(fields), rejection)
            if fault not in (Fault.SILENT_AFTER, Fault.DROP_AFTER):
                line.say(messages.error(order_id, rejection.code, str(rejection)))

    def _place(self, client_id: int, fields: list[str], fault: Scripted | None) -> None:
        asked = read_order(fields)
        if fault is Fault.COMMISSION_LATE:
            self.commission_reports.append("late")
        if fault is Fault.COMMISSION_NEVER:
            self.commission_reports.append("never")
        if fault is Fault.LOCATE:
            self.place_held(client_id, asked)
        elif isinstance(fault, Partial):
            self.place_partly(client_id, asked, Decimal(fault.units))
        else:
            self.place(client_id, asked)

    def _next_fault(self, name: str) -> Scripted | None:
        with self.lock:
            if self._faults[name]:
                return self._faults[name].pop(0)
            return self._always.get(name)


def _listening(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(64)
    return listening
