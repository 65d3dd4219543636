"""The kill switch as people turn it: entries are blocked, and those that wait at the broker are cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from nightdesk.book import Book
from nightdesk.brokers import make
from nightdesk.calendar import get_calendar
from nightdesk.errors import Refused, Transient
from nightdesk.execution.money import ZERO
from nightdesk.execution.orders import adds_risk
from nightdesk.pipeline.context import TURN_SECONDS
from nightdesk.store.books import book_record
from nightdesk.store.db import Connection, book_lock
from nightdesk.store.orders import orders_to_settle
from nightdesk.store.risk import kill_switch, set_kill_switch
from nightdesk.store.runs import latest_closed


@dataclass(frozen=True)
class Turned:
    """The first session whose decision reads it, and the client ids of the orders that were cancelled."""

    session: date
    cancelled: tuple[str, ...] = ()


def kill(
    conn: Connection, book: Book, *, reason: str, who: str, wait_seconds: float = TURN_SECONDS
) -> Turned:
    """Stop a book from adding risk until it is released.

    The switch is set first and at once; then, under the book's lock, orders that add risk and have not been
    executed yet are cancelled at the broker. The next session books what the broker says became of them.

    Raises
    ------
    Refused
        When the book was never started, or is stopped already and no order of it is left to cancel; or when
        no reason or person is given.
    Transient
        When another run keeps the book's lock: the switch is set, and orders were not cancelled.
    """
    session, standing = _next_session(conn, book), kill_switch(conn, book.name, date.max)
    if not standing.on:
        set_kill_switch(conn, book.name, on=True, reason=reason, who=who, session=session)
    try:
        with book_lock(conn, book.name, wait_seconds):
            cancelled = _cancel_entries(conn, book)
    except Transient as error:
        raise Transient(
            f"book {book.name} is stopped; orders at the broker were not cancelled: {error}"
        ) from error
    if standing.on and not cancelled:
        raise Refused(
            f"book {book.name} is stopped since {standing.session} by {standing.who}: {standing.reason}"
        )
    return Turned(session, cancelled)


def release(conn: Connection, book: Book, *, reason: str, who: str) -> Turned:
    """Let a stopped book add risk again.

    Raises
    ------
    Refused
        When the book was never started or is not stopped; or when no reason or person is given.
    """
    session = _next_session(conn, book)
    if not kill_switch(conn, book.name, date.max).on:
        raise Refused(f"book {book.name} is not stopped")
    set_kill_switch(conn, book.name, on=False, reason=reason, who=who, session=session)
    return Turned(session)


def _next_session(conn: Connection, book: Book) -> date:
    """The first session that is not closed."""
    record = book_record(conn, book.name)
    if record is None:
        raise Refused(
            f"book {book.name} was never started, so it trades nothing: "
            "`nightdesk up` or `nightdesk run` starts it"
        )
    closed = latest_closed(conn, book.name)
    return record.inception if closed is None else get_calendar(book.calendar).shift(closed, 1)


def _cancel_entries(conn: Connection, book: Book) -> tuple[str, ...]:
    """Cancel what waits at the broker and would add to a position; client order ids."""
    if not any(one.attempts for one in orders_to_settle(conn, book.name, date.max)):
        return ()
    broker = make(book, conn)
    held = broker.positions()
    entries = [
        one.client_order_id
        for one in broker.open_orders()
        if adds_risk(held.get(one.symbol, ZERO), one.signed_quantity)
    ]
    for name in entries:
        broker.cancel(name)
    return tuple(entries)
