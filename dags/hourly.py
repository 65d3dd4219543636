"""One DAG per hourly book: what the desk does after each hour's bar of the exchange.

The steps are those of a daily book, once for each bar: seven on a full session in New York, fewer before an
early close. A run is named by its decision's instant, the end of its bar.

* **Orders of an hour** are meant for the bar that has begun; those of the last hour for the next open. Late
  is never sent.
* **Hours that were missed** are made up in order, since each decision waits until the one before it is
  closed; of more than ten sessions a backfill says which.
* **One decision again**: clear its run, or trigger the DAG with its instant in the form. Running a step twice
  changes nothing; once an order has left the house a rerun recomputes, tells what differs and writes nothing.
* **Many**: a backfill over any span of dates, for books on paper.
* **A failed step**: read the end of its log, put right what it names, clear the task.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from airflow.sdk import DAG, Param, get_parsing_context

from desk_conventions import Tag
from desk_tasks import DRY_RUN, TOLD, decision_tasks
from hour_timetable import HourTimetable
from nightdesk.core.book import Book
from nightdesk.machine.home import Home
from nightdesk.session.book_dags import dag_id_of, needed_for
from nightdesk.session.books import read_books

#: Decisions of one book under way at once: an hour that comes late meets the next one, seldom more.
MAX_ACTIVE_RUNS = 4

FORM = {
    "as_of": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Decision",
        description="The instant to decide, the end of a bar, as 2025-01-08T15:00:00Z. Empty: the run's own, "
        "or the newest whose bar is known. Leave it empty in a backfill, whose dates say it.",
    ),
    "dry_run": DRY_RUN,
}


def hourly(book: Book) -> DAG:
    """The DAG of one book."""
    delay = book.schedule.bar_delay_minutes
    of_book = {"book": book.name, "calendar": book.calendar, "hours_delay": delay}
    with DAG(
        dag_id_of("hourly", book.name),
        description=f"{book.label}: decided after each hour's bar",
        doc_md=f"# {book.label}\n\n{book.description}\n\n{__doc__}",
        schedule=HourTimetable(book.calendar, delay),
        catchup=False,
        max_active_runs=MAX_ACTIVE_RUNS,
        default_args=TOLD | of_book,
        params=FORM,
        tags=[Tag.HOURLY, Tag.TRADING],
    ) as dag:
        decision_tasks(book)
    return dag


def every_dag(folder: Path, only: str | None) -> dict[str, DAG]:
    """One DAG for each hourly book of a folder, by id; `only` one where that is named."""
    makers = {
        dag_id_of("hourly", path.stem): partial(hourly, book)
        for path, book in read_books(folder, needed_for("hourly", only)).books.items()
        if book.schedule.rhythm == "hourly"
    }
    return {dag_id: make() for dag_id, make in makers.items() if only in (None, dag_id)}


globals().update(every_dag(Home.find().root / "books", get_parsing_context().dag_id))
