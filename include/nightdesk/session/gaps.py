"""Decisions that a book lacks: which one is the first, which are made by themselves, who is told.

A decision waits until the one before it is closed, so a machine that slept over some of them decides nothing
until they are decided too, the first one first. Sessions that a daily book slept over are started by the DAG
`alerts`; hours are made up by their timetable, as decisions of the past: their orders have expired.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_instant
from nightdesk.core.errors import NightdeskError
from nightdesk.core.schedule import schedule_of
from nightdesk.session.book_dags import deciding_dag
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

Obstacle = Literal["too many", "switched off", "no API", "no run"]


@dataclass(frozen=True)
class Gap:
    """The decisions that a book lacks before the newest completed one.

    Parameters
    ----------
    book : str
        Name of the book.
    dag_id : str
        The DAG that decides it.
    schedule : Schedule
        When it decides.
    decisions : tuple of datetime
        All that are not closed, ascending; at least one.
    idle : tuple of datetime
        Those of them that nobody has begun.
    failed : bool
        Whether the first was begun and has failed: a person is told of that, and must look.
    """

    book: str
    dag_id: str
    schedule: Schedule
    decisions: tuple[datetime, ...]
    idle: tuple[datetime, ...]
    failed: bool

    @property
    def span(self) -> str:
        """In words: `2025-01-03`, or `3 sessions from 2025-01-03 to 2025-01-07`."""
        return self.schedule.span_of(self.decisions)

    @property
    def sessions(self) -> tuple[date, ...]:
        """The sessions of its decisions, each once."""
        return tuple(sorted({self.schedule.session_of(one) for one in self.decisions}))

    @property
    def is_long(self) -> bool:
        """Whether it is not caught up without asking."""
        return len(self.sessions) > CAUGHT_UP_AT_MOST


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
        first = first_missing(conn, book.name, record.inception, schedule)
        newest = schedule.latest_completed(moment)
        instants = schedule.instants(schedule.session_of(first), schedule.session_of(newest))
        missing = tuple(one for one in map(as_instant, instants) if first <= one < newest)
        if not missing or not stands_still(conn, book.name):
            continue
        begun, run = set(open_decisions(conn, book.name)), find_run(conn, book.name, first)
        gaps.append(
            Gap(
                book.name,
                deciding_dag(book),
                schedule,
                missing,
                tuple(one for one in missing if one not in begun),
                failed=run is not None and run.status == "failed",
            )
        )
    return gaps


def stands_still(conn: Connection, book: str) -> bool:
    """Whether no decision of a started book was closed within `PATIENCE`, nor the book started."""
    progress = newest_progress(conn, book)
    return progress is not None and now(conn) - progress >= PATIENCE


def tell_caught_up(conn: Connection, gap: Gap) -> bool:
    """Tell that a book decides what it lacks by itself; whether it was told now."""
    past = "A session of the past"
    if gap.schedule.kind != "daily":
        past = "The orders of an hour that is over have expired: one of the past"
    return raise_alert(
        conn,
        f"catches up {gap.book} {gap.schedule.name_of(gap.decisions[0])}",
        "INFO",
        f"{gap.book} catches up: {gap.span}",
        f"Not decided when their time came: {gap.span}. Each has a run of its own, and they are decided "
        f"in order. {past} sends nothing to a real broker.",
        book=gap.book,
        session=gap.sessions[0],
    )


def tell_gap(conn: Connection, gap: Gap, obstacle: Obstacle) -> bool:
    """Tell, once, that a book lacks decisions which are not made by themselves; whether it was told now."""
    first, noun = gap.schedule.name_of(gap.decisions[0]), gap.schedule.noun
    of_sessions = "" if noun == "session" else " sessions of them"
    why = {
        "too many": f"more than {CAUGHT_UP_AT_MOST}{of_sessions} are not decided without asking you",
        "switched off": f"the DAG {gap.dag_id} is switched off",
        "no API": "the desk cannot reach Airflow's API to trigger them",
        "no run": f"{gap.dag_id} has no open run of {first}, and makes none by itself any more",
    }
    return raise_alert(
        conn,
        f"lacks {gap.book} {first} {obstacle}",
        "WARNING",
        f"{gap.book} lacks {gap.span}",
        f"Not decided: {gap.span}. {first} comes first; every later {noun} waits for it. They are not "
        f"decided by themselves: {why[obstacle]}.\n\n"
        f"`nightdesk backfill {gap.book} --from {gap.sessions[0]} --to {gap.sessions[-1]}` decides them in "
        "order.",
        book=gap.book,
        session=gap.sessions[0],
    )


def tell_waiting(conn: Connection, book: str, session: date, name: str, reason: str) -> bool:
    """Tell, once for each decision that is waited for, that a run waits; whether it was told now.

    Parameters
    ----------
    session : date
        That of the run.
    name : str
        What people call its decision.
    reason : str
        What it waits for and what to do.
    """
    if not stands_still(conn, book):
        return False
    return raise_alert(
        conn,
        f"waiting {book} after {latest_closed(conn, book)}",
        "WARNING",
        f"{book} {name} waits",
        f"Its run has waited for more than {PATIENCE.seconds // 60} minutes, and nothing of {book} was "
        f"closed meanwhile.\n\n{reason}.",
        book=book,
        session=session,
    )
