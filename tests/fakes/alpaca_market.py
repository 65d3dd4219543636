"""The market of the fake Alpaca: what trades and the passing of time do to its orders and its account."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import RLock
from typing import Any

from tests.fakes.alpaca_state import (
    CRYPTO,
    ENDED,
    ENTERS,
    Holding,
    State,
    money,
    name_of,
    plain,
    remaining,
    rfc3339,
    to_cents,
)
from tests.fakes.exchange_hours import NEW_YORK, is_open


class Market:
    """A state that changes step by step: `state` is how things stand, `before` how they stood one step ago.

    Parameters
    ----------
    state : State
        How it begins.
    """

    def __init__(self, state: State) -> None:
        self.lock = RLock()
        self.state = state
        self.before = state
        #: Share of an execution in crypto that is taken as a fee, in what was received.
        self.crypto_fee = Decimal(0)
        #: Whether one exit that is executed does not end the other in time, as Alpaca warns of fast markets.
        self.fast_market = False
        #: When its clock was set, on the clock of this process that never goes back.
        self.set_at = time.monotonic()
        self._events = 0

    def stamp(self) -> str:
        """The present instant, and a little later at every call, as the service writes it."""
        self._events += 1
        return rfc3339(self.state.now + timedelta(microseconds=self._events % 1_000_000))

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self.lock:
            before = self.state
            yield  # what is refused changes nothing
            self.before = before

    def _set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    def _alter(self, order_id: str, **changes: Any) -> None:
        order = {**self.state.orders[order_id], **changes, "updated_at": self.stamp()}
        self._set(orders={**self.state.orders, order_id: order})

    def _end(self, order_id: str, status: str, when: str, *, alone: bool = False) -> None:
        """End an order, and with it what is open of its group, unless it ends `alone`."""
        if self.state.orders[order_id]["status"] in ENDED:
            return
        self._alter(order_id, status=status, **{when: self.stamp()})
        for other in [] if alone else self._group(order_id):
            self._end(other["id"], "canceled", "canceled_at", alone=True)

    def _group(self, order_id: str) -> list[dict[str, Any]]:
        """The other orders of a bracket or an oco."""
        root = self.state.parents.get(order_id, order_id)
        every = [root, *(leg for leg, parent in self.state.parents.items() if parent == root)]
        return [self.state.orders[one] for one in every if one != order_id]

    def _entry_of(self, order: Mapping[str, Any]) -> dict[str, Any] | None:
        """The entry that an exit of a bracket waits for."""
        parent = self.state.parents.get(order["id"])
        return self.state.orders[parent] if parent and order["order_class"] in ENTERS else None

    def _restate(self, order: dict[str, Any], by: Decimal, how: str) -> None:
        """Replace an order by one in new shares, or end it, as a split does."""
        if how == "canceled":
            self._end(order["id"], "canceled", "canceled_at")
            return
        priced = {
            name: plain((Decimal(order[name]) / by).quantize(Decimal("0.01")))
            for name in ("limit_price", "stop_price")
            if order[name] is not None
        }
        at, other = self.stamp(), str(uuid.uuid4())
        new = {
            **order,
            **priced,
            "id": other,
            "client_order_id": str(uuid.uuid4()),
            "qty": plain(Decimal(order["qty"]) * by),
            "created_at": at,
            "submitted_at": at,
            "updated_at": at,
            "replaces": order["id"],
        }
        self._set(orders={**self.state.orders, other: new})
        self._alter(order["id"], status="replaced", replaced_at=at, replaced_by=other)

    def _pass_time(self, at: datetime) -> None:
        at = at.astimezone(UTC)
        if at < self.state.now:
            raise ValueError(f"the clock shows {self.state.now}, and {at} is earlier")
        self._set(now=at)
        self.set_at = time.monotonic()
        for order in list(self.state.orders.values()):
            if order["status"] in ENDED or datetime.fromisoformat(order["expires_at"]) > at:
                continue
            auction = order["time_in_force"] in ("opg", "cls")
            self._end(order["id"], *(("canceled", "canceled_at") if auction else ("expired", "expired_at")))

    def _start_queued(self) -> None:
        for order in list(self.state.orders.values()):
            if order["status"] == "accepted":
                self._alter(order["id"], status="new")

    def _auction(
        self,
        prices: Mapping[str, Decimal | float],
        volume: Mapping[str, Decimal | int],
        auction: str,
    ) -> None:
        bounds = {name_of(symbol): Decimal(units) for symbol, units in volume.items()}
        for symbol, price in prices.items():
            name = name_of(symbol)
            self._trade(name, money(price), bounds.get(name), auction)
        for order in list(self.state.orders.values()):
            if order["time_in_force"] == auction and order["status"] not in ENDED and prices:
                self._end(order["id"], "canceled", "canceled_at")

    def _trade(self, symbol: str, price: Decimal, volume: Decimal | None, auction: str) -> None:
        self._set(prices={**self.state.prices, symbol: price})
        self._trigger(symbol, price)
        for order_id in [one["id"] for one in self.state.orders.values() if one["symbol"] == symbol]:
            order = self.state.orders[order_id]
            if order["status"] in ENDED | {"held"} or not _reached(order, price):
                continue
            if order["time_in_force"] in ("opg", "cls") and order["time_in_force"] != auction:
                continue
            quantity = remaining(order) if volume is None else min(remaining(order), volume)
            if quantity > 0:
                self._fill(order_id, quantity, price)
                volume = None if volume is None else volume - quantity
            if order["time_in_force"] == "ioc":
                self._end(order_id, "canceled", "canceled_at")

    def _fill(self, order_id: str, quantity: Decimal, price: Decimal) -> None:
        order = self.state.orders[order_id]
        done = Decimal(order["filled_qty"])
        total, whole = done + quantity, Decimal(order["qty"])
        spent = done * Decimal(order["filled_avg_price"] or 0) + quantity * price
        at = self.stamp()
        status = "filled" if total >= whole else "partially_filled"
        self._alter(
            order_id,
            status="pending_cancel" if order["status"] == "pending_cancel" and total < whole else status,
            filled_qty=plain(total),
            filled_avg_price=plain((spent / total).quantize(Decimal("0.000001"))),
            filled_at=at if total >= whole else None,
        )
        signed = quantity if order["side"] == "buy" else -quantity
        self._move(order["symbol"], signed, price)
        self._set(cash=self.state.cash - to_cents(signed * price))
        activity = {
            "activity_type": "FILL",
            "id": self._activity_id(),
            "cum_qty": plain(total),
            "leaves_qty": plain(whole - total),
            "order_id": order_id,
            "order_status": status,
            "price": plain(price),
            "qty": plain(quantity),
            "side": order["side"],
            "symbol": order["symbol"],
            "transaction_time": at,
            "type": "fill" if status == "filled" else "partial_fill",
        }
        self._set(activities=(*self.state.activities, activity))
        if order["asset_class"] == "crypto" and self.crypto_fee:
            self._take_crypto_fee(order["symbol"], signed, price)
        self._follow(order_id, status)

    def _follow(self, order_id: str, status: str) -> None:
        """What an execution does to the other orders of its group: an entry that is filled sends its target
        to work, and one exit that is filled ends the other, or leaves it the rest.
        """
        order = self.state.orders[order_id]
        enters = order["order_class"] in ENTERS and order_id not in self.state.parents
        for other in self._group(order_id):
            if enters:
                # A stop beside a target stays held until its price is reached; one alone goes to work.
                alone = order["order_class"] == "oto"
                if status == "filled" and (alone or other["type"] == "limit"):
                    self._alter(other["id"], status="new")
            elif other["status"] in ENDED or self._entry_of(order) == other or self.fast_market:
                continue
            elif status == "filled":
                self._end(other["id"], "canceled", "canceled_at", alone=True)
            else:
                self._alter(other["id"], qty=plain(remaining(order)))

    def _trigger(self, symbol: str, price: Decimal) -> None:
        """Let stops go to work whose price is reached, those of a bracket once its entry is filled: the
        targets beside them end.
        """
        for order in list(self.state.orders.values()):
            entry = self._entry_of(order)
            asleep = entry is not None and entry["status"] != "filled"
            held = (order["symbol"], order["status"], order["type"]) == (symbol, "held", "stop")
            if not held or asleep or not _reached(order, price):
                continue
            self._alter(order["id"], status="new")
            for other in self._group(order["id"]):
                if other != entry and not self.fast_market:
                    self._end(other["id"], "canceled", "canceled_at", alone=True)

    def _move(self, symbol: str, signed: Decimal, price: Decimal) -> None:
        held = self.state.holdings.get(symbol, Holding(Decimal(0), price))
        after = held.quantity + signed
        adds = held.quantity * signed >= 0
        average = (held.quantity * held.price + signed * price) / after if adds and after else held.price
        if held.quantity * after < 0:
            average = price
        others = {name: one for name, one in self.state.holdings.items() if name != symbol}
        self._set(holdings={**others, symbol: Holding(after, average)} if after else others)

    def _take_crypto_fee(self, symbol: str, signed: Decimal, price: Decimal) -> None:
        if signed < 0:
            fee = to_cents(-signed * price * self.crypto_fee)
            self._post("CFEE", -fee, symbol, {"description": "Coin Pair Transaction Fee (USD)"})
            return
        fee = (signed * self.crypto_fee).quantize(Decimal("0.000000001"))
        more = {
            "description": "Coin Pair Transaction Fee (Non USD)",
            "qty": plain(-fee),
            "price": plain(price),
        }
        self._post("CFEE", Decimal(0), symbol.replace("/", ""), more)
        self._move(symbol, -fee, price)

    def _post(self, activity_type: str, amount: Decimal, symbol: str, more: Mapping[str, Any]) -> str:
        activity = {
            "activity_type": activity_type,
            "id": self._activity_id(),
            "date": self.state.now.astimezone(NEW_YORK).date().isoformat(),
            "created_at": self.stamp(),
            "net_amount": plain(amount),
            "currency": "USD",
            "status": "executed",
            **({"symbol": symbol} if symbol else {}),
            **more,
        }
        self._set(activities=(*self.state.activities, activity), cash=self.state.cash + amount)
        return str(activity["id"])

    def _activity_id(self) -> str:
        at = self.state.now.astimezone(NEW_YORK)
        return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}::{uuid.uuid4()}"

    def _is_trading(self, symbol: str) -> bool:
        return symbol in CRYPTO or is_open(self.state.now)


def _reached(order: Mapping[str, Any], price: Decimal) -> bool:
    """Whether an order is executed at a price."""
    buys = order["side"] == "buy"
    if order["type"] == "limit":
        limit = Decimal(order["limit_price"])
        return price <= limit if buys else price >= limit
    if order["type"] == "stop":
        if order["filled_qty"] != "0":
            return True  # it was reached before, and is at the market since
        stop = Decimal(order["stop_price"])
        return price >= stop if buys else price <= stop
    return True
