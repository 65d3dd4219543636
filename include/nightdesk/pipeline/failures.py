"""What is kept of a task that failed: an alert, and a session that is not closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NoReturn

from nightdesk.errors import Refused
from nightdesk.pipeline.context import Context, ensure_started
from nightdesk.store.db import connect
from nightdesk.store.messages import alerts_of, raise_alert
from nightdesk.store.runs import begin_step, end_step

#: How far back an alert of the same run is looked for.
ALERTS_SEARCHED = 500


def record_failure(
    *, book: str, session: date, dag_id: str, run_id: str, task_id: str, attempt: int | None, reason: str
) -> bool:
    """Raise the alert of a failed task, once.

    Parameters
    ----------
    book, session : str, date
        What the task worked on.
    dag_id, run_id, task_id : str
        The task.
    attempt : int or None
        The try that failed; None when only the failure is known, which is told where no try of the task was.
    reason : str
        The error, or what is known of it.

    Returns
    -------
    bool
        Whether the alert was raised now.

    Raises
    ------
    Transient
        When PostgreSQL cannot be reached.
    """
    task = f"task:{dag_id}/{run_id}/{task_id}/"
    conn = connect()
    try:
        if attempt is None and any(
            alert["alert_key"].startswith(task) for alert in alerts_of(conn, book, ALERTS_SEARCHED)
        ):
            return False
        tried = "" if attempt is None else f", try {attempt}"
        return raise_alert(
            conn,
            f"{task}{attempt or ''}",
            "CRITICAL",
            f"{book} {session}: {task_id} failed",
            f"{task_id} of {dag_id}, run {run_id}{tried}: {reason}",
            book=book,
            session=session,
        )
    finally:
        conn.close()


def leave_open(context: Context, missing: Mapping[str, str | None]) -> NoReturn:
    """Record that a session cannot be closed, so that those after it do not hold their slots waiting.

    Parameters
    ----------
    context : Context
        The session.
    missing : mapping of task to state
        The tasks without which it is not complete; None for one that did not run.

    Raises
    ------
    Refused
        Always, with what is missing.
    """
    told = ", ".join(f"{task} {state or 'did not run'}" for task, state in missing.items())
    reason = (
        f"{context.book.name} {context.session} is not closed: {told}. "
        "Put right what the first failed task says, then clear it"
    )
    if not context.dry_run:
        ensure_started(context)
        number = begin_step(context.conn, context.new_run(), "close")
        end_step(context.conn, number, "failed", error=reason)
    raise Refused(reason)
