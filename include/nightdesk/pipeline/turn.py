"""The turn: what depends on positions runs strictly in session order, from the book's inception on.

PostgreSQL keeps the order: a session's turn has come when the row of the session before says closed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from nightdesk.errors import NotYet, Transient
from nightdesk.pipeline.context import Context
from nightdesk.store.db import book_lock
from nightdesk.store.runs import find_run

POLL_SECONDS = 0.1


def await_turn(context: Context) -> None:
    """Wait until the session before is closed.

    The wait is bounded by `context.turn_seconds` and ends at once when the session before has failed: whoever
    waits holds a slot that its repair may need.

    Raises
    ------
    NotYet
        When it is not closed by then.
    """
    if context.previous_session is None:
        return
    deadline = time.monotonic() + context.turn_seconds
    while True:
        run = find_run(context.conn, context.book.name, context.previous_session)
        if run is not None and run.status == "closed":
            return
        found = (
            "was not begun" if run is None else "has failed" if run.status == "failed" else "is still open"
        )
        if time.monotonic() >= deadline or (run is not None and run.status == "failed"):
            raise NotYet(
                f"{context.book.name} {context.session} waits for its turn: the session before, "
                f"{context.previous_session}, {found}. Bring it to its end first "
                f"(`nightdesk run {context.book.name} --session {context.previous_session}`)"
            )
        time.sleep(POLL_SECONDS)


@contextmanager
def in_turn(context: Context) -> Iterator[None]:
    """Hold the book's lock for the block, in the book's turn: of two attempts that are alive, one works.

    Raises
    ------
    NotYet
        When the turn has not come, or another run keeps the lock.
    """
    await_turn(context)
    with ExitStack() as held:
        try:
            held.enter_context(book_lock(context.conn, context.book.name, context.turn_seconds))
        except Transient as error:
            if context.conn.closed:
                raise
            raise NotYet(str(error)) from error
        yield
