"""What a book holds, as people read it: one line a symbol, with each strategy's part beneath."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True)
class PositionLine:
    """One strategy's position in a symbol, at the mark.

    `average_cost` and `price` are dollars as prices are quoted, `value` and `profit` (unrealised)
    dollars, `weight` a share of NAV. `note` says what a reader must know of it, such as that its symbol is in
    quarantine; `account` is empty in a book of one account. `entered` is the session of its first fill and
    `age` the sessions since then; None where they are not known.
    """

    symbol: str
    strategy: str
    quantity: Decimal
    average_cost: Decimal
    price: Decimal
    value: Decimal
    profit: Decimal
    weight: float
    group: str = ""
    note: str = ""
    account: str = ""
    entered: date | None = None
    age: int | None = None


@dataclass(frozen=True)
class HoldingLine:
    """All that a book holds of one symbol: the sum of `parts`, one a strategy, the largest first."""

    parts: tuple[PositionLine, ...]

    @property
    def symbol(self) -> str:
        return self.parts[0].symbol

    @property
    def group(self) -> str:
        return self.parts[0].group

    @property
    def note(self) -> str:
        return self.parts[0].note

    @property
    def account(self) -> str:
        return self.parts[0].account

    @property
    def price(self) -> Decimal:
        return self.parts[0].price

    @property
    def oldest(self) -> PositionLine | None:
        """The part that was entered first; None where that is not known of any."""
        known = [(one.entered, n) for n, one in enumerate(self.parts) if one.entered is not None]
        return self.parts[min(known)[1]] if known else None

    @property
    def strategy(self) -> str:
        """The one strategy that holds it, or how many do."""
        return self.parts[0].strategy if len(self.parts) == 1 else f"{len(self.parts)} strategies"

    @property
    def quantity(self) -> Decimal:
        """Net units."""
        return sum((one.quantity for one in self.parts), Decimal(0))

    @property
    def value(self) -> Decimal:
        """Dollars, net."""
        return sum((one.value for one in self.parts), Decimal(0))

    @property
    def profit(self) -> Decimal:
        """Dollars, not yet realised."""
        return sum((one.profit for one in self.parts), Decimal(0))

    @property
    def weight(self) -> float:
        """Net share of NAV."""
        return sum(one.weight for one in self.parts)

    @property
    def average_cost(self) -> Decimal | None:
        """Dollars a unit of all together; None where some are long and some short."""
        if len({one.quantity > 0 for one in self.parts}) > 1:
            return None
        return sum((one.average_cost * one.quantity for one in self.parts), Decimal(0)) / self.quantity


def by_symbol(lines: Iterable[PositionLine]) -> tuple[HoldingLine, ...]:
    """The positions of a book, a line a symbol, the largest value first."""
    parts: dict[str, list[PositionLine]] = {}
    for line in sorted(lines, key=lambda one: (-abs(one.value), one.strategy)):
        parts.setdefault(line.symbol, []).append(line)
    found = (HoldingLine(tuple(own)) for own in parts.values())
    return tuple(sorted(found, key=lambda one: (-abs(one.value), one.symbol)))
