"""The real `ib_async`, connected to a fake gateway, for the tests of the gateway itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ib_async import IB, MarketOrder, Stock, Trade
from tests.fakes.ibkr import IbkrGateway

AAPL = Stock("AAPL", "SMART", "USD")


@contextmanager
def connected(gateway: IbkrGateway, client_id: int = 7) -> Iterator[IB]:
    """A client for the block; what errors it hears is in its `heard`: request id and code."""
    ib = IB()
    heard: list[tuple[int, int]] = []
    ib.errorEvent += lambda request_id, code, text, contract: heard.append((request_id, code))
    ib.heard = heard
    ib.connect("127.0.0.1", gateway.port, clientId=client_id, timeout=5)
    try:
        yield ib
    finally:
        ib.disconnect()


def until(ib: IB, holds: Callable[[], Any], seconds: float = 5.0) -> None:
    """Let the client read until something holds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it did not happen in time"
        with suppress(ConnectionError):  # the client raises it here when it is cut off
            ib.sleep(0.01)


def settled(ib: IB) -> None:
    """Let the client read all that was said before now: the answer to a question comes after it."""
    ib.reqCurrentTime()


def send(ib: IB, action: str, units: int, ref: str, symbol: str = "AAPL", **more: Any) -> Trade:
    """A market order, and what is said of it at once."""
    order = MarketOrder(action, units, tif=more.pop("tif", "DAY"), orderRef=ref, **more)
    trade = ib.placeOrder(Stock(symbol, "SMART", "USD"), order)
    settled(ib)
    return trade


def codes(ib: IB) -> list[int]:
    """Codes of errors and notices that a client heard, without the news of its connection."""
    return [code for _, code in ib.heard if code not in (2104, 2106, 2158)]
