"""Runs: what made a decision, the attempts at its steps, and whether it is sealed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

from nightdesk.core.masking import mask_line
from nightdesk.store.db import Connection, book_lock_key, cursor, transaction
from nightdesk.store.queries import query
from nightdesk.store.rows import read_row, read_rows


@dataclass(frozen=True)
class StoredRun:
    """One decision of a book, at `as_of` in `session`.

    `status` is open, failed or closed; `known_by` is None before the first ingest.
    """

    book: str
    session: date
    as_of: datetime
    known_by: datetime | None
    status: str
    code_version: str
    config_hash: str


#: What the first step says of a run.
_OPENED = ("book", "session", "as_of", "code_version", "config_hash")


def find_run(conn: Connection, book: str, as_of: datetime) -> StoredRun | None:
    """The run of a decision; None when no step of it was ever begun."""
    row = read_row(conn, "run", book=book, as_of=as_of)
    return None if row is None else StoredRun(**row)


@contextmanager
def held_run(
    conn: Connection, book: str, as_of: datetime, *, by_sending: bool = True
) -> Iterator[str | None]:
    """A transaction that holds the run's row, as `lock_run`; the block is told as `sealed_because`.

    Three statements on one way to the server; whether it is sealed is looked at once the row is held.
    """
    first = f"{query('lock_run')}; {query('sealed')}"
    with transaction(conn, first, {"book": book, "as_of": as_of}) as row:
        yield None if row is None else _sealed_because(*row, by_sending=by_sending)


def lock_run(conn: Connection, book: str, as_of: datetime) -> None:
    """Hold the run's row to the end of the transaction: sealing and rewriting exclude one another."""
    with cursor(conn) as cur:
        cur.execute(query("lock_run"), {"book": book, "as_of": as_of})


def sealed_because(conn: Connection, book: str, as_of: datetime, *, by_sending: bool = True) -> str | None:
    """Why the rows of a decision are final; None while a rerun may still rewrite them.

    It is sealed once it was closed, an order of it was sent, or a later one was decided.

    Parameters
    ----------
    conn : Connection
        Where it is read.
    book : str
        Name of the book.
    as_of : datetime
        The decision.
    by_sending : bool
        False for the steps that come after an order was sent: they go on until it is closed.
    """
    row = read_row(conn, "sealed", book=book, as_of=as_of)
    return None if row is None else _sealed_because(**row, by_sending=by_sending)


def _sealed_because(
    closed: bool,
    sent: bool,
    later: datetime | None,
    later_session: date | None,
    session: date,
    *,
    by_sending: bool,
) -> str | None:
    if sent and by_sending:
        return "an order of it was sent"
    if later is not None and later_session != session:
        return f"the later session {later_session} was decided"
    if later is not None:
        return f"the later decision of {later:%Y-%m-%d %H:%M} UTC was made"
    return "it was closed" if closed else None


def take_turn(conn: Connection, book: str, before: datetime) -> bool:
    """Take the book's lock where the decision `before` is closed and nobody has it; whether it was taken."""
    row = read_row(conn, "take_turn", book=book, as_of=before, key=book_lock_key(book))
    return row is not None and bool(row["taken"])


