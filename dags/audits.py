"""An audit of a book over past sessions, asked for in a form: that it never looks ahead, and warms up enough.

Trigger it: name the book, the first and the last session, and how many truncations are tried. **audit** reads
the bars from the book's feeds, decides the span on all of them and on bars that end at some sessions, and
compares every factor, signal, target, verdict and order; then it lets the book begin with less and less
history. The outcome is kept as evidence of the book's rules, passed or not; the run's note says which factor
or strategy looks ahead, and the task's log holds the whole. It sends no order and changes nothing of a book.

One audit is made at a time. A form that cannot be meant is refused at once, in the note too; correct it and
trigger again. `nightdesk audit BOOK --from D --to D --keep` does the same without Airflow. Its sibling
`research__backtest` makes the results that an audited book is judged by.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from desk_audit import AuditOperator
from desk_conventions import DEFAULTS, Tag
from desk_research import raise_alert
from desk_research_form import book_param, span_params
from nightdesk.machine.home import Home
from nightdesk.session.book_dags import dag_id_of


def params(folder: Path) -> dict[str, Param]:
    """The form; an empty one is valid."""
    return {
        "book": book_param(folder, "Which one is audited."),
        **span_params(),
        "cuts": Param(
            4,
            type="integer",
            minimum=1,
            maximum=64,
            title="Cuts",
            description="Truncations, and beginnings with less history, that are tried.",
        ),
    }


with DAG(
    dag_id_of("research", "audit"),
    description="Whether a book looks ahead or warms up too briefly, asked for in a form (audit)",
    doc_md=f"# Audit\n\n{__doc__}",
    schedule=None,
    catchup=False,
    # Each takes a processor for minutes.
    max_active_runs=1,
    is_paused_upon_creation=False,
    params=params(Home.find().root / "books"),
    default_args=DEFAULTS
    | {
        "on_failure_callback": raise_alert,
        # Some runs of a large book over years, and its bars before.
        "execution_timeout": timedelta(minutes=60),
    },
    tags=[Tag.RESEARCH],
) as dag:
    AuditOperator(task_id="audit", doc_md="Audits what the form asks for, and keeps the outcome.")
