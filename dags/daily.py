"""One DAG per daily book: what the desk does after each close of the exchange.

Bars come in and are judged; factors, the regime and each strategy's signals follow. Beside them the book
is settled: the orders of the session before come home as fills and the book is marked at the close. Then
targets are sized, pass the risk gate and become orders, each sent exactly once; a report tells of it and
the session is closed.

* **One session again**: clear its run, or trigger the DAG with the session in the form. Running a step
  twice changes nothing. Once an order has left the house the session is sealed: a rerun recomputes, tells
  what differs and writes nothing.
* **Many sessions**: a backfill over any span; its dates are those of the exchange, whatever the zone of your
  browser. Up to the signals, sessions run side by side; from *settle* on each waits until the session before
  it is closed, whatever started the run. Runs of a DAG that is switched off wait until it is on: tick
  *Unpause* in the form.
* **What a run was** stands in its note: its session, whether it was a dry run, catching up, sealed and
  compared, or degraded, and what failed.
* **A machine that slept** over sessions decides them by itself: the DAG `alerts` starts up to ten.
* **A failed step**: passing faults were retried already. Read the end of its log, put right what it names,
  clear the task; what follows it runs again by itself.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from airflow.sdk import DAG, Param, get_parsing_context

from desk_conventions import Tag
from desk_failure import RefusedBookOperator
from desk_tasks import DRY_RUN, TOLD, decision_tasks
from nightdesk.core.book import Book
from nightdesk.machine.home import Home
from nightdesk.session.book_dags import dag_id_of, needed_for
from nightdesk.session.books import read_books
from session_timetable import SessionTimetable

#: Sessions of one book under way at once. Those that wait for their turn hold slots; the executor has 8 more.
MAX_ACTIVE_RUNS = 8

FORM = {
    "session": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Session",
        description="The trading day to decide. Empty: the run's own session, or the newest completed one. "
        "Leave it empty in a backfill, whose dates say it.",
    ),
    "dry_run": DRY_RUN,
}


def daily(book: Book) -> DAG:
    """The DAG of one book."""
    with DAG(
        dag_id_of("daily", book.name),
        description=f"{book.label}: decided after each close",
        doc_md=f"# {book.label}\n\n{book.description}\n\n{__doc__}",
        schedule=SessionTimetable(book.calendar),
        catchup=False,
        max_active_runs=MAX_ACTIVE_RUNS,
        default_args=TOLD | {"book": book.name, "calendar": book.calendar},
        params=FORM,
        tags=[Tag.DAILY, Tag.TRADING],
    ) as dag:
        decision_tasks(book)
    return dag


def refused(name: str, reason: str) -> DAG:
    """The DAG of a book that could not be read: its only task fails with the reason."""
    with DAG(
        dag_id_of("daily", name),
        description="This book was refused",
        doc_md=f"# {name}: refused\n\n```\n{reason}\n```\n\nCorrect the file: this becomes the book's DAG.",
        schedule=SessionTimetable(),
        catchup=False,
        max_active_runs=1,
        default_args=TOLD,
        params=FORM,
        tags=[Tag.DAILY, Tag.REFUSED],
    ) as dag:
        RefusedBookOperator(task_id="book", book=name, calendar="XNYS", reason=reason, doc_md=reason)
    return dag


def every_dag(folder: Path, only: str | None) -> dict[str, DAG]:
    """One DAG per file of a daily book, or of one that could not be read, by id.

    Parameters
    ----------
    folder : Path
        Of the books.
    only : str or None
        A task needs its own DAG alone; None makes all.
    """
    found = read_books(folder, needed_for("daily", only))
    makers = {
        dag_id_of("daily", path.stem): partial(daily, book)
        for path, book in found.books.items()
        if book.schedule.rhythm == "daily"
    }
    makers |= {
        dag_id_of("daily", path.stem): partial(refused, path.stem, reason)
        for path, reason in found.refused.items()
    }
    return {dag_id: make() for dag_id, make in makers.items() if only in (None, dag_id)}


globals().update(every_dag(Home.find().root / "books", get_parsing_context().dag_id))
