"""The turn: what depends on positions runs strictly in the order of decisions, from the book's inception on.

PostgreSQL keeps the order: a decision's turn has come when the row of the one before says closed. No clock
decides alone when that is: the database's, the process's and the broker's are compared.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nightdesk.core.errors import BadRequest, Transient
from nightdesk.store.db import Connection, now
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.server_clock import gap, read_clocks

if TYPE_CHECKING:
    from nightdesk.brokers import Broker
    from nightdesk.core.schedule import Schedule
    from nightdesk.session.context import Context
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from nightdesk.core.errors import NotYet
from nightdesk.session.context import Context
from nightdesk.session.gaps import first_missing
from nightdesk.store.db import book_lock, book_lock_key
from nightdesk.store.run_rows import find_run

#: So far may two clocks be apart. Clocks that are kept by NTP agree within a second.
CLOCK_BOUND = timedelta(seconds=60)

_SET_IT = "Set the clock that is wrong (`timedatectl` shows whether NTP keeps it)"


class ClocksDiffer(Transient):
    """Two clocks differ, and nobody knows which is right: trying again heals it once one was set."""


def await_over(conn: Connection, schedule: Schedule, as_of: datetime, asked: datetime | None = None) -> None:
    """Wait for a decision's bars to be known, where that takes no longer than two clocks may be apart.

    A scheduler starts a run by its own clock, which may be a few seconds ahead of the database's. Where the
    clocks were asked for with other things, `asked` is the instant before that.

    Raises
    ------
    ClocksDiffer
        When the database's clock is not this process's.
    BadRequest
        When they are not known yet.
    """
    clocks = read_clocks(conn, asked)
    if abs(clocks.ahead) > CLOCK_BOUND:
        raise ClocksDiffer(
            f"the clock of the database ({clocks.at:%Y-%m-%d %H:%M:%S} UTC) is "
            f"{_ahead(clocks.ahead, 'that of this process')}: no session is decided while they are more than "
            f"{CLOCK_BOUND.total_seconds():.0f} s apart. {_SET_IT}"
        )
    known, at = schedule.known_from(as_of), clocks.at
    while timedelta() < known - at <= CLOCK_BOUND:
        time.sleep((known - at).total_seconds())
        at = now(conn)
    newest = schedule.latest_completed(at)
    if as_of > newest:
        raise BadRequest(
            f"{schedule.name_of(as_of)} is not over: its bars are known from {known:%Y-%m-%d %H:%M} UTC on; "
            f"the newest {schedule.noun} that can be decided is {schedule.name_of(newest)}"
        )


def agreed_clock(context: Context, broker: Broker) -> datetime:
    """The broker's instant; a real broker's agrees with the database's, and is past the decision's instant.

    Raises
    ------
    ClocksDiffer
        When it does not, or is not: people were told, and nothing may be decided by either.
    Unreachable, Unreadable
        When the broker does not tell its clock.
    """
    if broker.simulated:
        return broker.clock()
    clock, apart = _compared(context, broker)
    if abs(apart) > CLOCK_BOUND:  # one answer may be an old one
        clock, apart = _compared(context, broker)
    if abs(apart) <= CLOCK_BOUND and clock >= context.as_of:
        return clock
    book, name = context.book.name, context.name
    found = (
        f"the clock of the database ({now(context.conn):%Y-%m-%d %H:%M:%S} UTC) is "
        f"{_ahead(apart, f'that of the broker ({clock:%Y-%m-%d %H:%M:%S} UTC)')}"
        if abs(apart) > CLOCK_BOUND
        else f"the broker's clock says {clock:%Y-%m-%d %H:%M:%S} UTC, before {_end_of(context)}"
    )
    what = (
        f"{found}. Nothing is settled and no order leaves while they are more than "
        f"{CLOCK_BOUND.total_seconds():.0f} s apart. {_SET_IT}; the step is tried again by itself, and later "
        f"`nightdesk run {book} {context.option}` does the same"
    )
    subject = f"{book}: the clocks of database and broker differ, nothing is settled or sent"
    raise_alert(
        context.conn, f"clocks {book} {name}", "CRITICAL", subject, what, book=book, session=context.session
    )
    raise ClocksDiffer(f"{book} {name}: {what}")


def _end_of(context: Context) -> str:
    """The instant of the decision in words."""
    daily = context.schedule.kind == "daily"
    return f"the close of {context.session}" if daily else f"the end of the bar of {context.name}"


def _compared(context: Context, broker: Broker) -> tuple[datetime, timedelta]:
    """The broker's clock, and how far the database's is ahead of it."""
    asked = now(context.conn)
    clock = broker.clock()
    return clock, -gap(clock, asked, now(context.conn))


def _ahead(apart: timedelta, other: str) -> str:
    """How far a clock is ahead of another, or behind it, in words."""
    seconds = round(abs(apart).total_seconds())
    return f"{timedelta(seconds=seconds)} {'ahead of' if apart > timedelta() else 'behind'} {other}"


POLL_SECONDS = 0.1

#: How many times longer the decision next in line waits: its turn may come any moment.
NEXT_IN_LINE = 3


def await_turn(context: Context) -> None:
    """Wait until the decision before, in the book's own grid, is closed.

    The wait is bounded by `context.turn_seconds`, three times as long for the one next in line, and ends
    at once when the decision before has failed: whoever waits holds a slot that its repair may need.

    Raises
    ------
    NotYet
        When it is not closed by then.
    """
    if context.previous is None:
        return
    began = time.monotonic()
    while True:
        run = find_run(context.conn, context.book.name, context.previous)
        if run is not None and run.status == "closed":
            return
        failed = run is not None and run.status == "failed"
        if failed or _patience_ends(context, time.monotonic() - began):
            raise NotYet(_what_is_waited_for(context, context.previous))
        time.sleep(POLL_SECONDS)


def _what_is_waited_for(context: Context, before: datetime) -> str:
    """The first decision up to the one `before` that is not closed, and how it is brought to its end."""
    book, schedule = context.book.name, context.schedule
    first = min(before, first_missing(context.conn, book, context.record.inception, schedule))
    run = find_run(context.conn, book, first)
    found = "was not begun" if run is None else "has failed" if run.status == "failed" else "is still open"
    noun, name = schedule.noun, schedule.name_of(first)
    if first == before:
        return (
            f"{book} {context.name} waits for its turn: the {noun} before, {name}, {found}. Bring it to its "
            f"end first (`nightdesk run {book} {context.at(first).option}`)"
        )
    count = schedule.index(before) - schedule.index(first) + 1
    span = f"--from {schedule.session_of(first)} --to {schedule.session_of(before)}"
    return (
        f"{book} {context.name} waits for its turn: {count} {noun}s before it are not closed. The first of "
        f"them, {name}, {found}. Bring them to their end (`nightdesk replay {book} {span}`)"
    )


def _patience_ends(context: Context, waited: float) -> bool:
    """Whether a wait of so many seconds is long enough for a decision in its place in the line."""
    if waited < context.turn_seconds:
        return False
    before = context.at(context.previous) if context.previous is not None else context
    if before.previous is not None:
        run = find_run(context.conn, context.book.name, before.previous)
        if run is None or run.status != "closed":
            return True
    return waited >= NEXT_IN_LINE * context.turn_seconds


@contextmanager
def in_turn(context: Context) -> Iterator[None]:
    """Hold the book's lock for the block, in the book's turn: of two attempts that are alive, one works.

    Raises
    ------
    NotYet
        When the turn has not come, or another run keeps the lock.
    """
    conn, book, attempt = context.conn, context.book.name, context.attempt
    if attempt is not None and book_lock_key(book) in attempt.locks:
        yield  # it came with the attempt, and goes with it
        return
    await_turn(context)
    with ExitStack() as held:
        try:
            held.enter_context(book_lock(conn, book, context.turn_seconds))
        except Transient as error:
            if conn.closed:
                raise
            raise NotYet(str(error)) from error
        yield