def set_known_by(
    conn: Connection, book: str, as_of: datetime, known_by: datetime, code_version: str, config_hash: str
) -> None:
    """Let an unsealed decision use what is known by `known_by`, which only moves forward."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.runs SET known_by = greatest(known_by, %s), code_version = %s, "
            "config_hash = %s WHERE book = %s AND as_of = %s",
            (known_by, code_version, config_hash, book, as_of),
        )


def close_run(conn: Connection, book: str, as_of: datetime) -> bool:
    """Close a decision; False when it was closed before. What was kept for earlier ones alone is cleared."""
    with cursor(conn) as cur:
        cur.execute(
            # The page of the next decision still asks what the market was at the orders of this one.
            "DELETE FROM nightdesk.quality_outcomes WHERE book = %s AND as_of < %s",
            (book, as_of),
        )
        cur.execute(
            "UPDATE nightdesk.runs SET status = 'closed', closed_at = clock_timestamp() "
            "WHERE book = %s AND as_of = %s AND status <> 'closed'",
            (book, as_of),
        )
        return cur.rowcount > 0


def begin_step(conn: Connection, run: StoredRun, step: str, task: str | None = None) -> int:
    """Record that an attempt at a step begins; its number. See `open_attempt`."""
    return open_attempt(conn, run, step, task)[0]


def open_attempt(
    conn: Connection, run: StoredRun, step: str, task: str | None = None
) -> tuple[int, StoredRun]:
    """Record that an attempt at a step begins, opening its run where it is the first.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    run : StoredRun
        As its first step opens it.
    step : str
        Name of the step.
    task : str, optional
        The task of Airflow that makes the attempt, as ``DAG/run/task/try``.

    Returns
    -------
    tuple of (int, Run)
        The number of the attempt, and the run as it stands when the attempt begins.
    """
    begun = {"step": step, "task": task, **{name: getattr(run, name) for name in _OPENED}}
    row = read_row(conn, "begin_step", **begun)
    if row is None:
        raise LookupError(f"the attempt at {step} of {run.book} {run.session} was not recorded")
    return row.pop("run_step_id"), StoredRun(**row)


def end_step(
    conn: Connection,
    number: int,
    status: str,
    *,
    counts: Mapping[str, int | str] | None = None,
    differences: Sequence[str] = (),
    error: str | None = None,
    unlock: Sequence[int] = (),
) -> None:
    """Record how an attempt ended: done, compared, waiting or failed; a failed one marks its open run.

    `unlock` are advisory locks of the connection that the attempt still holds: they are given back with it.
    """
    import json

    released = "".join(f"SELECT pg_advisory_unlock({key}); " for key in unlock)
    with cursor(conn) as cur:
        cur.execute(
            f"{released}WITH ended AS (UPDATE nightdesk.run_steps SET status = %(status)s, "
            "ended_at = clock_timestamp(), "
            "counts = %(counts)s, differences = %(differences)s, error = %(error)s "
            "WHERE run_step_id = %(number)s RETURNING book, as_of) "
            "UPDATE nightdesk.runs r SET status = 'failed' FROM ended e "
            "WHERE (r.book, r.as_of) = (e.book, e.as_of) AND r.status = 'open' AND %(status)s = 'failed'",
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
    """The newest attempt at a step of a decision; `task` is that of Airflow that made it, None without."""

    step: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, int | str]
    differences: Sequence[str]
    error: str | None
    task: str | None = None


def newest_attempts(conn: Connection, book: str, as_of: datetime) -> dict[str, StepAttempt]:
    """The newest attempt at every step of a decision, by step, in the order in which they began."""
    rows = read_rows(conn, "newest_attempts", book=book, as_of=as_of)
    return {row["step"]: StepAttempt(**row) for row in rows}


def outdated_steps(conn: Connection, book: str, as_of: datetime) -> list[str]:
    """Steps of a decision that last began before the newest bars came that it uses."""
    return [row["step"] for row in read_rows(conn, "outdated_steps", book=book, as_of=as_of)]


def latest_closed(conn: Connection, book: str) -> datetime | None:
    """The newest closed decision of a book; None when there is none."""
    row = read_row(conn, "latest_closed", book=book)
    return None if row is None else row["as_of"]


def newest_progress(conn: Connection, book: str) -> datetime | None:
    """When a decision of a book was last closed, or the book was started; None where it never was."""
    row = read_row(conn, "newest_progress", book=book)
    return None if row is None else row["at"]


def newest_begun(conn: Connection, book: str) -> datetime | None:
    """The newest decision of which a step was begun; None when there is none."""
    row = read_row(conn, "newest_begun", book=book)
    return None if row is None else row["as_of"]


def closed_decisions(conn: Connection, book: str) -> set[datetime]:
    """The closed decisions of a book."""
    return {row["as_of"] for row in read_rows(conn, "closed_decisions", book=book)}


def open_decisions(conn: Connection, book: str) -> list[datetime]:
    """The decisions that were begun and are not closed, ascending."""
    return [row["as_of"] for row in read_rows(conn, "open_decisions", book=book)]
