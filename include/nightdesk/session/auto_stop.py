"""The kill switch as the desk itself turns it, by a named rule; only a person releases it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from nightdesk.core.calendar import USUAL_CALENDAR, Calendar, get_calendar
from nightdesk.core.errors import NightdeskError, Refused
from nightdesk.core.schedule import Schedule, schedule_of
from nightdesk.store.book_rows import book_record, stored_book
from nightdesk.store.db import Connection, transaction
from nightdesk.store.kill_switch_rows import set_kill_switch
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.run_rows import latest_closed


@dataclass(frozen=True, slots=True)
class Counts:
    """From when on a word counts: the decision after the one at `after`, which lies in `session`.

    `after` is None before the first decision is closed.
    """

    session: date
    after: datetime | None

    def name(self, schedule: Schedule | None) -> str:
        """That decision in people's words; its session where the book's schedule is not known."""
        return f"{self.session}" if schedule is None else schedule.name_counted(self.session, self.after)


def stop_by_rule(
    conn: Connection,
    book: str,
    *,
    rule: str,
    reason: str,
    key: str,
    counts: Counts | None = None,
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
    counts : Counts, optional
        The first decision that reads it; default: the first that is not closed.
    calendar : str
        The book's exchange calendar.

    Returns
    -------
    bool
        Whether it was stored now.
    """
    if book_record(conn, book) is None:
        return False
    counts = next_counts(conn, book, calendar) if counts is None else counts
    with transaction(conn):
        stored = set_kill_switch(
            conn, book, on=True, reason=f"{rule}: {reason}", who=f"rule {rule}", session=counts.session,
            after=counts.after, key=key,
        )  # fmt: skip
        if stored:
            raise_alert(
                conn,
                key,
                "EMERGENCY",
                f"{book} is stopped: {rule}",
                f"{reason}. The book only reduces from the decision of "
                f"{counts.name(schedule_known(conn, book))} on, until a person releases it: find the cause, "
                f'then `nightdesk resume {book} --reason "..."`.',
                book=book,
                session=counts.session,
            )
    return stored


def next_counts(conn: Connection, book: str, calendar: str = USUAL_CALENDAR) -> Counts:
    """The first decision of a started book that is not closed.

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
    session = record.inception if closed is None else session_after(get_calendar(calendar), closed)
    return Counts(session, closed)


def schedule_known(conn: Connection, book: str) -> Schedule | None:
    """The schedule by which a book was last decided; None where that cannot be read."""
    try:
        kept = stored_book(conn, book)
    except NightdeskError:
        return None
    return None if kept is None else schedule_of(kept)


def session_after(calendar: Calendar, as_of: datetime) -> date:
    """The session of what is decided after `as_of`: its own until its close, then the one that follows."""
    session = calendar.session_of(as_of)
    return calendar.shift(session, 1) if as_of == calendar.close_at(session) else session
