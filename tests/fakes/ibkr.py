"""A server on loopback that answers as IB Gateway and TWS do, well or by a script of faults.

It speaks the wire protocol of TWS at server version 178, to any client of that protocol. The order of fields
is that of `ib_async` 2.0.1 (`client.py` for requests, `decoder.py` for messages), which follows IBKR's own
client; codes and texts of errors, states of orders and what is told when follow IBKR's published description
of its API (message codes, order submission, executions, limits of historical data) and logs that users of
its clients have published. It reads plain orders for US stocks: MKT, LMT, STP, STP LMT, MOC, LOC; DAY, GTC,
OPG, IOC; brackets and OCA groups; what-if.

Use::

    with IbkrGateway(cash=Decimal(1_000_000)) as gateway:
        ib = IB(); ib.connect("127.0.0.1", gateway.port, clientId=7)
        gateway.prices["AAPL"] = 185.0           # a last price; executes nothing by itself
        ...                                      # place an order after the close: held, with notice 399
        gateway.open_market({"AAPL": 186.2})     # the next session opens: executed at 186.2

The account (see `IbkrExchange`)
    `account` ("DU1234567"), `accounts` (all that are managed), `now` (stands still until set, unless `runs`),
    `hold(symbol, units, price)`, `prices`, `move_cash(dollars, kind)`, `pay_dividend(symbol, per_share)`,
    `split(symbol, ratio)`, `orders`, `executions`, `order(ref)`, `orders_of(ref)`, `standing` (figures in
    place of the usual ones), `commission_of`, `shortable`, `rates` (margin). `list_stock(symbol, primary=...,
    min_tick=...)` lists a contract, twice under one name: ambiguous. Symbols may be written BRK-B; at IBKR it
    is BRK B. Some fifteen well-known stocks exist from the start, others once they have a price or bars.
    `state` and `before` are all of it: who keeps them may set them again.
The market
    `open_market(prices, at, volume)`, `trade(symbol, price, volume)`, `close_market(prices)`,
    `execute(ref, units, price)`, `reject(ref, reason)`, `correct(exec_id, price=...)`, `slow_cancels` and
    `finish_cancels()`, `release_locates()`, `release_commissions()`, `forget_old_executions()`, `log_days`.
    In hours a market order is executed at once at the last price. Executions are told for the current day
    (New York) and `log_days` before it, completed orders for the current day only.
History
    `history.days(symbol, rows)`, `history.half_hours(symbol, rows)` (hours are summed from them; or
    `history.hours`), rows as they were traded; `history.split(symbol, day, ratio)`: bars before it are told
    in new shares from that day on. A bar that is not over at `now` is told as its first trade alone.
    `history.limit` = (60, 600.0): so many requests in so many seconds, more are answered with 162.
The script
    `script("placeOrder", Fault.DROP_AFTER)`: the next such request ends so; None is a good answer; more
    faults are for the requests after it. `always(request, fault)`, `heal()`. Faults are those of
    `ibkr_faults`: `Fault`, `Error(code, text)`, `Delay(seconds)`, `Partial(units)`. Requests are named as
    the methods of the client: placeOrder, cancelOrder, reqExecutions, reqPositions, reqAllOpenOrders,
    reqCompletedOrders, reqAccountSummary, reqContractDetails, reqHistoricalData, ..., and "handshake";
    "order" is a placeOrder that is sent, "what-if" one that only asks.
    `lag("reqExecutions")`: such a list goes on telling how things stand now, until `heal`.
Disturbances
    `notice(code)`, `lose_connection()` (1100: what needs IBKR waits), `restore_connection(data_lost=...)`
    (1101, 1102), `reset_port()` (1300, and `port` is another), `drop()` (all connections), `away()` (a
    restart: refused for the block, then back with all orders), `login` ("good", "hangs", "closes",
    "no account"), `occupied` (client ids in use by others: 326), `read_only`, `reset_order_ids()` (orderIds
    come again, permIds do not), `by_hand(symbol, ...)` and `copy_of(ref)` (an order that another sent).
What was asked
    `requests` (all, in order), `asked(name)`, `created` (orders that requests made), `spoiled`.

What a client has to bear here, as at IBKR:

- Notice 399 for an order that waits for the open, 10349 for one without a time in force: `ib_async` makes
  ValidationError of the one and Cancelled of the other, and the order lives.
- An error 321 in answer to a question: `ib_async` takes it for a warning, and the question never ends.
- A rejection (201) is an error first, then an openOrder and an orderStatus that say Inactive.
- Completed orders bear neither orderId nor clientId, their total quantity is what was not executed, and once
  asked for they come unasked as orders end. Positions and the account come unasked, too, as they change.
- Positions name no exchange, and their cost has the commissions in it.
- The same orderRef may be used as often as one likes.

Its state is in the process that made it; children of that process talk to it over TCP.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.fakes import ibkr_messages as messages
from tests.fakes.ibkr_faults import Delay, Error, Fault, Partial
from tests.fakes.ibkr_order_book import FIRST_PERM_ID
from tests.fakes.ibkr_server import TEXTS, IbkrServer, Request, listening_at
from tests.fakes.ibkr_state import Order

ACCOUNT = "DU1234567"

__all__ = ["ACCOUNT", "Delay", "Error", "Fault", "IbkrGateway", "Partial", "Request"]


class IbkrGateway(IbkrServer):
    """The server, a context manager.

    Parameters
    ----------
    now : datetime
        What its clock shows at first.
    cash : Decimal
    account : str
    others : tuple of str
        Accounts that the same login manages.
    market : mapping, optional
        More for `IbkrExchange`: initial, maintenance.
    """

    def __init__(
        self,
        now: datetime = datetime(2024, 1, 2, 21, 30, tzinfo=UTC),
        cash: Decimal = Decimal(100_000),
        *,
        account: str = ACCOUNT,
        others: tuple[str, ...] = (),
        **market: Any,
    ) -> None:
        super().__init__(now, cash, account, others, **market)

    def notice(self, code: int, text: str = "", client_id: int | None = None) -> None:
        """Tell a client something, or all."""
        message = messages.error(-1, code, text or TEXTS.get(code, ""))
        with self.lock:
            for line in [*self._lines.values()] if client_id is None else [self._lines[client_id]]:
                line.say(message)

    def lose_connection(self) -> None:
        """The gateway loses IBKR (1100): what needs IBKR waits until `restore_connection`."""
        with self.lock:
            self._offline = self._offline or []
            self.notice(1100)

    def restore_connection(self, *, data_lost: bool = False) -> None:
        """IBKR is back (1102; 1101 where subscriptions are lost), and what waited is done."""
        with self.lock:
            waited, self._offline = self._offline or [], None
            self.notice(1101 if data_lost else 1102)
        for line, name, fields in waited:
            self._serve(line, name, fields)

    def reset_port(self) -> None:
        """The gateway listens on another port (1300), and drops every connection."""
        with self.lock:
            following = listening_at(0)
            port = int(following.getsockname()[1])
            text = (
                "TWS socket port has been reset and this connection is being dropped. "
                f"Please reconnect on the new port - {port}"
            )
            self.notice(1300, text)
            self._close()
            self._socket, self.port = following, port
            self._start()

    def drop(self) -> None:
        """Drop every connection."""
        with self.lock:
            for line in list(self._all_lines):
                line.drop()

    @contextmanager
    def away(self) -> Iterator[None]:
        """A restart: nobody listens for the block, and afterwards all orders are there."""
        self._close()
        try:
            yield
        finally:
            self._socket = listening_at(self.port)
            self._start()

    def by_hand(
        self, symbol: str, action: str, units: Decimal | int, *, order_ref: str = "", client_id: int = 0
    ) -> Order:
        """A market order that a person enters in TWS, or that another client sent."""
        with self._change():
            order = Order(
                self.next_order_id(client_id) if client_id else 0,
                client_id,
                FIRST_PERM_ID + self._number(),
                self.stock(symbol),
                action,
                Decimal(units),
                "MKT",
                None,
                None,
                "DAY",
                order_ref,
                self.account,
                received_at=self.now,
                expires_at=self.expiry("DAY"),
            )
            if client_id:
                self._use_order_id(client_id, order.order_id)
            self.state = self.state.with_order(order)
            self._transmit(order)
            self._try_at_once(order.perm_id)
            return self.state.orders[order.perm_id]

    def copy_of(self, order_ref: str, client_id: int = 99) -> Order:
        """The same order once more, from another client: two permIds under one reference."""
        order = self.order(order_ref)
        return self.by_hand(
            order.stock.symbol, order.action, order.quantity, order_ref=order_ref, client_id=client_id
        )

    def asked(self, name: str) -> list[Request]:
        """The requests of a name that arrived."""
        return [one for one in self.requests if one.name == name]

    @property
    def clients(self) -> list[int]:
        """Ids of the clients that are connected."""
        with self.lock:
            return sorted(self._lines)

    def environ(self, account: str, client_id: int = 7) -> dict[str, str]:
        """The environment variables that lead an account of this name here."""
        from nightdesk.brokers.credentials import variable

        parts = {"key": self.account, "url": f"ib://127.0.0.1:{self.port}/{client_id}"}
        return {variable(account, part): value for part, value in parts.items()}
