"""An account at Alpaca, for a test to act on: what the market does, and what the service does with orders."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tests.fakes.alpaca_market import Market
from tests.fakes.alpaca_state import (
    CRYPTO,
    ENDED,
    Holding,
    Refusal,
    State,
    money,
    name_of,
    plain,
    remaining,
    to_cents,
)
from tests.fakes.exchange_hours import next_close, next_open


class Exchange(Market):
    """The account and its market.

    Parameters
    ----------
    now : datetime
        What the clock shows; it stands still until it is set, unless it `runs`.
    cash : Decimal
    margin : int
        How many dollars may be bought for one (the service's `multiplier`).
    shorting : bool
        Whether what is not held may be sold.
    """

    def __init__(
        self, now: datetime, cash: Decimal = Decimal(100_000), *, margin: int = 2, shorting: bool = False
    ) -> None:
        super().__init__(State(now.astimezone(UTC), cash, {}, {}, {}, {}, ()))
        next_open(now)  # the calendar takes a moment to load, for which no request should wait
        self.margin = margin
        self.shorting = shorting
        #: Whether the clock that callers are told goes on from where it was set.
        self.runs = False
        #: What the account says of itself in place of what is usual, by field: status, trading_blocked, ...
        self.standing: dict[str, Any] = {}
        #: Whether a cancel waits in pending_cancel until `finish_cancels`.
        self.slow_cancels = False
        #: Symbols in which no order is taken.
        self.halted: set[str] = set()
        #: Whether the legs that are held are among the open orders; users have seen that they are not.
        self.lists_held = False

    @property
    def now(self) -> datetime:
        return self.state.now

    @now.setter
    def now(self, at: datetime) -> None:
        """Let time pass; orders end when their time in force does."""
        with self._change():
            self._pass_time(at)

    def clock(self, state: State) -> datetime:
        """What callers are told for the time of a state."""
        return state.now + timedelta(seconds=time.monotonic() - self.set_at) if self.runs else state.now

    def hold(self, symbol: str, quantity: Decimal | int, price: Decimal | float) -> None:
        """Give the account a position, without an order or an execution."""
        with self._change():
            name = name_of(symbol)
            self._set(holdings={**self.state.holdings, name: Holding(Decimal(quantity), money(price))})
            self._set(prices={**self.state.prices, name: money(price)})

    def price(self, symbol: str, price: Decimal | float) -> None:
        """Set a last price; nothing is executed by it."""
        with self._change():
            self._set(prices={**self.state.prices, name_of(symbol): money(price)})

    def open_market(
        self,
        prices: Mapping[str, Decimal | float],
        at: datetime | None = None,
        volume: Mapping[str, Decimal | int] | None = None,
    ) -> None:
        """Let the next session open (that at `at`, when given), and its opening prices be traded."""
        with self._change():
            self._pass_time(at or next_open(self.now))
            self._start_queued()
            self._auction(prices, volume or {}, "opg")

    def close_market(self, prices: Mapping[str, Decimal | float] | None = None) -> None:
        """Let the session close: orders for the close are executed, those of the day end."""
        with self._change():
            close = next_close(self.now)
            self._set(now=close + timedelta(seconds=1))  # the auction is written down after the bell
            self._auction(prices or {}, {}, "cls")
            self._set(now=close)
            self._pass_time(close)

    def trade(
        self,
        symbol: str,
        price: Decimal | float,
        volume: Decimal | int | None = None,
        at: datetime | None = None,
    ) -> None:
        """Let some units change hands at a price; orders that it reaches take part, the oldest first."""
        with self._change():
            if at is not None:
                self._pass_time(at)
            self._trade(name_of(symbol), money(price), None if volume is None else Decimal(volume), "")

    def execute(self, client_order_id: str, quantity: Decimal | int, price: Decimal | float) -> None:
        """Execute so much of an order at a price, whatever its terms are."""
        with self._change():
            order = self.by_client_id(client_order_id)
            assert order is not None, f"no order {client_order_id}"
            self._fill(order["id"], Decimal(quantity), money(price))

    def reject(self, client_order_id: str) -> None:
        """Let the venue refuse an order that was accepted."""
        with self._change():
            order = self.by_client_id(client_order_id)
            assert order is not None, f"no order {client_order_id}"
            self._end(order["id"], "rejected", "failed_at")

    def finish_cancels(self) -> None:
        """End the orders that wait in pending_cancel."""
        with self._change():
            for order in list(self.state.orders.values()):
                if order["status"] == "pending_cancel":
                    self._end(order["id"], "canceled", "canceled_at")

    def post(self, activity_type: str, amount: Decimal | float | str, symbol: str = "", **more: Any) -> str:
        """Book something beside executions, such as a deposit or a fee in dollars; its id is returned."""
        with self._change():
            return self._post(activity_type, Decimal(str(amount)), name_of(symbol) if symbol else "", more)

    def pay_dividend(self, symbol: str, per_share: Decimal | float) -> str:
        """Pay a dividend in cash on what is held."""
        with self._change():
            name, each = name_of(symbol), Decimal(str(per_share))
            held = self.state.holdings[name].quantity
            more = {"activity_sub_type": "CDIV", "qty": plain(held), "per_share_amount": plain(each)}
            return self._post("DIV", to_cents(held * each), name, more)

    def split(
        self, symbol: str, ratio: Decimal | float, price: Decimal | float, *, orders: str = "kept"
    ) -> Decimal:
        """Split what is held before the open: whole shares stay, and the fraction is sold for cash that
        `pay_in_lieu` pays later; how much of a share that is.

        Simple orders that are good until cancelled are `orders`: "kept", "replaced" by ones in new shares, or
        "canceled". Those of a group are kept: Alpaca sends them as not to be reduced, nor cancelled.
        """
        with self._change():
            name, by = name_of(symbol), Decimal(str(ratio))
            held = self.state.holdings[name]
            exactly = held.quantity * by
            whole = exactly.to_integral_value(ROUND_DOWN)
            kept = {name: Holding(whole, held.price / by)} if whole else {}
            others = {one: it for one, it in self.state.holdings.items() if one != name}
            self._set(holdings={**others, **kept}, prices={**self.state.prices, name: money(price)})
            kind = "FSPLIT" if by > 1 else "RSPLIT"
            for moved in (-held.quantity, whole):
                self._post("SPLIT", Decimal(0), name, {"activity_sub_type": kind, "qty": plain(moved)})
            for order in list(self.state.orders.values()):
                simple = order["order_class"] in ("", "simple") and order["time_in_force"] == "gtc"
                if order["symbol"] == name and simple and order["status"] not in ENDED and orders != "kept":
                    self._restate(order, by, orders)
            return exactly - whole

    def pay_in_lieu(self, symbol: str, amount: Decimal | float | str) -> str:
        """Pay the cash of a fraction of a share, days after the split."""
        return self.post("CIL", amount, symbol, description="Cash in lieu of fractional share")

    def merge_for_cash(self, symbol: str, per_share: Decimal | float) -> None:
        """Take what is held away for cash."""
        with self._change():
            name, each = name_of(symbol), Decimal(str(per_share))
            held = self.state.holdings[name].quantity
            self._set(holdings={one: it for one, it in self.state.holdings.items() if one != name})
            more = {"activity_sub_type": "CMA", "qty": plain(-held)}
            self._post("MA", to_cents(held * each), name, more)

    def by_client_id(self, client_order_id: str) -> dict[str, Any] | None:
        """The order with a client order id."""
        for order in self.state.orders.values():
            if order["client_order_id"] == client_order_id:
                return order
        return None

    def add(self, orders: list[dict[str, Any]], parent: str | None) -> None:
        """Receive an order (with its legs after it), and execute what can be executed at once."""
        with self._change():
            self._set(orders={**self.state.orders, **{order["id"]: order for order in orders}})
            if parent is not None:
                legs = {order["id"]: parent for order in orders if order["id"] != parent}
                self._set(parents={**self.state.parents, **legs})
            symbol = orders[0]["symbol"]
            if self._is_trading(symbol) and symbol in self.state.prices:
                self._trade(symbol, self.state.prices[symbol], None, "")
            elif orders[0]["time_in_force"] == "ioc":
                self._end(orders[0]["id"], "canceled", "canceled_at")

    def cancel(self, order_id: str) -> None:
        """Cancel an order, or begin to."""
        with self._change():
            order = self.state.orders.get(order_id)
            if order is None:
                raise Refusal(404, 40410000, f"order not found for {order_id}")
            if order["status"] in ENDED | {"pending_cancel"}:
                raise Refusal(422, 42210000, f'order is already in "{order["status"]}" state')
            if self.slow_cancels:
                self._alter(order_id, status="pending_cancel")
            else:
                self._end(order_id, "canceled", "canceled_at")

    def buying_power(self, symbol: str) -> Decimal:
        """Dollars that orders may still ask for."""
        held = sum(
            (
                one.quantity * self.state.prices.get(name, one.price)
                for name, one in self.state.holdings.items()
            ),
            Decimal(0),
        )
        waiting = sum((self._reserved(order) for order in self.state.orders.values()), Decimal(0))
        if symbol in CRYPTO or self.margin == 1:
            return self.state.cash - waiting
        free = self.state.cash + held - held / self.margin
        return max(free, Decimal(0)) * self.margin - waiting

    def sellable(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Units that are held, and those of them that no order waits to sell."""
        held = self.state.holdings[symbol].quantity if symbol in self.state.holdings else Decimal(0)
        waiting = sum(
            (
                remaining(order)
                for order in self.state.orders.values()
                if order["symbol"] == symbol
                and order["side"] == "sell"
                and order["status"] not in ENDED | {"held"}
            ),
            Decimal(0),
        )
        return held, held - waiting

    def _reserved(self, order: dict[str, Any]) -> Decimal:
        if order["side"] != "buy" or order["status"] in ENDED | {"held"}:
            return Decimal(0)
        price = order["limit_price"] or order["stop_price"] or self.state.prices.get(order["symbol"], 0)
        return remaining(order) * Decimal(price)
