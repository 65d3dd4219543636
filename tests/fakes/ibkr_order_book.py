"""The orders of the fake gateway: taken, changed, transmitted, rejected and cancelled as clients ask."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.fakes import ibkr_messages as messages
from tests.fakes.exchange_hours import is_open, next_open
from tests.fakes.ibkr_account import MarginRates, margins_of, refused_for_margin
from tests.fakes.ibkr_history import History
from tests.fakes.ibkr_market import IbkrMarket
from tests.fakes.ibkr_orders import Asked, Rejection, Wanted, check, expiry, held_notice
from tests.fakes.ibkr_state import CON_IDS, Order, State, Stock, name_of, usual_stock

FIRST_PERM_ID = 1_680_000_001


class IbkrOrderBook(IbkrMarket):
    """The orders of an account, and the contracts that they are for.

    Parameters
    ----------
    now : datetime
    cash : Decimal
    account : str
    rates : MarginRates
    """

    def __init__(self, now: datetime, cash: Decimal, account: str, rates: MarginRates) -> None:
        super().__init__(State(now.astimezone(UTC), cash))
        next_open(now)  # the calendar takes a moment to load, for which no request should wait
        self.account = account
        self.rates = rates
        #: All accounts that the login manages.
        self.accounts: tuple[str, ...] = (account,)
        #: Whether the clock that clients are told goes on from where it was set.
        self.runs = False
        #: Whether a cancel waits until `finish_cancels`.
        self.slow_cancels = False
        #: Units that can be borrowed to sell short, by IBKR's symbol; others can without a bound.
        self.shortable: dict[str, Decimal] = {}
        #: Symbols in which no order is taken.
        self.halted: set[str] = set()
        #: Bars that clients may ask for.
        self.history = History()
        #: Contracts by IBKR's symbol; more than one is ambiguous.
        self.stocks: dict[str, list[Stock]] = {symbol: [usual_stock(symbol)] for symbol in CON_IDS}
        self._bound: Decimal | None = None
        self._locates = False

    @property
    def now(self) -> datetime:
        return self.state.now

    @now.setter
    def now(self, at: datetime) -> None:
        """Let time pass; orders end when their time in force does."""
        with self._change():
            self._pass_time(at)

    def clock(self) -> datetime:
        """What clients are told for the time."""
        return self.now + timedelta(seconds=self.seconds_since_set())

    def seconds_since_set(self) -> float:
        return time.monotonic() - self.set_at if self.runs else 0.0

    def list_stock(self, symbol: str, **facts: object) -> Stock:
        """List a contract, with facts in place of the usual ones; beside one of its name it is ambiguous."""
        stock = replace(usual_stock(symbol), **facts)  # type: ignore[arg-type]
        with self.lock:
            known = [one for one in self.stocks.get(stock.symbol, []) if one.con_id != stock.con_id]
            self.stocks[stock.symbol] = [*known, stock]
        return stock

    def stock(self, symbol: str) -> Stock:
        """The contract of a symbol, listed if it was not."""
        name = name_of(symbol)
        return self.stocks[name][0] if name in self.stocks else self.list_stock(symbol)

    def next_order_id(self, client_id: int) -> int:
        """The id that a client may use next."""
        return self.state.order_ids.get(client_id, 0) + 1

    def reset_order_ids(self) -> None:
        """Let every client begin again with 1, as after a reset in TWS: ids come twice, permIds do not."""
        with self._change():
            self.state = replace(self.state, order_ids={})

    def find(self, wanted: Wanted) -> list[Stock]:
        """The contracts that a description fits."""
        if wanted.con_id:
            return [one for known in self.stocks.values() for one in known if one.con_id == wanted.con_id]
        if wanted.sec_type != "STK" or wanted.currency not in ("", "USD"):
            return []
        symbol = wanted.symbol or wanted.local_symbol
        if symbol not in self.stocks and symbol in self.history.symbols:
            self.list_stock(symbol)
        return [
            one
            for one in self.stocks.get(symbol, [])
            if wanted.primary in ("", one.primary)
            and wanted.exchange in ("", "SMART", one.primary, *one.exchanges.split(","))
        ]

    def place(self, client_id: int, asked: Asked) -> None:
        """Take an order, change one that is open, or say what a what-if order would do.

        Raises
        ------
        Rejection
        """
        with self._change():
            stock = self._one(asked.contract)
            check(asked, self.account, stock.min_tick, self.now)
            known = self._known(client_id, asked.order_id)
            if known is not None and not asked.what_if:
                self._modify(known, asked)
                return
            order = self._made(client_id, asked, stock)
            if asked.what_if:
                price = self.state.prices.get(stock.symbol, Decimal(0))
                fee = self.commission_of(order.quantity, price) if price else Decimal(1)
                margins = margins_of(self.state, self.rates, order, fee)
                self._say(client_id, messages.open_order(replace(order, status="PreSubmitted"), margins))
                return
            if asked.preset:
                self._say(client_id, messages.preset_notice(asked.order_id))
            self._accept(order)

    def place_partly(self, client_id: int, asked: Asked, units: Decimal) -> None:
        """Take an order of which only so many units are executed at once."""
        self._bound = units
        try:
            self.place(client_id, asked)
        finally:
            self._bound = None

    def place_held(self, client_id: int, asked: Asked) -> None:
        """Take an order that waits for shares to borrow."""
        self._locates = True
        try:
            self.place(client_id, asked)
        finally:
            self._locates = False

    def expiry(self, tif: str) -> datetime | None:
        """When an order that comes now ends."""
        return expiry(tif, self.now)

    def cancel(self, client_id: int, order_id: int) -> None:
        """Cancel an order of a client, or begin to.

        Raises
        ------
        Rejection
        """
        with self._change():
            order = self._newest(client_id, order_id)
            if order is None:
                raise Rejection(10147, f"OrderId {order_id} that needs to be cancelled is not found.")
            if order.ended or order.status == "PendingCancel":
                raise Rejection(
                    10148,
                    f"OrderId {order_id} that needs to be cancelled can not be cancelled, "
                    f"state: {order.status}.",
                )
            if self.slow_cancels:
                order = self._alter(order.perm_id, status="PendingCancel")
                self._say(client_id, messages.order_status(order))
            else:
                self._end(order.perm_id, "", notice=True)

    def cancel_all(self) -> None:
        """Cancel whatever is open, of every client."""
        with self._change():
            for order in list(self.state.orders.values()):
                self._end(order.perm_id, "", notice=True)

    def keep_rejected(self, client_id: int, asked: Asked, rejection: Rejection) -> None:
        """Write an order down that IBKR rejected: it is inactive."""
        with self._change():
            made = self._made(client_id, asked, self._one(asked.contract))
            order = replace(
                made, status="Inactive", completed_at=self.now, completed_status=str(rejection), transmit=True
            )
            self.state = self.state.with_order(order)
            self._tell_order(order)

    def _one(self, wanted: Wanted) -> Stock:
        found = self.find(wanted)
        if not found:
            raise Rejection(200, "No security definition has been found for the request")
        if len(found) > 1:
            raise Rejection(200, f"The contract description specified for {wanted.symbol} is ambiguous.")
        return found[0]

    def _newest(self, client_id: int, order_id: int) -> Order | None:
        same = [o for o in self.state.orders.values() if (o.client_id, o.order_id) == (client_id, order_id)]
        return same[-1] if same else None

    def _known(self, client_id: int, order_id: int) -> Order | None:
        """The open order that an id names; None where the id is free."""
        order = self._newest(client_id, order_id)
        if order is not None and not order.ended:
            return order
        if order_id < self.next_order_id(client_id):
            raise Rejection(103, "Duplicate order id")
        return None

    def _made(self, client_id: int, asked: Asked, stock: Stock) -> Order:
        self._use_order_id(client_id, asked.order_id)
        perm_id = 0 if asked.what_if else FIRST_PERM_ID + self._number()
        return Order(
            asked.order_id,
            client_id,
            perm_id,
            stock,
            asked.action,
            asked.quantity,
            asked.kind,
            asked.limit,
            asked.stop,
            asked.tif,
            asked.order_ref,
            self.account,
            asked.contract.exchange,
            self._group(client_id, asked),
            asked.oca_type,
            asked.parent_id,
            asked.transmit,
            asked.what_if,
            asked.outside_hours,
            received_at=self.now,
            expires_at=expiry(asked.tif, self.now),
        )

    def _use_order_id(self, client_id: int, order_id: int) -> None:
        newest = max(order_id, self.state.order_ids.get(client_id, 0))
        self.state = replace(self.state, order_ids={**self.state.order_ids, client_id: newest})

    def _group(self, client_id: int, asked: Asked) -> str:
        """Children of one parent are one OCA group, named after it where they say none."""
        parent = self._newest(client_id, asked.parent_id) if asked.parent_id else None
        return asked.oca_group or (str(parent.perm_id) if parent else "")

    def _accept(self, order: Order) -> None:
        if order.stock.symbol in self.halted:
            self._refuse(order, "No trading permissions.")
        self._refuse_short(order)
        if not order.parent_id and (why := refused_for_margin(self.state, self.rates, order)):
            self._refuse(order, why)
        self.state = self.state.with_order(order)
        if order.transmit:
            for one in self._family(order):
                self._transmit(one)
            for one in self._family(order):
                self._try_at_once(one.perm_id)

    def _family(self, order: Order) -> list[Order]:
        """An order, and what waited for it to be transmitted: its parent and the other children."""
        if not order.parent_id:
            return [order]
        parent = self._newest(order.client_id, order.parent_id)
        if parent is None:
            raise Rejection(135, "Can't find order with id =" + str(order.parent_id))
        family = [parent, *self._children(parent)]
        return [one for one in family if not one.ended and (not one.transmit or one.perm_id == order.perm_id)]

    def _transmit(self, order: Order) -> None:
        parent = self._newest(order.client_id, order.parent_id) if order.parent_id else None
        waits = is_open(self.now) is False or order.tif == "OPG"
        held = "trigger" if order.kind.startswith("STP") else ""
        if parent is not None and parent.status != "Filled":
            held = "child"
        if self._locates:
            held = "locate"
        status = "PreSubmitted" if waits or held else "Submitted"
        order = self._alter(order.perm_id, transmit=True, status=status, why_held=held)
        self._tell_order(order)
        if held == "locate":
            text = (
                "Shares for this order are not immediately available for short sale. "
                "The order will be held while we attempt to locate the shares."
            )
            self._say(order.client_id, messages.error(order.order_id, 404, text))
        if waits and not held:
            text = held_notice(order.action, order.quantity, order.stock.symbol, self.now)
            self._say(order.client_id, messages.error(order.order_id, 399, text))

    def _try_at_once(self, perm_id: int) -> None:
        """Execute what can be executed at the last price, while the market is open."""
        order = self.state.orders[perm_id]
        symbol = order.stock.symbol
        if is_open(self.now) and symbol in self.state.prices:
            self._trade(symbol, self.state.prices[symbol], self._bound, "")

    def _modify(self, order: Order, asked: Asked) -> None:
        if order.action != asked.action or order.stock.symbol != self._one(asked.contract).symbol:
            raise Rejection(105, "Order being modified does not match the original order.")
        transmits = asked.transmit and not order.transmit
        order = self._alter(
            order.perm_id, quantity=asked.quantity, limit=asked.limit, stop=asked.stop, tif=asked.tif
        )
        if transmits:
            self._transmit(order)
        else:
            self._tell_order(order)
        self._try_at_once(order.perm_id)

    def _refuse_short(self, order: Order) -> None:
        available = self.shortable.get(order.stock.symbol)
        if order.sign > 0 or order.parent_id or available is None:
            return
        held = self.state.positions.get(order.stock.symbol)
        selling = sum(
            one.remaining
            for one in self.state.orders.values()
            if one.stock.symbol == order.stock.symbol and one.sign < 0 and not one.ended and not one.parent_id
        )
        short = selling + order.quantity - max(held.units if held else Decimal(0), Decimal(0))
        if short > available:
            self._refuse(order, "The contract is not available for short sale.")

    def _refuse(self, order: Order, why: str) -> None:
        raise Rejection(201, f"Order rejected - reason:{why}", kept=True)
