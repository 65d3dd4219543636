"""Brackets: the exits of a position that is opened go to the broker together with the order that opens it.

They are measured from the decision's price, since nobody knows the fill before it is there. From the next
decision on they are orders that rest like any other: kept, replaced at the average entry, or cancelled.

=====================================  =======================================================================
an order that opens a position         becomes
=====================================  =======================================================================
of one strategy, in a symbol that the  a bracket: its exits rest from its fill on
book does not hold
of several strategies together, or in  sent as decided, since a broker attaches exits of the whole quantity:
what another one holds                 the next decision protects it, and the words say so
where no stop can be                   likewise
=====================================  =======================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nightdesk.accounting.ledger import Position
from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import ZERO
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Carried, State
from nightdesk.engine.protective import ProtectivePrices, protective_prices
from nightdesk.orders.bracket_exits import exits_of
from nightdesk.orders.order import Intent, Order
from nightdesk.orders.resting import Protected, legs_words, purpose_of

_LATER = "it is protected from the next decision on"


@dataclass(frozen=True, slots=True)
class Bracketed:
    """The orders of a decision, those that open positions as brackets, and what is said of each position that
    was to have one: the exits that it brings, or why it has none.
    """

    orders: tuple[Order, ...]
    protected: tuple[Protected, ...] = ()


def bracketed(desk: Desk, state: State, orders: Sequence[Order], carried: Carried) -> Bracketed:
    """Let orders that open a position bring its exits with them, where the book asks for that.

    Parameters
    ----------
    desk, state
        Of the decision.
    orders : sequence of Order
        What it sends to the market at the next open, under the ids that they leave with.
    carried : Carried
        What the decision's targets carry on: distances of stops and targets by strategy.

    Returns
    -------
    Bracketed
        The same orders in their order. Exits have the whole quantity of their entry and the id `exits_id` of
        it.
    """
    if not desk.brackets:
        return Bracketed(tuple(orders))
    held = {one.symbol for one in state.ledger.held()}
    sent: list[Order] = []
    said: list[Protected] = []
    for order in orders:
        opened = list(_opened(desk, state, order))
        alone = opened and len(order.intents) == 1 and order.symbol not in held
        prices = protective_prices(desk, _position(desk, order, opened[0]), carried) if alone else None
        if isinstance(prices, ProtectivePrices):
            order = replace(order, order_type="bracket", stop_price=prices.stop, target_price=prices.target)
            said.append(_brings(order, opened[0]))
        else:
            why = prices or f"other positions of the book are in its order or its symbol: {_LATER}"
            said += [_without(one, why) for one in opened]
        sent.append(order)
    return Bracketed(tuple(sent), tuple(said))


def _opened(desk: Desk, state: State, order: Order) -> Iterator[Intent]:
    """The parts of an order that open positions whose exits are to come with it."""
    for one in order.intents:
        position = state.ledger.positions.get((one.strategy, one.symbol))
        if one.strategy in desk.brackets and (position is None or not position.quantity):
            yield one


def _position(desk: Desk, order: Order, opened: Intent) -> Position:
    """The position as it would be, had it been opened at the decision's price."""
    contract = desk.contracts.get(order.symbol, PLAIN)
    cost = opened.quantity * order.reference_price * contract.multiplier
    return Position(opened.strategy, order.symbol, opened.quantity, cost)


def _brings(entry: Order, opened: Intent) -> Protected:
    exits = exits_of(entry, purpose_of(opened.strategy))
    words = f"{legs_words(exits.stop_price, exits.target_price)}, together with the order that opens it"
    return Protected(opened.strategy, opened.symbol, "place", ZERO, opened.quantity, words, order=exits)


def _without(opened: Intent, why: str) -> Protected:
    return Protected(opened.strategy, opened.symbol, "none", ZERO, opened.quantity, why)
