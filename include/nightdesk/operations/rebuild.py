"""After a restore: the orders that the database lacks are made again from what the broker has of them.

The decisions that were lost are run again, in order. Each decides anew, which gives the strategies' parts in
its orders; the broker says which orders left, under which ids, and what they executed. So lots, holding
periods and taxes come out as they were. Nothing is sent.

============================================  =========================================================
an order of this book at the broker           becomes
============================================  =========================================================
that the decision makes again                 sent, as it was
that it decides in another quantity           sent as it was, the strategies' parts in proportion
that it does not decide, of which one knows   written as it was: of the only strategy, of those who hold
whose it is                                   what it sells, or as the try before it
that it does not decide, and nobody knows     named, and left to a person: what it executes is a
whose it is                                   difference that `adopt` takes over
============================================  =========================================================

An order that is decided now and is not at the broker is suppressed, since its decision is past.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from nightdesk.brokers import BrokerOrder
from nightdesk.core.calendar import as_instant
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO, apportion, exact, to_price
from nightdesk.core.schedule import Schedule
from nightdesk.engine import as_asked
from nightdesk.operations.resolve import take_over
from nightdesk.orders.netting import REBALANCE, resized
from nightdesk.orders.order import (
    Intent,
    Order,
    client_order_id,
    earlier_client_order_id,
    entry_id,
    read_client_order_id,
)
from nightdesk.orders.resting import PROTECT, purpose_of
from nightdesk.session.broker_session import LATE_SESSIONS, contact
from nightdesk.session.context import Context
from nightdesk.session.gaps import first_missing
from nightdesk.session.loading import session_market
from nightdesk.session.steps import run_session
from nightdesk.store.db import Connection, book_lock, now, transaction
from nightdesk.store.installation import installation_mark
from nightdesk.store.ledger_rows import read_ledger
from nightdesk.store.order_rows import StoredOrder, add_order, find_order, orders_of

#: So many tries of one decision are looked for behind an id.
GENERATIONS = 10

_CAUSE = "rebuilt from the broker"


@dataclass(frozen=True)
class Rebuilt:
    """What was rebuilt.

    Attributes
    ----------
    book : str
        Its name.
    decisions : tuple of datetime
        The decisions that were run again, ascending, UTC; the newest one not to its end where its orders may
        still leave.
    orders : tuple of str
        Client ids of the orders that the database lacked and that it has now.
    nobodys : tuple of str
        Client ids of orders of the book of which nobody knows whose they are.
    others : tuple of str
        Client ids of orders that this installation has not sent.
    to_run : datetime or None
        The decision to run next.
    """

    book: str
    decisions: tuple[datetime, ...]
    orders: tuple[str, ...]
    nobodys: tuple[str, ...]
    others: tuple[str, ...]
    to_run: datetime | None


@dataclass(frozen=True)
class Sent:
    """An order of a book as the broker has it, and the decision behind its id."""

    known: BrokerOrder
    as_of: datetime
    generation: int
    purpose: str = REBALANCE


def rebuild(context: Context, progress: Callable[[str], None] = lambda words: None) -> Rebuilt:
    """Make the orders and fills of a restored book again from its broker.

    Running it when nothing was lost runs the decisions that are missing, as `run` would, and says so. What
    people said since the backup (stops, adopted figures, accepted prices) is in no account: it is to be said
    again.

    Parameters
    ----------
    context : Context
        The book.
    progress : callable
        Told what begins.

    Raises
    ------
    Refused
        When the account is a simulated one, which is in the database itself; or as a step of a session.
    Transient
        When the broker does not answer, or another run works on the book.
    """
    conn, schedule = context.conn, context.schedule
    first = first_missing(conn, context.book.name, context.record.inception, schedule)
    newest = schedule.latest_completed(now(conn))
    sent = {one.client_order_id: sent_by(context, one) for one in _at_broker(context, first)}
    lacking: dict[datetime, list[Sent]] = {}
    for one in sent.values():
        if one is not None and _is_lacking(conn, one):
            lacking.setdefault(one.as_of, []).append(one)
    missing = _from_to(schedule, first, newest)
    # What the newest decision has not sent yet is sent by its own run, after its settling.
    again = [one for one in missing if one < newest or one in lacking]
    found: dict[bool, list[str]] = {True: [], False: []}
    for as_of in sorted({*lacking, *again}):
        at = context.at(as_of)
        # What the database has planned is taken over first: its decision is settled by then, and is not
        # compared with an account that has lived on.
        planned = [one for one in lacking.get(as_of, ()) if find_order(conn, one.known.client_order_id)]
        for one in planned:
            found[_write(at, one)].append(one.known.client_order_id)
        if as_of in again:
            progress(f"{schedule.noun} {schedule.name_of(as_of)}")
            run_session(at, last="orders")
        for one in lacking.get(as_of, ()):
            if one not in planned:
                found[_write(at, one)].append(one.known.client_order_id)
        if as_of in again and as_of < newest:
            run_session(at, first="submit")
    return Rebuilt(
        book=context.book.name,
        decisions=tuple(again),
        orders=tuple(found[True]),
        nobodys=tuple(found[False]),
        others=tuple(name for name, one in sent.items() if one is None),
        to_run=newest if missing else None,
    )


def _from_to(schedule: Schedule, first: datetime, last: datetime) -> list[datetime]:
    """The decisions from `first` to `last`, both included."""
    if first > last:
        return []
    ends = schedule.ends[schedule.index(first) : schedule.index(last) + 1]
    return [as_instant(one) for one in ends]


def _at_broker(context: Context, first: datetime) -> Sequence[BrokerOrder]:
    """The orders that the real accounts received since some sessions before the first decision that is
    missing; those of a simulated one are in the database, and were restored with it.
    """
    book, calendar = context.book, context.calendar
    if book.simulated:
        raise Refused(
            f"the paper account of book {book.name} is in the database and was restored "
            "with it: run the sessions that are missing"
        )
    since = calendar.close_at(calendar.shift(context.schedule.session_of(first), -LATE_SESSIONS))
    found: list[BrokerOrder] = []
    for account in (one for one in book.account_names if not book.is_simulated(one)):
        with contact(context, account) as broker:
            found += broker.orders_since(since)
    return found


def sent_by(context: Context, known: BrokerOrder) -> Sent | None:
    """The decision of this book and installation behind an order at the broker; None where there is none."""
    said = read_client_order_id(known.client_order_id)
    if (
        said is None
        or said.mark not in ("", installation_mark(context.conn))
        or not context.record.inception <= said.session
        or not context.calendar.is_session(said.session)
    ):
        return None
    entry = entry_id(known.client_order_id)
    side = said.side if entry else known.side
    # Exits that came with an entry bear its id: where they rest, the decision that is made again says.
    name = entry or known.client_order_id
    purposes = (REBALANCE, *map(purpose_of, context.book.strategies))
    for as_of in map(as_instant, context.schedule.instants(said.session, said.session)):
        for purpose in purposes:
            decided = (context.book.name, as_of, known.symbol, side, purpose)
            for generation in range(GENERATIONS):
                for make in (client_order_id, earlier_client_order_id):
                    if make(*decided, generation, said.mark) == name:
                        return Sent(known, as_of, generation, PROTECT if entry else purpose)
    return None


def _is_lacking(conn: Connection, one: Sent) -> bool:
    """Whether the database does not know that the order was sent."""
    stored = find_order(conn, one.known.client_order_id)
    return stored is None or not stored.attempts or stored.status == "planned"


def _write(context: Context, one: Sent) -> bool:
    """Bring the decision's order to what the broker has; False where it is not known whose it is."""
    conn, name = context.conn, one.known.client_order_id
    with book_lock(conn, context.book.name, context.turn_seconds), transaction(conn):
        if find_order(conn, name) is None:
            made = _made(context, one)
            if made is None:
                return False
            add_order(conn, made, _CAUSE)
        stored = find_order(conn, name)
        assert stored is not None
        take_over(context, one.known, stored, _CAUSE)
    return True


