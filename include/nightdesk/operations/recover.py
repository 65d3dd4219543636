"""After a crash: what was cut off is found, asked about and put right, and a record of it is kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from nightdesk.brokers import Broker
from nightdesk.core.errors import Transient
from nightdesk.operations.collect import Collected, collect_from, orders_in, real_accounts
from nightdesk.session.broker_session import contact
from nightdesk.session.context import Context
from nightdesk.store.broker_rows import add_recovery, cut_off_steps
from nightdesk.store.db import book_lock, now, transaction
from nightdesk.store.order_rows import find_order, move_order, working_orders
from nightdesk.store.run_rows import open_decisions

#: The steps that hold the book's lock while they work: whoever holds it knows that none of them runs.
LOCKED_STEPS = ("settle", "targets", "gate", "orders", "submit", "close")


@dataclass(frozen=True)
class Recovered:
    """What a recovery found and did.

    Attributes
    ----------
    book : str
        Its name.
    began_at, ended_at : datetime
        UTC.
    cut_off : tuple of (str, str)
        Decision, in words, and step of the attempts whose processes had ended without a word.
    collected : Collected
        What the broker said of the orders.
    expired : tuple of str
        Orders that never reached the broker and whose time has passed.
    to_run : tuple of datetime
        Decisions that are begun and not closed, UTC: to be run again, in this order.
    """

    book: str
    began_at: datetime
    ended_at: datetime
    cut_off: tuple[tuple[str, str], ...]
    collected: Collected
    expired: tuple[str, ...]
    to_run: tuple[datetime, ...]


def recover(context: Context) -> Recovered:
    """Bring a book back to where its runs can go on.

    Orders of which it is not known whether they arrived are asked about; those that still work though their
    time is over are cancelled; executions are collected, to be booked by the next settling. Running it when
    nothing had happened changes nothing but its record.

    Raises
    ------
    Transient
        When another run works on the book (then it needs no recovery), or a broker does not answer: the
        other accounts of the book were put right all the same.
    """
    conn, book = context.conn, context.book.name
    began = now(conn)
    with book_lock(conn, book, context.turn_seconds):
        why = "cut off: its process ended without a word"
        cut = tuple(
            (context.schedule.name_of(as_of), step)
            for as_of, step in cut_off_steps(conn, book, LOCKED_STEPS, why)
        )
        orders = working_orders(conn, book)
        collected = Collected()
        expired: tuple[str, ...] = ()
        failed: list[Transient] = []
        for account in real_accounts(context, orders):
            mine = orders_in(account, orders)
            try:
                with contact(context, account) as broker:
                    found = collect_from(context, account, broker, mine)
                    expired += _expire_lost(context, broker, found.unknown_to_broker)
                collected = collected.and_in(found)
            except Transient as error:
                if conn.closed:
                    raise
                failed.append(error)
        if failed:
            raise failed[0]
        to_run = tuple(open_decisions(conn, book))
        done = Recovered(book, began, now(conn), cut, collected, expired, to_run)
        add_recovery(conn, book, began, done.ended_at, asdict(done))
    return done


def _expire_lost(context: Context, broker: Broker, lost: tuple[str, ...]) -> tuple[str, ...]:
    """End the orders that never reached the broker and whose time has passed; their run sends the others."""
    clock, expired = broker.clock(), []
    for name in lost:
        with transaction(context.conn):
            found = find_order(context.conn, name)
            if found is None or found.status != "planned":
                continue
            if clock >= context.schedule.window(found.order.as_of)[1]:
                what = "open" if context.schedule.is_last(found.order.as_of) else "bar"
                cause = f"its {what} has passed and it was not at the broker"
                move_order(context.conn, name, found.order.as_of, found.order.session, "expired", cause)
                expired.append(name)
    return tuple(expired)
