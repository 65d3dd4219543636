"""How things stand at the fake gateway: stocks, orders, executions, positions, cash."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

#: Ids that stocks have at IBKR; other stocks get one made from their name.
CON_IDS = {
    "AAPL": 265598,
    "AMZN": 3691937,
    "BRK B": 72063691,
    "GLD": 51529211,
    "GOOG": 208813720,
    "GOOGL": 208813719,
    "IBM": 8314,
    "IWM": 9579970,
    "META": 107113386,
    "MSFT": 272093,
    "NVDA": 4815747,
    "QQQ": 320227571,
    "SPY": 756733,
    "TLT": 15547841,
    "TSLA": 76792991,
}
PRIMARY = {"BRK B": "NYSE", "IBM": "NYSE", "SPY": "ARCA", "GLD": "ARCA", "IWM": "ARCA"}
ENDED = frozenset({"Filled", "Cancelled", "ApiCancelled", "Inactive"})


@dataclass(frozen=True)
class Stock:
    """What is traded: a US stock or fund, in dollars."""

    symbol: str
    con_id: int
    primary: str = "NASDAQ"
    min_tick: Decimal = Decimal("0.01")
    size_increment: Decimal = Decimal("0.0001")
    long_name: str = ""
    isin: str = ""
    kind: str = "COMMON"
    exchanges: str = "SMART,AMEX,NYSE,ARCA,BATS,ISLAND,IEX"

    @property
    def trading_class(self) -> str:
        return "NMS" if self.primary == "NASDAQ" else self.symbol


@dataclass(frozen=True)
class Order:
    """An order; `spent` is the sum of units times price of its executions, in dollars."""

    order_id: int
    client_id: int
    perm_id: int
    stock: Stock
    action: str
    quantity: Decimal
    kind: str
    limit: Decimal | None
    stop: Decimal | None
    tif: str
    order_ref: str
    account: str
    exchange: str = "SMART"
    oca_group: str = ""
    oca_type: int = 3
    parent_id: int = 0
    transmit: bool = True
    what_if: bool = False
    outside_hours: bool = False
    status: str = "PendingSubmit"
    filled: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    last_price: Decimal = Decimal(0)
    why_held: str = ""
    triggered: bool = False
    received_at: datetime | None = None
    expires_at: datetime | None = None
    completed_at: datetime | None = None
    completed_status: str = ""

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def average(self) -> Decimal:
        """Average price of what was executed, in dollars; 0 where nothing was."""
        return (self.spent / self.filled).quantize(Decimal("0.00000001")) if self.filled else Decimal(0)

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def sign(self) -> int:
        return 1 if self.action == "BUY" else -1


@dataclass(frozen=True)
class Execution:
    """One execution, or a correction of one: ids that differ after the last dot only belong together."""

    exec_id: str
    at: datetime
    order: Order
    units: Decimal
    price: Decimal
    cumulated: Decimal
    average: Decimal
    commission: Decimal
    realized: Decimal | None
    venue: str = "ARCA"
    #: Whether the commission report has come: told, late (told when it is released), or never.
    reported: str = "told"


@dataclass(frozen=True)
class Position:
    """A position: signed units, and their average cost in dollars with the commissions in it."""

    stock: Stock
    units: Decimal
    cost: Decimal


@dataclass(frozen=True)
class CashMove:
    """Cash that no order moved, by the type that a Flex statement gives it."""

    number: int
    at: datetime
    kind: str
    amount: Decimal
    symbol: str
    words: str


@dataclass(frozen=True)
class State:
    """Everything that is known at one moment; its mappings are replaced, never changed.

    `orders` are by permId, in the order in which they came; `prices` and `positions` by IBKR's symbol;
    `order_ids` the last one of each client. `made` counts orders and executions, for ids of new ones.
    """

    now: datetime
    cash: Decimal
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    orders: Mapping[int, Order] = field(default_factory=dict)
    executions: tuple[Execution, ...] = ()
    cash_moves: tuple[CashMove, ...] = ()
    order_ids: Mapping[int, int] = field(default_factory=dict)
    made: int = 0

    def with_order(self, order: Order) -> State:
        return replace(self, orders={**self.orders, order.perm_id: order})


def name_of(symbol: str) -> str:
    """IBKR's own name: a test may also say BRK-B or BRK.B."""
    return symbol.replace("-", " ").replace(".", " ")


def usual_stock(symbol: str) -> Stock:
    """A stock as IBKR would list it."""
    name = name_of(symbol)
    made = 10_000_000 + zlib.crc32(name.encode()) % 500_000_000
    fund = name in ("SPY", "QQQ", "GLD", "IWM", "TLT")
    return Stock(
        name,
        CON_IDS.get(name, made),
        PRIMARY.get(name, "NASDAQ"),
        long_name=f"{name} {'FUND' if fund else 'INC'}",
        isin=f"US{zlib.crc32(name.encode()):010d}",
        kind="ETF" if fund else "COMMON",
    )


def money(price: Decimal | float) -> Decimal:
    """A price as it is written."""
    return Decimal(str(price))


def to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
