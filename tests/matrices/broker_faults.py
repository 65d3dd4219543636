"""The bad answers of each fake broker, armed and counted in the words of the fault matrix."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from enum import Enum

import pytest
from tests.fakes.alpaca import FakeAlpaca
from tests.fakes.alpaca import Fault as AlpacaFault
from tests.fakes.ibkr import Fault as IbkrFault
from tests.fakes.ibkr import IbkrGateway

from nightdesk.brokers import alpaca, alpaca_http, ibkr
from nightdesk.brokers.ibkr_questions import IbkrPatience
from nightdesk.tws_terms import TwsPatience

#: A service of which every connection is refused, whatever it is asked.
AWAY = "service away"
#: A gateway that takes connections and serves none; one that has lost IBKR; one whose client id is taken.
EXPIRED, LOST, IN_USE = "login expired", "IBKR lost (1100)", "client id in use"

#: Seconds that the broker may take for an answer here, and how many times faster all waiting goes.
READ_SECONDS = 0.3
HURRY = 50


class BrokerFaults(ABC):
    """The bad answers of one fake.

    Attributes
    ----------
    every : sequence of Enum or str
        The rows of the matrix; those that are words are no answers at all.
    before, after : Enum
        An order whose answer is lost: it was not taken, or it was.
    """

    every: Sequence[Enum | str]
    before: Enum
    after: Enum

    @abstractmethod
    def arm(self, endpoint: str, fault: Enum | str, *, lasting: bool = False) -> None:
        """Let the next answer of an endpoint be bad, or every one until `heal`; words arm nothing."""

    @abstractmethod
    def outage(self, fault: Enum | str) -> AbstractContextManager[None]:
        """The block in which there is no service, for a fault that is a word."""

    @abstractmethod
    def meets(self, endpoint: str, fault: Enum | str) -> bool:
        """Whether a fault can be armed at an endpoint."""

    @abstractmethod
    def heal(self) -> None:
        """From now on every answer is good."""

    @abstractmethod
    def asked(self, endpoint: str) -> int:
        """How often an endpoint was asked."""

    @property
    @abstractmethod
    def spoiled(self) -> int:
        """How many answers were bad."""

    @abstractmethod
    def wait_out(self, fault: Enum | str) -> None:
        """Wait until what is taken late has been taken."""

    @staticmethod
    @abstractmethod
    def hurry(patch: pytest.MonkeyPatch, tries: int | None) -> None:
        """Let the broker's client wait less; `tries` is how often it asks in one attempt at a step."""


class AlpacaFaults(BrokerFaults):
    """Those of the fake Alpaca."""

    every = (AWAY, *AlpacaFault)
    before, after = AlpacaFault.TIMEOUT_BEFORE, AlpacaFault.TIMEOUT_AFTER

    def __init__(self, fake: FakeAlpaca) -> None:
        self._fake = fake

    def arm(self, endpoint: str, fault: Enum | str, *, lasting: bool = False) -> None:
        if isinstance(fault, AlpacaFault):
            (self._fake.fail_always if lasting else self._fake.fail)(endpoint, fault)

    def outage(self, fault: Enum | str) -> AbstractContextManager[None]:
        return self._fake.away()

    def meets(self, endpoint: str, fault: Enum | str) -> bool:
        return True

    def heal(self) -> None:
        self._fake.heal()

    def asked(self, endpoint: str) -> int:
        return len(self._fake.asked(endpoint))

    @property
    def spoiled(self) -> int:
        return self._fake.spoiled

    def wait_out(self, fault: Enum | str) -> None:
        if fault in (AlpacaFault.TIMEOUT_BEFORE, AlpacaFault.TIMEOUT_AFTER, AlpacaFault.TAKEN_LATE):
            time.sleep(self._fake.silence - READ_SECONDS + 0.05)

    @staticmethod
    def hurry(patch: pytest.MonkeyPatch, tries: int | None) -> None:
        usual, wait = alpaca.PATIENCE, alpaca_http._wait
        patience = replace(usual, connect=READ_SECONDS, read=READ_SECONDS, tries=tries or usual.tries)
        patch.setattr(alpaca_http, "_wait", lambda state: wait(state) / HURRY)
        patch.setattr(alpaca, "PATIENCE", patience)


