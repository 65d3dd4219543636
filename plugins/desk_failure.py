"""What happens when a task fails: an alert that is sent at once, and a session that is not called closed.

Airflow calls `on_failure_callback` in the task's process; for a process that was killed on its last try
it never does, for a killed supervisor it may do so twice. So the callback only writes a row that can
exist once, the last task of the run looks for what was missed, and the sweep of the DAG `alerts` for what
that one missed. What cannot be sent at once is sent by that DAG.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from airflow.sdk.exceptions import AirflowFailException

from desk_connections import desk_environment, without_secrets
from desk_operator import BACKFILL, SCHEDULED, BookOperator
from desk_sending import tell
from desk_step import StepOperator, decision_of, name_of, session_in
from nightdesk.core.errors import BadRequest, NightdeskError, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from nightdesk.store.db import Connection

SUCCESS = "success"

#: The session of a decision, and what people call it; None for both where there is none.
Decision = tuple[date | None, str | None]


def raise_alert(context: Context) -> None:
    """Write the alert of a failed task and send it; a second call for the same try changes nothing.

    It never raises: a broken alert must not hide the failure that it tells of, and `CloseOperator` tries
    again.
    """
    _raise(context, lambda: _decision(context, context["ti"].task))


def raise_alert_of_book(context: Context) -> None:
    """The same of a task that works for a book and on no session of it."""
    _raise(context, lambda: (None, None))


def _raise(context: Context, decision: Callable[[], Decision]) -> None:
    from nightdesk.operations.task_failures import Failure, FollowUpFailure, record_failure

    ti, task, error = context["ti"], context["ti"].task, context.get("exception")
    if isinstance(error, FollowUpFailure):
        return
    asked_by, of_backfill = _request(context, error)

    def write(conn: Connection) -> None:
        session, name = decision()
        record_failure(
            conn,
            Failure(
                book=task.book,
                session=session,
                decision=name,
                dag_id=ti.dag_id,
                run_id=ti.run_id,
                task_id=ti.task_id,
                attempt=ti.try_number,
                reason=_words(error),
                foreseen=_is_foreseen(error),
                link=log_link(ti.dag_id, ti.run_id, ti.task_id, ti.try_number),
                dry_run=bool(context["params"].get("dry_run")),
                calendar=task.calendar,
                asked_by=asked_by,
                of_backfill=of_backfill,
            ),
        )

    tell(write, f"dag={ti.dag_id} run={ti.run_id} task={ti.task_id}")


def raise_retry(context: Context) -> None:
    """Tell that a task which has many tries fails and is tried again, at its second failure and once a spell.

    A dry run is watched by who has asked for it.
    """
    from nightdesk.operations.task_retries import tell_retry
    from nightdesk.session.context import project_root

    ti, task = context["ti"], context["ti"].task
    session, name = _decision(context, task)
    if session is None or name is None or context["params"].get("dry_run"):
        return
    tries = task.retries + 1
    # A task that was cleared counts on: its last try is as many further on as it has.
    failures = ti.try_number - (ti.max_tries + 1 - tries)

    def write(conn: Connection) -> None:
        tell_retry(
            conn,
            project_root(desk_environment()),
            task.book,
            session,
            task.step,
            name=name,
            failures=failures,
            tries=tries,
            error=_words(context.get("exception")) or "no word",
            link=log_link(ti.dag_id, ti.run_id, ti.task_id, ti.try_number),
        )

    tell(write, f"dag={ti.dag_id} run={ti.run_id} task={ti.task_id}")


def log_link(dag_id: str, run_id: str, task_id: str, attempt: int | None = None, map_index: int = -1) -> str:
    """Where the log of a task is read in Airflow's web UI: of one try, or of the newest; -1: not mapped."""
    from airflow.sdk.configuration import conf

    base = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
    of_try = "" if attempt is None else f"?try_number={attempt}"
    of_map = "" if map_index < 0 else f"/mapped/{map_index}"
    return f"{base}/dags/{dag_id}/runs/{quote(run_id)}/tasks/{task_id}{of_map}{of_try}"


