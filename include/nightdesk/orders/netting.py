"""Netting: from the changes that strategies want to one order a symbol, and from its fills back to them.

Intents of one symbol that cancel each other out entirely send nothing: they are a cross.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from nightdesk.core.money import ZERO, apportion, exact, round_together, to_price
from nightdesk.orders.order import Cross, Intent, Order, Side, client_order_id

#: What part of a decision an order is of: there is one.
REBALANCE = "rebalance"


def net(
    intents: Sequence[Intent],
    prices: Mapping[str, float],
    *,
    book: str,
    session: date,
    as_of: datetime,
    purpose: str = REBALANCE,
) -> tuple[Order, ...]:
    """One market order a symbol from the intents of all strategies; none where they are a cross.

    Parameters
    ----------
    intents : sequence of Intent
        At most one a strategy and symbol.
    prices : mapping of symbol to dollars
        Raw closes that the decision was made at.
    book, session, as_of, purpose
        What the order is of; with symbol and side they make its client id.

    Returns
    -------
    tuple of Order
        In the order in which the symbols first appear; intents are in alphabetical order of their strategies.
    """
    orders = []
    for symbol, wishes in _by_symbol(intents).items():
        total = sum((wish.quantity for wish in wishes), ZERO)
        if not total:
            continue
        side: Side = "buy" if total > 0 else "sell"
        orders.append(
            Order(
                client_order_id=client_order_id(book, as_of, symbol, side, purpose),
                book=book,
                session=session,
                as_of=as_of,
                symbol=symbol,
                side=side,
                quantity=abs(total),
                purpose=purpose,
                reference_price=to_price(exact(prices[symbol])),
                intents=tuple(wishes),
            )
        )
    return tuple(orders)


def cross(intents: Sequence[Intent], prices: Mapping[str, float], *, session: date) -> tuple[Cross, ...]:
    """The intents that `net` sends nothing for, since those of their symbol add up to nothing.

    Parameters
    ----------
    intents : sequence of Intent
        At most one a strategy and symbol.
    prices : mapping of symbol to dollars
        Raw closes that the decision was made at.
    session : date
        The session that decided.

    Returns
    -------
    tuple of Cross
        In the order in which the symbols first appear; intents are in alphabetical order of their strategies.
        They are of no bundle: what changes hands here is sure.
    """
    return tuple(
        Cross(session, symbol, to_price(exact(prices[symbol])), tuple(map(_by_itself, wishes)))
        for symbol, wishes in _by_symbol(intents).items()
        if not sum((wish.quantity for wish in wishes), ZERO)
    )


def _by_itself(intent: Intent) -> Intent:
    return Intent(intent.strategy, intent.symbol, intent.quantity)


def _by_symbol(intents: Sequence[Intent]) -> dict[str, list[Intent]]:
    out: dict[str, list[Intent]] = {}
    for intent in intents:
        if intent.quantity:
            out.setdefault(intent.symbol, []).append(intent)
    for wishes in out.values():
        wishes.sort(key=lambda wish: wish.strategy)
    return out


def allocate(order: Order, cumulative: Decimal, unit: Decimal) -> dict[str, Decimal]:
    """Share what an order has filled so far among the strategies behind it.

    Parameters
    ----------
    order : Order
    cumulative : Decimal
        Units filled since the order was sent, positive; at most the order's quantity.
    unit : Decimal
        Smallest quantity of the instrument.

    Returns
    -------
    dict of strategy to Decimal
        Signed units that add up to the signed fill exactly. It depends on the cumulative quantity alone: what
        is booked is the difference to the share booked before, so it does not matter how a broker cuts its
        fills.
    """
    signed = cumulative if order.side == "buy" else -cumulative
    shares = apportion(signed, [intent.quantity for intent in order.intents], unit)
    return {intent.strategy: share for intent, share in zip(order.intents, shares, strict=True)}


def resized(order: Order, quantity: Decimal, unit: Decimal) -> Order:
    """The same order over another quantity, with the parts of its strategies in proportion.

    A part keeps its side and is rounded by less than a unit; one that comes to nothing is left out.

    Parameters
    ----------
    order : Order
    quantity : Decimal
        Positive, a multiple of `unit`.
    unit : Decimal
        Smallest quantity of the instrument.
    """
    signed = quantity if order.side == "buy" else -quantity
    wanted = [one.quantity * quantity / order.quantity for one in order.intents]
    parts = [signed] if len(wanted) == 1 else round_together(wanted, signed, unit)
    intents = tuple(
        replace(one, quantity=part) for one, part in zip(order.intents, parts, strict=True) if part
    )
    return replace(order, quantity=quantity, intents=intents)
