"""The operator of the DAG `alerts` that looks after runs: those that nobody ends, and those that lack."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator

from desk_connections import desk_environment, without_secrets

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightdesk.machine.rest import AirflowClient
    from nightdesk.store.db import Connection

log = logging.getLogger("nightdesk.dag")


class RunsOperator(BaseOperator):
    """Ends the runs of DAGs that are gone, and starts runs of the sessions that a book has slept over."""

    ui_color = "#fdf3e1"

    @without_secrets()
    def execute(self, context: Context) -> dict[str, int]:
        from nightdesk.machine.reaching import client_of_tasks
        from nightdesk.session.context import project_root
        from nightdesk.store.connection import connect

        environ = desk_environment()
        root, client = project_root(environ), client_of_tasks()
        conn = connect(environ=environ)
        try:
            ended = 0 if client is None else end_removed(conn, client, root)
            started = catch_up(conn, client, root)
        finally:
            conn.close()
        log.info("runs ended=%d started=%d", ended, started)
        return {"ended": ended, "started": started}


def end_removed(conn: Connection, client: AirflowClient, root: Path) -> int:
    """End the open runs of DAGs whose book is gone: nothing else would; how many were ended now."""
    from nightdesk.store.message_rows import raise_alert

    ended = 0
    for dag_id, runs in client.open_runs().items():
        reason = reason_gone(dag_id, root)
        state = None if reason is None else client.dag_state(dag_id)
        # The scheduler may only just have lost sight of it.
        if reason is None or state is None or not state.is_stale:
            continue
        for run in runs:
            client.end_run(dag_id, run.run_id, f"Ended: {reason}")
            log.info("run_ended dag=%s run=%s reason=%s", dag_id, run.run_id, reason)
            ended += 1
        named = "\n".join(f"  {run.run_id}" for run in runs)
        raise_alert(
            conn,
            f"removed {dag_id} {runs[-1].run_id}",
            "WARNING",
            f"{dag_id}: its open runs were ended",
            f"Ended and marked failed, because {reason}:\n{named}\n\nWhat the book has at its broker stays "
            "as it is: see `nightdesk status`. Put the file back and clear these runs to go on.",
        )
    return ended


def reason_gone(dag_id: str, root: Path) -> str | None:
    """Why no file makes a book's DAG any more; None where one does, or it is no book's DAG."""
    from desk_conventions import dag_id_of
    from nightdesk.core.book import load_book
    from nightdesk.core.errors import Refused

    kind, _, name = dag_id.partition("__")
    if kind not in ("daily", "hourly", "resume"):
        return None
    paths = [path for path in (root / "books").glob("*.yaml") if dag_id_of(kind, path.stem) == dag_id]
    if not paths:
        return f"the book's file, {root / 'books' / name}.yaml, is gone"
    if kind == "daily":
        return None
    try:
        if kind == "hourly":
            rhythm = load_book(paths[0]).schedule.rhythm
            return None if rhythm == "hourly" else "the book decides daily now"
        return "the book has no drawdown levels any more" if load_book(paths[0]).levels is None else None
    except Refused:
        # It may have had them and have them again: whoever mends the file decides.
        return None


def catch_up(conn: Connection, client: AirflowClient | None, root: Path) -> int:
    """Start a run for each session that a book has slept over; or tell why not. How many were started."""
    from desk_conventions import dag_id_of
    from nightdesk.operations.run_note import CATCHING_UP
    from nightdesk.session.gaps import CAUGHT_UP_AT_MOST, find_gaps, tell_caught_up, tell_gap

    started = 0
    for gap in find_gaps(conn, root):
        if gap.failed or not gap.idle:
            continue
        dag_id = dag_id_of("daily", gap.book)
        state = None if client is None else client.dag_state(dag_id)
        if client is None or state is None:
            tell_gap(conn, gap, "no API")
            continue
        # Runs of a DAG that is switched off wait in silence, whoever made them.
        if state.is_paused:
            tell_gap(conn, gap, "switched off")
            continue
        under_way = {run.decides for run in client.open_runs().get(dag_id, [])}
        if gap.sessions[0] in under_way:
            continue
        if len(gap.sessions) > CAUGHT_UP_AT_MOST:
            tell_gap(conn, gap, "too many")
            continue
        found = [
            session
            for session in gap.idle
            if session not in under_way and client.trigger_once(dag_id, f"{CATCHING_UP}{session}", session)
        ]
        if found:
            log.info("catching_up book=%s sessions=%s", gap.book, ",".join(map(str, found)))
            tell_caught_up(conn, gap)
        started += len(found)
    return started
