"""The turn: what depends on positions runs strictly in the order of decisions, from the book's inception on.

PostgreSQL keeps the order: a decision's turn has come when the row of the one before says closed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from nightdesk.core.errors import NotYet, Transient
from nightdesk.session.context import Context
from nightdesk.session.gaps import first_missing
from nightdesk.store.db import book_lock, book_lock_key
from nightdesk.store.run_rows import find_run

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
