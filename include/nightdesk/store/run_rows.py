"""Runs: what made a decision, the attempts at its steps, and whether it is sealed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from nightdesk.core.masking import mask_line
from nightdesk.store.ahead import NamedQuery, reading_transaction
from nightdesk.store.code_rows import KnownCode, package_of
from nightdesk.store.db import Connection, book_lock_key, cursor, one
from nightdesk.store.queries import query
from nightdesk.store.rows import ROWS_CHANGED, Ending, read_row, read_rows


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
    conn: Connection,
    book: str,
    as_of: datetime,
    *,
    by_sending: bool = True,
    ahead: Iterable[NamedQuery] = (),
) -> Iterator[str | None]:
    """A transaction that holds the run's row to its end: sealing and rewriting exclude one another.

    The block is told as `sealed_because`; what the first block of `reading_once` in it will need is read
    `ahead`. All that goes in one call, and is looked at once the row is held.
    """
    sealed = NamedQuery("sealed", {"book": book, "as_of": as_of})
    with cursor(conn) as cur:
        lock = cur.mogrify(query("lock_run"), sealed.values).decode()
    with reading_transaction(conn, [sealed, *ahead], first=lock) as answers:
        found = answers[sealed.key]
        yield _sealed_because(**found[0], by_sending=by_sending) if found else None


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


def close_run(conn: Connection, book: str, as_of: datetime, ending: Ending | None = None) -> bool:
    """Close a decision; False when it was closed before. What was kept for earlier ones alone is cleared.

    With an `ending` the caller's transaction ends on the same way.
    """
    closed = (
        # The page of the next decision still asks what the market was at the orders of this one.
        "DELETE FROM nightdesk.quality_outcomes WHERE book = %(book)s AND as_of < %(as_of)s; "
        "WITH closed AS (UPDATE nightdesk.runs SET status = 'closed', closed_at = clock_timestamp() "
        "WHERE book = %(book)s AND as_of = %(as_of)s AND status <> 'closed' RETURNING 1) "
        "SELECT set_config('nightdesk.changed', count(*)::text, false) FROM closed"
    )
    key = {"book": book, "as_of": as_of}
    with cursor(conn) as cur:
        if ending is None:
            cur.execute(closed, key)
        else:
            cur.execute(ending.after_statement(closed), {**key, **ending.values})
        return int(one(cur)[0]) > 0


def begin_step(conn: Connection, run: StoredRun, step: str, task: str | None = None) -> int:
    """Record that an attempt at a step begins; its number. See `open_attempt`."""
    return open_attempt(conn, run, step, task).number


@dataclass
class OpenAttempt:
    """An attempt at a step that is under way.

    Attributes
    ----------
    number : int
    run : StoredRun
        As it stood when the attempt began.
    locks : list of int
        Advisory locks of the connection that are given back when it ends.
    has_ended : bool
        Whether its end was recorded with its rows.
    code : KnownCode
        What was known of the code of whoever makes the attempt.
    """

    number: int
    run: StoredRun
    locks: list[int] = field(default_factory=list)
    has_ended: bool = False
    code: KnownCode = field(default_factory=lambda: KnownCode(None, is_known=False))

    def end(self) -> None:
        """Note that its end is recorded, and its locks are given back."""
        self.has_ended = True
        self.locks.clear()


def open_attempt(
    conn: Connection, run: StoredRun, step: str, task: str | None = None, turn_after: datetime | None = None
) -> OpenAttempt:
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
    turn_after : datetime, optional
        The decision before, of a step that has to wait for its turn: where that is closed and nobody has the
        book's lock, the attempt is given it.
    """
    key = book_lock_key(run.book)
    values = {"step": step, "task": task, **{name: getattr(run, name) for name in _OPENED}}
    values["package"] = package_of(run.code_version)
    text = query("begin_step")
    if turn_after is not None:
        text = f"{text}; {query('attempt_in_turn')}"
        values |= {"key": key, "before": turn_after}
    with cursor(conn) as cur:
        cur.execute(text, values)
        row = dict(zip((column.name for column in cur.description or ()), one(cur), strict=True))
    has_turn, number = row.pop("has_turn", None), row.pop("run_step_id")
    code = KnownCode(row.pop("current_code"), row.pop("is_known"))
    return OpenAttempt(number, StoredRun(**row), [key] if has_turn else [], code=code)


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
    with cursor(conn) as cur:
        cur.execute(
            f"{_released(unlock)}WITH ended AS (UPDATE nightdesk.run_steps SET status = %(status)s, "
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


def ending_of(attempt: OpenAttempt, counts: Mapping[str, int | str], written: int | None = None) -> Ending:
    """The end of a transaction with which an attempt is done: recorded before the commit, its locks after it.

    Where `written` is given, the counts say how many rows were written: so many, and those of the statement
    that the transaction ends with.
    """
    shown = "%(end_counts)s::jsonb"
    if written is not None:
        shown += f" || jsonb_build_object('written', %(end_written)s + {ROWS_CHANGED})"
    return Ending(
        before="UPDATE nightdesk.run_steps SET status = 'done', ended_at = clock_timestamp(), "
        f"counts = {shown} WHERE run_step_id = %(end_number)s; ",
        after=_released(attempt.locks),
        values={
            "end_counts": json.dumps(dict(counts)),
            "end_number": attempt.number,
            "end_written": written,
        },
    )


def _released(locks: Sequence[int]) -> str:
    return "".join(f"SELECT pg_advisory_unlock({key}); " for key in locks)


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
