"""Decisions that a book lacks: which one is the first, which are made by themselves, who is told.

A decision waits until the one before it is closed, so a machine that slept over some of them decides nothing
until they are decided too, the first one first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date
from nightdesk.core.errors import NightdeskError
from nightdesk.core.schedule import schedule_of
from nightdesk.session.context import book_path
from nightdesk.store.book_rows import started_books
from nightdesk.store.db import Connection, now
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.run_rows import find_run, latest_closed, newest_progress, open_decisions

if TYPE_CHECKING:
    from nightdesk.core.schedule import Schedule

#: A book of which no session was closed for so long stands still: nobody is at work on what it lacks.
PATIENCE = timedelta(minutes=5)

#: So many sessions are caught up without asking. Who left a desk alone for longer says himself what he wants.
CAUGHT_UP_AT_MOST = 10

Obstacle = Literal["too many", "switched off", "no API"]


@dataclass(frozen=True)
class Gap:
    """The sessions that a book lacks before the newest completed one.

    Parameters
    ----------
    book : str
        Name of the book.
    sessions : tuple of date
        All that are not closed, ascending; at least one.
    idle : tuple of date
        Those of them that nobody has begun.
    failed : bool
        Whether the first was begun and has failed: a person is told of that, and must look.
    """

    book: str
    sessions: tuple[date, ...]
    idle: tuple[date, ...]
    failed: bool

    @property
    def span(self) -> str:
        """In words: `2025-01-03`, or `3 sessions from 2025-01-03 to 2025-01-07`."""
        first, last = self.sessions[0], self.sessions[-1]
        return f"{first}" if first == last else f"{len(self.sessions)} sessions from {first} to {last}"


def first_missing(conn: Connection, book: str, inception: date, schedule: Schedule) -> datetime:
    """The first decision of a book that is not closed; they are closed in order."""
    closed = latest_closed(conn, book)
    return schedule.first_of(inception) if closed is None else schedule.after(closed)


def find_gaps(conn: Connection, root: Path) -> list[Gap]:
    """The gaps of the started books that stand still.

    A book whose file is gone or wrong decides nothing; that is told where it is read.
    """
    moment, gaps = now(conn), []
    for record in started_books(conn):
        try:
            book = load_book(book_path(record.book, root))
        except NightdeskError:
            continue
        schedule = schedule_of(book)
        if schedule.kind != "daily":
            continue  # its timetable makes up the hours that were missed
        first = first_missing(conn, book.name, record.inception, schedule)
        newest = schedule.latest_completed(moment)
        span = schedule.session_of(first), schedule.session_of(newest)
        sessions = tuple(as_date(one) for one in schedule.calendar.between(*span) if as_date(one) < span[1])
        if not sessions or not stands_still(conn, book.name):
            continue
        begun = {schedule.session_of(one) for one in open_decisions(conn, book.name)}
        run = find_run(conn, book.name, first)
        gaps.append(
            Gap(
                book.name,
                sessions,
                tuple(one for one in sessions if one not in begun),
                failed=run is not None and run.status == "failed",
            )
        )
    return gaps


def stands_still(conn: Connection, book: str) -> bool:
    """Whether no session of a started book was closed within `PATIENCE`, nor the book started."""
    progress = newest_progress(conn, book)
    return progress is not None and now(conn) - progress >= PATIENCE


def tell_caught_up(conn: Connection, gap: Gap) -> bool:
    """Tell that a book decides what it lacks by itself; whether it was told now."""
    return raise_alert(
        conn,
        f"catches up {gap.book} {gap.sessions[0]}",
        "INFO",
        f"{gap.book} catches up: {gap.span}",
        f"Not decided when their time came: {gap.span}. Each has a run of its own now, and they are decided "
        "in order. A session of the past sends nothing to a real broker.",
        book=gap.book,
        session=gap.sessions[0],
    )


def tell_gap(conn: Connection, gap: Gap, obstacle: Obstacle) -> bool:
    """Tell, once, that a book lacks sessions which are not decided by themselves; whether it was told now."""
    first, last = gap.sessions[0], gap.sessions[-1]
    why = {
        "too many": f"more than {CAUGHT_UP_AT_MOST} are not decided without asking you",
        "switched off": f"the DAG daily__{gap.book} is switched off",
        "no API": "the desk cannot reach Airflow's API to trigger them",
    }
    return raise_alert(
        conn,
        f"lacks {gap.book} {first} {obstacle}",
        "WARNING",
        f"{gap.book} lacks {gap.span}",
        f"Not decided: {gap.span}. {first} comes first; every later session waits for it. They are not "
        f"decided by themselves: {why[obstacle]}.\n\n"
        f"`nightdesk backfill {gap.book} --from {first} --to {last}` decides them in order.",
        book=gap.book,
        session=first,
    )


def tell_waiting(conn: Connection, book: str, session: date, reason: str) -> bool:
    """Tell, once for each session that is waited for, that a run waits; whether it was told now.

    Parameters
    ----------
    session : date
        That of the run.
    reason : str
        What it waits for and what to do.
    """
    if not stands_still(conn, book):
        return False
    return raise_alert(
        conn,
        f"waiting {book} after {_closed(conn, book)}",
        "WARNING",
        f"{book} {session} waits",
        f"Its run has waited for more than {PATIENCE.seconds // 60} minutes, and no session of {book} was "
        f"closed meanwhile.\n\n{reason}.",
        book=book,
        session=session,
    )


def _closed(conn: Connection, book: str) -> date | None:
    """The session of the newest closed decision."""
    closed = latest_closed(conn, book)
    run = None if closed is None else find_run(conn, book, closed)
    return None if run is None else run.session