#: What the fault matrix calls a question, and the request that it is at IBKR.
REQUESTS = {
    "submit": "order",
    "margin": "what-if",
    "query": "reqAllOpenOrders",
    "open_orders": "reqAllOpenOrders",
    "orders": "reqCompletedOrders",
    "cancel": "cancelOrder",
    "fills": "reqExecutions",
    "positions": "reqPositions",
    "account": "reqAccountSummary",
    "clock": "reqCurrentTime",
}
_OF_LINE = (
    IbkrFault.DROP_BEFORE, IbkrFault.DROP_AFTER, IbkrFault.TRUNCATED, IbkrFault.SILENT_BEFORE,
    IbkrFault.SILENT_AFTER,
)  # fmt: skip
_OF_ORDERS = (
    IbkrFault.STATUS_TWICE, IbkrFault.STATUS_FIRST, IbkrFault.TIF_NOTICE, IbkrFault.LOCATE,
    IbkrFault.UNKNOWN_STATUS,
)  # fmt: skip
_OF_LISTS = (
    IbkrFault.STALE, IbkrFault.EMPTY, IbkrFault.DUPLICATE, IbkrFault.OUT_OF_ORDER, IbkrFault.WRONG_SYMBOL,
)  # fmt: skip
_OF_UNITS = (IbkrFault.NEGATIVE_FILL, IbkrFault.OVERSIZED_FILL)
_MEETS = {
    "order": (*_OF_LINE, *_OF_ORDERS),
    "what-if": _OF_LINE,
    "cancelOrder": (*_OF_LINE, IbkrFault.STATUS_TWICE, IbkrFault.UNKNOWN_STATUS),
    "reqAllOpenOrders": (*_OF_LINE, *_OF_LISTS, *_OF_UNITS, IbkrFault.UNKNOWN_STATUS),
    "reqCompletedOrders": (*_OF_LINE, *_OF_LISTS, *_OF_UNITS, IbkrFault.UNKNOWN_STATUS),
    "reqExecutions": (*_OF_LINE, *_OF_LISTS, *_OF_UNITS, IbkrFault.UNKNOWN_ORDER),
    "reqPositions": (*_OF_LINE, *_OF_LISTS, *_OF_UNITS),
    "reqAccountSummary": (*_OF_LINE, IbkrFault.STALE, IbkrFault.DUPLICATE),
    "reqCurrentTime": _OF_LINE,
}


class IbkrFaults(BrokerFaults):
    """Those of the fake gateway of IBKR."""

    every = (AWAY, EXPIRED, LOST, IN_USE, *dict.fromkeys(one for some in _MEETS.values() for one in some))
    before, after = IbkrFault.SILENT_BEFORE, IbkrFault.SILENT_AFTER

    def __init__(self, gateway: IbkrGateway, client_id: int) -> None:
        self._gateway, self._client_id = gateway, client_id

    def arm(self, endpoint: str, fault: Enum | str, *, lasting: bool = False) -> None:
        if isinstance(fault, IbkrFault):
            (self._gateway.always if lasting else self._gateway.script)(REQUESTS[endpoint], fault)

    @contextmanager
    def outage(self, fault: Enum | str) -> Iterator[None]:
        gateway = self._gateway
        if fault == AWAY:
            with gateway.away():
                yield
        elif fault == EXPIRED:
            gateway.login = "hangs"
            yield
            gateway.login = "good"
        elif fault == LOST:
            gateway.lose_connection()
            yield
            gateway.restore_connection()
        else:
            gateway.occupied.add(self._client_id)
            yield
            gateway.occupied.clear()

    def meets(self, endpoint: str, fault: Enum | str) -> bool:
        return isinstance(fault, str) or fault in _MEETS[REQUESTS[endpoint]]

    def heal(self) -> None:
        self._gateway.heal()

    def asked(self, endpoint: str) -> int:
        request = REQUESTS[endpoint]
        return len(self._gateway.asked("placeOrder" if request in ("order", "what-if") else request))

    @property
    def spoiled(self) -> int:
        return self._gateway.spoiled

    def wait_out(self, fault: Enum | str) -> None:
        """Nothing is taken late here."""

    @staticmethod
    def hurry(patch: pytest.MonkeyPatch, tries: int | None) -> None:
        patch.setattr(ibkr, "PATIENCE", IbkrPatience(confirm=2 * READ_SECONDS, commission=0.1, shortable=0.1))
        line = TwsPatience(connect=2 * READ_SECONDS, in_use=0.0, answer=2 * READ_SECONDS)
        patch.setattr(ibkr, "LINE_PATIENCE", line)
