"""A book that fell far asks a person before it comes back: here the person answers.

At drawdown level 3 a person reviews, at level 4 (everything was sold) a person confirms. The daily DAG starts
a run of this one when its gate has asked, once for each stay at a level, and does not wait for it. **waits**
reads what is asked, **approval** waits until somebody answers under *Required Actions*, **answer** stores the
answer with the person's name and reason. The next decision of the book reads it.

* **Approve** lets the book come back once its market is calm, which is not at once.
* **Reject**, or no answer in time, leaves the book where it is. Trigger this DAG to be asked again.
* `nightdesk resume BOOK --reason "..."` gives the same answer without Airflow.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from desk_approval import AnswerOperator, ApprovalOperator, WaitsOperator
from desk_conventions import DEFAULTS, Tag
from desk_failure import raise_alert_of_book
from nightdesk.core.book import Book
from nightdesk.machine.home import Home
from nightdesk.session.book_dags import dag_id_of, needed_for
from nightdesk.session.books import read_books

#: A person may be away for a while; the book only waits meanwhile.
PATIENCE = timedelta(days=14)


def resume(book: Book) -> DAG:
    """The DAG of one book."""
    with DAG(
        dag_id_of("resume", book.name),
        description=f"{book.label}: a person lets it come back, or not",
        doc_md=f"# {book.label}: review and confirmation\n\n{__doc__}",
        schedule=None,
        catchup=False,
        # One may still wait at level 3 when level 4 asks.
        max_active_runs=4,
        is_paused_upon_creation=False,
        default_args=DEFAULTS
        | {"on_failure_callback": raise_alert_of_book, "book": book.name, "calendar": book.calendar},
        tags=[Tag.APPROVAL],
    ) as dag:
        waits = WaitsOperator(
            task_id="waits", doc_md="What a person is asked; skipped where the book does not wait for one."
        )
        approval = ApprovalOperator(
            task_id="approval",
            asks="waits",
            response_timeout=PATIENCE,
            doc_md=f"Waits for a person's answer under Required Actions, for {PATIENCE.days} days.",
        )
        answer = AnswerOperator(
            task_id="answer",
            asks="waits",
            says="approval",
            doc_md="Stores the answer, yes or no, with the person's name and reason.",
        )
        waits >> approval >> answer
    return dag


def every_dag(folder: Path, only: str | None) -> dict[str, DAG]:
    """One DAG for each book of a folder that has drawdown levels, by id; `only` one where that is named."""
    makers = {
        dag_id_of("resume", path.stem): partial(resume, book)
        for path, book in read_books(folder, needed_for("resume", only)).books.items()
        if book.levels is not None
    }
    return {dag_id: make() for dag_id, make in makers.items() if only in (None, dag_id)}


globals().update(every_dag(Home.find().root / "books", get_parsing_context().dag_id))
