"""A deliberate second try: what an ended order left is sent as a new generation, because a person says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nightdesk.brokers import Broker
from nightdesk.core.errors import Refused
from nightdesk.orders.bracket_exits import exits_of
from nightdesk.orders.netting import allocate
from nightdesk.orders.order import Intent, Order, entry_id, exits_id, marked
from nightdesk.session.broker_session import contact
from nightdesk.session.context import Context
from nightdesk.session.submit import send_planned
from nightdesk.store.db import book_lock, transaction
from nightdesk.store.installation import installation_mark
from nightdesk.store.order_rows import StoredOrder, add_order, find_order, orders_of

#: The states in which nothing can come of an order any more and something may be left of it.
_LEFT = ("cancelled", "rejected", "expired", "suppressed")


def resend(context: Context, name: str, *, reason: str, who: str) -> StoredOrder:
    """Send what an ended order left unfilled once more, as its next generation.

    The exit's rules hold for it like for any other order: past sessions, the kill switch, the open that it is
    meant for.

    Parameters
    ----------
    context : Context
        The decision that the order is of.
    name : str
        Client order id of the newest generation.
    reason, who : str
        Why, and the person who says so; kept with the new order.

    Returns
    -------
    StoredOrder
        The new order as it stands.

    Raises
    ------
    Refused
        When the order is not of this session, has not ended (here, or at the broker), left nothing, or was
        tried again already.
    Transient
        When another run works on the book, or it is not known whether the new order arrived.
    """
    if not reason.strip() or not who.strip():
        raise Refused("a second try wants a reason and a person: who says so, and why?")
    with book_lock(context.conn, context.book.name, context.turn_seconds):
        ended = _ended(context, name)
        with contact(context, ended.order.account) as broker:
            _refuse_alive(broker, ended)
            following = _next_generation(context, ended)
            cause = f"tried again by {who.strip()}: {reason.strip()}"
            with transaction(context.conn):
                add_order(context.conn, following, cause)
                for exits in _exits_again(context, ended, following):
                    add_order(context.conn, exits, f"with its entry: {cause}")
            send_planned(context, ended.order.account, broker)
        sent = find_order(context.conn, following.client_order_id)
    if sent is None:
        raise LookupError(f"order {following.client_order_id} was written and is not there")
    return sent


def _ended(context: Context, name: str) -> StoredOrder:
    """The order that is tried again, when it may be."""
    found = find_order(context.conn, name)
    if found is None or (found.order.book, found.order.as_of) != (context.book.name, context.as_of):
        raise Refused(f"{context.book.name} {context.name} has no order {name}")
    if found.status not in _LEFT:
        raise Refused(
            f"order {name} is {found.status}: only one that is {', '.join(_LEFT)} can be tried again"
        )
    entry = entry_id(name)
    if entry is not None:
        raise Refused(f"order {name} goes to the broker together with its entry: try {entry} again")
    if found.filled_quantity >= found.order.quantity:
        raise Refused(f"order {name} left nothing to be tried again")
    same = ("symbol", "side", "purpose")
    for other in orders_of(context.conn, context.book.name, context.as_of):
        if other.order.generation > found.order.generation and all(
            getattr(other.order, one) == getattr(found.order, one) for one in same
        ):
            raise Refused(f"order {name} was tried again already, as {other.order.client_order_id}")
    return found


def _refuse_alive(broker: Broker, ended: StoredOrder) -> None:
    """Refuse a second try while the broker does not say the same of the first: both would be executed."""
    name = ended.order.client_order_id
    known = broker.order_by_client_id(name) if ended.attempts else None
    if known is not None and not (known.state.ended and known.filled == ended.filled_quantity):
        raise Refused(
            f"order {name} is {ended.status} with {ended.filled_quantity} units executed, and at the broker "
            f"{known.state.value} with {known.filled}: the next settling books what became of it"
        )


def _next_generation(context: Context, ended: StoredOrder) -> Order:
    """What is left of an order, with an identity of its own."""
    order = ended.order
    unit = context.desk.unit_of[order.symbol]
    done = allocate(order, ended.filled_quantity, unit)
    left = (replace(one, quantity=one.quantity - done[one.strategy]) for one in order.intents)
    intents: tuple[Intent, ...] = tuple(one for one in left if one.quantity)
    following = replace(
        order,
        quantity=order.quantity - ended.filled_quantity,
        intents=intents,
        generation=order.generation + 1,
    )
    paper = context.book.is_simulated(order.account)
    return marked(following, "" if paper else installation_mark(context.conn))


def _exits_again(context: Context, ended: StoredOrder, following: Order) -> Iterator[Order]:
    """The exits that the next generation of a bracket's entry brings with it."""
    if following.order_type != "bracket":
        return
    before = find_order(context.conn, exits_id(ended.order.client_order_id))
    if before is None:
        raise LookupError(f"order {ended.order.client_order_id} is a bracket without its exits")
    yield exits_of(following, before.order.purpose)
