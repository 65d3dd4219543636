"""The sweep: what failed without anybody hearing of it, and what should have been decided and was not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import USUAL_CALENDAR, as_instant
from nightdesk.core.errors import NightdeskError
from nightdesk.core.schedule import Schedule, schedule_of
from nightdesk.operations.task_failures import Failure, failed_tasks, is_of_backfill, record_failure
from nightdesk.session.book_dags import deciding_dag
from nightdesk.session.context import book_path
from nightdesk.session.gaps import first_missing
from nightdesk.session.notices import Condition, Look, notice
from nightdesk.store.alert_spells import AlertSpell, Kind
from nightdesk.store.book_rows import started_books
from nightdesk.store.db import Connection, now
from nightdesk.store.failure_rows import (
    FailureStanding,
    TaskRun,
    decision_standing,
    ingested_at,
    session_told,
)
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.run_rows import newest_progress

#: A decision is late when it is not closed so long after its bars were known, or its run was begun, by its
#: rhythm: the orders of an hour have expired when the next hour is over.
GRACE = {"daily": timedelta(hours=2), "hourly": timedelta(hours=1)}

_LATE: tuple[Kind, ...] = ("late_data",)

LinkOf = Callable[[str, str, str], str]


def tell_failed(
    conn: Connection, root: Path, run: TaskRun, states: Mapping[str, str | None], link: LinkOf
) -> int:
    """Raise the alerts of a run's failed tasks that nobody has raised.

    Parameters
    ----------
    conn : Connection
        Where they are stored.
    root : Path
        The project.
    run : TaskRun
        The run, and the session that it worked on.
    states : mapping of task to state
        As Airflow tells them.
    link : callable
        The address of a task's log, by DAG, run and task.

    Returns
    -------
    int
        How many were raised now.
    """
    raised = 0
    for task in failed_tasks(states):
        book = _book(run.book, root)
        failure = Failure(
            run.book,
            run.session,
            run.dag_id,
            run.run_id,
            task,
            link=link(run.dag_id, run.run_id, task),
            calendar=USUAL_CALENDAR if book is None else book.calendar,
            decision=None if book is None else schedule_of(book).name_of(run.as_of),
            of_backfill=is_of_backfill(run.run_id),
        )
        raised += record_failure(conn, failure)
    return raised


def tell_missing(conn: Connection, root: Path) -> int:
    """Raise an alert for each started book whose newest decision should be closed by now and is not.

    A book whose file is gone or wrong decides nothing; that is told where it is read. A session of which a
    failed task was told is known to be open.

    Returns
    -------
    int
        How many were raised now.
    """
    moment, raised = now(conn), 0
    for record in started_books(conn):
        book = _book(record.book, root)
        if book is None:
            continue
        schedule = schedule_of(book)
        grace = GRACE[schedule.kind]
        as_of = schedule.latest_completed(moment - grace)
        session, standing = schedule.session_of(as_of), decision_standing(conn, book.name, as_of)
        if standing is None or not is_overdue(standing, session, moment, grace):
            continue
        if not _is_told(conn, book.name, schedule, session):
            raised += _raise_missing(conn, book, as_of, standing)
    return raised


def is_overdue(standing: FailureStanding, session: date, moment: datetime, grace: timedelta) -> bool:
    """Whether a decision whose bars have been known for `grace` should be closed at `moment` and is not.

    A book that was only just started, or a run that was only just begun, is given the same time.
    """
    if session < standing.inception or standing.status == "closed":
        return False
    begun = max(one for one in (standing.created_at, standing.opened_at) if one is not None)
    return moment - begun >= grace


def tell_late(conn: Connection, root: Path) -> int:
    """Tell of each started book whose newest session was not ingested by its hour, and of its bars' arrival.

    The hour is the session's close and the book's `alerts.data_minutes`, on the database's clock. A book that
    was only just started is given the same time; a session of which a failed task was told is known to lack
    its bars.

    Returns
    -------
    int
        How many alerts were raised now.
    """
    moment, raised = now(conn), 0
    for record in started_books(conn):
        book = _book(record.book, root)
        if book is None:
            continue
        given, schedule = timedelta(minutes=book.alerts.data_minutes), schedule_of(book)
        as_of = schedule.latest_completed(moment - given + schedule.delay)
        session, standing = schedule.session_of(as_of), decision_standing(conn, book.name, as_of)
        if standing is None or session < standing.inception or moment - standing.created_at < given:
            continue
        arrived = ingested_at(conn, book.name, as_of)
        late = arrived is None and not _is_told(conn, book.name, schedule, session)
        raised += notice(
            conn,
            Look(book.name, _LATE, schedule.name_of(as_of), session),
            [_of_late(book, schedule, as_of)] if late else [],
            partial(_arrival, conn, book),
        )
    return raised


def _is_told(conn: Connection, book: str, schedule: Schedule, session: date) -> bool:
    """Whether people know by a failed task that a session is open.

    Of several decisions in a session each is news: what failed before the newest closing was put right.
    """
    since = None if schedule.kind == "daily" else newest_progress(conn, book)
    return session_told(conn, book, session, since)


def _of_late(book: Book, schedule: Schedule, as_of: datetime) -> Condition:
    name, end = schedule.name_of(as_of), "close" if schedule.kind == "daily" else "end of the bar"
    hour = as_of + timedelta(minutes=book.alerts.data_minutes)
    return Condition(
        "late_data",
        name,
        "WARNING",
        f"The bars of {name} are not stored, and were to be by {hour:%Y-%m-%d %H:%M} UTC "
        f"({book.alerts.data_minutes} minutes after the {end}, `alerts.data_minutes`).",
        f"See that the DAG {deciding_dag(book)} is switched on and what its ingest task says; "
        "`nightdesk feeds` shows how the sources fare, "
        f"`nightdesk run {book.name} {schedule.option_of(as_of)}` decides it by hand.",
    )


def _arrival(conn: Connection, book: Book, spell: AlertSpell) -> str | None:
    """When the bars came that were late; None where they never did, which is told as a missing session."""
    schedule, session = schedule_of(book), spell.session
    if session is None:
        return None
    decisions = map(as_instant, schedule.instants(session, session))
    as_of = next((one for one in decisions if schedule.name_of(one) == spell.subject), None)
    arrived = None if as_of is None else ingested_at(conn, book.name, as_of)
    if as_of is None or arrived is None:
        return None
    hour = as_of + timedelta(minutes=book.alerts.data_minutes)
    late = max(round((arrived - hour).total_seconds() / 60), 0)
    since = f"{arrived:%Y-%m-%d %H:%M} UTC"
    return f"The bars of {spell.subject} are stored since {since}, {late} minutes after their hour."


def tell_broken(conn: Connection, task: str, error: str, link: str) -> bool:
    """Raise the alert that a task of the DAG of alerts fails, once a day; whether it was raised now."""
    what = {
        "sweep": "failed tasks may go unheard",
        "runs": "sessions that were missed are not caught up",
    }.get(task, "alerts may wait")
    return raise_alert(
        conn,
        f"alerts {task} {now(conn):%Y-%m-%d}",
        "CRITICAL",
        f"The task {task} of the DAG alerts fails: {what}",
        f"Error: {error or 'its process ended without a word'}\nLog: {link}\n\n"
        "Until it runs again, look at `nightdesk alerts` and at the DAGs of the books.",
    )


def _raise_missing(conn: Connection, book: Book, as_of: datetime, standing: FailureStanding) -> bool:
    schedule = schedule_of(book)
    known, session, name = schedule.known_from(as_of), schedule.session_of(as_of), schedule.name_of(as_of)
    found = (
        "no step of it was begun"
        if standing.opened_at is None
        else f"it was begun at {standing.opened_at:%Y-%m-%d %H:%M} UTC and is {standing.status}"
    )
    first = first_missing(conn, book.name, standing.inception, schedule)
    way = f"`nightdesk run {book.name} {schedule.option_of(as_of)}` decides it by hand"
    if first < as_of:
        begun, named = schedule.session_of(first), schedule.name_of(first)
        found += f". The first {schedule.noun} that is missing is {named}, and those after it wait for it"
        way = f"`nightdesk replay {book.name} --from {begun} --to {session}` decides them in order"
    return raise_alert(
        conn,
        f"missing {book.name} {name}",
        "CRITICAL",
        f"{book.name} {name} is not decided",
        f"The bars of {name} can be had since {known:%Y-%m-%d %H:%M} UTC, and the {schedule.noun} is not "
        f"closed: {found}.\n\nSee that the DAG {deciding_dag(book)} is switched on and that Airflow's "
        f"scheduler runs; {way}.",
        book=book.name,
        session=session,
    )


def _book(name: str, root: Path) -> Book | None:
    try:
        return load_book(book_path(name, root))
    except NightdeskError:
        return None
