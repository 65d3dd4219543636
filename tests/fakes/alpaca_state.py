"""How things stand at the fake Alpaca, and how it names and writes them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

#: Orders with legs that enter a position: an oto is a bracket with one exit.
ENTERS = ("bracket", "oto")

CRYPTO = frozenset({"BTC/USD", "ETH/USD", "LTC/USD", "SOL/USD"})
ENDED = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})

_NAMES = uuid.UUID("5f596936-6f23-4cef-bdf1-3806aae57dbf")


class Refusal(Exception):
    """What the service answers in place of doing it."""

    def __init__(self, status: int, code: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.answer: dict[str, Any] = {"code": code, "message": message, **more}


@dataclass(frozen=True)
class Holding:
    """A position: signed units, and their average price in dollars."""

    quantity: Decimal
    price: Decimal


@dataclass(frozen=True)
class State:
    """Everything that is known at one moment; its mappings are replaced, never changed.

    `orders` are as they are answered, by Alpaca's id and in the order in which they came; `parents` gives the
    bracket that a leg belongs to.
    """

    now: datetime
    cash: Decimal
    holdings: Mapping[str, Holding]
    prices: Mapping[str, Decimal]
    orders: Mapping[str, dict[str, Any]]
    parents: Mapping[str, str]
    activities: tuple[dict[str, Any], ...]


def remaining(order: Mapping[str, Any]) -> Decimal:
    """Units of an order that are not executed."""
    return Decimal(order["qty"]) - Decimal(order["filled_qty"])


def name_of(symbol: str) -> str:
    """The service's own name: a test may also say BTC-USD, BTCUSD or BRK-B."""
    for pair in CRYPTO:
        if symbol in (pair, pair.replace("/", "-"), pair.replace("/", "")):
            return pair
    return symbol.replace("-", ".")


def asset_id(symbol: str) -> str:
    """The service's id of what is traded."""
    return str(uuid.uuid5(_NAMES, symbol))


def rfc3339(moment: datetime) -> str:
    """An instant in UTC to the nanosecond; that is finer than Python's own for every second one."""
    finer = "000" if moment.microsecond % 2 else "743"
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}{finer}Z"


def plain(number: Decimal) -> str:
    """A number in digits."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(price: Decimal | float) -> Decimal:
    """A price as it is written."""
    return Decimal(str(price))


def to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
