"""The kill switch as the desk itself turns it, by a named rule; only a person releases it."""

from __future__ import annotations

from datetime import date, datetime

from nightdesk.core.calendar import USUAL_CALENDAR, Calendar, get_calendar
from nightdesk.core.errors import Refused
from nightdesk.store.book_rows import book_record
from nightdesk.store.db import Connection, transaction
from nightdesk.store.kill_switch_rows import set_kill_switch
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.run_rows import latest_closed


def stop_by_rule(
    conn: Connection,
    book: str,
    *,
    rule: str,
    reason: str,
    key: str,
    session: date | None = None,
    calendar: str = USUAL_CALENDAR,
) -> bool:
    """Stop a book from adding risk, and tell people at once.

    Parameters
    ----------
    conn : Connection
        Where it is stored; both facts stand or fall together.
    book : str
        A started book; one that was never started trades nothing, and nothing is stored.
    rule : str
        Name of the rule that asks for it.
    reason : str
        What happened, with its numbers.
    key : str
        Names the event: told twice under one key it is stored once.
    session : date, optional
        First session whose decision reads it; default: the first that is not closed.
    calendar : str
        The book's exchange calendar.

    Returns
    -------
    bool
        Whether it was stored now.
    """
    if book_record(conn, book) is None:
        return False
    session = next_session(conn, book, calendar) if session is None else session
    with transaction(conn):
        stored = set_kill_switch(
            conn, book, on=True, reason=f"{rule}: {reason}", who=f"rule {rule}", session=session, key=key
        )
        if stored:
            raise_alert(
                conn,
                key,
                "EMERGENCY",
                f"{book} is stopped: {rule}",
                f"{reason}. The book only reduces from the decision of {session} on, until a person releases "
                f'it: find the cause, then `nightdesk resume {book} --reason "..."`.',
                book=book,
                session=session,
            )
    return stored


def next_session(conn: Connection, book: str, calendar: str = USUAL_CALENDAR) -> date:
    """The session of the first decision of a started book that is not closed.

    Raises
    ------
    Refused
        When the book was never started.
    """
    record = book_record(conn, book)
    if record is None:
        raise Refused(
            f"book {book} was never started, so it trades nothing: "
            "`nightdesk up` or `nightdesk run` starts it"
        )
    closed = latest_closed(conn, book)
    return record.inception if closed is None else session_after(get_calendar(calendar), closed)


def session_after(calendar: Calendar, as_of: datetime) -> date:
    """The session of what is decided after `as_of`: its own until its close, then the one that follows."""
    session = calendar.session_of(as_of)
    return calendar.shift(session, 1) if as_of == calendar.close_at(session) else session
