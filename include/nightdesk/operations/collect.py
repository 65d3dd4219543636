"""Between two decisions: what became of the orders at the broker is kept; nothing is booked yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from nightdesk.accounting.reconciliation import ENDED
from nightdesk.brokers import Broker, BrokerOrder, OrderState
from nightdesk.core.errors import Transient
from nightdesk.core.money import ZERO
from nightdesk.operations.kill_switch import cancel_what_it_forbids
from nightdesk.orders.broker_account import BrokerSnapshot
from nightdesk.session.account_statements import fetch_when_due
from nightdesk.session.broker_session import contact, hear
from nightdesk.session.context import Context
from nightdesk.session.order_identity import identified
from nightdesk.session.submit import record_known
from nightdesk.session.unsent_orders import tell_rejected
from nightdesk.store.db import book_lock, transaction
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.ledger_rows import latest_marked
from nightdesk.store.order_rows import StoredOrder, find_order, move_order, working_orders


@dataclass(frozen=True)
class Collected:
    """What was found: client order ids by what became of them, and how many executions are known of them."""

    moved: dict[str, str] = field(default_factory=dict)
    cancelled: tuple[str, ...] = ()
    executions: int = 0
    unknown_to_broker: tuple[str, ...] = ()

    def and_in(self, other: Collected) -> Collected:
        """Both together: of several accounts one after the other."""
        return Collected(
            {**self.moved, **other.moved},
            self.cancelled + other.cancelled,
            self.executions + other.executions,
            self.unknown_to_broker + other.unknown_to_broker,
        )


def collect(context: Context) -> Collected:
    """Ask the brokers of a book what became of its orders, under the book's lock; where one does not answer
    the others are asked all the same.

    Executions are stored as they are told, and orders brought to where they stand; the ledger moves when the
    next decision is settled. While the kill switch is on, what it forbids is cancelled.

    Raises
    ------
    Transient
        When the broker does not answer, or another run keeps the book's lock.
    """
    with book_lock(context.conn, context.book.name, context.turn_seconds):
        orders = working_orders(context.conn, context.book.name)
        done, failed = Collected(), list[Transient]()
        for account in real_accounts(context, orders):
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
    orders = identified(context, orders)
    ours = [one.order.client_order_id for one in orders]
    cancelled = cancel_what_it_forbids(broker, kill_switch(conn, book, date.max), ours)
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
    lost = tuple(name for name, known in said.orders.items() if known is None)
    told = sum(fill.client_order_id in said.orders for fill in said.fills)
    return Collected(moved, cancelled, told, lost)


def _bring_to(
    context: Context, one: StoredOrder, known: BrokerOrder, said: BrokerSnapshot, due: datetime
) -> str | None:
    """Bring an order to where the broker says that it stands; its new state, None where nothing is new.

    It ends when all of its executions are told: until then a second try would not know how much is left.
    """
    name = known.client_order_id
    fills = [fill for fill in said.fills if fill.client_order_id == name]
    told = sum((fill.quantity for fill in fills), ZERO)
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
            tell_rejected(context.conn, one, session)
    return status
