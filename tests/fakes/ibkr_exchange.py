"""An account at IBKR, for a test to act on: what the market does, and what the broker does with orders."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from tests.fakes import ibkr_messages as messages
from tests.fakes.exchange_hours import NEW_YORK, is_open, next_close, next_open
from tests.fakes.ibkr_account import MarginRates, margins_of, refused_for_margin
from tests.fakes.ibkr_market import IbkrMarket
from tests.fakes.ibkr_orders import Asked, Rejection, Wanted, check, expiry, held_notice
from tests.fakes.ibkr_state import (
    CON_IDS,
    Execution,
    Order,
    Position,
    State,
    Stock,
    money,
    name_of,
    to_cents,
    usual_stock,
)
from tests.fakes.ibkr_wire import Fields

FIRST_PERM_ID = 1_680_000_001


class LastPrices(MutableMapping[str, Decimal]):
    """Last prices by symbol, to read and to set: nothing is executed by setting one."""

    def __init__(self, exchange: IbkrExchange) -> None:
        self._exchange = exchange

    def __setitem__(self, symbol: str, price: Decimal | float) -> None:
        self._exchange.price(symbol, price)

    def __getitem__(self, symbol: str) -> Decimal:
        return self._exchange.state.prices[name_of(symbol)]

    def __delitem__(self, symbol: str) -> None:
        self._exchange.forget_price(symbol)

    def __len__(self) -> int:
        return len(self._exchange.state.prices)

    def __iter__(self) -> Iterator[str]:
        return iter(self._exchange.state.prices)


class IbkrExchange(IbkrMarket):
    """The account and its market.

    Parameters
    ----------
    now : datetime
        What the clock shows; it stands still until it is set, unless it `runs`.
    cash : Decimal
    account : str
        DU... for paper, U... for live.
    initial, maintenance : Decimal
        Shares of a position's value that are asked for as margin.
    """

    def __init__(
        self,
        now: datetime,
        cash: Decimal,
        account: str,
        *,
        initial: Decimal = Decimal("0.30"),
        maintenance: Decimal = Decimal("0.25"),
    ) -> None:
        super().__init__(State(now.astimezone(UTC), cash))
        next_open(now)  # the calendar takes a moment to load, for which no request should wait
        self.account = account
        self.rates = MarginRates(initial, maintenance)
        #: Whether the clock that clients are told goes on from where it was set.
        self.runs = False
        #: Figures of the account in place of what is usual, by tag: ExcessLiquidity, ...
        self.standing: dict[str, str] = {}
        #: Whether a cancel waits until `finish_cancels`.
        self.slow_cancels = False
        #: Units that can be borrowed to sell short, by IBKR's symbol; others can without a bound.
        self.shortable: dict[str, Decimal] = {}
        #: Contracts by IBKR's symbol; more than one is ambiguous.
        self.stocks: dict[str, list[Stock]] = {symbol: [usual_stock(symbol)] for symbol in CON_IDS}
        self.prices = LastPrices(self)
        #: All accounts that the login manages.
        self.accounts: tuple[str, ...] = (account,)
        #: Days before the current one of which executions are told too.
        self.log_days = 0
        self._perm_ids = FIRST_PERM_ID
        self._bound: Decimal | None = None
        self._locates = False
        self._order_ids: dict[int, int] = {}

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

    def hold(self, symbol: str, quantity: Decimal | int, price: Decimal | float) -> None:
        """Give the account a position, without an order or an execution."""
        with self._change():
            stock = self.stock(symbol)
            held = Position(stock, Decimal(quantity), money(price))
            others = {name: one for name, one in self.state.positions.items() if name != stock.symbol}
            positions = {**others, stock.symbol: held} if held.units else others
            prices = {**self.state.prices, stock.symbol: money(price)}
            self.state = replace(self.state, positions=positions, prices=prices)

    def price(self, symbol: str, price: Decimal | float) -> None:
        """Set a last price; nothing is executed by it."""
        with self._change():
            prices = {**self.state.prices, self.stock(symbol).symbol: money(price)}
            self.state = replace(self.state, prices=prices)

    def forget_price(self, symbol: str) -> None:
        """Take the last price of a symbol away."""
        with self._change():
            name = name_of(symbol)
            prices = {one: price for one, price in self.state.prices.items() if one != name}
            self.state = replace(self.state, prices=prices)

    def move_cash(self, amount: Decimal | float) -> None:
        """Let dollars come or go that no order moved: a deposit, a dividend, interest, a fee."""
        with self._change():
            self.state = replace(self.state, cash=self.state.cash + to_cents(money(amount)))

    def open_market(
        self,
        prices: Mapping[str, Decimal | float],
        at: datetime | None = None,
        volume: Mapping[str, Decimal | int] | None = None,
    ) -> None:
        """Let the next session open (that at `at`, when given), and its opening prices be traded."""
        with self._change():
            self._list(prices)
            self._pass_time(at or next_open(self.now))
            self._start_queued()
            self._auction(prices, volume or {}, "open")

    def close_market(self, prices: Mapping[str, Decimal | float] | None = None) -> None:
        """Let the session close: orders for the close are executed, those of the day end."""
        with self._change():
            self._list(prices or {})
            close = next_close(self.now)
            self.state = replace(self.state, now=close)
            self._auction(prices or {}, {}, "close")
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
            bound = None if volume is None else Decimal(volume)
            self._trade(self.stock(symbol).symbol, money(price), bound, "")

    def execute(self, order_ref: str, quantity: Decimal | int, price: Decimal | float) -> str:
        """Execute so much of an order at a price, whatever its terms are; the id of the execution."""
        with self._change():
            return self._fill(self.order(order_ref).perm_id, Decimal(quantity), money(price)).exec_id

    def reject(self, order_ref: str, reason: str = "") -> None:
        """Let the venue refuse an order that was accepted."""
        with self._change():
            order = self.order(order_ref)
            self._end(order.perm_id, reason, status="Inactive")
            text = f"Order rejected - reason:{reason}"
            self._say(order.client_id, messages.error(order.order_id, 201, text))

    def finish_cancels(self) -> None:
        """End the orders whose cancel waits."""
        with self._change():
            for order in list(self.state.orders.values()):
                if order.status == "PendingCancel":
                    self._end(order.perm_id, "", notice=True)

    def release_locates(self) -> None:
        """Let orders that wait for shares to borrow go on."""
        with self._change():
            for order in list(self.state.orders.values()):
                if order.why_held == "locate" and not order.ended:
                    self._tell_order(self._alter(order.perm_id, why_held=""))
                    self._try_at_once(order.perm_id)

    def release_commissions(self) -> None:
        """Send the commission reports that are late."""
        with self._change():
            done = []
            for report in self.state.executions:
                if report.reported == "late":
                    report = replace(report, reported="told")
                    self._say(report.order.client_id, messages.commission(report))
                done.append(report)
            self.state = replace(self.state, executions=tuple(done))

    def correct(
        self,
        exec_id: str,
        *,
        units: Decimal | int | None = None,
        price: Decimal | float | None = None,
        commission: Decimal | float | None = None,
    ) -> str:
        """Correct an execution: the same one under an id that ends in .02, .03, ...; that id."""
        with self._change():
            known = [one for one in self.state.executions if _root(one.exec_id) == _root(exec_id)]
            assert known, f"no execution {exec_id}"
            last = known[-1]
            new_units = last.units if units is None else Decimal(units)
            new_price = last.price if price is None else money(price)
            new_fee = last.commission if commission is None else money(commission)
            spent = new_units * new_price - last.units * last.price
            order = self.state.orders[last.order.perm_id]
            order = self._alter(
                order.perm_id,
                filled=order.filled + new_units - last.units,
                spent=order.spent + spent,
                last_price=new_price,
            )
            self._rebook(last, new_units, new_price, new_fee)
            report = replace(
                last,
                exec_id=f"{_root(exec_id)}.{len(known) + 1:02d}",
                order=order,
                units=new_units,
                price=new_price,
                commission=new_fee,
                cumulated=order.filled,
                average=order.average,
            )
            self.state = replace(self.state, executions=(*self.state.executions, report))
            self._say(order.client_id, messages.execution(report))
            if report.reported == "told":
                self._say(order.client_id, messages.commission(report))
            return report.exec_id

    def forget_old_executions(self) -> None:
        """Drop what was executed before today, as a gateway does that keeps no log."""
        with self._change():
            today = _day(self.now)
            kept = tuple(one for one in self.state.executions if _day(one.at) == today)
            self.state = replace(self.state, executions=kept)

    def order(self, order_ref: str) -> Order:
        """The newest order with a reference."""
        found = self.orders_of(order_ref)
        assert found, f"no order {order_ref}"
        return found[-1]

    def orders_of(self, order_ref: str) -> list[Order]:
        """All orders with a reference: nothing keeps a client from using one twice."""
        return [one for one in self.state.orders.values() if one.order_ref == order_ref]

    @property
    def orders(self) -> list[Order]:
        """All orders, the oldest first."""
        return list(self.state.orders.values())

    @property
    def executions(self) -> list[Execution]:
        """All executions and corrections, the oldest first."""
        return list(self.state.executions)

    def next_order_id(self, client_id: int) -> int:
        """The id that a client may use next."""
        return self._order_ids.get(client_id, 0) + 1

    def reset_order_ids(self) -> None:
        """Let every client begin again with 1, as after a reset in TWS: ids come twice, permIds do not."""
        self._order_ids.clear()

    def find(self, wanted: Wanted) -> list[Stock]:
        """The contracts that a description fits."""
        if wanted.con_id:
            return [one for known in self.stocks.values() for one in known if one.con_id == wanted.con_id]
        if wanted.sec_type != "STK" or wanted.currency not in ("", "USD"):
            return []
        symbol = wanted.symbol or wanted.local_symbol
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

    def shortable_ticks(self, request_id: int, stock: Stock) -> list[Fields]:
        """How hard it is to borrow (3 easy, 2 to be located, 1.5 not at all), and how many units."""
        units = self.shortable.get(stock.symbol, Decimal(10_000_000))
        ease = Decimal("3.0") if units >= 1000 else Decimal("2.0") if units > 0 else Decimal("1.5")
        return [
            messages.tick_generic(request_id, 46, ease),
            messages.tick_size(request_id, 89, units),
        ]

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

    def _list(self, prices: Mapping[str, Decimal | float]) -> None:
        for symbol in prices:
            self.stock(symbol)

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
        self._order_ids[client_id] = max(asked.order_id, self._order_ids.get(client_id, 0))
        perm_id = 0
        if not asked.what_if:
            perm_id, self._perm_ids = self._perm_ids, self._perm_ids + 1
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

    def _group(self, client_id: int, asked: Asked) -> str:
        """Children of one parent are one OCA group, named after it where they say none."""
        parent = self._newest(client_id, asked.parent_id) if asked.parent_id else None
        return asked.oca_group or (str(parent.perm_id) if parent else "")

    def _accept(self, order: Order) -> None:
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

    def keep_rejected(self, client_id: int, asked: Asked, rejection: Rejection) -> None:
        """Write an order down that IBKR rejected: it is inactive."""
        with self._change():
            made = self._made(client_id, asked, self._one(asked.contract))
            order = replace(
                made, status="Inactive", completed_at=self.now, completed_status=str(rejection), transmit=True
            )
            self.state = self.state.with_order(order)
            self._tell_order(order)

    def _rebook(self, last: Execution, units: Decimal, price: Decimal, fee: Decimal) -> None:
        """Take an execution back and book it as it is corrected: units, cost and cash."""
        name, sign = last.order.stock.symbol, last.order.sign
        held = self.state.positions.get(name, Position(last.order.stock, Decimal(0), Decimal(0)))
        total = held.units * held.cost + sign * (units * price - last.units * last.price)
        total += fee - last.commission
        after = held.units + sign * (units - last.units)
        others = {one: it for one, it in self.state.positions.items() if one != name}
        positions = {**others, name: Position(held.stock, after, total / after)} if after else others
        cash = self.state.cash - to_cents(sign * (units * price - last.units * last.price))
        self.state = replace(self.state, positions=positions, cash=cash - fee + last.commission)


def _root(exec_id: str) -> str:
    return exec_id.rpartition(".")[0]


def _day(moment: datetime) -> date:
    return moment.astimezone(NEW_YORK).date()