class CloseOperator(StepOperator):
    """The last task of a session: raises the alerts that were missed, and closes what is complete.

    It runs whatever happened before it. A run is as green as its last task, so it fails when a step is
    missing.

    Parameters
    ----------
    optional : sequence of str
        Tasks without which a session can be closed.
    ahead : sequence of str
        Tasks that only save others time: whether they fail is no news.
    """

    def __init__(self, *, optional: Sequence[str] = (), ahead: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(step="close", **kwargs)
        self.optional, self.ahead = tuple(optional), frozenset(ahead)

    def run_step(self, context: Context, when: date | datetime, *, dry_run: bool) -> dict[str, int | str]:
        ti = context["ti"]
        found = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        states = {one: state for one, state in found.items() if one != ti.task_id and one not in self.ahead}
        self._tell_missed(ti, when, states, dry_run=dry_run)
        missing = missing_steps(states, self.optional)
        if missing:
            self._leave_open(context, when, missing, dry_run=dry_run)
        return super().run_step(context, when, dry_run=dry_run)

    def _leave_open(
        self, context: Context, when: date | datetime, missing: Mapping[str, str | None], *, dry_run: bool
    ) -> NoReturn:
        """Fail for the steps that are missing; what keeps the session from being opened is no news then."""
        from nightdesk.operations.task_failures import (
            FollowUpFailure,
            leave_open,
            not_closed,
            told_since_closing,
        )
        from nightdesk.store.connection import connect

        ti = context["ti"]
        conn = connect(environ=desk_environment())
        try:
            told = told_since_closing(conn, self.book, ti.dag_id, ti.run_id)
        finally:
            conn.close()
        try:
            with self.opened(context, when, dry_run=dry_run) as desk:
                leave_open(desk, missing, told=told)
        except NightdeskError as error:
            if told and not isinstance(error, FollowUpFailure):
                raise FollowUpFailure(not_closed(self.book, name_of(self, when), missing)) from None
            raise

    def _tell_missed(
        self, ti: Any, when: date | datetime, states: Mapping[str, str | None], *, dry_run: bool
    ) -> None:
        from nightdesk.operations.task_failures import (
            Failure,
            failed_tasks,
            is_of_backfill,
            record_failure,
        )

        def write(conn: Connection) -> None:
            for task in failed_tasks(states):
                link = log_link(ti.dag_id, ti.run_id, task)
                known = Failure(
                    self.book, session_in(self, when), ti.dag_id, ti.run_id, task,
                    link=link, dry_run=dry_run, calendar=self.calendar, decision=name_of(self, when),
                    of_backfill=is_of_backfill(ti.run_id),
                )  # fmt: skip
                record_failure(conn, known)

        if failed_tasks(states):
            tell(write, f"dag={ti.dag_id} run={ti.run_id}")


def missing_steps(states: Mapping[str, str | None], optional: Sequence[str]) -> dict[str, str | None]:
    """The tasks that a closed session needs and that did not succeed, with their states."""
    return {
        task: state for task, state in sorted(states.items()) if state != SUCCESS and task not in optional
    }


class RefusedBookOperator(BookOperator):
    """The only task of a book that could not be read: fails with the reason, so that somebody hears of it.

    Parameters
    ----------
    reason : str
        What is wrong with it, where, and what is allowed.
    """

    ui_color = "#f8d7da"

    def __init__(self, *, reason: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reason = reason

    @without_secrets()
    def execute(self, context: Context) -> None:
        raise AirflowFailException(self.reason)


def _request(context: Context, error: object) -> tuple[str | None, bool]:
    """Who has asked for what cannot be done, None where nobody has; and whether the run is of a backfill.

    A run that the scheduler has made of itself is nobody's request.
    """
    run = context.get("dag_run")
    of_backfill = run is not None and run.run_type == BACKFILL
    if run is None or not isinstance(error, BadRequest) or run.run_type == SCHEDULED:
        return None, of_backfill
    return run.triggering_user_name or "", of_backfill


def _decision(context: Context, task: Any) -> Decision:
    """What a run decides; nothing for a form that names nothing, whose tasks fail for that very reason."""
    try:
        when = decision_of(context, task)
    except Refused:
        return None, None
    return session_in(task, when), name_of(task, when)


def _words(error: object) -> str | None:
    """An error in words, its class included where the desk did not raise it on purpose; None for none."""
    if error is None or isinstance(error, str):
        return error or None
    return str(error) if _is_foreseen(error) else f"{type(error).__name__}: {error}"


def _is_foreseen(error: object) -> bool:
    """Whether an error is one of the desk's own, or Airflow's word for one."""
    return isinstance(error, NightdeskError | AirflowFailException)
