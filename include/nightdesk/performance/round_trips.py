"""Positions from their opening until they were flat again, and figures of those that were closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from nightdesk.accounting import Entry, Position
from nightdesk.core.money import ZERO, to_price
from nightdesk.performance.nav import ratio


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A position of a strategy from the fill that opened it to the one that left nothing of it.

    Attributes
    ----------
    side : int
        1 of a position that was bought, -1 of one that was sold short.
    opened, closed : date
        The sessions; `closed` is None while it is open.
    opened_by, closed_by : int
        Places of the entries that did it among those of the ledger, from 0; -1 while it is open.
    entered, left : Decimal
        Units by which it grew and shrank, restated for splits; positive.
    paid, received : Decimal
        Dollars of these without commission; positive.
    profit : Decimal
        Dollars, commission and dividends included; of an open one what it has moved so far.
    ended_by : str
        Kind of the ledger entry that closed it.
    opened_as : str
        The symbol of its first fill, where it has become another since; else empty.
    """

    strategy: str
    symbol: str
    side: int
    opened: date
    opened_by: int = -1
    closed: date | None = None
    closed_by: int = -1
    entered: Decimal = ZERO
    left: Decimal = ZERO
    paid: Decimal = ZERO
    received: Decimal = ZERO
    profit: Decimal = ZERO
    ended_by: str = ""
    opened_as: str = ""

    @property
    def entry_price(self) -> Decimal:
        """Average dollars a unit, restated for splits."""
        return to_price(self.paid / self.entered)

    @property
    def exit_price(self) -> Decimal | None:
        """Average dollars a unit of what was closed, restated for splits; None before anything was."""
        return to_price(self.received / self.left) if self.left else None


def round_trips(entries: Iterable[Entry]) -> list[RoundTrip]:
    """The closed positions of a ledger, in the order of their closing; see `all_trips`."""
    return all_trips(entries)[0]


#: Closed positions, then open ones and what is held by strategy and symbol; see `all_trips`.
AllTrips = tuple[list[RoundTrip], dict[tuple[str, str], RoundTrip], dict[tuple[str, str], Position]]


def all_trips(entries: Iterable[Entry]) -> AllTrips:
    """Every position of a ledger by strategy and symbol, closed or open.

    The profit of a position is the cash that its entries moved, dividends and commissions included: nothing
    is left in it once it is flat. A trade through zero closes one position and opens the next with the cash
    left over. A position that becomes one of another symbol goes on as that, with its cash and its opening.

    Returns
    -------
    list of RoundTrip
        Closed ones, in the order of their closing.
    mapping of (strategy, symbol) to RoundTrip
        Open ones; also what came after a position was closed, such as a late dividend.
    mapping of (strategy, symbol) to Position
        What is held after all entries.
    """
    going: dict[tuple[str, str], RoundTrip] = {}
    positions: dict[tuple[str, str], Position] = {}
    done: list[RoundTrip] = []
    moving: dict[tuple[str, str], RoundTrip] = {}
    for number, entry in enumerate(entries):
        if not entry.symbol:  # cash of the whole book
            continue
        key = (entry.strategy, entry.symbol)
        before = positions.get(key) or Position(*key)
        after = positions[key] = before.after(entry)
        begun = _begun(entry, number, after.quantity)
        trip = going.pop(key, begun)
        if entry.quantity and not before.quantity:  # what came late of a closed position is of the next
            trip = replace(begun, profit=trip.profit)
        if entry.kind == "exchange":
            event = (entry.strategy, entry.reference)
            if event not in moving:  # the leg that gives comes first
                rest, moving[event] = _given(trip, entry, after)
            else:
                rest = _received(moving[event], trip if before.quantity else None, entry)
        else:
            ended, rest = _carried(trip, entry, number, before, after)
            done += [] if ended is None else [ended]
        if rest is not None:
            going[key] = rest
    return done, going, positions


def _begun(entry: Entry, number: int, quantity: Decimal) -> RoundTrip:
    return RoundTrip(entry.strategy, entry.symbol, 1 if quantity >= 0 else -1, entry.session, number)


def _carried(
    trip: RoundTrip, entry: Entry, number: int, before: Position, after: Position
) -> tuple[RoundTrip | None, RoundTrip | None]:
    """The position that an entry ends, and the one that goes on after it."""
    earned = trip.profit + entry.in_full
    if not entry.quantity:
        return None, replace(trip, profit=earned)
    if entry.kind == "split":
        ratio = after.quantity / before.quantity
        return None, replace(trip, entered=trip.entered * ratio, left=trip.left * ratio, profit=earned)
    money = -(entry.in_full + entry.commission)
    if before.quantity * entry.quantity >= 0:
        grown = replace(trip, entered=trip.entered + abs(entry.quantity), paid=trip.paid + abs(money))
        return None, replace(grown, profit=earned)
    turns = before.quantity * after.quantity < 0
    opening = after.cost if turns else ZERO
    shrunk = replace(
        trip,
        left=trip.left + (abs(before.quantity) if turns else abs(entry.quantity)),
        received=trip.received + abs(money - opening),
        profit=earned + opening,
    )
    if not after.quantity or turns:
        ended = replace(shrunk, closed=entry.session, closed_by=number, ended_by=entry.kind)
        begun = replace(
            _begun(entry, number, after.quantity),
            entered=abs(after.quantity),
            paid=abs(opening),
            profit=-opening,
        )
        return ended, begun if turns else None
    return None, shrunk


def _given(trip: RoundTrip, entry: Entry, after: Position) -> tuple[RoundTrip | None, RoundTrip]:
    """What stays of a trip whose symbol becomes another, and what goes on as that."""
    if not after.quantity:
        return None, replace(trip, profit=trip.profit + entry.cash)
    part = abs(entry.cost)
    stays = replace(trip, paid=max(trip.paid - part, ZERO), profit=trip.profit - entry.cost)
    return stays, replace(trip, entered=ZERO, left=ZERO, paid=part, received=ZERO, profit=entry.cost)


def _received(moved: RoundTrip, there: RoundTrip | None, entry: Entry) -> RoundTrip:
    """The position under its new symbol, together with one that is open there."""
    held = moved.entered - moved.left
    grown = abs(entry.quantity) / held if held else ZERO
    goes = replace(
        moved,
        symbol=entry.symbol,
        entered=moved.entered * grown if held else abs(entry.quantity),
        left=moved.left * grown,
        opened_as=moved.opened_as or moved.symbol,
    )
    if there is None:
        return goes
    sums = {
        name: getattr(there, name) + getattr(goes, name)
        for name in ("entered", "left", "paid", "received", "profit")
    }
    first = min(there, goes, key=lambda one: one.opened_by)
    return replace(there, opened=first.opened, opened_by=first.opened_by, **sums)


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
