"""Alpaca: US stocks and ETFs, and crypto, in a paper account or with real money.

What "at the next open" means: a `day` market order. For stocks and ETFs Alpaca queues one that arrives after
the close and sends it to the next session, good for that session. Crypto trades all week, and a market order
is executed when it arrives; `day` is not known there, so it is sent as gtc.

Alpaca refuses orders for the opening auction itself (opg) between 9:28 and 19:00 New York, and those for the
closing one (cls) between 15:50 and 19:00; a bracket enters by neither. What rests (a stop, an oco) is `gtc`,
and so is a bracket, whose exits last as long as its entry; of whole shares; Alpaca ends it after 90 days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from nightdesk.brokers.alpaca_address import address_of
from nightdesk.brokers.alpaca_answers import (
    STATES,
    Rubbish,
    Symbols,
    account_of,
    fill_of,
    instant_of,
    mapping_of,
    movement_of,
    positions_of,
    text_of,
)
from nightdesk.brokers.alpaca_families import AlpacaFamilies, AlpacaFamily
from nightdesk.brokers.alpaca_http import AlpacaLine, Denied, Patience
from nightdesk.brokers.alpaca_lists import activities, orders, orders_named
from nightdesk.brokers.alpaca_orders import CAPABILITIES, body_of
from nightdesk.brokers.broker_interface import Broker, DuplicateOrder, RejectedOrder, Unreadable
from nightdesk.brokers.credentials import Credentials
from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import schedule_of
from nightdesk.orders.broker_account import Account, BrokerOrder, Movement
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Order

#: What a call may take.
PATIENCE = Patience()

#: So much of an answer is quoted in an error.
_QUOTED = 300


class AlpacaBroker(Broker):
    """One account at Alpaca.

    Parameters
    ----------
    book : Book
        Its account, universe and calendar; `broker.live` says at which of Alpaca's services it is.
    credentials : Credentials
        With an address, if it is not Alpaca's own.
    patience : Patience, optional
        How long calls may take (default: `PATIENCE`).

    Raises
    ------
    Refused
        When the address is not one for this account: see `address_of`.
    """

    kind = "alpaca"
    capabilities = CAPABILITIES

    def __init__(self, book: Book, credentials: Credentials, patience: Patience | None = None) -> None:
        super().__init__(book)
        address = address_of(self._name, credentials.url, book.own_entry.live)
        self._line = AlpacaLine(self._name, credentials, address, PATIENCE if patience is None else patience)
        self._families = AlpacaFamilies(self._line)
        self._symbols = Symbols(book.universe)
        self._schedule = schedule_of(book)
        self._calendar = self._schedule.calendar

    def clock(self) -> datetime:
        answer = self._line.ask("the clock", lambda client: client.get_clock())
        return self._read("the clock", lambda: instant_of(mapping_of(answer, "a clock"), "timestamp"))

    def account(self) -> Account:
        answer = self._line.ask("the account", lambda client: client.get_account())
        live = self._book.own_entry.live
        return self._read("the account", lambda: account_of(answer, self._name, live=live))

    def positions(self) -> Mapping[str, Decimal]:
        answer = self._line.ask("the positions", lambda client: client.get_all_positions())
        return self._read("the positions", lambda: positions_of(answer, self._symbols))

    def submit(self, order: Order) -> BrokerOrder:
        """Send an order, once; see `Broker.submit`."""
        self.refuse_impossible(order)
        what = f"order {order.client_order_id}"
        body = body_of(order, self._book.universe[order.symbol], self._symbols)
        try:
            # Not through the client's own models of requests: those hold every number as a float.
            answer = self._line.tell(what, lambda client: client.post("/orders", body))
        except Denied as error:
            said = str(error.answer.get("message", "")).lower()
            # The code alone does not say it: 40010001 is any fault in what was sent.
            if error.status == 422 and "client_order_id" in said and "unique" in said:
                raise DuplicateOrder(f"account {self._name} has an {what} already") from None
            raise RejectedOrder(str(error), error.answer) from None

        def read() -> BrokerOrder:
            found = self._families.answered(mapping_of(answer, "an order")).known(self._symbols)
            return _same(answer, found, order)

        return self._read(what, read)

    def order_by_client_id(self, client_order_id: str) -> BrokerOrder | None:
        family = self._family(client_order_id)
        return None if family is None else self._known(family)

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Everything that may still be executed; two exits of which one cancels the other are one order."""
        return [one for one in self._listed("the open orders", "open") if not one.state.ended]

    def orders_since(self, as_of: datetime) -> Sequence[BrokerOrder]:
        """See `Broker.orders_since`; two exits of which one cancels the other are one order."""
        return self._listed("the orders", "all", as_of)

    def fills_since(self, as_of: datetime) -> Sequence[Fill]:
        """See `Broker.fills_since`; an order that a person sent keeps the client order id that it has."""

        def read() -> list[Fill]:
            told = list(activities(self._line, "/account/activities/FILL", as_of))
            behind = orders_named(self._line, {text_of(one, "order_id") for one in told}, as_of)
            names = self._families.names(behind)
            fills = (fill_of(one, names, self._symbols, self._calendar) for one in told)
            return [one for one in fills if self._schedule.settling_of(one.session, one.executed_at) > as_of]

        return self._read("the executions", read)

    def movements_since(self, as_of: datetime) -> Sequence[Movement]:
        """See `Broker.movements_since`."""

        def read() -> list[Movement]:
            only = {"category": "non_trade_activity"}
            told = activities(self._line, "/account/activities", as_of, only)
            movements = (movement_of(one, self._symbols, self._calendar) for one in told)
            return [
                one
                for one in movements
                if one is not None and self._schedule.settling_of(one.session, one.moved_at) > as_of
            ]

        return self._read("the movements", read)

    def cancel(self, client_order_id: str) -> BrokerOrder:
        """Ask that an order be cancelled, or both exits of a pair; see `Broker.cancel`.

        Alpaca cancels the one with the other, a moment later: until it has said so of both, the order that
        is given back is working still.
        """
        family = self._family(client_order_id)
        if family is None:
            raise Refused(f"account {self._name} has no order {client_order_id}")
        known = self._known(family)
        if known.state.ended:
            return known
        for number in _to_cancel(family):
            self._cancel(client_order_id, number)
        return self.order_by_client_id(client_order_id) or known

    def _cancel(self, client_order_id: str, number: str) -> None:
        try:
            self._line.tell(
                f"the cancel of {client_order_id}", lambda client: client.cancel_order_by_id(number)
            )
        except Denied as error:
            if error.status not in (404, 422):  # those say that it has ended meanwhile, or is changing
                raise

    def _family(self, client_order_id: str) -> AlpacaFamily | None:
        return self._read(f"order {client_order_id}", lambda: self._families.find(client_order_id))

    def _known(self, family: AlpacaFamily) -> BrokerOrder:
        return self._read(f"order {family.name}", lambda: family.known(self._symbols))

    def _listed(self, what: str, status: str, since: datetime | None = None) -> list[BrokerOrder]:
        def read() -> list[BrokerOrder]:
            found = self._families.listed(orders(self._line, status, since))
            return [one.known(self._symbols) for one in found]

        return self._read(what, read)

    def _read[T](self, what: str, read: Callable[[], T]) -> T:
        """What an answer says, or that it says nothing."""
        try:
            return read()
        except Rubbish as error:
            part = error.part if isinstance(error.part, dict) else {"answer": error.part}
            found = f"{error}; it said {str(error.part)[:_QUOTED]}"
        raise Unreadable(f"account {self._name} of alpaca: {what} cannot be read: {found}", part)


def _same(answer: Any, found: BrokerOrder, order: Order) -> BrokerOrder:
    """The order that was received, when it is the one that was sent and not the answer to another."""
    sent = (order.client_order_id, order.symbol, order.side, order.quantity)
    received = (found.client_order_id, found.symbol, found.side, found.quantity)
    if received != sent:
        raise Rubbish(f"it is {_words(received)}, sent was {_words(sent)}", answer)
    return found


def _to_cancel(family: AlpacaFamily) -> list[str]:
    """Alpaca's ids of the parts to cancel: those at work; of a pair that waits for its entry the first."""
    working = [one for one in family.newest if not STATES[one["status"]].ended]
    at_work = [one for one in working if one["status"] != "held"] or working[:1]
    return [one["id"] for one in at_work if one["status"] != "pending_cancel"]


def _words(parts: Iterable[object]) -> str:
    return " ".join(map(str, parts))
