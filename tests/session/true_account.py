"""An account as its broker truly has it, beside what the desk believes: for each kind of fake broker."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.fakes.alpaca import FakeAlpaca
from tests.fakes.alpaca_state import ENTERS
from tests.fakes.ibkr import IbkrGateway
from tests.fakes.ibkr_state import Order

from nightdesk.orders.order import exits_id


@dataclass(frozen=True)
class TrueOrder:
    """An order, with where it stands in the desk's own words."""

    client_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    status: str
    filled: Decimal


@dataclass(frozen=True)
class TrueExecution:
    """An execution."""

    client_order_id: str
    side: str
    quantity: Decimal
    price: Decimal


class TrueAccount(ABC):
    """The account; `keep` notes how it stands, and what is given back lets it be so again."""

    @property
    @abstractmethod
    def now(self) -> datetime:
        """The broker's instant."""

    @abstractmethod
    def orders(self) -> Sequence[TrueOrder]:
        """All orders, one for each time that one was taken."""

    @abstractmethod
    def executions(self) -> dict[str, TrueExecution]:
        """All executions, by id."""

    @abstractmethod
    def holdings(self) -> dict[str, Decimal]:
        """Signed units by the book's symbols."""

    @property
    @abstractmethod
    def cash(self) -> Decimal:
        """Dollars."""

    @abstractmethod
    def keep(self) -> Callable[[], None]:
        """What lets everything be as it is now: the broker answers well and has heard nothing since."""

    @abstractmethod
    def restart_clock(self) -> None:
        """Let the clock go on from the instant that it was set to."""


class AlpacaAccount(TrueAccount):
    """The account at a fake Alpaca."""

    def __init__(self, fake: FakeAlpaca) -> None:
        self._fake = fake

    @property
    def now(self) -> datetime:
        return self._fake.exchange.now

    def orders(self) -> list[TrueOrder]:
        words = {"canceled": "cancelled"}
        return [
            TrueOrder(
                self._desks_name(one),
                one["symbol"].replace("/", "-"),
                one["side"],
                Decimal(one["qty"]),
                words.get(one["status"], one["status"]),
                Decimal(one["filled_qty"]),
            )
            for one in self._fake.orders
        ]

    def executions(self) -> dict[str, TrueExecution]:
        names = {one["id"]: self._desks_name(one) for one in self._fake.orders}
        return {
            one["id"]: TrueExecution(
                names[one["order_id"]], one["side"], Decimal(one["qty"]), Decimal(one["price"])
            )
            for one in self._fake.exchange.state.activities
            if one["activity_type"] == "FILL"
        }

    def _desks_name(self, one: Mapping[str, Any]) -> str:
        """The client order id; of an exit that came with its entry, that of the exits here."""
        state = self._fake.exchange.state
        entry = state.orders.get(state.parents.get(one["id"], ""), one)
        if entry is one or entry["order_class"] not in ENTERS:
            return str(one["client_order_id"])
        return exits_id(entry["client_order_id"])

    def holdings(self) -> dict[str, Decimal]:
        held = self._fake.exchange.state.holdings
        return {name.replace("/", "-"): one.quantity for name, one in held.items()}

    @property
    def cash(self) -> Decimal:
        return self._fake.exchange.state.cash

    def keep(self) -> Callable[[], None]:
        fake, exchange = self._fake, self._fake.exchange
        state, before, told = exchange.state, exchange.before, dict(fake.told)

        def put_back() -> None:
            fake.heal()
            exchange.state, exchange.before = state, before
            fake.requests.clear()
            fake.told = dict(told)
            fake.created = fake.spoiled = 0

        return put_back

    def restart_clock(self) -> None:
        self._fake.exchange.set_at = time.monotonic()


class IbkrAccount(TrueAccount):
    """The account at a fake gateway of IBKR."""

    def __init__(self, gateway: IbkrGateway) -> None:
        self._gateway = gateway

    @property
    def now(self) -> datetime:
        return self._gateway.now

    def orders(self) -> list[TrueOrder]:
        return [
            TrueOrder(
                one.order_ref,
                _ours(one.stock.symbol),
                one.action.lower(),
                one.quantity,
                _status(one),
                one.filled,
            )
            for one in self._gateway.orders
            if one.transmit  # else TWS keeps it to itself, as the first of a bracket until the last is there
        ]

    def executions(self) -> dict[str, TrueExecution]:
        """See `TrueAccount.executions`; of a corrected one each version, which has an id of its own."""
        return {
            one.exec_id: TrueExecution(one.order.order_ref, one.order.action.lower(), one.units, one.price)
            for one in self._gateway.executions
        }

    def holdings(self) -> dict[str, Decimal]:
        return {_ours(name): held.units for name, held in self._gateway.state.positions.items()}

    @property
    def cash(self) -> Decimal:
        return self._gateway.state.cash

    def keep(self) -> Callable[[], None]:
        gateway = self._gateway
        state, before = gateway.state, gateway.before

        def put_back() -> None:
            gateway.heal()
            gateway.state, gateway.before = state, before
            gateway.requests.clear()
            gateway.created = gateway.spoiled = 0

        return put_back

    def restart_clock(self) -> None:
        self._gateway.set_at = time.monotonic()


def _ours(symbol: str) -> str:
    return symbol.replace(" ", "-")


def _status(order: Order) -> str:
    ended: dict[str, Any] = {"Filled": "filled", "Cancelled": "cancelled", "Inactive": "rejected"}
    if order.status in ended:
        return str(ended[order.status])
    return "partially_filled" if order.filled else "accepted"
