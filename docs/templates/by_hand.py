"""A broker: orders are written to a file, and a person says in another what became of them.

NIGHTDESK_ACCOUNT_<ACCOUNT>_FOLDER names the folder of the account:

    account.json      {"cash": "100000.00"}, what it held before the first order; you write it once
    orders.jsonl      an order, or a wish to cancel one, a line; the desk writes it
    executions.csv    client_order_id,session,price,quantity,commission; you add a row for each execution
"""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from nightdesk.brokers import (
    Account,
    Broker,
    BrokerOrder,
    Capabilities,
    DuplicateOrder,
    OrderState,
    Unreachable,
    Unreadable,
    register,
)
from nightdesk.brokers.credentials import variable
from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO
from nightdesk.orders import Fill, Order

DAY = {"day": "at the next open, by hand"}


@register
class ByHand(Broker):
    """An account whose orders a person takes to the market."""

    kind = "by_hand"
    capabilities = Capabilities(frozenset({"market", "limit"}), {"equity": DAY, "etf": DAY})

    def __init__(self, book: Book, folder: Path) -> None:
        super().__init__(book)
        self._folder = folder

    @classmethod
    def open(cls, book: Book, environ: Mapping[str, str]) -> Broker:
        name = variable(book.own_entry.account, "folder")
        if not environ.get(name):
            raise Refused(
                f"account {book.own_entry.account} of {cls.kind}: set {name} to the folder of its files"
            )
        return cls(book, Path(environ[name]))

    def clock(self) -> datetime:
        return datetime.now(UTC)

    def account(self) -> Account:
        try:
            cash = Decimal(json.loads(self._text("account.json"))["cash"])
        except (ValueError, KeyError, TypeError, InvalidOperation) as error:
            raise Unreadable(f'{self._folder / "account.json"}: expected {{"cash": …}}: {error}') from error
        return Account(self._name, cash + sum((fill.cash for fill in self._fills()), ZERO))

    def positions(self) -> Mapping[str, Decimal]:
        held: dict[str, Decimal] = {}
        for fill in self._fills():
            held[fill.symbol] = held.get(fill.symbol, ZERO) + fill.signed_quantity
        return {symbol: units for symbol, units in held.items() if units}

    def submit(self, order: Order) -> BrokerOrder:
        self.refuse_impossible(order)
        if self.order_by_client_id(order.client_order_id) is not None:
            raise DuplicateOrder(f"account {self._name} has an order {order.client_order_id} already")
        limit = None if order.limit_price is None else str(order.limit_price)
        wanted = {"symbol": order.symbol, "side": order.side, "quantity": str(order.quantity), "limit": limit}
        self._write({"id": order.client_order_id, "at": self.clock().isoformat(), **wanted})
        return self._known(order.client_order_id)

    def cancel(self, client_order_id: str) -> BrokerOrder:
        order = self.order_by_client_id(client_order_id)
        if order is None:
            raise Refused(f"account {self._name} has no order {client_order_id}")
        if not order.state.ended:
            self._write({"id": client_order_id, "cancel": True})
        return self._known(client_order_id)

    def order_by_client_id(self, client_order_id: str) -> BrokerOrder | None:
        return self._orders().get(client_order_id)

    def open_orders(self) -> Sequence[BrokerOrder]:
        return [one for one in self._orders().values() if not one.state.ended]

    def fills_since(self, as_of: datetime) -> Sequence[Fill]:
        close_at = get_calendar().close_at
        return [fill for fill in self._fills() if close_at(fill.session) > as_of]

    def _known(self, client_order_id: str) -> BrokerOrder:
        return self._orders()[client_order_id]

    def _orders(self) -> dict[str, BrokerOrder]:
        """All orders by their ids, in the order in which they were received."""
        lines = self._lines()
        cancelled = {one["id"] for one in lines if one.get("cancel")}
        filled: dict[str, Decimal] = {}
        for fill in self._fills():
            filled[fill.client_order_id] = filled.get(fill.client_order_id, ZERO) + fill.quantity
        return {
            one["id"]: BrokerOrder(
                client_order_id=one["id"],
                symbol=one["symbol"],
                side=one["side"],
                quantity=Decimal(one["quantity"]),
                state=_state(Decimal(one["quantity"]), filled.get(one["id"], ZERO), one["id"] in cancelled),
                filled=filled.get(one["id"], ZERO),
                answer=one,
                received_at=datetime.fromisoformat(one["at"]),
            )
            for one in lines
            if not one.get("cancel")
        }

    def _fills(self) -> list[Fill]:
        """What the person has written; a row of no order of ours, or without its numbers, is unreadable."""
        path = self._folder / "executions.csv"
        ordered = {one["id"]: one for one in self._lines() if not one.get("cancel")}
        found = []
        for number, row in enumerate(csv.DictReader(self._text(path.name, "").splitlines()), 2):
            try:
                order = ordered[row["client_order_id"]]
                found.append(
                    Fill(
                        execution_id=f"{row['client_order_id']}-{number}",
                        client_order_id=row["client_order_id"],
                        symbol=order["symbol"],
                        side=order["side"],
                        quantity=Decimal(row["quantity"]),
                        price=Decimal(row["price"]),
                        commission=Decimal(row["commission"]),
                        session=datetime.fromisoformat(row["session"]).date(),
                    )
                )
            except (KeyError, ValueError, TypeError, InvalidOperation) as error:
                raise Unreadable(f"{path}, line {number}: {row}: {error!r}") from error
        return found

    def _lines(self) -> list[dict[str, Any]]:
        text = self._text("orders.jsonl", "")
        try:
            return [json.loads(line) for line in text.splitlines()]
        except ValueError as error:
            raise Unreadable(f"{self._folder / 'orders.jsonl'}: {error}") from error

    def _text(self, name: str, missing: str | None = None) -> str:
        """The content of a file; a folder that cannot be reached is a broker that does not answer."""
        path = self._folder / name
        if missing is not None and self._folder.is_dir() and not path.exists():
            return missing
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise Unreachable(f"{path}: {error.strerror}; {__name__} says what stands in it") from error

    def _write(self, line: Mapping[str, Any]) -> None:
        try:
            with (self._folder / "orders.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Unreachable(f"{self._folder}: {error.strerror}") from error


def _state(quantity: Decimal, filled: Decimal, cancelled: bool) -> OrderState:
    if filled >= quantity:
        return OrderState.FILLED
    if cancelled:
        return OrderState.CANCELLED
    return OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED
