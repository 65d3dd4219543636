"""Between two decisions: what became of the orders at the broker is kept; nothing is booked yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from nightdesk.accounting.reconciliation import ENDED
from nightdesk.brokers import Broker, BrokerOrder, OrderState, capabilities
from nightdesk.core.errors import Transient
from nightdesk.core.money import ZERO
from nightdesk.operations.kill_switch import cancel_what_it_forbids
from nightdesk.orders.broker_account import BrokerSnapshot
from nightdesk.orders.fills import standing
from nightdesk.orders.resting import protects
from nightdesk.session.account_statements import fetch_when_due
from nightdesk.session.bare_positions import cancel_beyond_held, tell_bare
from nightdesk.session.broker_session import contact, hear
from nightdesk.session.context import Context
from nightdesk.session.order_identity import identified
from nightdesk.session.submit import record_known
from nightdesk.session.unsent_orders import tell_rejected
from nightdesk.store.db import book_lock, now, transaction
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.ledger_rows import latest_marked
from nightdesk.store.order_rows import StoredOrder, find_order, move_order, working_orders


@dataclass(frozen=True)
class Collected:
    """What was found.

    Attributes
    ----------
    moved : dict of str to str
        Client order ids, each with the state that it has come to.
    cancelled : tuple of str
        Those that the kill switch forbids, and that rested for more than is held.
    overdue : tuple of str
        Those that were cancelled since their time is over.
    executions : int
        How many are known of the orders.
    unknown_to_broker : tuple of str
        Orders that the broker does not have.
    untold : tuple of str
        Orders of which the broker says that more was executed than it tells executions of.
    pending : int
        Executions whose commission is still to come.
    """

    moved: dict[str, str] = field(default_factory=dict)
    cancelled: tuple[str, ...] = ()
    overdue: tuple[str, ...] = ()
    executions: int = 0
    unknown_to_broker: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    pending: int = 0

    def and_in(self, other: Collected) -> Collected:
        """Both together: of several accounts one after the other."""
        return Collected(
            moved={**self.moved, **other.moved},
            cancelled=self.cancelled + other.cancelled,
            overdue=self.overdue + other.overdue,
            executions=self.executions + other.executions,
            unknown_to_broker=self.unknown_to_broker + other.unknown_to_broker,
            untold=self.untold + other.untold,
            pending=self.pending + other.pending,
        )


def collect(context: Context) -> Collected:
    """Ask the brokers of a book what became of its orders, under the book's lock; where one does not answer
    the others are asked all the same.

    Executions are stored as they are told, and orders brought to where they stand; the ledger moves when the
    next decision is settled. While the kill switch is on, what it forbids is cancelled, and so is what still
    works though the decision after its own is due.

    Raises
    ------
    Transient
        When the broker does not answer, or another run keeps the book's lock.
    """
    with book_lock(context.conn, context.book.name, context.turn_seconds):
        orders = working_orders(context.conn, context.book.name)
        done, failed = Collected(), list[Transient]()
        for account in accounts_to_ask(context, orders):
            try:
                fetch_when_due(context, account)
                with contact(context, account) as broker:
                    mine = orders_in(account, orders)
                    done = done.and_in(collect_from(context, account, broker, mine))
            except Transient as error:
                if context.conn.closed:
                    raise
                failed.append(error)
        if failed:
            raise failed[0]
        return done


def accounts_to_ask(context: Context, orders: Sequence[StoredOrder]) -> list[str]:
    """The real accounts of the book that something is to be heard of: those with some of the orders, and
    those of brokers that tell of executions on their day alone. None of a book that is on paper.
    """
    book, used = context.book, real_accounts(context, orders)
    return [
        name
        for name in book.account_names
        if name in used
        or (not book.is_simulated(name) and capabilities(book.entry_of(name).kind).tells_today_alone)
    ]


def real_accounts(context: Context, orders: Sequence[StoredOrder]) -> list[str]:
    """The accounts of the book at real brokers that have some of the orders."""
    book, used = context.book, {one.order.account for one in orders}
    return [name for name in book.account_names if name in used and not book.is_simulated(name)]


def orders_in(account: str, orders: Iterable[StoredOrder]) -> tuple[StoredOrder, ...]:
    """The orders of one account."""
    return tuple(one for one in orders if one.order.account == account)


def collect_from(
    context: Context, account: str, broker: Broker, orders: tuple[StoredOrder, ...]
) -> Collected:
    """The same for a caller who holds the lock and has the broker.

    Parameters
    ----------
    context : Context
        The book.
    account : str
        The account that is asked about.
    broker : Broker
        Its broker, a real one.
    orders : tuple of StoredOrder
        Those that may be there and have not ended.
    """
    conn, book = context.conn, context.book.name
    overdue = _cancel_overdue(context, broker, orders)
    orders = identified(context, orders)
    resting = any(protects(one.order) for one in orders)
    gone = cancel_beyond_held(context, account, broker) if resting else ()
    beyond = tuple(one.client_order_id for one in gone)
    ours = [one.order.client_order_id for one in orders]
    cancelled = cancel_what_it_forbids(broker, kill_switch(conn, book), ours)
    settled = latest_marked(conn, book)
    due = context.schedule.after(settled or context.as_of)
    said = hear(context, account, broker, orders, due)
    moved: dict[str, str] = {}
    for one in orders:
        name, known = one.order.client_order_id, said.orders[one.order.client_order_id]
        if known is not None:
            record_known(context, known, "found at the broker after an earlier attempt")
            status = _bring_to(context, one, known, said, due)
            if status is not None:
                moved[name] = status
    tell_bare(context, moved, beyond)
    return Collected(
        moved=moved,
        cancelled=(*beyond, *cancelled),
        overdue=overdue,
        executions=sum(fill.client_order_id in said.orders for fill in said.fills),
        unknown_to_broker=tuple(name for name, known in said.orders.items() if known is None),
        untold=tuple(
            name for name, known in said.orders.items() if known and known.filled > _told(said, name)
        ),
        pending=sum(fill.commission_pending for fill in said.fills),
    )


def _told(said: BrokerSnapshot, name: str) -> Decimal:
    """Units of an order in the executions that were told of it."""
    return sum((one.quantity for one in standing(said.fills) if one.client_order_id == name), ZERO)


def _cancel_overdue(context: Context, broker: Broker, orders: tuple[StoredOrder, ...]) -> tuple[str, ...]:
    """Cancel what still works at the broker though the decision after its own is due."""
    passing = [one for one in orders if not one.order.rests and one.attempts]
    if not any(now(context.conn) >= context.schedule.after(one.order.as_of) for one in passing):
        return ()
    clock, cancelled = broker.clock(), []
    for one in passing:
        if clock >= context.schedule.after(one.order.as_of):
            known = broker.order_by_client_id(one.order.client_order_id)
            if known is not None and not known.state.ended:
                broker.cancel(one.order.client_order_id)
                cancelled.append(one.order.client_order_id)
    return tuple(cancelled)


def _bring_to(
    context: Context, one: StoredOrder, known: BrokerOrder, said: BrokerSnapshot, due: datetime
) -> str | None:
    """Bring an order to where the broker says that it stands; its new state, None where nothing is new.

    It ends when all of its executions are told: until then a second try would not know how much is left.
    """
    name = known.client_order_id
    fills = [fill for fill in standing(said.fills) if fill.client_order_id == name]
    told = _told(said, name)
    filled = known.filled if known.filled == told else one.filled_quantity
    working = "partially_filled" if filled else "submitted"
    status = ENDED.get(known.state, working) if known.filled == filled else working
    # The settling that books the last of them.
    due = max((due, *(context.schedule.settling_of(fill.session, fill.executed_at) for fill in fills)))
    session = context.schedule.session_of(due)
    with transaction(context.conn):
        current = find_order(context.conn, name)
        if current is None or (status, filled) == (current.status, current.filled_quantity):
            return None
        cause = f"the broker says {known.state.value}"
        move_order(context.conn, name, due, session, status, cause, filled=filled, answer=known.answer)
        if known.state is OrderState.REJECTED:
            tell_rejected(context, one, session)
    return status
