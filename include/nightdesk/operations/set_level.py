"""A drawdown level that a person sets."""

from __future__ import annotations

from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.operations.approval import level_in_words
from nightdesk.risk import RiskEvent
from nightdesk.risk.levels import LIQUIDATED
from nightdesk.session.auto_stop import next_counts, session_after
from nightdesk.session.context import TURN_SECONDS
from nightdesk.store.db import Connection, book_lock
from nightdesk.store.risk_state_rows import newest_risk_state, read_risk_events, save_risk_event


def set_level(
    conn: Connection,
    book: Book,
    level: int,
    *,
    reason: str,
    who: str,
    wait_seconds: float = TURN_SECONDS,
) -> RiskEvent:
    """Send a book to a deeper drawdown level in its next decision, as if it had fallen so far.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    book : Book
        A started book.
    level : int
        1 to 4, deeper than the present one: a level is left by its way back alone.
    reason, who : str
        Why, and the person who says so.
    wait_seconds : float
        How long to wait for another run that works on the book. A level counts in one decision alone, so none
        may be made meanwhile.

    Returns
    -------
    RiskEvent
        What is stored, with the session whose decision enters the level.

    Raises
    ------
    Refused
        When the book was never started or has no levels, or the level is none or not deeper; or when no
        reason or person is given.
    Transient
        When another run keeps the book's lock: nothing is stored.
    """
    counts = next_counts(conn, book.name, book.calendar)
    session, after = counts.session, counts.after
    if book.levels is None:
        raise Refused(f"book {book.name} has no drawdown levels: give it some (`levels`) to set one")
    if not 1 <= level <= LIQUIDATED:
        raise Refused(f"there is no drawdown level {level} to be set: expected 1 to {LIQUIDATED}")
    with book_lock(conn, book.name, wait_seconds):
        found = newest_risk_state(conn, book.name)
        present, standing = 0, "it has decided nothing yet"
        if found is not None:
            session = max(session, session_after(get_calendar(book.calendar), found.as_of))
            after = found.as_of if after is None else max(after, found.as_of)
            present, standing = found.state.level, level_in_words(found.state)
        facts = read_risk_events(conn, book.name, session)
        due = [one for one in facts if one.kind == "level" and one.session == session]
        if due and due[-1].level > present:
            present = due[-1].level
            standing = f"{due[-1].who} has set level {present} for the decision of {session}"
        if level <= present:
            raise Refused(
                f"book {book.name} cannot be set to level {level}: {standing}. A level that is set is deeper "
                "than that; it is left by its way back alone"
            )
        fact = RiskEvent(session, "level", reason, who, level, after)
        save_risk_event(conn, book.name, fact)
    return fact
