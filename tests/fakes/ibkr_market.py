"""The market of the fake gateway: what trades and the passing of time do to its orders and its account."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import RLock

from tests.fakes import ibkr_messages as messages
from tests.fakes.exchange_hours import is_open
from tests.fakes.ibkr_state import Execution, Order, Position, State, Stock, money, name_of, to_cents
from tests.fakes.ibkr_wire import Fields

#: What an order waits for before it can trade: its parent, or shares to borrow.
HELD = ("child", "locate")


def fixed_commission(units: Decimal, price: Decimal) -> Decimal:
    """IBKR's fixed pricing of US stocks: half a cent per share, 1 $ at least, 1 % of the value at most."""
    return to_cents(min(max(units * Decimal("0.005"), Decimal(1)), units * price * Decimal("0.01")))


class IbkrMarket:
    """A state that changes step by step: `state` is how things stand, `before` how they stood one step ago.

    What clients hear of a step is said when the step is done, in order.
    """

    def __init__(self, state: State) -> None:
        self.lock = RLock()
        self.state = state
        self.before = state
        #: Dollars that the execution of so many units at a price costs.
        self.commission_of: Callable[[Decimal, Decimal], Decimal] = fixed_commission
        #: What becomes of the commission reports of the next executions: told, late or never.
        self.commission_reports: list[str] = []
        self.set_at = time.monotonic()
        self._depth = 0
        self._said: list[tuple[int, Fields]] = []

    def deliver(self, said: list[tuple[int, Fields]]) -> None:
        """Tell clients, by their ids, what has happened; here nobody listens."""

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self.lock:
            before, self._depth = self.state, self._depth + 1
            try:
                yield
            except BaseException:  # what is refused changes nothing, and nothing is said of it
                self.state = before
                self._said = self._said if self._depth > 1 else []
                raise
            finally:
                self._depth -= 1
            if not self._depth:
                said, self._said = self._said, []
                self.before = before
                self.deliver(said)

    def _say(self, client_id: int, message: Fields) -> None:
        self._said.append((client_id, message))

    def _alter(self, perm_id: int, **changes: object) -> Order:
        order: Order = replace(self.state.orders[perm_id], **changes)  # type: ignore[arg-type]
        self.state = self.state.with_order(order)
        return order

    def _tell_order(self, order: Order) -> None:
        self._say(order.client_id, messages.open_order(order))
        self._say(order.client_id, messages.order_status(order))

    def _end(self, perm_id: int, why: str, *, notice: bool = False, status: str = "Cancelled") -> None:
        order = self.state.orders[perm_id]
        if order.ended:
            return
        order = self._alter(perm_id, status=status, completed_at=self.state.now, completed_status=why)
        self._say(order.client_id, messages.order_status(order))
        if notice:
            text = f"Order Canceled - reason:{why}"
            self._say(order.client_id, messages.error(order.order_id, 202, text))
        for child in self._children(order):
            if child.why_held == "child":
                self._end(child.perm_id, "Cancelled with its parent", notice=notice)

    def _children(self, order: Order) -> list[Order]:
        return [
            one
            for one in self.state.orders.values()
            if one.parent_id and (one.client_id, one.parent_id) == (order.client_id, order.order_id)
        ]

    def _pass_time(self, at: datetime) -> None:
        at = at.astimezone(UTC)
        if at < self.state.now:
            raise ValueError(f"the clock shows {self.state.now}, and {at} is earlier")
        self.state = replace(self.state, now=at)
        self.set_at = time.monotonic()
        for order in list(self.state.orders.values()):
            if not order.ended and order.expires_at is not None and order.expires_at <= at:
                self._end(order.perm_id, "Cancelled by the end of its time in force")

    def _start_queued(self) -> None:
        for order in list(self.state.orders.values()):
            if order.status == "PreSubmitted" and order.transmit and not order.why_held:
                self._tell_order(self._alter(order.perm_id, status="Submitted"))

    def _auction(
        self, prices: Mapping[str, Decimal | float], volume: Mapping[str, Decimal | int], auction: str
    ) -> None:
        bounds = {name_of(symbol): Decimal(units) for symbol, units in volume.items()}
        for symbol, price in prices.items():
            name = name_of(symbol)
            self._trade(name, money(price), bounds.get(name), auction)
        for order in list(self.state.orders.values()):
            if prices and not order.ended and _auction_of(order) == auction:
                self._end(order.perm_id, "Cancelled by Exchange", notice=True)

    def _trade(self, symbol: str, price: Decimal, volume: Decimal | None, auction: str) -> None:
        self.state = replace(self.state, prices={**self.state.prices, symbol: price})
        for perm_id in [one.perm_id for one in self.state.orders.values() if one.stock.symbol == symbol]:
            order = self.state.orders[perm_id]
            if order.ended or not order.transmit or order.why_held in HELD:
                continue
            if _auction_of(order) not in ("", auction) or not self._reached(order, price):
                continue
            units = order.remaining if volume is None else min(order.remaining, volume)
            if units > 0:
                self._fill(perm_id, units, price)
                volume = None if volume is None else volume - units
            if order.tif == "IOC":
                self._end(perm_id, "Cancelled by Exchange", notice=True)

    def _reached(self, order: Order, price: Decimal) -> bool:
        """Whether an order is executed at a price; a stop that it touches is triggered for good."""
        buys = order.sign > 0
        if order.kind.startswith("STP") and not order.triggered:
            assert order.stop is not None
            if price < order.stop if buys else price > order.stop:
                return False
            order = self._alter(order.perm_id, triggered=True, why_held="", status="Submitted")
        if order.kind in ("LMT", "LOC", "STP LMT"):
            assert order.limit is not None
            return price <= order.limit if buys else price >= order.limit
        return True

    def _fill(self, perm_id: int, units: Decimal, price: Decimal) -> Execution:
        order = self.state.orders[perm_id]
        filled = order.filled + units
        ends = filled >= order.quantity
        order = self._alter(
            perm_id,
            filled=filled,
            spent=order.spent + units * price,
            last_price=price,
            why_held="",
            status="Filled" if ends else "Submitted",
            completed_at=self.state.now if ends else None,
            completed_status=f"Filled Size: {filled}" if ends else "",
        )
        cost = self.commission_of(units, price)
        realized = self._move(order.stock, order.sign * units, price, cost)
        report = Execution(
            f"0000e0d5.{0x65000000 + self._number():08x}.01.01",
            self.state.now + timedelta(seconds=self.seconds_since_set()),
            order,
            units,
            price,
            filled,
            order.average,
            cost,
            realized,
            reported=self.commission_reports.pop(0) if self.commission_reports else "told",
        )
        self.state = replace(self.state, executions=(*self.state.executions, report))
        self._say(order.client_id, messages.execution(report))
        self._tell_order(order)
        if report.reported == "told":
            self._say(order.client_id, messages.commission(report))
        self._follow(order, units)
        return report

    def _number(self) -> int:
        """A number that nothing has had."""
        self.state = replace(self.state, made=self.state.made + 1)
        return self.state.made

    def seconds_since_set(self) -> float:
        """Seconds by which the clock went on since it was set; 0 where it stands still."""
        return 0.0

    def _follow(self, order: Order, units: Decimal) -> None:
        """What an execution does to the other orders of its bracket and of its OCA group."""
        for child in self._children(order):
            if order.status == "Filled" and child.why_held == "child":
                held = "trigger" if child.kind.startswith("STP") else ""
                status = "PreSubmitted" if held or not is_open(self.state.now) else "Submitted"
                self._tell_order(self._alter(child.perm_id, why_held=held, status=status))
        for other in list(self.state.orders.values()):
            same = other.oca_group and other.oca_group == order.oca_group and other.perm_id != order.perm_id
            if not same or other.ended:
                continue
            if order.oca_type == 1 or units >= other.remaining:
                self._end(other.perm_id, "", notice=True)
            else:
                self._tell_order(self._alter(other.perm_id, quantity=other.quantity - units))

    def _move(self, stock: Stock, signed: Decimal, price: Decimal, fee: Decimal) -> Decimal | None:
        """Book units and cash of an execution; what it realised in dollars, None where it only opened."""
        held = self.state.positions.get(stock.symbol, Position(stock, Decimal(0), Decimal(0)))
        after = held.units + signed
        each = price + (fee / signed)  # the cost of a unit has the commission in it, of a short one too
        closing = min(abs(signed), abs(held.units)) if held.units * signed < 0 else Decimal(0)
        if not closing:
            cost = (held.units * held.cost + signed * each) / after if after else each
        else:
            cost = held.cost if held.units * after >= 0 else each
        others = {name: one for name, one in self.state.positions.items() if name != stock.symbol}
        positions = {**others, stock.symbol: Position(stock, after, cost)} if after else others
        cash = self.state.cash - to_cents(signed * price) - fee
        self.state = replace(self.state, positions=positions, cash=cash)
        if not closing:
            return None
        way = 1 if held.units > 0 else -1
        return to_cents(closing * way * (price - held.cost) - fee)


def _auction_of(order: Order) -> str:
    """The auction in which alone an order trades."""
    if order.tif == "OPG":
        return "open"
    return "close" if order.kind in ("MOC", "LOC") else ""
