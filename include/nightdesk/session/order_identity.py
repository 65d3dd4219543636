"""One id, one order: what becomes of an order of ours whose id stands for another one at the broker.

That is so when the database was restored and the decision came out differently since, or when a person has
sent an order under the id. Nothing waits for a person: ours follows the broker, or ends, and people are told.

===========================================  ================================================================
what the broker has under the id             what becomes of ours
===========================================  ================================================================
the order as it was decided                  it was sent
the same symbol and side, another quantity   it was sent so: its quantity follows, and its strategies' parts
another symbol, side or no whole unit        it is rejected and was never sent; the other order is not ours
one thing when asked, another in its lists   nothing: the broker is asked again
===========================================  ================================================================
"""

from __future__ import annotations

from collections.abc import Sequence

from nightdesk.brokers import Broker, BrokerOrder, OrderState, Unreadable
from nightdesk.orders.netting import resized
from nightdesk.orders.order import exits_id
from nightdesk.session.broker_session import LATE_SESSIONS, contact
from nightdesk.session.context import Context
from nightdesk.store.db import transaction
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import (
    StoredOrder,
    begin_attempt,
    find_order,
    forget_attempts,
    move_order,
    move_planned,
    resize_order,
)

#: The states of an order that the broker may never have confirmed.
_UNCONFIRMED = ("planned", "suppressed", "expired", "rejected")

_OPEN = ("planned", "submitted", "partially_filled")


def identified(context: Context, orders: Sequence[StoredOrder]) -> tuple[StoredOrder, ...]:
    """The orders as they stand when those that may be there and were never confirmed were looked up at a real
    broker.

    Raises
    ------
    Unreachable, Unreadable
        When the broker does not say what one of them is.
    """
    found = {one.order.client_order_id: one for one in orders}
    for account in context.book.account_names:
        asked = [one for one in orders if one.order.account == account and _is_open_question(one)]
        if asked and not context.book.is_simulated(account):
            with contact(context, account) as broker:
                for one in asked:
                    found[one.order.client_order_id] = _identified(context, broker, one)
    return tuple(found.values())


def _is_open_question(one: StoredOrder) -> bool:
    return not _is_confirmed(one) and (one.status == "planned" or one.attempts > 0)


def _is_confirmed(one: StoredOrder) -> bool:
    """Whether it is known to be ours at the broker."""
    return one.status not in _UNCONFIRMED or one.filled_quantity > 0


def _identified(context: Context, broker: Broker, one: StoredOrder) -> StoredOrder:
    name = one.order.client_order_id
    known = broker.order_by_client_id(name)
    if known is None:
        return one
    is_ours(context, broker, known)
    return find_order(context.conn, name) or one


def is_ours(context: Context, broker: Broker, known: BrokerOrder) -> bool:
    """Whether the broker's order under one of our ids is ours, which follows it then; else ours has ended.

    Raises
    ------
    Unreadable
        When the broker's list of orders says something else, so that neither is believed.
    """
    with transaction(context.conn):
        stored = find_order(context.conn, known.client_order_id)
        if stored is None:
            return False
        if _is_same(known, stored):
            _count(context, stored)
            return True
    _confirm(context, broker, known, stored)
    if can_follow(context, known, stored):
        follow(context, known, stored, "the broker has this quantity under its id")
        return True
    disown(context, stored, f"under its id the broker has an order to {words(known)}", known)
    return False


def can_follow(context: Context, known: BrokerOrder, stored: StoredOrder) -> bool:
    """Whether an order of ours can be what the broker has under its id."""
    own, unit = stored.order, context.desk.unit_of[stored.order.symbol]
    same = (known.symbol, known.side) == (own.symbol, own.side)
    return same and known.quantity > 0 and not known.quantity % unit


