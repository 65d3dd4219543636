"""Orders: what is sent to a broker, whose wish it is, and the identity that makes it unique."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop", "bracket"]
TimeInForce = Literal["day", "open", "close", "gtc", "ioc"]


@dataclass(frozen=True, slots=True)
class Intent:
    """The part that one strategy has in an order; `quantity` is signed, in units of the instrument."""

    strategy: str
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a book for one symbol, decided at `session` and meant for the next open.

    `quantity` is positive, in units of the instrument, and the signed sum of `intents`. `reference_price` is
    the raw dollar price that the decision was made at. `purpose` says which part of the decision asks for it.
    """

    client_order_id: str
    book: str
    session: date
    as_of: datetime
    symbol: str
    side: Side
    quantity: Decimal
    purpose: str
    reference_price: Decimal
    intents: tuple[Intent, ...]
    generation: int = 0
    order_type: OrderType = "market"
    time_in_force: TimeInForce = "day"
    limit_price: Decimal | None = None

    @property
    def signed_quantity(self) -> Decimal:
        """Quantity with the sign of its effect on the position."""
        return self.quantity if self.side == "buy" else -self.quantity


def client_order_id(
    book: str, as_of: datetime, symbol: str, side: str, purpose: str, generation: int = 0
) -> str:
    """The identity of an order: the same decision always has the same one.

    A readable head (book, session, symbol, side) and a hash over all of the arguments, at most 48 characters
    of ``[a-z0-9-]``: what the narrowest broker (Alpaca) takes.
    """
    moment = as_of.astimezone(UTC)
    said = "|".join((book, moment.isoformat(), symbol, side, purpose, str(generation)))
    digest = hashlib.sha256(said.encode()).hexdigest()[:14]
    return f"{_plain(book)[:11]}-{moment:%Y%m%d}-{_plain(symbol)[:9]}-{side[0]}-{digest}"


def adds_risk(held: Decimal, change: Decimal) -> bool:
    """Whether a signed change takes a position further from flat, also on the other side of it."""
    return abs(held + change) > abs(held)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
