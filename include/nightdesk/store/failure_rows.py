"""Tasks that failed: what was told of them, what their tries recorded, which may have failed unheard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from nightdesk.store.db import Connection, cursor, lock_key
from nightdesk.store.rows import read_row, read_rows

#: Runs of which no step was begun for so long are not asked about any more.
WINDOW = timedelta(days=7)

#: Tasks that fail for one reason, each within so long of the one before, retries included, are one event.
TOGETHER = timedelta(hours=1)

_END = re.compile(r"/(\d*)(\+?)$")


@dataclass(frozen=True)
class Told:
    """That a failure was told: of the try `number`, or, where not `exact`, of that or a later one."""

    number: int
    exact: bool
    told_at: datetime


@dataclass(frozen=True)
class Attempt:
    """A recorded try of a task; `status` is running where it goes on or was killed."""

    number: int
    status: str
    started_at: datetime
    error: str | None


@dataclass(frozen=True)
class FailureStanding:
    """Where a decision of a started book stands.

    `inception` and `created_at` are the book's; `status` (open, failed, closed) and `opened_at` are None for
    one that was never begun. Instants in UTC.
    """

    inception: date
    created_at: datetime
    status: str | None
    opened_at: datetime | None


@dataclass(frozen=True)
class TaskRun:
    """A run of Airflow that worked on the decision at `as_of`, in `session`."""

    book: str
    session: date
    as_of: datetime
    dag_id: str
    run_id: str


def lock_failures(conn: Connection, scope: str) -> None:
    """Be the only one who tells of the tasks of a run (``DAG/run/``) or DAG, until the transaction ends."""
    with cursor(conn) as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(f"failure {scope}"),))


def keep_failure(conn: Connection, failure_key: str, alert_key: str, cause: str) -> None:
    """Note which alert tells of a failed task; a failure that was noted before stays as it is."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.task_failures (failure_key, alert_key, cause) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (failure_key, alert_key, cause),
        )


def told_for_the_same_reason(conn: Connection, task: str, cause: str) -> str | None:
    """The key of the alert of another task that tells of a reason already; None where it is news.

    Parameters
    ----------
    conn : Connection
        Where it is read.
    task : str
        ``DAG/run/task/``. An alert that is older than the last failure of the task itself does not count, nor
        one whose reason was not given again within `TOGETHER`.
    cause : str
        Digest of the reason and of whose it is.
    """
    row = read_row(conn, "told_for_the_same_reason", task=f"task:{task}", cause=cause, window=TOGETHER)
    return None if row is None else str(row["alert_key"])


def failures_told(conn: Connection, task: str) -> tuple[Told, ...]:
    """What was told of a task (``DAG/run/task/``), in any order."""
    found = []
    for row in read_rows(conn, "failures_told", task=f"task:{task}"):
        end = _END.search(row["failure_key"])
        if end is not None:
            found.append(Told(int(end[1] or 0), end[2] == "" and end[1] != "", row["created_at"]))
    return tuple(found)


def attempts_of(conn: Connection, book: str, task: str) -> tuple[Attempt, ...]:
    """The newest record of each try of a task (``DAG/run/task/``), by its number."""
    found: dict[int, Attempt] = {}
    for row in read_rows(conn, "attempts_of_task", book=book, task=task):
        number = int(row["task"].rpartition("/")[2])
        found[number] = Attempt(number, row["status"], row["started_at"], row["error"])
    return tuple(found[number] for number in sorted(found))


def runs_in_doubt(conn: Connection) -> tuple[TaskRun, ...]:
    """The runs of the last days whose decision is not closed, or of which a step has not ended well."""
    return tuple(TaskRun(**row) for row in read_rows(conn, "tasks_in_doubt", window=WINDOW))


def decision_standing(conn: Connection, book: str, as_of: datetime) -> FailureStanding | None:
    """Where a decision stands; None for a book that was never started."""
    row = read_row(conn, "decision_standing", book=book, as_of=as_of)
    return None if row is None else FailureStanding(**row)


def ingested_at(conn: Connection, book: str, as_of: datetime) -> datetime | None:
    """When the newest ingest of a decision ended well, in UTC; None when none did."""
    row = read_row(conn, "ingested_at", book=book, as_of=as_of)
    return None if row is None else row["ended_at"]


def session_told(conn: Connection, book: str, session: date, since: datetime | None = None) -> bool:
    """Whether people were told of a failed task of a session; with `since` from that instant on."""
    row = read_row(conn, "session_told", book=book, session=session, since=since)
    return row is not None and bool(row["told"])
