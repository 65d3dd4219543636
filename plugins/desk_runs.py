"""The operator of the DAG `alerts` that looks after runs: those that nobody ends, and those that lack."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator

from desk_connections import desk_environment, without_secrets
from desk_operator import SCHEDULED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow.sdk import Context

    from nightdesk.machine.dag_runs import DagState
    from nightdesk.machine.rest import AirflowClient
    from nightdesk.session.gaps import Gap
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
    from nightdesk.core.book import load_book
    from nightdesk.core.errors import Refused
    from nightdesk.session.book_dags import dag_id_of

    kind, _, name = dag_id.partition("__")
    if kind not in ("daily", "hourly", "resume", "replay"):
        return None
    paths = [path for path in (root / "books").glob("*.yaml") if dag_id_of(kind, path.stem) == dag_id]
    if not paths:
        return f"the book's file, {root / 'books' / name}.yaml, is gone"
    try:
        book = load_book(paths[0])
        if kind == "replay":
            return None
        if kind == "resume":
            return "the book has no drawdown levels any more" if book.levels is None else None
        rhythm = book.schedule.rhythm
        return None if rhythm == kind else f"the book decides {rhythm} now"
    except Refused:
        # It may have had them and have them again: whoever mends the file decides.
        return None


def catch_up(conn: Connection, client: AirflowClient | None, root: Path) -> int:
    """Start a run for each session that a daily book has slept over; or tell why not. How many were started.

    Hours that were missed are made up by their timetable: of those it is only told.
    """
    from nightdesk.session.gaps import find_gaps

    gaps = (gap for gap in find_gaps(conn, root) if gap.idle and not gap.failed)
    return sum(_catch_up(conn, client, gap) for gap in gaps)


def _catch_up(conn: Connection, client: AirflowClient | None, gap: Gap) -> int:
    from nightdesk.session.gaps import tell_gap

    state = None if client is None else client.dag_state(gap.dag_id)
    if client is None or state is None:
        tell_gap(conn, gap, "no API")
        return 0
    # Runs of a DAG that is switched off wait in silence, whoever made them.
    if state.is_paused:
        tell_gap(conn, gap, "switched off")
        return 0
    open_runs = client.open_runs().get(gap.dag_id, [])
    under_way = {run.decision(gap.schedule): run.run_type for run in open_runs}
    if gap.schedule.kind != "daily":
        _tell_hours(conn, gap, state, under_way.get(gap.decisions[0]))
        return 0
    if gap.decisions[0] in under_way:
        return 0
    if gap.is_long:
        tell_gap(conn, gap, "too many")
        return 0
    return _start(conn, client, gap, [one for one in gap.idle if one not in under_way])


def _start(conn: Connection, client: AirflowClient, gap: Gap, decisions: Sequence[datetime]) -> int:
    """Start a run for each decision of a daily book that has none; how many were started."""
    from nightdesk.operations.run_note import CATCHING_UP
    from nightdesk.session.gaps import tell_caught_up

    sessions = map(gap.schedule.session_of, decisions)
    found = [one for one in sessions if client.trigger_once(gap.dag_id, f"{CATCHING_UP}{one}", one)]
    if found:
        log.info("catching_up book=%s sessions=%s", gap.book, ",".join(map(str, found)))
        tell_caught_up(conn, gap)
    return len(found)


def _tell_hours(conn: Connection, gap: Gap, state: DagState, first_run: str | None) -> None:
    """Tell of hours that were missed: that their timetable makes them up, or that nothing does.

    Parameters
    ----------
    state : DagState
        Of the book's DAG, which is on.
    first_run : str or None
        The type of the open run of the first decision.
    """
    from nightdesk.machine.dag_runs import decision_named
    from nightdesk.session.gaps import tell_caught_up, tell_gap

    following = decision_named(state.next_logical, gap.schedule)
    if first_run == SCHEDULED or (following is not None and following <= gap.decisions[0]):
        tell_caught_up(conn, gap)
    elif first_run is None:
        tell_gap(conn, gap, "too many" if gap.is_long else "no run")
