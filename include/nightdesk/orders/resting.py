"""Orders that rest at a broker for a position: whose they are, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, Protocol

from nightdesk.core.money import ZERO, plain
from nightdesk.orders.order import HasTarget, Order

ProtectiveAction = Literal["place", "keep", "replace", "cancel", "none"]

#: How the purpose of a protective order begins; the strategy follows.
PROTECT = "protect"


def purpose_of(strategy: str) -> str:
    """The purpose of an order that protects a position of a strategy."""
    return f"{PROTECT} {strategy}"


class HasPurpose(Protocol):
    """An order, or a part of one, however it is read."""

    @property
    def purpose(self) -> str: ...


class HasLegs(HasTarget, Protocol):
    """An order with its stop, raw dollars; None of one that has none, which then does not rest."""

    @property
    def stop_price(self) -> Decimal | None: ...


def protects(order: HasPurpose) -> bool:
    """Whether an order protects a position, or leaves one whose protection came too late."""
    return order.purpose.startswith(f"{PROTECT} ")


def legs_words(stop: Decimal | None, target: Decimal | None) -> str:
    """Where an order rests, raw dollars: "stop 97.02, target 104.5"; empty for one that does not."""
    legs = (("stop", stop), ("target", target))
    return ", ".join(f"{name} {plain(price)}" for name, price in legs if price is not None)


@dataclass(frozen=True, slots=True)
class Resting:
    """A protective order that works, as it was sent, and the units of it that were executed."""

    order: Order
    filled: Decimal = ZERO

    @property
    def name(self) -> str:
        """Its client order id."""
        return self.order.client_order_id

    @property
    def strategy(self) -> str:
        """Whose position it protects."""
        return self.order.intents[0].strategy

    @property
    def symbol(self) -> str:
        """What it is of."""
        return self.order.symbol

    @property
    def rest(self) -> Decimal:
        """Units that may still be executed."""
        return self.order.quantity - self.filled

    def is_as(self, wanted: Order) -> bool:
        """Whether what is left of it is what is to rest."""
        own = self.order
        return self.rest == wanted.quantity and (
            own.side, own.order_type, own.stop_price, own.target_price
        ) == (wanted.side, wanted.order_type, wanted.stop_price, wanted.target_price)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Protected:
    """What a decision does for the protection of one position.

    Attributes
    ----------
    strategy, symbol : str
        Whose position.
    action : str
        "place" an order, "keep" the one that rests, "replace" it, "cancel" it, or "none": nothing rests, and
        `words` say why.
    held : Decimal
        Units at the decision, signed.
    wanted : Decimal
        Units that the gate let through, signed.
    words : str
        Why.
    resting : str
        Client order id of the order that rests; empty for none.
    order : Order or None
        What is to be placed.
    """

    strategy: str
    symbol: str
    action: ProtectiveAction
    held: Decimal
    wanted: Decimal
    words: str = ""
    resting: str = ""
    order: Order | None = None

    @property
    def kept(self) -> Decimal:
        """What stays of the position when the decision's orders are filled, signed units."""
        if self.wanted * self.held <= 0:
            return ZERO
        return min(self.wanted, self.held, key=abs)

    @property
    def releases(self) -> bool:
        """Whether the order that rests is to be cancelled."""
        return self.action in ("replace", "cancel")


def rest_of(order: Order, filled: Decimal) -> Order:
    """What is left of an order that rests, after so many units of it; the same order under the same id."""
    if not filled:
        return order
    left = order.quantity - filled
    [intent] = order.intents
    signed = left if order.side == "buy" else -left
    return replace(order, quantity=left, intents=(replace(intent, quantity=signed),))
