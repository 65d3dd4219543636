"""An account at IBKR, for a test to act on: what the market does, and what the broker does with orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal

from tests.fakes import ibkr_messages as messages
from tests.fakes.exchange_hours import NEW_YORK, next_close, next_open
from tests.fakes.ibkr_account import MarginRates
from tests.fakes.ibkr_order_book import IbkrOrderBook
from tests.fakes.ibkr_state import (
    CashMove,
    Execution,
    Order,
    Position,
    Stock,
    money,
    name_of,
    to_cents,
)
from tests.fakes.ibkr_wire import Fields


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


class IbkrExchange(IbkrOrderBook):
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
        super().__init__(now, cash, account, MarginRates(initial, maintenance))
        #: Figures of the account in place of what is usual, by tag: ExcessLiquidity, ...
        self.standing: dict[str, str] = {}
        self.prices = LastPrices(self)
        #: Days before the current one of which executions are told too.
        self.log_days = 0

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

    def move_cash(
        self,
        amount: Decimal | float,
        kind: str = "Deposits & Withdrawals",
        symbol: str = "",
        words: str = "",
    ) -> int:
        """Let dollars come or go that no order moved; the number that a Flex statement has for it.

        Parameters
        ----------
        amount : Decimal or float
        kind : str
            As a Flex statement names it: Dividends, Payment In Lieu Of Dividends, Withholding Tax, Broker
            Interest Paid, Broker Fees, Other Fees, ...
        symbol, words : str
        """
        with self._change():
            name = name_of(symbol)
            move = CashMove(
                self._number(), self.now, kind, to_cents(money(amount)), name, words or kind.upper()
            )
            self.state = replace(
                self.state,
                cash=self.state.cash + move.amount,
                cash_moves=(*self.state.cash_moves, move),
            )
            return move.number

    def pay_dividend(self, symbol: str, per_share: Decimal | float) -> int:
        """Pay a dividend on what is held; on what is short it is paid in its lieu."""
        held = self.state.positions[name_of(symbol)].units
        kind = "Dividends" if held > 0 else "Payment In Lieu Of Dividends"
        words = f"{name_of(symbol)} CASH DIVIDEND USD {per_share} PER SHARE"
        return self.move_cash(held * money(per_share), kind, symbol, words)

    def split(self, symbol: str, ratio: Decimal | float) -> Decimal:
        """Split what is held, its last price, and its bars before today; the fraction of a share that is left
        over, for which cash comes by `move_cash`. Orders that were good until cancelled end with it.
        """
        with self._change():
            name, by = name_of(symbol), money(ratio)
            held = self.state.positions[name]
            whole = (held.units * by).to_integral_value(ROUND_DOWN)
            self.state = replace(
                self.state,
                positions={**self.state.positions, name: replace(held, units=whole, cost=held.cost / by)},
                prices={**self.state.prices, name: self.state.prices[name] / by},
            )
            self.history.split(name, _day(self.now), float(by))
            for order in list(self.state.orders.values()):
                if (order.stock.symbol, order.tif) == (name, "GTC"):
                    self._end(order.perm_id, "Cancelled by a corporate action", notice=True)
            return held.units * by - whole

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
            text = f"Order rejected - reason:{reason}"
            self._say(order.client_id, messages.error(order.order_id, 201, text))
            self._end(order.perm_id, text, status="Inactive")

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

    def shortable_ticks(self, request_id: int, stock: Stock) -> list[Fields]:
        """How hard it is to borrow (3 easy, 2 to be located, 1.5 not at all), and how many units."""
        units = self.shortable.get(stock.symbol, Decimal(10_000_000))
        ease = Decimal("3.0") if units >= 1000 else Decimal("2.0") if units > 0 else Decimal("1.5")
        return [
            messages.tick_generic(request_id, 46, ease),
            messages.tick_size(request_id, 89, units),
        ]

    def _list(self, prices: Mapping[str, Decimal | float]) -> None:
        for symbol in prices:
            self.stock(symbol)

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
