"""Runs: what made the decision of a session, the attempts at its steps, and whether it is sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from nightdesk.masking import mask_line
from nightdesk.store.db import Connection, cursor, one
from nightdesk.store.rows import read_row, read_rows


@dataclass(frozen=True)
class Run:
    """The decision of one session.

    `status` is open, failed or closed; `known_by` is None before the first ingest.
    """

    book: str
    session: date
    as_of: datetime
    known_by: datetime | None
    status: str
    code_version: str
    config_hash: str


def find_run(conn: Connection, book: str, session: date) -> Run | None:
    """The run of a session; None when no step of it was ever begun."""
    row = read_row(conn, "run", book=book, session=session)
    return None if row is None else Run(**row)


def lock_run(conn: Connection, book: str, session: date) -> None:
    """Hold the run's row to the end of the transaction: sealing and rewriting exclude one another."""
    with cursor(conn) as cur:
        cur.execute(
            "SELECT FROM nightdesk.runs WHERE book = %s AND session = %s FOR NO KEY UPDATE", (book, session)
        )


def sealed_because(conn: Connection, book: str, session: date, *, by_sending: bool = True) -> str | None:
    """Why the rows of a session are final; None while a rerun may still rewrite them.

    A session is sealed once it was closed, an order of it was sent, or a later session was decided.

    Parameters
    ----------
    conn : Connection
        Where it is read.
    book : str
        Name of the book.
    session : date
        The session.
    by_sending : bool
        False for the steps that come after an order was sent: they go on until the session is closed.
    """
    row = read_row(conn, "sealed", book=book, session=session)
    if row is None:
        return None
    if row["sent"] and by_sending:
        return "an order of it was sent"
    if row["later"] is not None:
        return f"the later session {row['later']} was decided"
    return "it was closed" if row["closed"] else None


def set_known_by(
    conn: Connection, book: str, session: date, known_by: datetime, code_version: str, config_hash: str
) -> None:
    """Let the decision of an unsealed session use what is known by `known_by`, which only moves forward."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.runs SET known_by = greatest(known_by, %s), code_version = %s, "
            "config_hash = %s WHERE book = %s AND session = %s",
            (known_by, code_version, config_hash, book, session),
        )


def close_run(conn: Connection, book: str, session: date) -> bool:
    """Close a session; False when it was closed before. What was kept for earlier ones alone is cleared."""
    with cursor(conn) as cur:
        cur.execute(
            # The page of the next session still asks what the market was at the orders of this one.
            "DELETE FROM nightdesk.quality_outcomes WHERE book = %s AND session < %s",
            (book, session),
        )
        cur.execute(
            "UPDATE nightdesk.runs SET status = 'closed', closed_at = clock_timestamp() "
            "WHERE book = %s AND session = %s AND status <> 'closed'",
            (book, session),
        )
        return cur.rowcount > 0


def begin_step(conn: Connection, run: Run, step: str, task: str | None = None) -> int:
    """Record that an attempt at a step begins, opening its run where it is the first; its number.

    `task` is the task of Airflow that makes the attempt, as ``DAG/run/task/try``.
    """
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.runs (book, session, as_of, code_version, config_hash) "
            "VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (book, session) DO UPDATE SET status = 'open' WHERE runs.status = 'failed'",
            (run.book, run.session, run.as_of, run.code_version, run.config_hash),
        )
        cur.execute(
            "INSERT INTO nightdesk.run_steps (book, session, step, status, task) "
            "VALUES (%s, %s, %s, 'running', %s) RETURNING run_step_id",
            (run.book, run.session, step, task),
        )
        return int(one(cur)[0])


def end_step(
    conn: Connection,
    number: int,
    status: str,
    *,
    counts: Mapping[str, int | str] | None = None,
    differences: Sequence[str] = (),
    error: str | None = None,
) -> None:
    """Record how an attempt ended: done, compared, waiting or failed; a failed one marks its open run."""
    import json

    with cursor(conn) as cur:
        cur.execute(
            "WITH ended AS (UPDATE nightdesk.run_steps SET status = %(status)s, "
            "ended_at = clock_timestamp(), "
            "counts = %(counts)s, differences = %(differences)s, error = %(error)s "
            "WHERE run_step_id = %(number)s RETURNING book, session) "
            "UPDATE nightdesk.runs r SET status = 'failed' FROM ended e "
            "WHERE (r.book, r.session) = (e.book, e.session) AND r.status = 'open' AND %(status)s = 'failed'",
            {
                "number": number,
                "status": status,
                "counts": json.dumps(dict(counts or {})),
                "differences": [mask_line(one) for one in differences],
                "error": None if error is None else mask_line(error),
            },
        )


@dataclass(frozen=True)
class StepAttempt:
    """The newest attempt at a step of a session; `task` is that of Airflow that made it, None without."""

    step: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, int | str]
    differences: Sequence[str]
    error: str | None
    task: str | None = None


def newest_attempts(conn: Connection, book: str, session: date) -> dict[str, StepAttempt]:
    """The newest attempt at every step of a session, by step, in the order in which they began."""
    rows = read_rows(conn, "newest_attempts", book=book, session=session)
    return {row["step"]: StepAttempt(**row) for row in rows}


def outdated_steps(conn: Connection, book: str, session: date) -> list[str]:
    """Steps of a session that last began before the newest bars came that its decision uses."""
    return [row["step"] for row in read_rows(conn, "outdated_steps", book=book, session=session)]


def latest_closed(conn: Connection, book: str) -> date | None:
    """The newest closed session of a book; None when there is none."""
    row = read_row(conn, "latest_closed", book=book)
    return None if row is None else row["session"]


def newest_progress(conn: Connection, book: str) -> datetime | None:
    """When a session of a book was last closed, or the book was started; None where it never was."""
    row = read_row(conn, "newest_progress", book=book)
    return None if row is None else row["at"]


def newest_begun(conn: Connection, book: str) -> date | None:
    """The newest session of which a step was begun; None when there is none."""
    row = read_row(conn, "newest_begun", book=book)
    return None if row is None else row["session"]


def closed_sessions(conn: Connection, book: str) -> set[date]:
    """The closed sessions of a book."""
    return {row["session"] for row in read_rows(conn, "closed_sessions", book=book)}


def open_sessions(conn: Connection, book: str) -> list[date]:
    """The sessions that were begun and are not closed, ascending."""
    return [row["session"] for row in read_rows(conn, "open_sessions", book=book)]
