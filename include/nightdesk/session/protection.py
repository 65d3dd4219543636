"""Orders that rest at a broker are cancelled before what they stand in the way of is sent.

An order that leaves a position, or rests in place of another, goes out once the broker has said that the one
before is no more. What that one executed until then is left out of it, so that the two never sell more than
is held.

=====================================  ======================================================================
the order that rests                   becomes of what was to follow
=====================================  ======================================================================
is cancelled, nothing of it executed   sent as decided
was executed in part                   reduced by so much
was executed whole                     suppressed: nothing is left to leave
has not ended by then                  planned still: the step is tried again, and the order rests on
of an order that may not be sent       rests on, and what was to rest in its place is suppressed
is gone and what follows was refused   placed again, for what is left
=====================================  ======================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from time import sleep

from nightdesk.accounting.reconciliation import ENDED
from nightdesk.brokers import Broker, BrokerOrder, Unreachable, Unreadable
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO
from nightdesk.orders.order import Intent, Order, client_order_id, exits_id, read_client_order_id
from nightdesk.orders.resting import protects
from nightdesk.session.context import Context
from nightdesk.store.db import transaction
from nightdesk.store.order_rows import (
    StoredOrder,
    add_order,
    filled_before,
    find_order,
    move_order,
    orders_of,
    resize_order,
    working_orders,
)
from nightdesk.store.protection_rows import StoredProtection, protections_of

#: How often a broker is asked whether an order has ended that it was told to cancel, and seconds between.
LOOKS, PAUSE_SECONDS = 8, 0.5

#: States of an order that ended without having reached the market.
NEVER_SENT = ("suppressed", "rejected", "expired", "cancelled")


@dataclass(frozen=True)
class Release:
    """An order that rests and is to be cancelled: what was decided, the order, and what follows it.

    `following` are the orders of the decision that leave its position or rest in its place, whatever became
    of them.
    """

    row: StoredProtection
    resting: StoredOrder
    following: tuple[StoredOrder, ...]

    @property
    def planned(self) -> tuple[StoredOrder, ...]:
        """Those that are still to be sent."""
        return tuple(one for one in self.following if one.status == "planned")

    @property
    def names(self) -> tuple[str, ...]:
        """Their client order ids."""
        return tuple(one.order.client_order_id for one in self.planned)

    @property
    def is_due(self) -> bool:
        """Whether something follows that lives, or nothing was to follow."""
        return not self.following or any(_lives(one) for one in self.following)


def releases(context: Context, account: str, protected: Sequence[StoredProtection]) -> tuple[Release, ...]:
    """The orders that the decision cancels in one of the book's accounts, as they stand.

    Parameters
    ----------
    context : Context
        The decision.
    account : str
        Name of the account in the book.
    protected : sequence of StoredProtection
        What the decision does.
    """
    conn, book = context.conn, context.book.name
    rows = [one for one in protected if one.releases]
    if not rows:
        return ()
    decided = orders_of(conn, book, context.as_of)
    found = []
    for row in rows:
        resting = find_order(conn, row.resting)
        if resting is None or resting.order.account != account:
            continue
        own = resting.order
        following = tuple(one for one in decided if _follows(one.order, row, own))
        found.append(Release(row, resting, following))
    return tuple(found)


def _follows(order: Order, row: StoredProtection, resting: Order) -> bool:
    """Whether an order of the decision leaves the position of one that rests, or rests in its place."""
    if (order.symbol, order.side) != (resting.symbol, resting.side) or not row.held:
        return False
    return order.purpose == resting.purpose or any(_leaves(one, row) for one in order.intents)


def _leaves(intent: Intent, row: StoredProtection) -> bool:
    return intent.strategy == row.strategy and intent.quantity * row.held < 0


def release(context: Context, broker: Broker, one: Release) -> None:
    """Cancel an order that rests, wait for the broker's word, and leave what it executed out of what follows.

    Doing so again changes nothing: what follows is set by what was decided and by what was executed.

    Raises
    ------
    Unreachable, Unreadable
        When the broker does not say that it has ended.
    """
    known = ended(broker, one.row.resting)
    with transaction(context.conn):
        executed = keep_end(context, one.row.resting, known, f"cancelled by its sender: {one.row.words}")
        if executed > 0:
            _leave_out(context, one, executed)


def keep_end(context: Context, name: str, known: BrokerOrder, cause: str) -> Decimal:
    """Keep that an order which rested has ended at the broker; units of it that were executed and are not
    booked. The caller holds the transaction.

    One that was executed since ends where its executions are booked: in the next session.
    """
    settled = context.schedule.after(context.as_of)
    booked = filled_before(context.conn, context.book.name, settled, [name])
    executed = known.filled - booked.get(name, ZERO)
    current = find_order(context.conn, name)
    assert current is not None
    if not executed and current.status not in ENDED.values():
        session, status = context.schedule.session_of(settled), ENDED[known.state]
        filled, answer = known.filled, known.answer
        move_order(context.conn, name, settled, session, status, cause, filled=filled, answer=answer)
    return executed


def keep(context: Context, one: Release, why: str) -> None:
    """Let an order rest on, since what was to follow may not be sent, and nothing in its place."""
    with transaction(context.conn):
        for other in one.planned:
            if other.order.client_order_id == one.row.placed:
                cause = f"the order that rests, {one.row.resting}, stays: {why}"
                move_order(context.conn, one.row.placed, *context.moment, "suppressed", cause)


def strays(context: Context, account: str, broker: Broker) -> tuple[BrokerOrder, ...]:
    """Protective orders of the book that work at a broker though no decision keeps them: their end was told
    too early, or the database was restored since.
    """
    conn, book = context.conn, context.book.name
    protected = protections_of(conn, book, context.as_of)
    named = {one.resting for one in protected} | {
        one.order.client_order_id for one in orders_of(conn, book, context.as_of)
    }
    found = []
    for one in broker.open_orders():
        known = None if one.client_order_id in named else find_order(conn, one.client_order_id)
        if known is None or not known.order.rests or not protects(known.order):
            continue
        if (known.order.book, known.order.account) == (book, account):
            found.append(one)
    return tuple(found)


def rests_against(context: Context, order: Order) -> str:
    """What rests, or is to rest, in an order's symbol on its other side, in words; empty for nothing. The
    exits that it brings are a part of it.
    """
    if protects(order):
        return ""
    conn, book = context.conn, order.book
    decided = (one for one in orders_of(conn, book, context.as_of) if one.status == "planned")
    for own in (one.order for one in (*working_orders(conn, book), *decided)):
        same = (own.symbol, own.account) == (order.symbol, order.account)
        brought = own.client_order_id == exits_id(order.client_order_id)
        if same and not brought and own.side != order.side and own.rests and protects(own):
            units = f"{own.side} {own.quantity:f} {own.symbol}"
            return f"{own.client_order_id} is to {units}, which protects what is held: nothing is added to it"
    return ""


def lost_protection(context: Context, account: str, broker: Broker) -> tuple[Order, ...]:
    """Orders to rest again, written as planned: of positions whose order was cancelled, while nothing of what
    was to follow it reached the market.

    Raises
    ------
    Unreachable, Unreadable
        When the broker does not say what became of one.
    """
    out: list[Order] = []
    protected = protections_of(context.conn, context.book.name, context.as_of)
    for one in releases(context, account, protected):
        if one.is_due:
            continue
        known = broker.order_by_client_id(one.row.resting)
        if known is not None and known.state.ended:
            out += _again(context, one, known)
    return tuple(out)


def _again(context: Context, one: Release, known: BrokerOrder) -> Iterator[Order]:
    """The order that rests again for what is left of a position; none where there was one already."""
    own, conn = one.resting.order, context.conn
    booked = filled_before(conn, own.book, context.schedule.after(context.as_of), [one.row.resting])
    executed = known.filled - booked.get(one.row.resting, ZERO)
    units = min(abs(one.row.held) - executed, own.quantity - known.filled)
    identity = read_client_order_id(one.row.resting)
    mark = "" if identity is None else identity.mark
    parts = (own.book, context.as_of, own.symbol, own.side, own.purpose)
    name = client_order_id(*parts, 1, mark)
    if units <= 0 or find_order(conn, name) is not None:
        return
    [intent] = own.intents
    order = replace(
        own,
        client_order_id=name,
        session=context.session,
        as_of=context.as_of,
        quantity=units,
        generation=1,
        intents=(replace(intent, quantity=_signed(units, intent.quantity)),),
    )
    with transaction(conn):
        add_order(conn, order, f"rests again: what was to follow {one.row.resting} did not reach the market")
    yield order


def _lives(one: StoredOrder) -> bool:
    return one.status not in NEVER_SENT or one.filled_quantity > 0


def ended(broker: Broker, name: str) -> BrokerOrder:
    """An order that was cancelled, once the broker says that it has ended."""
    try:
        known: BrokerOrder | None = broker.cancel(name)
    except Refused as error:
        raise Unreadable(
            f"order {name} rests by the desk's books, and cannot be cancelled: {error}"
        ) from error
    for _ in range(LOOKS):
        if known is not None and known.state.ended:
            return known
        sleep(PAUSE_SECONDS)
        known = broker.order_by_client_id(name)
    if known is None:
        raise Unreadable(f"order {name} rests by the desk's books, and the broker does not know it any more")
    raise Unreachable(f"the broker still works on {name}, which was cancelled")


def _leave_out(context: Context, one: Release, executed: Decimal) -> None:
    """Reduce what follows an order by what it executed; the caller holds the transaction."""
    left = _signed(abs(one.row.held) - executed, one.row.held)
    said = f"{executed:f} of {one.row.resting}, which rested, were executed meanwhile"
    exit_units = ZERO
    for other in one.planned:
        if protects(other.order) or other.attempts:
            continue
        exit_units = abs(_change(one.row, left))
        intents = tuple(
            replace(intent, quantity=_signed(exit_units, intent.quantity))
            if _leaves(intent, one.row)
            else intent
            for intent in other.order.intents
        )
        _bring_to(context, other, tuple(each for each in intents if each.quantity), said)
    for other in one.planned:
        if other.order.client_order_id == one.row.placed and not other.attempts:
            units = min(other.order.quantity, max(abs(left) - exit_units, ZERO))
            [intent] = other.order.intents
            parts = (replace(intent, quantity=_signed(units, intent.quantity)),) if units else ()
            _bring_to(context, other, parts, said)


def _change(row: StoredProtection, left: Decimal) -> Decimal:
    """What is still to be sold of a position, or bought, to come from what is left to what is wanted; 0 where
    it would have to grow again.
    """
    change = row.wanted - left
    return change if change * row.held < 0 else ZERO


def _signed(units: Decimal, like: Decimal) -> Decimal:
    return units if like > 0 else -units


def _bring_to(context: Context, one: StoredOrder, intents: Sequence[Intent], said: str) -> None:
    """Let an order be of these parts, or suppress it where nothing is left of it on its side."""
    order, name = one.order, one.order.client_order_id
    total = sum((each.quantity for each in intents), ZERO)
    if total * order.signed_quantity <= 0:
        cause = f"{said}: nothing is left to {order.side}"
        move_order(context.conn, name, *context.moment, "suppressed", cause)
        return
    if abs(total) == order.quantity:
        return
    resize_order(context.conn, replace(order, quantity=abs(total), intents=tuple(intents)))
    cause = f"{said}: {abs(total):f} of {order.quantity:f} are left to {order.side}"
    move_order(context.conn, name, *context.moment, "planned", cause)
