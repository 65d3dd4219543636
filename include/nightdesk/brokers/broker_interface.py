"""The interface of every broker, and what its answers look like whoever gives them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from nightdesk.accounting.period import Period
from nightdesk.core.asset_classes import AssetClass
from nightdesk.core.book import Book
from nightdesk.core.errors import Refused, Transient
from nightdesk.core.universe import Instrument
from nightdesk.orders.broker_account import Account, BrokerOrder, Movement
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Order, OrderType, TimeInForce


class DuplicateOrder(Refused):
    """The client order id is taken at the broker: the order was sent before."""


class RejectedOrder(Refused):
    """The broker refuses the order; `answer` is what it said."""

    def __init__(self, message: str, answer: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.answer = dict(answer)


class Unreachable(Transient):
    """The broker gave no answer: no connection, a time-out, too many requests, a server's fault."""


class Unreadable(Transient):
    """The broker answered something that cannot be understood; `answer` is what it said.

    What happened is unknown: it is asked again, and nothing is concluded from it.
    """

    def __init__(self, message: str, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.answer = dict(answer or {})


@dataclass(frozen=True)
class Capabilities:
    """What a broker can do.

    Attributes
    ----------
    order_types : frozenset of str
    times_in_force : mapping of asset class to mapping of TimeInForce to str
        For each class that is traded here, the times in force that are understood, each with the broker's
        own word. ``day`` is what a decision asks for, good for the session that opens next: its word says
        what "at the next open" means here.
    fractions : frozenset of asset class
        Classes of which parts of a unit are traded.
    shorts, options : bool
    tells_today_alone : bool
        Whether executions of earlier days cannot be asked for: then they are collected on their day, also
        where no order of ours is at work.
    one_side : bool
        Whether it takes no order in a symbol while one on the other side may be executed: the two could trade
        with each other.
    """

    order_types: frozenset[OrderType]
    times_in_force: Mapping[AssetClass, Mapping[TimeInForce, str]]
    fractions: frozenset[AssetClass] = frozenset()
    shorts: bool = False
    options: bool = False
    tells_today_alone: bool = False
    one_side: bool = False

    def lets_rest(self, kinds: Collection[OrderType], asset_class: AssetClass) -> bool:
        """Whether orders of all these types rest for a class of instruments until they are cancelled."""
        return self.order_types.issuperset(kinds) and "gtc" in self.times_in_force.get(asset_class, {})

    def fault_of(self, order: Order, instrument: Instrument | None) -> str | None:
        """Why this kind of broker cannot trade an order; None when it can."""
        if instrument is None:
            return f"symbol {order.symbol} is not traded here"
        words = self.times_in_force.get(instrument.asset_class)
        if words is None:
            return f"{instrument.asset_class} is not traded here"
        if order.order_type not in self.order_types:
            return f"no {order.order_type} orders; known are {', '.join(sorted(self.order_types))}"
        if order.time_in_force not in words:
            known = ", ".join(words)
            return f"no time in force {order.time_in_force} for {instrument.asset_class}; known are {known}"
        if not order.quantity > 0 or order.quantity % instrument.unit:
            return f"quantity {order.quantity} is no multiple of {instrument.unit}"
        if instrument.asset_class not in self.fractions and order.quantity % 1:
            return f"quantity {order.quantity} is no whole number of units"
        wanted = PRICES_OF[order.order_type]
        given = {
            name for name in ("limit_price", "stop_price", "target_price") if getattr(order, name) is not None
        }
        if not wanted <= given:
            return f"an order of type {order.order_type} without {', '.join(sorted(wanted - given))}"
        return _exits_fault(order)


#: The prices without which an order of a type means nothing.
PRICES_OF: Mapping[OrderType, frozenset[str]] = {
    "market": frozenset(),
    "limit": frozenset({"limit_price"}),
    "stop": frozenset({"stop_price"}),
    "bracket": frozenset({"stop_price"}),
    "oco": frozenset({"stop_price", "target_price"}),
}


def _exits_fault(order: Order) -> str | None:
    """Why a stop or a target cannot be; None when it can, or there is none."""
    if order.stop_price is None or order.order_type not in ("stop", "bracket", "oco"):
        return None
    if order.time_in_force not in ("day", "gtc"):
        return f"an order of type {order.order_type} cannot be {order.time_in_force}; day or gtc"
    if order.order_type == "stop" or order.target_price is None:
        return None
    below, above = sorted((order.stop_price, order.target_price))
    if below == above or (order.exit_side == "sell") != (order.stop_price == below):
        return f"stop {order.stop_price} and target {order.target_price} are on the wrong sides"
    return None


class Broker(ABC):
    """One account at one broker.

    A call that gets no answer (a time-out, a dropped connection, a server's fault) raises `Unreachable`, and
    one whose answer is none of those the broker has described raises `Unreadable`: what happened is unknown
    then, never refused.

    Parameters
    ----------
    book : Book
        Its account, costs and universe; of a book with accounts by name the view of one, see
        `Book.in_account`.
    """

    #: The name under which a book lists it.
    kind: ClassVar[str]
    #: Whether orders meet stored bars and no real market: only then may a past session trade.
    simulated: ClassVar[bool] = False
    capabilities: ClassVar[Capabilities]

    def __init__(self, book: Book) -> None:
        self._book = book
        self._name = book.own_entry.account

    def refuse_impossible(self, order: Order) -> None:
        """Reject, before anything is sent, what this kind of broker cannot trade."""
        fault = self.capabilities.fault_of(order, self._book.universe.get(order.symbol))
        if fault is not None:
            raise RejectedOrder(
                f"account {self._name} of {self.kind} refuses {order.client_order_id}: {fault}",
                {"client_order_id": order.client_order_id, "refused": fault},
            )

    @abstractmethod
    def clock(self) -> datetime:
        """The broker's present instant; a simulated broker's is the end of its newest period."""

    @abstractmethod
    def account(self) -> Account:
        """The account, with what keeps it from trading."""

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
        Unreachable, Unreadable
            When it is not known whether it arrived.
        """

    def close(self) -> None:
        """Give back what a broker holds while it is used, such as a connection; it may be used again."""
        return

    @contextmanager
    def answering(self, orders: Collection[str], since: datetime) -> Iterator[None]:
        """A block in which the account is looked at: the orders of ours by their ids, executions after the
        decision instant `since`, cash and positions. A simulated broker may answer from one reading of it.
        """
        yield

    @abstractmethod
    def order_by_client_id(self, client_order_id: str) -> BrokerOrder | None:
        """What the broker knows of an order of ours; None when it has none of that id."""

    @abstractmethod
    def open_orders(self) -> Sequence[BrokerOrder]:
        """Orders that may still be executed, in the order in which they were received."""

    def orders_since(self, as_of: datetime) -> Sequence[BrokerOrder]:
        """All orders that a real broker received after the instant `as_of`, whatever became of them and
        whoever sent them, the oldest first. A simulated one has none that the desk did not send.
        """
        return ()

    @abstractmethod
    def fills_since(self, as_of: datetime) -> Sequence[Fill]:
        """Executions that decisions after the one at `as_of` settle, as the broker tells them, each once.

        An execution belongs to the first session whose close is not before it, and is settled by the first
        decision that is not: `Schedule.settling_of` of its session and `Fill.executed_at`. One of an order
        that is not ours has the client order id that it was given elsewhere, or an empty one. What is
        impossible (a negative quantity) is given as it came. A broker that tells less than was asked for
        tells it all the same: what was told before is stored.
        """

    def movements_since(self, as_of: datetime) -> Sequence[Movement]:
        """What moved cash or units beside executions and is settled after the decision at `as_of`, each
        once.
        """
        return ()

    @abstractmethod
    def cancel(self, client_order_id: str) -> BrokerOrder:
        """Ask that an order be cancelled; one that has ended already is given back as it is.

        A broker may take its time: the order that is given back can still be working.

        Raises
        ------
        Refused
            When the broker has no such order.
        """

    def fund(self, as_of: datetime, capital: Decimal) -> None:
        """Give a simulated account its first money at a decision instant; a real one has its own."""
        return

    def advance(self, period: Period) -> None:
        """Let a simulated account live through a period; a real one does so by itself."""
        return

    def take_back(self, as_of: datetime) -> None:
        """Take a simulated account back to before the period that ends at `as_of`.

        Raises
        ------
        Refused
            When the broker is real.
        """
        raise Refused(f"{self.kind} is no simulated broker: what it did by {as_of} cannot be taken back")
