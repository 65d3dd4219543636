"""The tab of a run of Airflow: the decision that it has made, or in words why it has made none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nightdesk.cockpit.known_book import REPEATED, KnownBook, NamedDecision, decision_of, known_book
from nightdesk.cockpit.screen import AScreen, Screen
from nightdesk.session.book_dags import dag_id_of
from nightdesk.store.cockpit_book_rows import (
    DecisionOfRun,
    StepOfRun,
    alerts_of_run,
    decisions_of_run,
    steps_of_run,
)
from nightdesk.store.message_rows import report_html

router = APIRouter()

#: Kinds of DAGs that decide; and what the others do, in words.
DECIDING = ("daily", "hourly", "replay")
OTHERS = {
    "fills": "This DAG books fills and looks after open orders: it decides nothing by itself.",
    "alerts": "This DAG sends alerts and looks for runs that failed unheard: it decides nothing.",
    "upkeep": "This DAG looks after the desk (backup, retention, verification): it decides nothing.",
}


@dataclass(frozen=True)
class RunView:
    """What the tab of a run shows.

    Attributes
    ----------
    dag_id, run_id : str
    known : KnownBook or None
        The book that its DAG decides for; None for another DAG.
    decision : NamedDecision or None
        What it has worked on, of several the newest; None where nothing was kept of it.
    decisions : tuple of DecisionOfRun
        The newest of all that it has worked on, newest first.
    steps : tuple of StepOfRun
        What it did of `decision`, in order.
    has_page : bool
        Whether the decision's page is stored.
    alerts : tuple of mapping
        Those that tell of its failed tasks.
    words : str
        What there is to say of it, in a sentence or two.
    """

    dag_id: str
    run_id: str
    known: KnownBook | None
    words: str
    decision: NamedDecision | None = None
    decisions: tuple[DecisionOfRun, ...] = ()
    steps: tuple[StepOfRun, ...] = ()
    has_page: bool = False
    alerts: tuple[Mapping[str, Any], ...] = ()


@router.get("/run")
def run_page(screen: AScreen, dag_id: str = "", run_id: str = "") -> HTMLResponse:
    """The tab of a run."""
    view = run_view(screen, dag_id, run_id)
    title = "A run" if view.known is None else f"A run of {view.known.label}"
    book = "" if view.known is None else view.known.name
    return screen.render("run.html.j2", view, title=title, book=book)


def run_view(screen: Screen, dag_id: str, run_id: str) -> RunView:
    """What the tab of a run shows, by the ids that Airflow gives it."""
    if not dag_id or not run_id:
        return _nothing(dag_id, run_id, "A run is named by its DAG and its id, and one of them is missing.")
    book = _book_of(screen, dag_id)
    if book is None:
        return _nothing(dag_id, run_id, _of_others(dag_id))
    conn, known = screen.conn, known_book(screen, book)
    decisions = decisions_of_run(conn, book, dag_id, run_id)
    alerts = tuple(alerts_of_run(conn, dag_id, run_id))
    if not decisions:
        return RunView(dag_id, run_id, known, _undecided(known, alerts), alerts=alerts)
    as_of = decisions[0].as_of
    steps = steps_of_run(conn, book, dag_id, run_id, as_of)
    return RunView(
        dag_id=dag_id,
        run_id=run_id,
        known=known,
        words=_said(known, steps),
        decision=decision_of(conn, known, as_of.isoformat()),
        decisions=decisions,
        steps=steps,
        has_page=report_html(conn, book, as_of) is not None,
        alerts=alerts,
    )


def _nothing(dag_id: str, run_id: str, words: str) -> RunView:
    return RunView(dag_id, run_id, None, words)


def _book_of(screen: Screen, dag_id: str) -> str | None:
    """The book that a DAG decides for; None where it decides for none that the visitor may see."""
    names = {*screen.books, *screen.book_list.broken, *screen.started}
    found = {dag_id_of(kind, name): name for kind in DECIDING for name in names}
    return found.get(dag_id)


def _of_others(dag_id: str) -> str:
    if dag_id in OTHERS:
        return OTHERS[dag_id]
    if dag_id.startswith("resume__"):
        return "In runs of this DAG a person answers what a book waits for: it decides nothing by itself."
    if dag_id.startswith("research__"):
        return "This DAG computes research: it decides nothing of a book."
    return f"{dag_id[:REPEATED]} is no DAG that decides for a book of this desk that you may see."


def _undecided(known: KnownBook, alerts: tuple[Mapping[str, Any], ...]) -> str:
    if alerts:
        return "The run has decided nothing: a task of it failed, as told below."
    if known.without_file:
        return f"The run has decided nothing: {known.without_file}"
    return (
        "The run has decided nothing yet: no step of it has begun, or it was a dry run, of which nothing is "
        "kept (its page is a file in the folder of reports), or it was refused before its first step: then "
        "its note in Airflow says why."
    )


def _said(known: KnownBook, steps: tuple[StepOfRun, ...]) -> str:
    """What became of a run that has begun a step."""
    failed = [one for one in steps if one.status == "failed"]
    if failed:
        return f"Step {failed[-1].step} failed: {failed[-1].error or 'its log says why'}"
    compared = [one for one in steps if one.status == "compared"]
    if compared:
        found = sum(len(one.differences) for one in compared)
        differ = {0: "nothing differs", 1: "1 row differs"}.get(found, f"{found} rows differ")
        return f"The {known.noun} was sealed: the run computed it again and wrote nothing; {differ}."
    if any(one.status == "waiting" for one in steps):
        return f"The run waits for its turn: the {known.noun} before it is not closed."
    if steps[-1].decision == "closed":
        return "The run has made its decision."
    return f"The run is under way: its newest step is {steps[-1].step}, {steps[-1].status}."
