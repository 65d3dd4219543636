"""The desk's side of a broker: opening its account, asking it everything at once, noticing its silence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta

from nightdesk.accounting.payments import PAYMENTS_LOOKED_BACK
from nightdesk.brokers import Broker, BrokerSnapshot, Unreachable, Unreadable, make
from nightdesk.orders.broker_account import BrokerOrder, Movement
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Order
from nightdesk.session.auto_stop import stop_by_rule
from nightdesk.session.context import Context
from nightdesk.store.broker_rows import broker_health, note_answer, note_silence, orders_due
from nightdesk.store.db import now
from nightdesk.store.execution_rows import (
    add_executions,
    add_movements,
    executions_since,
    movements_since,
)
from nightdesk.store.order_rows import StoredOrder

#: So long may a broker be silent while orders are due, before the book is stopped.
SILENCE = timedelta(minutes=5)

#: How many sessions back a real broker is asked: what it told late belongs to one of them.
LATE_SESSIONS = 6


_NOTHING_MOVED: tuple[Movement, ...] = ()


@contextmanager
def contact(context: Context, account: str) -> Iterator[Broker]:
    """The broker of one of the book's accounts for the block; whether it answered is kept.

    A broker that has been silent for longer than `SILENCE` while orders of the account are due stops the
    book. Where the book has several accounts, what goes wrong names the one.

    Raises
    ------
    Refused
        When the account cannot be opened: see `nightdesk.brokers.make`.
    Unreachable, Unreadable
        What the block raised.
    """
    conn, book = context.conn, context.book
    with (
        _naming(context, account),
        closing(make(book.in_account(account), conn, context.environ)) as broker,
    ):
        if broker.simulated or context.dry_run:
            yield broker
            return
        try:
            yield broker
        except Unreachable as error:
            if not conn.closed:
                at = now(conn)
                note_silence(conn, book.name, account, at, str(error))
                _stop_when_silent(context, account, str(error))
            raise
        note_answer(conn, book.name, account, now(conn))


@contextmanager
def _naming(context: Context, account: str) -> Iterator[None]:
    """A block whose failures say which account they are of, where the book has several."""
    try:
        yield
    except Unreachable as error:
        raise (Unreachable(in_words(context, account, str(error)))) from error
    except Unreadable as error:
        raise Unreadable(in_words(context, account, str(error)), error.answer) from error


def in_words(context: Context, account: str, words: str) -> str:
    """What is said of an account, with its name where the book has several."""
    return f"account {account}: {words}" if len(context.book.account_names) > 1 else words


def late_since(context: Context) -> datetime:
    """The decision up to which a real broker is not asked any more when the context's is settled."""
    return context.calendar.close_at(context.calendar.shift(context.session, -LATE_SESSIONS))


def hear(
    context: Context, account: str, broker: Broker, orders: Collection[StoredOrder], as_of: datetime
) -> BrokerSnapshot:
    """Everything that the broker says of one of the book's accounts, for the settling at `as_of`.

    What a real broker tells of executions and movements is stored before anything is made of it; what it told
    at an earlier time counts too, so that a list which lacks something loses nothing. Cash and positions are
    told as they are now, which is how they are in the newest decision that is over.

    Raises
    ------
    Unreachable, Unreadable
        When some of it cannot be had, or an order of ours is told as another one.
    """
    names = [one.order.client_order_id for one in orders if one.attempts]
    before = context.schedule.before(as_of)
    with broker.answering(names, before):
        asked: dict[str, BrokerOrder | None] = {}
        for one in orders:
            name = one.order.client_order_id
            asked[name] = _ours(broker.order_by_client_id(name), one.order) if one.attempts else None
        if broker.simulated:
            fills, movements = tuple(broker.fills_since(before)), _NOTHING_MOVED
        else:
            session = context.schedule.session_of(as_of)
            fills, movements = _executed_and_moved(context, account, broker, session)
        current = broker.simulated or as_of >= context.schedule.latest_completed(now(context.conn))
        forgets = broker.capabilities.tells_today_alone
        return BrokerSnapshot(
            broker.account().cash, broker.positions(), asked, fills, movements, current, forgets
        )


def _executed_and_moved(
    context: Context, account: str, broker: Broker, session: date
) -> tuple[tuple[Fill, ...], tuple[Movement, ...]]:
    """What a real broker has told by now of the sessions that it is asked about, stored first."""
    since, book = context.calendar.shift(session, -LATE_SESSIONS), context.book.name
    fills = broker.fills_since(context.calendar.close_at(since))
    movements = broker.movements_since(context.calendar.close_at(since))
    add_executions(context.conn, book, account, fills)
    add_movements(context.conn, book, account, movements)
    known = movements_since(context.conn, book, account, session - PAYMENTS_LOOKED_BACK)
    paid = ("dividend", "corporate_action")
    return (
        executions_since(context.conn, book, account, since),
        tuple(one for one in known if one.kind in paid or one.session > since),
    )


def _ours(known: BrokerOrder | None, order: Order) -> BrokerOrder | None:
    """What is known of an order, when it is that order; a split may have changed its quantity."""
    if known is not None and (known.symbol, known.side) != (order.symbol, order.side):
        raise Unreadable(
            f"order {order.client_order_id} is to {order.side} {order.symbol}, and the broker tells of "
            f"one to {known.side} {known.symbol}",
            known.answer,
        )
    return known


def _stop_when_silent(context: Context, account: str, error: str) -> None:
    """Stop a book whose broker does not answer for too long while orders are due."""
    conn, book = context.conn, context.book.name
    health = broker_health(conn, book, account)
    if health is None or health.failing_since is None or not orders_due(conn, book, account, resting=False):
        return
    silent = now(conn) - health.failing_since
    if silent > SILENCE:
        since = health.failing_since
        stop_by_rule(
            conn,
            book,
            rule="broker unreachable",
            reason=in_words(
                context, account, f"no answer since {since:%Y-%m-%d %H:%M} UTC while orders are due: {error}"
            ),
            key=f"broker unreachable {book} {since.isoformat()}",
        )
