"""What a broker says of an account, whoever the broker is: its orders, its cash, what moved it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from nightdesk.core.money import ZERO
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Side


class OrderState(StrEnum):
    """The state of an order at a broker."""

    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """Whether nothing can come of the order any more."""
        return self not in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


@dataclass(frozen=True)
class BrokerOrder:
    """What a broker knows of an order.

    `filled` is what it has executed of `quantity` so far, both positive and in units of the instrument; of an
    order that ended without having been filled, `quantity` is `filled` where the broker tells no more.
    `answer` is what it said, as it came; `received_at` is when it received the order, UTC, where it says so.
    """

    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    state: OrderState
    filled: Decimal = ZERO
    answer: Mapping[str, Any] = field(default_factory=dict)
    received_at: datetime | None = None

    @property
    def signed_quantity(self) -> Decimal:
        """Quantity with the sign of its effect on the position."""
        return self.quantity if self.side == "buy" else -self.quantity

    @property
    def remaining(self) -> Decimal:
        """What may still be executed of it, with the sign of its effect on the position; 0 once it ended."""
        left = ZERO if self.state.ended else self.quantity - self.filled
        return left if self.side == "buy" else -left


@dataclass(frozen=True)
class Account:
    """An account.

    Attributes
    ----------
    name : str
        As the book names it.
    cash : Decimal
        Dollars.
    buying_power : Decimal or None
        Dollars that purchases may still cost; None where the broker does not say it.
    obstacles : mapping of str to tuple of str
        Why it cannot trade an asset class, by class; under "" what holds for all of them.
    notes : tuple of str
        What a person should know, and hinders no order.
    net_liquidation, excess_liquidity, initial_margin, maintenance_margin : Decimal or None
        Dollars: cash and positions at their prices, what of it is beyond the maintenance margin, and the two
        margins that the positions ask for; None where the broker does not say it.
    """

    name: str
    cash: Decimal
    buying_power: Decimal | None = None
    obstacles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    net_liquidation: Decimal | None = None
    excess_liquidity: Decimal | None = None
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None

    def obstacle(self, asset_class: str) -> str:
        """Why the account cannot trade an asset class now; empty where it can."""
        return "; ".join((*self.obstacles.get("", ()), *self.obstacles.get(asset_class, ())))


MovementKind = Literal["dividend", "fee", "interest", "borrow", "transfer", "corporate_action", "other"]


@dataclass(frozen=True, slots=True)
class Movement:
    """Cash or units that an account gained or lost by something else than an execution.

    Attributes
    ----------
    movement_id : str
        The broker's own key of it.
    kind : str
        "dividend", "fee", "interest", "borrow" (the fee for units that were borrowed to be short),
        "transfer" (a person's deposit or withdrawal), "corporate_action" (a split, merger, change of name,
        spin-off, and the cash in lieu or the cash of it) or "other".
    symbol : str
        What it is about; empty for the account as a whole.
    quantity : Decimal
        Signed units, such as a fee that is taken in the coin that was bought; 0 where only cash moves.
    cash : Decimal
        Signed dollars and cents.
    session : date
        The session in which it counts.
    words : str
        The broker's own description.
    moved_at : datetime or None
        When it counts, UTC; None where the broker tells its day alone: who hears of it then books it.
    """

    movement_id: str
    kind: MovementKind
    symbol: str
    quantity: Decimal
    cash: Decimal
    session: date
    words: str = ""
    moved_at: datetime | None = None


@dataclass(frozen=True)
class BrokerSnapshot:
    """Everything that reconciling an account needs, asked for at one moment.

    Attributes
    ----------
    cash : Decimal
        Dollars.
    positions : mapping of symbol to Decimal
        Signed units; symbols that are not held are absent.
    orders : mapping of client order id to BrokerOrder or None
        The orders that were asked for; None for one that the broker has never heard of.
    fills, movements : tuple
        What happened in the sessions that were asked for.
    current : bool
        Whether cash and positions are those of the session that is settled: the account has lived on since
        the close of an earlier one, and they tell nothing of that.
    forgets : bool
        Whether the broker tells of an order that has ended on that day alone.
    """

    cash: Decimal
    positions: Mapping[str, Decimal]
    orders: Mapping[str, BrokerOrder | None]
    fills: tuple[Fill, ...] = ()
    movements: tuple[Movement, ...] = ()
    current: bool = True
    forgets: bool = False
