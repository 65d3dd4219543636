"""Two DAGs per book with a screened universe: who is a member this week, and who is off today.

**screen__BOOK** runs each Sunday at 18:00 of New York. It fetches the bars of the whole pool up to the last
close, its listings and quotes, and asks every criterion of every stock; then pairs are searched. What it
finds is stored whole, and is in force for the decisions from the next session on, until the next good screen.

**open_check__BOOK** runs half an hour before each open. It asks the cheap criteria again (listed, exchange,
price, dollar volume, spread) on the closes of the session before: who fails is off in that session, keeps
what is held of it and opens nothing. It fetches nothing.

Both are on from the start, and skip their work until the book has made its first decision.

* **A missed run loses nothing.** The first decision that lacks its screen or its check makes it itself, and
  finds the same.
* **A screen that fails** is told as a WARNING, and the last good one stays in force for two weeks at most;
  then the ingest of `daily__BOOK` is refused. Correct what the alert names, then clear the task.
* **One week again**: a good screen stands for ever, and a second run finds it made. Triggered by hand, the
  form takes a session: the screen is that of its week.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param, get_parsing_context
from airflow.timetables.trigger import CronTriggerTimetable

from desk_conventions import DEFAULTS, Tag
from desk_screen import OpenCheckOperator, ScreenOperator, raise_alert_of_screen
from nightdesk.core.calendar import usual_open
from nightdesk.core.screen_weeks import BEFORE_OPEN, SCREENED_AT_HOUR
from nightdesk.feeds.vendor_pools import pool_of
from nightdesk.machine.home import Home
from nightdesk.session.book_dags import dag_id_of, needed_for
from nightdesk.session.books import read_books

if TYPE_CHECKING:
    from collections.abc import Callable

    from nightdesk.core.book import Book

FORM = {
    "session": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Session",
        description="A session of the week that is screened, or the one that is checked. Empty: the newest.",
    )
}


def screen(book: Book) -> DAG:
    """The DAG of a book's week."""
    with DAG(
        dag_id_of("screen", book.name),
        description=f"{book.label}: who is a member this week",
        doc_md=f"# {book.label}: screen\n\n{__doc__}",
        schedule=CronTriggerTimetable(f"0 {SCREENED_AT_HOUR} * * 0", timezone="America/New_York"),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args=_told(book),
        params=FORM,
        tags=[Tag.SCREEN],
    ) as dag:
        ScreenOperator(
            task_id="screen",
            pool=pool_of(book).name,
            # A vendor may be down for a while, and the first screen loads the whole history of the pool.
            retries=8,
            execution_timeout=timedelta(minutes=90),
            doc_md="Bars, listings and quotes of the pool; criteria; pairs; members.",
        )
    return dag


def open_check(book: Book) -> DAG:
    """The DAG of a book's mornings."""
    opens, zone = usual_open(book.calendar)
    minutes = opens.hour * 60 + opens.minute - int(BEFORE_OPEN.total_seconds()) // 60
    with DAG(
        dag_id_of("open_check", book.name),
        description=f"{book.label}: who is off today",
        doc_md=f"# {book.label}: check before the open\n\n{__doc__}",
        schedule=CronTriggerTimetable(f"{minutes % 60} {minutes // 60 % 24} * * *", timezone=zone),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args=_told(book),
        params=FORM,
        tags=[Tag.SCREEN],
    ) as dag:
        OpenCheckOperator(task_id="open_check", doc_md="The cheap criteria on the last closes.")
    return dag


def _told(book: Book) -> dict[str, object]:
    return DEFAULTS | {
        "on_failure_callback": raise_alert_of_screen,
        "book": book.name,
        "calendar": book.calendar,
    }


def _makers(folder: Path, only: str | None) -> Iterator[tuple[str, Callable[[], DAG]]]:
    kinds = {"screen": screen, "open_check": open_check}

    def wanted(book: str) -> bool:
        return any(needed_for(kind, only)(book) for kind in kinds)

    for path, book in read_books(folder, wanted).books.items():
        if book.screen is not None:
            for kind, make in kinds.items():
                yield dag_id_of(kind, path.stem), partial(make, book)


def every_dag(folder: Path, only: str | None) -> dict[str, DAG]:
    """The DAGs of each screened book of a folder, by id; `only` one where that is named."""
    return {dag_id: make() for dag_id, make in _makers(folder, only) if only in (None, dag_id)}


globals().update(every_dag(Home.find().root / "books", get_parsing_context().dag_id))
