"""A long span of past sessions, decided in few processes: the quick way through years.

**plan** reads the form and cuts the span into pieces, **chunk** walks each piece in one process, one after
the other and in order, **summary** says in the run's note what came of it. While it walks, the note tells
how far it is and how many it decides a minute.

* **When to use it**: for spans beyond some sixty sessions. A backfill of the book's own DAG makes every step
  a task that can be looked at and cleared by itself, and takes several times as long. Both decide the same.
* **It goes on where it was**: clear a failed piece; what is closed is left out.
* **Compare** computes decisions again that are sealed, and says which would come out differently now;
  nothing of them is written.
* **Rebuild** takes a paper book back to the first session of the span and decides it and all later ones anew,
  on the data as it is known now. It wants a reason, and happens once a run.
* A book is walked by one at a time: beside its own DAG, or a `nightdesk replay`, each waits for its turn. No
  order of a past session reaches a real broker.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

from airflow.sdk import DAG, Asset, Param, get_parsing_context

from desk_conventions import DEFAULTS, Tag
from desk_failure import raise_alert_of_book
from desk_replay import ChunkOperator, PlanOperator, SummaryOperator
from nightdesk.core.book import Book
from nightdesk.feeds.vendor_pools import pool_of
from nightdesk.machine.home import Home
from nightdesk.session.book_dags import dag_id_of, needed_for
from nightdesk.session.books import read_books

FORM = {
    "from": Param(
        None, type=["null", "string"], format="date", title="From", description="First session of the span."
    ),
    "to": Param(
        None,
        type=["null", "string"],
        format="date",
        title="To",
        description="Last session. Empty: the newest.",
    ),
    "compare": Param(
        False,
        type="boolean",
        title="Compare",
        description="Compute decisions again that are sealed, and say which would come out differently.",
    ),
    "rebuild": Param(
        False,
        type="boolean",
        title="Rebuild",
        description="Take the paper book back to the first session, and decide it and all later ones anew.",
    ),
    "reason": Param(
        None, type=["null", "string"], maxLength=500, title="Reason", description="Of a rebuild; it is kept."
    ),
    "chunk": Param(
        100,
        type="integer",
        minimum=1,
        maximum=500,
        title="Decisions a task",
        description="So many are lost at most when a machine dies, and decided again.",
    ),
}


def replay(book: Book) -> DAG:
    """The DAG of one book."""
    with DAG(
        dag_id_of("replay", book.name),
        description=f"{book.label}: a long span of past sessions at once",
        doc_md=f"# {book.label}: replay\n\n{__doc__}",
        schedule=None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args=DEFAULTS
        | {"on_failure_callback": raise_alert_of_book, "book": book.name, "calendar": book.calendar},
        params=FORM,
        tags=[Tag.REPLAY],
    ) as dag:
        plan = PlanOperator(task_id="plan", doc_md="The form in pieces; a rebuild takes the book back, once.")
        chunk = ChunkOperator.partial(
            task_id="chunk",
            pool=pool_of(book).name,
            max_active_tis_per_dagrun=1,
            execution_timeout=timedelta(minutes=90),
            map_index_template="{{ task.span['first'][:10] }} to {{ task.span['last'][:10] }}",
            doc_md="The decisions of a piece, one after the other.",
        ).expand(span=plan.output)
        summary = SummaryOperator(
            task_id="summary",
            of="chunk",
            outlets=[Asset(f"portfolio/{book.name}")],
            doc_md="What was decided, compared and left out.",
        )
        chunk >> summary
    return dag


def every_dag(folder: Path, only: str | None) -> dict[str, DAG]:
    """One DAG for each book of a folder, by id; `only` one where that is named."""
    makers = {
        dag_id_of("replay", path.stem): partial(replay, book)
        for path, book in read_books(folder, needed_for("replay", only)).books.items()
    }
    return {dag_id: make() for dag_id, make in makers.items() if only in (None, dag_id)}


globals().update(every_dag(Home.find().root / "books", get_parsing_context().dag_id))
