"""The one exit for orders: each planned order reaches the broker exactly once, or never.

=========================  =============================================================================
an order that is           becomes
=========================  =============================================================================
planned, open has passed   expired: a decision is meant for one open, late is never sent
planned, session is past   suppressed, unless the broker is simulated
planned, dry run           suppressed
planned, kill switch on    suppressed where it adds to a position, else sent
planned                    attempt counted and committed, then sent: submitted, or rejected by the broker
planned, with attempts     looked up by its client order id first; sent only where the broker does not know it
planned, answer unknown    planned still: the next attempt asks the broker
=========================  =============================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from nightdesk.brokers import Broker, BrokerOrder, DuplicateOrder, OrderState, RejectedOrder, make
from nightdesk.errors import Transient
from nightdesk.execution.money import ZERO
from nightdesk.execution.orders import Order, adds_risk
from nightdesk.pipeline.context import Context
from nightdesk.pipeline.saving import Outcome, refuse_outdated
from nightdesk.pipeline.turn import in_turn
from nightdesk.store.db import now, transaction
from nightdesk.store.ledger import read_ledger
from nightdesk.store.orders import begin_attempt, find_order, move_order, orders_of
from nightdesk.store.risk import kill_switch
from nightdesk.store.runs import lock_run, sealed_because


@dataclass(frozen=True)
class _Stopped:
    """Why an order is not sent, and the state that it ends in."""

    status: str
    cause: str


def submit(context: Context) -> Outcome:
    """Send what is planned.

    Raises
    ------
    Transient
        When of some order it is not known whether it arrived; the others were sent.
    """
    with in_turn(context):
        sealed = sealed_because(context.conn, context.book.name, context.session, by_sending=False)
        if sealed is not None:
            return Outcome({}, sealed)
        broker = make(context.book, context.conn)
        unknown = []
        for stored in orders_of(context.conn, context.book.name, context.session):
            if stored.status == "planned":
                try:
                    _send(context, broker, stored.order)
                except Transient as error:
                    if context.conn.closed:
                        raise
                    unknown.append(f"{stored.order.client_order_id}: {error}")
        if unknown:
            raise Transient(
                f"{context.book.name} {context.session}: not known whether these orders arrived, "
                f"the broker is asked again: {'; '.join(unknown)}"
            )
        states = [one.status for one in orders_of(context.conn, context.book.name, context.session)]
    return Outcome({name: states.count(name) for name in sorted(set(states))})


def _send(context: Context, broker: Broker, order: Order) -> None:
    """Bring one planned order out of its planning."""
    name, clock = order.client_order_id, broker.clock()
    earlier = find_order(context.conn, name)
    if earlier is not None and earlier.attempts:
        known = broker.order_by_client_id(name)
        if known is not None:
            _record(context, known, "found at the broker after an earlier attempt")
            return
    with transaction(context.conn):
        lock_run(context.conn, context.book.name, context.session)
        current = find_order(context.conn, name)
        if current is None or current.status != "planned":
            return
        if current.attempts == 0:
            refuse_outdated(context)
        stopped = _reason_to_stop(context, broker, clock, current.order)
        if stopped is not None:
            move_order(context.conn, name, context.session, stopped.status, stopped.cause)
            return
        begin_attempt(context.conn, name)
    try:
        answer = broker.submit(order)
    except DuplicateOrder:
        found = broker.order_by_client_id(name)
        if found is None:
            raise Transient("the broker calls it a duplicate and does not find it") from None
        answer = found
    except RejectedOrder as refusal:
        with transaction(context.conn):
            move_order(context.conn, name, context.session, "rejected", str(refusal), answer=refusal.answer)
        return
    _record(context, answer, "sent")


def _reason_to_stop(context: Context, broker: Broker, clock: datetime, order: Order) -> _Stopped | None:
    """Why the order must not be sent, asked in the transaction that counts the attempt; None when it may."""
    calendar = context.calendar
    opens = calendar.open_at(calendar.shift(context.session, 1))
    if clock >= opens:
        return _Stopped("expired", f"its open at {opens:%Y-%m-%d %H:%M} UTC has passed at the broker")
    newest = calendar.latest_completed(now(context.conn))
    if context.session < newest and not broker.simulated:
        return _Stopped(
            "suppressed", f"session {context.session} is past (the newest is {newest}): never for real"
        )
    if context.dry_run:
        return _Stopped("suppressed", "a dry run sends nothing")
    switch = kill_switch(context.conn, context.book.name, context.session)
    if switch.on and adds_risk(_held(context, order.symbol), order.signed_quantity):
        return _Stopped("suppressed", f"kill switch set by {switch.who}: {switch.reason}")
    return None


def _held(context: Context, symbol: str) -> Decimal:
    ledger = read_ledger(context.conn, context.book.name, context.session)
    return ZERO if ledger is None else ledger.net().get(symbol, ZERO)


def _record(context: Context, known: BrokerOrder, cause: str) -> None:
    """Keep what the broker says of an order that reached it; its fills are booked by the next session."""
    status = {OrderState.REJECTED: "rejected", OrderState.CANCELLED: "cancelled"}.get(
        known.state, "submitted"
    )
    with transaction(context.conn):
        current = find_order(context.conn, known.client_order_id)
        if current is not None and current.status == "planned":
            move_order(
                context.conn, known.client_order_id, context.session, status, cause, answer=known.answer
            )
