"""The operators of the DAG `alerts`: what failed unheard is told, and what waits is sent."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from desk_connections import desk_environment, without_secrets
from desk_failure import log_link
from desk_sending import tell

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightdesk.store.db import Connection
    from nightdesk.store.failure_rows import TaskRun

log = logging.getLogger("nightdesk.dag")

#: Runs travel to Airflow's server in the line of an address, which has an end.
RUNS_ASKED_AT_ONCE = 50
SENDING_SECONDS = 240.0


def raise_alert(context: Context) -> None:
    """Tell that alerts themselves are broken, once a day."""
    from nightdesk.operations.watchdog import tell_broken

    ti, error = context["ti"], context.get("exception")
    link = log_link(ti.dag_id, ti.run_id, ti.task_id, ti.try_number)

    def write(conn: Connection) -> None:
        tell_broken(conn, ti.task_id, f"{type(error).__name__}: {error}" if error else "", link)

    tell(write, f"dag={ti.dag_id} run={ti.run_id} task={ti.task_id}")


class SweepOperator(BaseOperator):
    """Raises the alerts that nobody raised: failed tasks, missing sessions, late data, old backups."""

    ui_color = "#fdf3e1"

    @without_secrets()
    def execute(self, context: Context) -> dict[str, int]:
        from nightdesk.operations.backup_concerns import tell_backups
        from nightdesk.operations.fileless import tell_fileless
        from nightdesk.operations.task_retries import tell_through
        from nightdesk.operations.watchdog import tell_failed, tell_late, tell_missing
        from nightdesk.session.context import project_root
        from nightdesk.session.data_alerts import tell_feeds
        from nightdesk.store.connection import connect
        from nightdesk.store.failure_rows import runs_in_doubt

        environ = desk_environment()
        conn = connect(environ=environ)
        try:
            runs, root = runs_in_doubt(conn), project_root(environ)
            failed = sum(
                tell_failed(conn, root, run, states, log_link)
                for run, states in _with_states(context["ti"], runs)
            )
            missing, late = tell_missing(conn, root), tell_late(conn, root)
            through, feeds = tell_through(conn), tell_feeds(conn)
            fileless, backups = tell_fileless(conn, root), tell_backups(conn)
        finally:
            conn.close()
        log.info(
            "swept runs=%d failures=%d missing_sessions=%d late_data=%d through=%d feeds=%d fileless=%d "
            "backups=%d",
            len(runs), failed, missing, late, through, feeds, fileless, backups,
        )  # fmt: skip
        return {
            "runs": len(runs),
            "failures": failed,
            "missing_sessions": missing,
            "late_data": late,
            "through": through,
            "feeds": feeds,
            "fileless": fileless,
            "backups": backups,
        }


class SendOperator(BaseOperator):
    """Sends every alert that is due; a receiver that does not take one is no failure of this task."""

    ui_color = "#fdf3e1"

    @without_secrets()
    def execute(self, context: Context) -> dict[str, int]:
        from nightdesk.operations.delivery import book_routes, deliver, nowhere_words
        from nightdesk.session.context import project_root
        from nightdesk.store.connection import connect

        environ = desk_environment()
        conn = connect(environ=environ, checked=False)  # alerts of a refusal are sent too
        try:
            done = deliver(conn, book_routes(project_root(environ)), environ, seconds=SENDING_SECONDS)
        finally:
            conn.close()
        for route in done.nowhere:
            log.warning("%s", nowhere_words(route))
        log.info("delivered sent=%d failed=%d waiting=%d", done.sent, done.failed, done.waiting)
        return {"sent": done.sent, "failed": done.failed, "waiting": done.waiting}


def _with_states(ti: Any, runs: Sequence[TaskRun]) -> list[tuple[TaskRun, dict[str, str | None]]]:
    """Each run with the states of its tasks; one that Airflow has forgotten is left out."""
    by_dag: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        by_dag[run.dag_id].append(run.run_id)
    states: dict[tuple[str, str], dict[str, str | None]] = {}
    for dag_id, run_ids in by_dag.items():
        for some in batched(sorted(set(run_ids)), RUNS_ASKED_AT_ONCE):
            found = ti.get_task_states(dag_id=dag_id, run_ids=list(some))
            states |= {(dag_id, run_id): one for run_id, one in found.items()}
    return [(run, states[run.dag_id, run.run_id]) for run in runs if (run.dag_id, run.run_id) in states]