def follow(context: Context, known: BrokerOrder, stored: StoredOrder, cause: str) -> None:
    """Let an order of ours be what the broker has under its id, and tell people where that is not what was
    decided. Where it stands is left as it is.
    """
    own, name = stored.order, stored.order.client_order_id
    with transaction(context.conn):
        _count(context, stored)
        if known.quantity == own.quantity:
            return
        resize_order(context.conn, resized(own, known.quantity, context.desk.unit_of[own.symbol]))
        said = f"{cause}: {words(known)}, decided were {own.quantity}"
        move_order(context.conn, name, own.as_of, own.session, stored.status, said, answer=known.answer)
        raise_alert(
            context.conn,
            f"other quantity {name} {known.quantity}",
            "CRITICAL",
            f"{own.book}: the broker has another quantity under the id of an order",
            f"Order {name} of {context.schedule.name_of(own.as_of)} was decided as {own.side} {own.quantity} "
            f"{own.symbol}, and the broker has it as {words(known)}: the database was restored and the "
            "decision came out differently since, or somebody has sent it. The broker's counts as sent, and "
            "what it executes is booked, shared among the strategies in proportion. If it is not the desk's, "
            f'before that: `nightdesk resolve {own.book} {name} --disown --reason "..."`.',
            book=own.book,
            session=own.session,
        )


def disown(context: Context, stored: StoredOrder, cause: str, known: BrokerOrder | None = None) -> None:
    """End an order of ours as never sent: what the broker has under its id is somebody else's. One that has
    ended stays as it is.
    """
    own, name, schedule = stored.order, stored.order.client_order_id, context.schedule
    with transaction(context.conn):
        forget_attempts(context.conn, name)
        answer = None if known is None else known.answer
        status = "rejected" if stored.status in _OPEN else stored.status
        move_order(context.conn, name, own.as_of, own.session, status, cause, answer=answer)
        move_planned(context.conn, exits_id(name), "rejected", f"with its entry: {cause}", None)
        raise_alert(
            context.conn,
            f"disowned {name}",
            "CRITICAL",
            f"{own.book}: an order is not ours at the broker",
            f"Order {name} of {schedule.name_of(own.as_of)} ({own.side} {own.quantity} {own.symbol}): "
            f"{cause}. Ours has ended as never sent; `nightdesk resend {own.book} {name} --reason "
            f'"..."` sends it under an id of its own, before {schedule.deadline_of(own.as_of)}. What the '
            "other order executes is not booked as an order's: settling tells the difference, and `nightdesk "
            f"adopt {own.book}` takes it over.",
            book=own.book,
            session=own.session,
        )


def words(known: BrokerOrder) -> str:
    """The broker's order in words."""
    return f"{known.side} {known.quantity} {known.symbol}"


def _is_same(known: BrokerOrder, stored: StoredOrder) -> bool:
    """Whether it is the order that was decided; of one that was confirmed a split may change the quantity."""
    own = stored.order
    same = (known.symbol, known.side) == (own.symbol, own.side)
    if known.state.ended and known.state is not OrderState.FILLED and known.quantity == known.filled:
        return same and known.filled <= own.quantity  # the broker tells no more of it than what was filled
    return same and (known.quantity == own.quantity or _is_confirmed(stored))


def _count(context: Context, stored: StoredOrder) -> None:
    """Count the attempt of an order that is there though none is known: the database was restored since."""
    if not stored.attempts:
        begin_attempt(context.conn, stored.order.client_order_id)


def _confirm(context: Context, broker: Broker, known: BrokerOrder, stored: StoredOrder) -> None:
    """Refuse to believe an answer about an order that the broker's list of orders does not give as well."""
    since = context.calendar.close_at(context.calendar.shift(stored.order.session, -LATE_SESSIONS))
    listed = [one for one in broker.orders_since(since) if one.client_order_id == known.client_order_id]
    if [words(one) for one in listed] != [words(known)]:
        own = stored.order
        raise Unreadable(
            f"order {own.client_order_id} is to {own.side} {own.quantity} {own.symbol}, and the broker tells "
            f"of one to {words(known)}, which its list of orders does not have",
            known.answer,
        )
