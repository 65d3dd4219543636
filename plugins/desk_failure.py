"""What happens when a task fails: an alert row, and a session that is not called closed.

Airflow calls `on_failure_callback` in the task's process; for a process that was killed on its last try
it never does, for a killed supervisor it may do so twice. So the callback only writes a row that can
exist once, and the last task of the run looks for what was missed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from desk_step import StepOperator, session_of
from nightdesk.errors import NightdeskError

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger("nightdesk.dag")

SUCCESS = "success"
FAILED = "failed"


def raise_alert(context: Context) -> None:
    """Write the alert of a failed task; a second call for the same try changes nothing.

    It never raises: a broken alert must not hide the failure that it tells of, and `CloseOperator` tries
    again.
    """
    task = context["ti"].task
    ti = context["ti"]
    try:
        session = session_of(context["params"], context["dag_run"], task.calendar)
        raise_alert_of(task.book, session, ti, ti.task_id, ti.try_number, str(context.get("exception") or ""))
    except NightdeskError:
        log.exception("alert_not_written dag=%s run=%s task=%s", ti.dag_id, ti.run_id, ti.task_id)


def raise_alert_of(book: str, session: date, ti: Any, task_id: str, attempt: int | None, reason: str) -> None:
    """Write the alert row of a failed task, where there is none."""
    from nightdesk.pipeline.failures import record_failure

    record_failure(
        book=book, session=session, dag_id=ti.dag_id, run_id=ti.run_id, task_id=task_id, attempt=attempt,
        reason=reason or "its process ended without a word: killed, or out of memory",
    )  # fmt: skip


class CloseOperator(StepOperator):
    """The last task of a session: raises the alerts that were missed, and closes what is complete.

    It runs whatever happened before it. A run is as green as its last task, so it fails when a step is
    missing.

    Parameters
    ----------
    optional : sequence of str
        Tasks without which a session can be closed.
    """

    def __init__(self, *, optional: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(step="close", **kwargs)
        self.optional = tuple(optional)

    def run_step(self, context: Context, session: date, *, dry_run: bool) -> dict[str, int | str]:
        ti = context["ti"]
        found = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        states = {task: state for task, state in found.items() if task != ti.task_id}
        for task, state in states.items():
            if state == FAILED:
                raise_alert_of(self.book, session, ti, task, None, "")
        missing = missing_steps(states, self.optional)
        if missing:
            from nightdesk.pipeline.context import open_context
            from nightdesk.pipeline.failures import leave_open

            with open_context(self.book, session, dry_run=dry_run) as desk:
                leave_open(desk, missing)
        return super().run_step(context, session, dry_run=dry_run)


def missing_steps(states: dict[str, str | None], optional: Sequence[str]) -> dict[str, str | None]:
    """The tasks that a closed session needs and that did not succeed, with their states."""
    return {
        task: state for task, state in sorted(states.items()) if state != SUCCESS and task not in optional
    }


class RefusedBookOperator(BaseOperator):
    """The only task of a book that could not be read: fails with the reason, so that somebody hears of it.

    Parameters
    ----------
    book : str
        The name that the book's file gives it.
    reason : str
        What is wrong with it, where, and what is allowed.
    """

    ui_color = "#f8d7da"

    def __init__(self, *, book: str, calendar: str, reason: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.book = book
        self.calendar = calendar
        self.reason = reason

    def execute(self, context: Context) -> None:
        raise AirflowFailException(self.reason)
