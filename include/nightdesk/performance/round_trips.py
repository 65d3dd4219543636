"""Closed positions, and figures of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from nightdesk.execution import Entry, Position
from nightdesk.performance.nav import ratio


@dataclass(frozen=True)
class RoundTrip:
    """A position from its opening until it was flat again; `profit` in dollars, after costs."""

    strategy: str
    symbol: str
    opened: date
    closed: date
    profit: Decimal


def round_trips(entries: Iterable[Entry]) -> list[RoundTrip]:
    """Closed positions of a ledger, in the order of their closing.

    The profit of a position is the cash that its entries moved, dividends and commissions included: nothing
    is left in it once it is flat. A trade through zero closes one position and opens the next with the cash
    left over. A position that becomes one of another symbol goes on as that, with its cash and its opening.
    """
    positions: dict[tuple[str, str], Position] = {}
    cash: dict[tuple[str, str], Decimal] = {}
    opened: dict[tuple[str, str], date] = {}
    out: list[RoundTrip] = []
    moving: dict[tuple[str, str], tuple[date, Decimal]] = {}
    for entry in entries:
        if not entry.symbol:  # cash of the whole book
            continue
        key = (entry.strategy, entry.symbol)
        before = positions.get(key)
        after = positions[key] = (before or Position(*key)).after(entry)
        quantity = after.quantity
        if entry.kind == "exchange":
            _exchanged(entry, opened, cash, moving, left=quantity)
            continue
        if quantity and (before is None or not before.quantity):
            opened[key], cash[key] = entry.session, Decimal(0)
        cash[key] = cash.get(key, Decimal(0)) + entry.cash
        if before is not None and before.quantity and quantity * before.quantity <= 0:
            carried = -after.cost
            out.append(RoundTrip(*key, opened[key], entry.session, cash[key] - carried))
            opened[key], cash[key] = entry.session, carried
    return out


def _exchanged(
    entry: Entry,
    opened: dict[tuple[str, str], date],
    cash: dict[tuple[str, str], Decimal],
    moving: dict[tuple[str, str], tuple[date, Decimal]],
    *,
    left: Decimal,
) -> None:
    """Carry what a position has moved so far over to the symbol that it becomes; of a part, its cost."""
    key, event = (entry.strategy, entry.symbol), (entry.strategy, entry.reference)
    if event not in moving:  # the leg that gives comes first
        begun, spent = opened.get(key, entry.session), cash.get(key, Decimal(0)) + entry.cash
        part = entry.cost if left else spent
        moving[event], cash[key] = (begun, part), spent - part
        return
    begun, spent = moving[event]
    opened[key] = min(begun, opened.get(key, begun)) if cash.get(key) else begun
    cash[key] = cash.get(key, Decimal(0)) + spent


@dataclass(frozen=True)
class TradeFigures:
    """Figures of closed positions: wins are those with a profit above 0, dollars where not a share.

    `profit_factor` is the sum of the wins over the sum of the losses.
    """

    closed: int
    win_rate: float
    average_win: float
    average_loss: float
    profit_factor: float


def trade_figures(trips: Iterable[RoundTrip]) -> TradeFigures:
    """Figures of closed positions."""
    profits = [float(trip.profit) for trip in trips]
    wins, losses = [one for one in profits if one > 0], [one for one in profits if one <= 0]
    return TradeFigures(
        closed=len(profits),
        win_rate=ratio(len(wins), len(profits)),
        average_win=ratio(sum(wins), len(wins)),
        average_loss=ratio(sum(losses), len(losses)),
        profit_factor=ratio(sum(wins), -sum(losses)),
    )
