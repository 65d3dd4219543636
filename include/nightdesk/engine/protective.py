"""Protective orders: what rests at the broker for the positions of a book, planned by every decision.

A stop, or a stop and a target of which one cancels the other, for what is held and stays. A decision compares
what is to rest with what does; what differs is replaced: cancelled, and placed anew once the broker has said
that it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal

from nightdesk.accounting.ledger import Position
from nightdesk.core.account_terms import MAIN
from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import ZERO, exact, plain, to_price
from nightdesk.core.panel import Floats
from nightdesk.core.protective_terms import BY_STRATEGY
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Carried, Day, State
from nightdesk.orders.order import Intent, Order, Side, client_order_id
from nightdesk.orders.resting import Protected, Resting, legs_words, purpose_of


@dataclass(frozen=True, slots=True)
class ProtectivePrices:
    """Where a position is protected, raw dollars: its stop, and its target where it has one."""

    stop: Decimal
    target: Decimal | None = None


def plan_protection(
    desk: Desk, state: State, day: Day, quantity: Floats, carried: Carried, resting: Sequence[Resting]
) -> tuple[Protected, ...]:
    """What is to be placed, kept, replaced and cancelled, one record a position and order that rests.

    Parameters
    ----------
    desk, state, day
        Of the decision; of the day its instant and the prices are read.
    quantity : ndarray of shape (n_strategies, n_symbols)
        Units that the gate let through.
    carried : Carried
        What the decision's targets carry on: distances of stops and targets by strategy.
    resting : sequence of Resting
        The protective orders that work at the decision.

    Returns
    -------
    tuple of Protected
        By strategy and symbol, in the book's order; then of orders that rest for no position. Together the
        orders of a symbol rest for no more than the book holds of it, now and when the decision's orders are
        filled: that is all that a broker knows of it.
    """
    if not desk.protective and not resting:
        return ()
    left: dict[tuple[str, str], list[Resting]] = {}
    for one in resting:
        left.setdefault((one.strategy, one.symbol), []).append(one)
    room = _Room(desk, state, quantity)
    out: list[Protected] = []
    for position in _in_order(desk, state):
        found = left.pop((position.strategy, position.symbol), [])
        out += _of_position(desk, day, position, room, carried, found)
    for (strategy, symbol), found in left.items():
        out += [
            Protected(strategy, symbol, "cancel", ZERO, ZERO, "nothing is held any more", one.name)
            for one in found
        ]
    return tuple(out)


class _Room:
    """Units of each symbol for which orders may rest: no more than the book holds of it as a whole."""

    def __init__(self, desk: Desk, state: State, quantity: Floats) -> None:
        self._desk, self._quantity = desk, quantity
        self._now: dict[str, Decimal] = {}
        for one in state.ledger.held():
            self._now[one.symbol] = self._now.get(one.symbol, ZERO) + one.quantity
        self._taken: dict[tuple[str, int], Decimal] = {}

    def of(self, position: Position) -> Decimal:
        """Units that may rest on the side of a position, after what others have taken; positive."""
        symbol, side = position.symbol, 1 if position.quantity > 0 else -1
        after = sum((self.wanted(s, symbol) for s in range(len(self._desk.strategies))), ZERO)
        both = min(side * self._now[symbol], side * after)
        return max(both - self._taken.get((symbol, side), ZERO), ZERO)

    def take(self, position: Position, units: Decimal) -> None:
        """Let an order rest for so many units of a position."""
        key = (position.symbol, 1 if position.quantity > 0 else -1)
        self._taken[key] = self._taken.get(key, ZERO) + units

    def wanted(self, row: int, symbol: str) -> Decimal:
        """Units that the gate let through, signed."""
        amount = float(self._quantity[row, self._desk.column[symbol]])
        return exact(amount).quantize(self._desk.unit_of[symbol])


def _in_order(desk: Desk, state: State) -> Iterator[Position]:
    """The positions by strategy and symbol, in the book's order."""
    return iter(
        sorted(
            state.ledger.held(), key=lambda one: (desk.strategy_row[one.strategy], desk.column[one.symbol])
        )
    )


def _of_position(
    desk: Desk, day: Day, position: Position, room: _Room, carried: Carried, found: Sequence[Resting]
) -> list[Protected]:
    """What is done for one position, of which `found` rest."""
    wanted = room.wanted(desk.strategy_row[position.strategy], position.symbol)
    own = Protected(position.strategy, position.symbol, "none", position.quantity, wanted)
    prices = protective_prices(desk, position, carried)
    if prices is None:
        return [
            replace(own, action="cancel", words="no stop is set for it", resting=one.name) for one in found
        ]
    units = min(abs(own.kept), room.of(position))
    if isinstance(prices, str) or not units:
        return _nothing_rests(own, prices if isinstance(prices, str) else "", found)
    room.take(position, units)
    order = _order(desk, day, position, units, prices)
    same = next((one for one in found if one.is_as(order)), None)
    first = same or next(iter(found), None)
    twice = [
        replace(own, action="cancel", words="rests twice", resting=one.name)
        for one in found
        if one is not first
    ]
    if same is not None:
        return [replace(own, action="keep", words=_words(own, order), resting=same.name), *twice]
    own = replace(own, action="place", words=_words(own, order), order=order)
    if first is not None:
        own = replace(own, action="replace", resting=first.name)
    return [own, *twice]


