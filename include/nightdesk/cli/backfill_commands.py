"""`backfill`: runs of Airflow for a span of sessions, as its form makes them, and told beforehand."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.book_commands import open_book
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, First, Json, Last, check_span
from nightdesk.cli.output import say, show

if TYPE_CHECKING:
    from datetime import date, datetime

    from nightdesk.core.book import Book
    from nightdesk.machine.backfilling import BackfillPlan
    from nightdesk.machine.dag_runs import DagState
    from nightdesk.machine.rest import AirflowClient
    from nightdesk.store.db import Connection


@app.command(
    epilog=example(
        "nightdesk backfill multi_asset --from 2026-11-16 --to 2026-11-20 --preview",
        "nightdesk backfill multi_asset --from 2026-11-16 --to 2026-11-20",
    )
)
def backfill(
    book: BookName,
    first: First,
    last: Last,
    again: Annotated[bool, typer.Option("--again", help="Also what has a run.", show_default=False)] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what would run, and start nothing.", show_default=False)
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Switch the DAG on where it is off, without asking.", show_default=False),
    ] = False,
    json: Json = False,
) -> None:
    """Have Airflow decide a span of sessions.

    All decisions of them where a book makes several. Says what will run and what is left out. Dates are those
    of the exchange. The runs of a DAG that is
    switched off would wait for ever: you are asked whether to switch it on.
    """
    from nightdesk.core.errors import Refused
    from nightdesk.machine.reaching import client_of_desk
    from nightdesk.session.book_dags import deciding_dag

    check_span(first, last)
    loaded = open_book(book)
    airflow, dag_id = client_of_desk(), deciding_dag(loaded)
    with database() as conn:
        plan = _plan(airflow, conn, loaded, dag_id, first, last, again=again)
    document: dict[str, Any] = {**plan.document(), "dag": dag_id, "backfill": None, "switched_on": False}
    lines = list(plan.sentences())
    if not preview:
        if not plan.runs:
            raise Refused("; ".join(lines))
        is_off = _state_of(airflow, dag_id).is_paused
        if is_off and not yes:
            _agree_to_switch_on(lines, dag_id)
        # Before the DAG is on: switched on first, it would start with the newest decision alone.
        reprocess = "completed" if again else "none"
        number = airflow.backfill(dag_id, *plan.sessions, reprocess=reprocess)
        if is_off:
            airflow.unpause(dag_id)
            when = "session" if plan.schedule.kind == "daily" else "hour"
            lines.append(f"{dag_id} is switched on: it also runs after each {when} from now on")
        lines.append(f"begun as backfill {number}: follow it at {airflow.address}/dags/{dag_id}")
        document |= {"backfill": number, "switched_on": is_off}
    show(document, as_json=json, text=lambda: lines)


def _plan(
    airflow: AirflowClient, conn: Connection, book: Book, dag_id: str, first: date, last: date, *, again: bool
) -> BackfillPlan:
    from nightdesk.core.errors import Refused
    from nightdesk.core.schedule import schedule_of
    from nightdesk.machine.backfilling import BackfillPlan, decidable
    from nightdesk.machine.dag_runs import decision_named
    from nightdesk.store.book_rows import book_record
    from nightdesk.store.db import now
    from nightdesk.store.run_rows import closed_decisions

    record = book_record(conn, book.name)
    inception = book.inception if record is None else record.inception
    if inception is None:
        raise Refused(
            f"book {book.name} was never started, and its file names no inception: `nightdesk up` starts it, "
            "or write `inception: D` into its file"
        )
    schedule = schedule_of(book)
    early, able, later = decidable(schedule, first, last, inception, schedule.latest_completed(now(conn)))
    runs: tuple[datetime, ...] = ()
    if able:
        _state_of(airflow, dag_id)
        reprocess = "completed" if again else "none"
        span = (schedule.session_of(able[0]), schedule.session_of(able[-1]))
        dates = airflow.backfill_preview(dag_id, *span, reprocess=reprocess)
        made = {decision_named(one, schedule) for one in dates}
        runs = tuple(one for one in able if one in made)
    closed = closed_decisions(conn, book.name)
    return BackfillPlan(
        book=book.name,
        schedule=schedule,
        inception=inception,
        runs=runs,
        decided=tuple(one for one in runs if one in closed),
        left_alone=tuple(one for one in able if one not in runs),
        too_early=early,
        not_over=later,
    )


def _state_of(airflow: AirflowClient, dag_id: str) -> DagState:
    """How a DAG stands; `Refused` where no file makes it."""
    from nightdesk.core.errors import Refused

    state = airflow.dag_state(dag_id)
    if state is None or state.is_stale:
        raise Refused(f"Airflow has no DAG {dag_id}: see `nightdesk books` and `nightdesk airflow dags list`")
    return state


def _agree_to_switch_on(lines: list[str], dag_id: str) -> None:
    """Ask at a terminal whether a DAG may be switched on; refuse where nobody can be asked, or says no."""
    from nightdesk.core.errors import Refused

    off = f"{dag_id} is switched off, and its runs would wait until it is on"
    if sys.stdin.isatty():
        for line in lines:
            say(line)
        if typer.confirm(f"{off}. Switch it on?", err=True):
            return
    raise Refused(f"{off}: nothing was started. Add --yes to switch it on, or do so in the web UI first")
