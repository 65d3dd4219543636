"""A server on loopback that answers as Alpaca's trading service does, well or by a script of faults.

Its state is in the process that made it; children of that process talk to it over HTTP.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from http.server import ThreadingHTTPServer
from typing import Any

from tests.fakes import alpaca_views as views
from tests.fakes.alpaca_exchange import Exchange
from tests.fakes.alpaca_faults import ENDPOINTS, Fault, spoil
from tests.fakes.alpaca_orders import receive
from tests.fakes.alpaca_state import Refusal, State
from tests.fakes.alpaca_wire import Reply, Request, as_json, handler_of, in_place_of

KEY = "PKFAKE7TESTKEY000000"
SECRET = "fake-secret-of-the-tests-0123456789abcdef"

__all__ = ["KEY", "SECRET", "FakeAlpaca", "Fault", "Request"]


class FakeAlpaca:
    """The server, a context manager.

    Parameters
    ----------
    now : datetime
        What its clock shows at first.
    cash : Decimal
    silence : float
        Seconds for which a time-out says nothing: more than the caller's own patience.
    key, secret : str
        What opens the account; anything else is answered with 401.
    market : mapping, optional
        More for `Exchange`: margin, shorting.
    """

    def __init__(
        self,
        now: datetime = datetime(2024, 1, 2, 21, 30, tzinfo=UTC),
        cash: Decimal = Decimal(100_000),
        *,
        silence: float = 2.0,
        key: str = KEY,
        secret: str = SECRET,
        **market: Any,
    ) -> None:
        self.exchange = Exchange(now, cash, **market)
        self.silence = silence
        self.key, self.secret = key, secret
        #: Everything that arrived, in order.
        self.requests: list[Request] = []
        #: How many orders were created by requests.
        self.created = 0
        #: How many answers were bad, or were none, because a fault was asked for.
        self.spoiled = 0
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._always: dict[str, Fault] = {}
        self._lagging: dict[str, State] = {}
        #: The newest answer of each endpoint as it should be, which a duplicate repeats.
        self.told: dict[str, tuple[int, Any]] = {}
        self._lock = threading.RLock()
        self._server = self._listen(0)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def fail(self, endpoint: str, fault: Fault, times: int = 1) -> None:
        """The next `times` calls of an endpoint end in a fault.

        A fault of content waits for an answer in which there is something to spoil. One that cannot show in
        the empty answer to a cancel, or in the first answer to an order, shows in the look-up that follows.
        """
        assert endpoint in ENDPOINTS, f"{endpoint} is none of {ENDPOINTS}"
        with self._lock:
            self._faults[endpoint] += [fault] * times

    def fail_always(self, endpoint: str, fault: Fault) -> None:
        """Every call of an endpoint ends in a fault, until `heal`."""
        assert endpoint in ENDPOINTS, f"{endpoint} is none of {ENDPOINTS}"
        self._always[endpoint] = fault

    def lag(self, *endpoints: str, state: State | None = None) -> None:
        """These endpoints go on telling how things stood in a state (default: as now), until `heal`."""
        assert set(endpoints) <= set(ENDPOINTS), f"{endpoints} are not all of {ENDPOINTS}"
        self._lagging |= dict.fromkeys(endpoints, state or self.exchange.state)

    def heal(self) -> None:
        """From now on every answer is good."""
        with self._lock:
            self._faults.clear()
            self._always.clear()
            self._lagging.clear()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens for the block: every connection is refused."""
        self._stop()
        try:
            yield
        finally:
            self._server = self._listen(self.port)
            self._start()

    def asked(self, endpoint: str) -> list[Request]:
        """The requests that arrived at an endpoint."""
        return [one for one in self.requests if one.endpoint == endpoint]

    @property
    def orders(self) -> list[dict[str, Any]]:
        """All orders, the oldest first, as they are told."""
        return list(self.exchange.state.orders.values())

    def environ(self, account: str) -> dict[str, str]:
        """The environment variables that lead an account of this name here."""
        from nightdesk.brokers.credentials import variable

        parts = {"key": self.key, "secret": self.secret, "url": self.url}
        return {variable(account, part): value for part, value in parts.items()}

    def __enter__(self) -> FakeAlpaca:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _listen(self, port: int) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler_of(self._answer))
        server.daemon_threads = True
        return server

    def _start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any,
        login: tuple[str | None, str | None],
    ) -> Reply | None:
        endpoint, serve = self._route(method, path, query, body)
        arrived = Request(method, path, query, body, endpoint, 0)
        with self._lock:
            at = len(self.requests)
            self.requests.append(arrived)
        if login == (self.key, self.secret):
            reply = serve()
        else:
            reply = as_json(401, {"code": 40110000, "message": "request is not authorized"})
        self.requests[at] = replace(arrived, status=0 if reply is None else reply.status)
        return reply

    def _next_fault(self, endpoint: str) -> Fault | None:
        with self._lock:
            if self._faults[endpoint]:
                return self._faults[endpoint].pop(0)
            return self._always.get(endpoint)

    def _serve(self, endpoint: str, act: Any, look: Any) -> Reply | None:
        """Do what a request asks for, unless the script says otherwise; None for no answer at all.

        `act` does it once and gives status and answer; `look` gives what the answer is in a given state.
        """
        fault = self._next_fault(endpoint)
        if fault is None:
            lagging = self._lagging.get(endpoint)
            return self._good(endpoint, act() if lagging is None else look(lagging))
        if not fault.of_content:
            self.spoiled += 1
        if fault is Fault.TAKEN_LATE:
            time.sleep(self.silence)
            act()
            return None
        if not fault.accepted:
            return in_place_of(fault, None, self.silence)
        if not fault.of_content:
            return in_place_of(fault, act()[1], self.silence)
        previous = self.told.get(endpoint)
        status, answer = act()
        self.told[endpoint] = (status, answer)
        if endpoint == "cancel" or (endpoint == "submit" and fault is Fault.STALE):
            self.fail("query", fault)
            return as_json(status, answer)
        spoiled: tuple[int, Any] | None
        if fault is Fault.DUPLICATE:
            spoiled = previous
        elif fault is Fault.STALE:
            spoiled = look(self.exchange.before)
        else:
            found = spoil(fault, answer)
            spoiled = None if found is None else (status, found)
        if spoiled is None:
            with self._lock:
                if endpoint not in self._always:
                    self._faults[endpoint].insert(0, fault)
            return as_json(status, answer)
        self.spoiled += 1
        return as_json(*spoiled)

    def _good(self, endpoint: str, done: tuple[int, Any]) -> Reply:
        self.told[endpoint] = done
        return as_json(*done)

    def _route(
        self, method: str, path: str, query: Mapping[str, str], body: Any
    ) -> tuple[str, Callable[[], Reply | None]]:
        """The endpoint that a request is for, and what answers it."""
        exchange = self.exchange
        order_id = path.removeprefix("/v2/orders/") if path.startswith("/v2/orders/") else ""
        listed = "open_orders" if query.get("status", "open") == "open" else "orders"
        reads: dict[str, tuple[str, Any]] = {
            "/v2/clock": ("clock", lambda state: views.clock(exchange, state)),
            "/v2/account": ("account", lambda state: views.account(exchange, state)),
            "/v2/positions": ("positions", views.positions),
            "/v2/orders": (listed, lambda state: views.orders(state, query, lists_held=exchange.lists_held)),
            "/v2/orders:by_client_order_id": ("query", lambda state: views.order_by_client_id(state, query)),
            "/v2/account/activities": ("movements", lambda state: views.activities(state, query, None)),
            f"/v2/orders/{order_id}": ("order", lambda state: views.order(state, order_id, query)),
        }
        if path.startswith("/v2/account/activities/"):
            only = path.removeprefix("/v2/account/activities/")
            name = "fills" if only == "FILL" else "movements"
            reads[path] = (name, lambda state: views.activities(state, query, only))
        if method == "GET" and path in reads:
            endpoint, view = reads[path]

            def look(state: State) -> tuple[int, Any]:
                return _told(lambda: view(state))

            def read() -> tuple[int, Any]:
                with exchange.lock:
                    return look(exchange.state)

            return endpoint, lambda: self._serve(endpoint, read, look)
        if method == "POST" and path == "/v2/orders":

            def create() -> tuple[int, Any]:
                status, answer = _told(lambda: receive(exchange, body))
                with self._lock:
                    self.created += status == 200
                return status, answer

            return "submit", lambda: self._serve("submit", create, None)
        if method == "DELETE" and order_id:

            def cancel() -> tuple[int, Any]:
                return _told(lambda: exchange.cancel(order_id), 204)

            return "cancel", lambda: self._serve("cancel", cancel, None)
        return "", lambda: as_json(404, {"code": 40410000, "message": "endpoint not found."})


def _told(act: Any, status: int = 200) -> tuple[int, Any]:
    try:
        return status, act()
    except Refusal as refusal:
        return refusal.status, refusal.answer
