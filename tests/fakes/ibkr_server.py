"""The fake gateway's server: connections, the handshake, requests, and what the script makes of them."""

from __future__ import annotations

import socket
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from tests.fakes import ibkr_answers as answers
from tests.fakes import ibkr_messages as messages
from tests.fakes.ibkr_exchange import IbkrExchange
from tests.fakes.ibkr_faults import Delay, Error, Fault, Partial, Scripted, retold, told_state
from tests.fakes.ibkr_line import Line
from tests.fakes.ibkr_orders import Rejection, read_order
from tests.fakes.ibkr_state import State
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
#: What a placeOrder is called as well: one that is sent, and one that only asks what it would do.
SENT, ASKED = "order", "what-if"

#: What cannot be done without IBKR's own servers.
NEEDS_IBKR = ("placeOrder", "cancelOrder", "reqContractDetails", "reqHistoricalData", "reqMktData")


@dataclass(frozen=True)
class Request:
    """A request that arrived; the fields are those after its number."""

    client_id: int
    name: str
    fields: tuple[str, ...]


class IbkrServer(IbkrExchange):
    """What listens and answers; see `IbkrGateway` for what a test may do with it."""

    def __init__(
        self, now: datetime, cash: Decimal, account: str, others: tuple[str, ...], **market: Any
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
        self._lagging: dict[str, State] = {}
        self._now_spoiling: Scripted | None = None
        self._lines: dict[int, Line] = {}
        self._all_lines: set[Line] = set()
        self._subscribers: dict[str, set[Line]] = {
            name: set() for name in ("reqPositions", "reqAccountUpdates", "reqCompletedOrders")
        }
        self._offline: list[tuple[Line, str, list[str]]] | None = None
        self._socket = listening_at(0)
        self.port = int(self._socket.getsockname()[1])

    def script(self, request: str, *faults: Scripted | None) -> None:
        """The next requests of a name end in these faults, one each; None is a good answer."""
        _be_scriptable(request)
        with self.lock:
            self._faults[request] += faults

    def always(self, request: str, fault: Scripted) -> None:
        """Every request of a name ends in a fault, until `heal`."""
        _be_scriptable(request)
        self._always[request] = fault

    def lag(self, *requests: str, state: State | None = None) -> None:
        """These requests go on telling how things stood in a state (default: as now), until `heal`."""
        self._lagging |= dict.fromkeys(requests, state or self.state)

    def heal(self) -> None:
        """From now on every answer is good, and everybody may come in; what waits for IBKR is lost."""
        with self.lock:
            self.login, self.read_only, self._offline = "good", False, None
            self.occupied.clear()
            self._faults.clear()
            self._always.clear()
            self._lagging.clear()
            self.commission_reports.clear()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def deliver(self, said: list[tuple[int, Fields]]) -> None:
        for client_id, message in retold(self._now_spoiling, said):
            line = self._lines.get(client_id)
            if line is not None:
                line.say(message)
        if self._now_spoiling not in (Fault.SILENT_AFTER, Fault.DROP_AFTER):
            self._tell_subscribers()

    def _tell_subscribers(self) -> None:
        """Who asked for positions, the account or completed orders hears of what has changed since."""
        told = {
            "reqPositions": lambda: answers.changed_positions(self),
            "reqAccountUpdates": lambda: answers.changed_account(self),
            "reqCompletedOrders": lambda: answers.newly_completed(self),
        }
        for request, changed in told.items():
            for line in self._subscribers[request]:
                for message in changed():
                    line.say(message)

    def _subscribe(self, line: Line, name: str, fields: list[str]) -> None:
        if name in self._subscribers:
            ends = name == "reqAccountUpdates" and fields[1] != "1"
            (self._subscribers[name].discard if ends else self._subscribers[name].add)(line)
        elif name == "cancelPositions":
            self._subscribers["reqPositions"].discard(line)

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
                for subscribed in self._subscribers.values():
                    subscribed.discard(line)
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
        fault = self._next_fault(*_names_of(name, fields))
        if fault is not None and not isinstance(fault, Delay):
            self.spoiled += 1
        if isinstance(fault, Delay):
            time.sleep(fault.seconds)
        if fault is Fault.DROP_BEFORE:
            line.drop()
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
                if name not in answers.ANSWERS:
                    raise Rejection(320, f"Error reading request: {name} is not known here")
                state = self._lagging.get(name) or told_state(fault, self.state, self.before)
                told = answers.ANSWERS[name](self, state, line.client_id, fields)
                self._subscribe(line, name, fields)
            except (Rejection, Unreadable) as refusal:
                code = refusal.code if isinstance(refusal, Rejection) else 320
                told = [messages.error(answers.id_of(name, fields), code, str(refusal))]
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
            line.drop()

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
            if fault not in (Fault.SILENT_AFTER, Fault.DROP_AFTER):
                line.say(messages.error(order_id, rejection.code, str(rejection)))
            if rejection.kept:
                self.keep_rejected(line.client_id, read_order(fields), rejection)

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

    def _next_fault(self, *names: str) -> Scripted | None:
        """What the script has for a request, by the first of its names for which there is something."""
        with self.lock:
            for name in names:
                if self._faults[name]:
                    return self._faults[name].pop(0)
            return next((self._always[name] for name in names if name in self._always), None)


def _be_scriptable(request: str) -> None:
    known = {*REQUESTS.values(), "handshake", SENT, ASKED}
    assert request in known, f"{request} is none of {sorted(known)}"


def _names_of(name: str, fields: list[str]) -> tuple[str, ...]:
    """What a request is called in a script: a placeOrder also by whether it sends or asks."""
    if name != "placeOrder":
        return (name,)
    try:
        return (ASKED if read_order(fields).what_if else SENT, name)
    except Unreadable:
        return (name,)


def listening_at(port: int) -> socket.socket:
    """A socket that listens on loopback; 0 for a free port."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(64)
    return listening