def _made(context: Context, one: Sent) -> Order | None:
    """An order that the decision does not make any more, as it must have been."""
    known, price = one.known, session_market(context).prices(-1).get(one.known.symbol)
    if one.purpose != REBALANCE:
        return None  # where it rests is not told: the decision that is made again says it, or a person
    if not known.quantity > 0 or price is None or not price > 0:
        return None
    intents = _parts(context, one)
    if not intents:
        return None
    order = Order(
        client_order_id=known.client_order_id,
        book=context.book.name,
        session=context.session,
        as_of=context.as_of,
        symbol=known.symbol,
        side=known.side,
        quantity=known.quantity,
        purpose=REBALANCE,
        reference_price=to_price(exact(price)),
        intents=intents,
        generation=one.generation,
        account=context.book.account_of(known.symbol),
    )
    return as_asked(context.book, order)


def _parts(context: Context, one: Sent) -> tuple[Intent, ...]:
    """Whose order it was: as the try before it, of those who hold what it closes, or of the only strategy."""
    known, unit = one.known, context.desk.unit_of[one.known.symbol]
    before = _try_before(context, one)
    if before is not None:
        return resized(before.order, known.quantity, unit).intents
    names = tuple(context.desk.strategies)
    if len(names) == 1:
        return (Intent(names[0], known.symbol, known.signed_quantity),)
    ledger = read_ledger(context.conn, context.book.name, context.as_of)
    held = (
        {}
        if ledger is None
        else {
            position.strategy: position.quantity
            for position in ledger.held()
            if position.symbol == known.symbol and position.quantity * known.signed_quantity < 0
        }
    )
    if abs(sum(held.values(), ZERO)) < known.quantity:
        return ()
    shares = apportion(known.signed_quantity, list(held.values()), unit)
    return tuple(Intent(name, known.symbol, share) for name, share in zip(held, shares, strict=True) if share)


def _try_before(context: Context, one: Sent) -> StoredOrder | None:
    """The try of the same decision that came before this one."""
    alike = (one.known.symbol, one.known.side, one.generation - 1)
    for stored in orders_of(context.conn, context.book.name, context.as_of):
        own = stored.order
        if (own.symbol, own.side, own.generation) == alike:
            return stored
    return None
