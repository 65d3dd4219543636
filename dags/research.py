"""Books over past sessions, asked for in a form and kept.

Trigger it: name one book or more, the first and the last session, and if you like another capital, after how
many sessions somebody would release a book that one of its rules has killed, and a note. **form** reads it;
**backtest**, a task a book, reads the bars from the book's feeds, decides every session in memory with the
functions of the daily run, and keeps figures, course and the book as it was. It sends no order and changes
nothing of a book. The run's note says what came of each; `nightdesk backtests` and the cockpit list what was
kept and set some side by side.

One backtest of a book is made at a time: another run of the same book is refused, and may be triggered again
when that one has ended. A form that cannot be meant is refused at once, in the note too. `nightdesk backtest
BOOK --from D --to D --keep` does the same without Airflow.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from desk_conventions import DEFAULTS, Tag
from desk_research import BacktestOperator, FormOperator, raise_alert
from desk_research_form import AT_ONCE, books_of, note_param, span_params
from nightdesk.machine.home import Home
from nightdesk.session.book_dags import dag_id_of


def params(folder: Path) -> dict[str, Param]:
    """The form; an empty one is valid."""
    books = books_of(folder)
    return {
        "books": Param(
            [],
            type="array",
            items={"type": "string", "enum": books},
            uniqueItems=True,
            examples=books,
            title="Books",
            description="Which of them decide, a task each.",
        ),
        **span_params(),
        "capital": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            title="Capital",
            description="Dollars that it begins with; empty: those of the book.",
        ),
        "release_after": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=2520,
            title="Release after",
            description="Sessions after which a simulated person releases a kill that a rule has set; empty: "
            "nobody does, and nothing is opened from then on.",
        ),
        "note": note_param(),
    }


with DAG(
    dag_id_of("research", "backtest"),
    description="Books over past sessions, asked for in a form and kept (backtest)",
    doc_md=f"# Backtest\n\n{__doc__}",
    schedule=None,
    catchup=False,
    max_active_runs=AT_ONCE,
    is_paused_upon_creation=False,
    params=params(Home.find().root / "books"),
    default_args=DEFAULTS
    | {
        "on_failure_callback": raise_alert,
        # Twenty years of a large book on a small machine, and its bars before.
        "execution_timeout": timedelta(minutes=30),
    },
    tags=[Tag.RESEARCH],
) as dag:
    form = FormOperator(task_id="form", doc_md="Reads the form: which books decide.")
    BacktestOperator.partial(
        task_id="backtest",
        map_index_template="{{ task.book }}",
        max_active_tis_per_dag=AT_ONCE,
        doc_md="Decides what the form asks of a book, and keeps it.",
    ).expand(book=form.output)
