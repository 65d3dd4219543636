"""A person says what an order is: what the broker has under its id, or none of ours."""

from __future__ import annotations

from nightdesk.brokers import BrokerOrder
from nightdesk.core.errors import Refused
from nightdesk.session.broker_session import contact
from nightdesk.session.context import Context
from nightdesk.session.order_identity import can_follow, disown, follow, words
from nightdesk.session.submit import standing_of
from nightdesk.store.db import book_lock, transaction
from nightdesk.store.order_rows import StoredOrder, find_order, move_order


def resolve(context: Context, name: str, *, reason: str, who: str, disowned: bool = False) -> StoredOrder:
    """Take the broker's order under an id over as what was sent, or let ours end as never sent.

    Parameters
    ----------
    context : Context
        The book.
    name : str
        Client order id.
    reason, who : str
        Why, and the person who says so; kept with the order.
    disowned : bool
        What the broker has under the id is not the desk's, or it does not say what it has: ours ends. The
        broker is not asked.

    Returns
    -------
    StoredOrder
        The order as it stands then.

    Raises
    ------
    Refused
        When the book has no such order, executions of it are known, or the broker has nothing under the id
        that could be taken over; or when no reason or person is given.
    Transient
        When another run works on the book, or the broker does not answer.
    """
    if not reason.strip() or not who.strip():
        raise Refused("to resolve an order wants a reason and a person: who says so, and why?")
    cause = f"by {who.strip()}: {reason.strip()}"
    with book_lock(context.conn, context.book.name, context.turn_seconds):
        stored = _resolvable(context, name)
        if disowned:
            disown(context, stored, f"disowned {cause}")
        else:
            with contact(context, stored.order.account) as broker:
                known = broker.order_by_client_id(name)
            take_over(context, _takeable(context, known, stored), stored, f"taken over {cause}")
        return find_order(context.conn, name) or stored


def _resolvable(context: Context, name: str) -> StoredOrder:
    found = find_order(context.conn, name)
    if found is None or found.order.book != context.book.name:
        raise Refused(f"book {context.book.name} has no order {name}: `nightdesk trace` shows its orders")
    if found.filled_quantity:
        raise Refused(
            f"order {name} is {found.status} with {found.filled_quantity} units executed: the settling books "
            f"what the broker tells, and `nightdesk adopt {context.book.name}` what is left of a difference"
        )
    return found


def _takeable(context: Context, known: BrokerOrder | None, stored: StoredOrder) -> BrokerOrder:
    name, own = stored.order.client_order_id, stored.order
    if known is None:
        raise Refused(
            f"the broker has no order {name}: a run sends it before its open, and it expires by itself after "
            "that; with --disown it ends now"
        )
    if not can_follow(context, known, stored):
        raise Refused(
            f"order {name} is to {own.side} {own.quantity} {own.symbol}, and the broker's to {words(known)}: "
            "that cannot be taken over as what was sent; with --disown ours ends as never sent"
        )
    return known


def take_over(context: Context, known: BrokerOrder, stored: StoredOrder, cause: str) -> None:
    """Let ours stand where the broker's does, also one that was given up."""
    with transaction(context.conn):
        follow(context, known, stored, cause)
        status, own = standing_of(known), stored.order
        if status != stored.status:
            move_order(
                context.conn, own.client_order_id, own.as_of, own.session, status, cause, answer=known.answer
            )