def _nothing_rests(own: Protected, fault: str, found: Sequence[Resting]) -> list[Protected]:
    """The records of a position for which nothing can rest, or none of which stays."""
    if fault:
        words = fault
    elif not own.kept:
        words = "it is left: the order that leaves it goes out once nothing rests for it"
    else:
        words = (
            "other positions of the book net it: the broker holds nothing on its side that a stop could sell"
        )
    if found:
        return [replace(own, action="cancel", words=words, resting=one.name) for one in found]
    return [replace(own, words=words)] if own.kept else []


def _words(own: Protected, order: Order) -> str:
    netted = abs(own.kept) - order.quantity
    short = f"; {plain(netted)} units are netted by other positions of the book" if netted else ""
    return f"{legs_words(order.stop_price, order.target_price)}{short}"


def protective_prices(desk: Desk, position: Position, carried: Carried) -> ProtectivePrices | str | None:
    """Where a position is to be protected; in words why it cannot be, None where nothing is asked for.

    Distances are from the average entry. Prices are multiples of the symbol's tick, rounded so that a stop
    loses no more, and a target gains no less, than was asked for.
    """
    terms = desk.protective.get(position.strategy)
    if terms is None or terms.stop is None:
        return None
    symbol, row = position.symbol, desk.strategy_row[position.strategy]
    if desk.book.universe[symbol].asset_class == "option":
        return "nothing rests for an option: its strategy and its expiry end it"
    contract = desk.contracts.get(symbol, PLAIN)
    column, tick = desk.column[symbol], desk.book.universe[symbol].tick
    entry = position.cost / position.quantity / contract.multiplier
    by_plan = carried.stop_distance[row, column], carried.target_distance[row, column]
    stop = _distance(terms.stop, entry, float(by_plan[0]))
    target = None if terms.target is None else _distance(terms.target, entry, float(by_plan[1]))
    if not stop:
        return "its strategy has set no stop for it"
    sells = position.quantity > 0
    at = _on_tick(entry - stop if sells else entry + stop, tick, sells=sells)
    if abs(entry - at) < tick or not at > 0:
        near = f"a stop {plain(to_price(stop))} from the entry {plain(to_price(entry))}"
        return f"{near} is nearer than a tick of {plain(tick)}"
    if not target:
        return ProtectivePrices(at)
    reached = _on_tick(entry + target if sells else entry - target, tick, sells=sells)
    return ProtectivePrices(at, reached if reached > 0 else None)


def _distance(asked: float | Literal["strategy"], entry: Decimal, by_plan: float) -> Decimal:
    """Dollars from the average entry; 0 where the strategy has set none."""
    return to_price(exact(by_plan)) if asked == BY_STRATEGY else entry * exact(asked)


def _on_tick(price: Decimal, tick: Decimal, *, sells: bool) -> Decimal:
    rounding = ROUND_CEILING if sells else ROUND_FLOOR
    return to_price((price / tick).to_integral_value(rounding) * tick)


def _order(desk: Desk, day: Day, position: Position, units: Decimal, prices: ProtectivePrices) -> Order:
    """The order that rests for so many units of a position."""
    book, symbol = desk.book.name, position.symbol
    side: Side = "sell" if position.quantity > 0 else "buy"
    purpose = purpose_of(position.strategy)
    price = float(day.price[desk.column[symbol]])
    reference = exact(price) if price > 0 else position.cost / position.quantity
    return Order(
        client_order_id=client_order_id(book, day.as_of, symbol, side, purpose),
        book=book,
        session=day.session,
        as_of=day.as_of,
        symbol=symbol,
        side=side,
        quantity=units,
        purpose=purpose,
        reference_price=to_price(reference),
        intents=(Intent(position.strategy, symbol, units if side == "buy" else -units),),
        order_type="stop" if prices.target is None else "oco",
        time_in_force="gtc",
        stop_price=prices.stop,
        target_price=prices.target,
        account=desk.account_of.get(symbol, MAIN),
    )


def placed_by(plan: Sequence[Protected]) -> tuple[Order, ...]:
    """The orders that a plan places, in its order."""
    return tuple(one.order for one in plan if one.order is not None)
