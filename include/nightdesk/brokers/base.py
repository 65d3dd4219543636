"""The interface of every broker, and what its answers look like whoever gives them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from nightdesk.errors import Refused
from nightdesk.execution.fills import Fill, FillBars
from nightdesk.execution.orders import Order, Side


class DuplicateOrder(Refused):
    """The client order id is taken at the broker: the order was sent before."""


class RejectedOrder(Refused):
    """The broker refuses the order; `answer` is what it said."""

    def __init__(self, message: str, answer: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.answer = dict(answer)


class OrderState(StrEnum):
    """The state of an order at a broker."""

    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True)
class BrokerOrder:
    """What a broker knows of an order.

    `answer` is what it said, as it came; quantities are in units of the instrument.
    """

    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    state: OrderState
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def signed_quantity(self) -> Decimal:
        """Quantity with the sign of its effect on the position."""
        return self.quantity if self.side == "buy" else -self.quantity


@dataclass(frozen=True)
class Account:
    """An account; `cash` in dollars."""

    name: str
    cash: Decimal


@dataclass(frozen=True)
class MarketDay:
    """What one session brings to a simulated market.

    Attributes
    ----------
    bars : FillBars
        Its opens, and the volumes that bound the fills.
    split : mapping of symbol to float
        Units after for one before, of the symbols that split.
    dividend : mapping of symbol to float
        Dollars a unit held before the open, of the symbols that pay.
    restated : mapping of symbol to float
        Last prices before the session in dollars, restated for its splits.
    """

    bars: FillBars
    split: Mapping[str, float]
    dividend: Mapping[str, float]
    restated: Mapping[str, float]

    @property
    def session(self) -> date:
        """The session."""
        return self.bars.session


class Broker(ABC):
    """One account at one broker.

    A call that ends without a readable answer (a time-out, a dropped connection, a server's fault) raises
    `Transient`: what happened is unknown then, never refused.
    """

    #: The name under which a book lists it.
    kind: ClassVar[str]
    #: Whether orders meet stored bars and no real market: only then may a past session trade.
    simulated: ClassVar[bool] = False

    @abstractmethod
    def clock(self) -> datetime:
        """The broker's present instant; a simulated broker's is the close of its newest session."""

    @abstractmethod
    def account(self) -> Account:
        """The account."""

    @abstractmethod
    def positions(self) -> Mapping[str, Decimal]:
        """Quantity by symbol; symbols that are not held are absent."""

    @abstractmethod
    def submit(self, order: Order) -> BrokerOrder:
        """Send an order.

        Raises
        ------
        DuplicateOrder
            When its client order id is taken.
        RejectedOrder
            When the broker will not have it.
        Transient
            When it is not known whether it arrived.
        """

    @abstractmethod
    def order_by_client_id(self, client_order_id: str) -> BrokerOrder | None:
        """What the broker knows of an order of ours; None when it has none of that id."""

    @abstractmethod
    def open_orders(self) -> Sequence[BrokerOrder]:
        """Orders that may still be executed, in the order in which they were received."""

    @abstractmethod
    def fills_since(self, session: date) -> Sequence[Fill]:
        """Executions in the sessions after `session`."""

    @abstractmethod
    def cancel(self, client_order_id: str) -> BrokerOrder:
        """Cancel an order; one that has ended already is given back as it is.

        Raises
        ------
        Refused
            When the broker has no such order.
        """

    def fund(self, session: date, capital: Decimal) -> None:
        """Give a simulated account its first money at the close of `session`; a real one has its own."""
        return

    def advance(self, day: MarketDay) -> None:
        """Let a simulated market live through a session; a real one does so by itself."""
        return

    def take_back(self, session: date) -> None:
        """Take a simulated account back to before the open of `session`.

        Raises
        ------
        Refused
            When the broker is real.
        """
        raise Refused(f"{self.kind} is no simulated broker: what it did on {session} cannot be taken back")
