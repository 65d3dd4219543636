"""Every combination of some parameters of a book, asked for in a form, tried in many tasks, and kept.

Trigger it: name the book, the first and the last session, and a line a parameter with its values
(`portfolio.volatility_target=0.10,0.15,0.20`). **plan** notes the sweep and cuts its grid into pieces,
**points** tries a piece a task: each point is a backtest in memory with the functions of the daily run,
**result** says in the run's note which point is the best and how fast the result falls away from it.
`nightdesk sweeps` lists what was kept, with the whole table and a picture. A piece that failed or was lost
is tried again by itself; what its points came to is kept once.

A sweep is validation only: it changes no book, and the best of many tries is too good to be expected.
`nightdesk sweep BOOK --from D --to D --set KEY=V1,V2` does the same in one command.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from desk_conventions import DEFAULTS, Tag
from desk_research import raise_alert
from desk_research_form import AT_ONCE, book_param, note_param, span_params
from desk_sweep import SweepPieceOperator, SweepPlanOperator, SweepResultOperator
from nightdesk.machine.home import Home
from nightdesk.session.book_dags import dag_id_of


def params(folder: Path) -> dict[str, Param]:
    """The form; an empty one is valid."""
    return {
        "book": book_param(folder, "Which one decides."),
        **span_params(),
        "set": Param(
            [],
            type="array",
            items={"type": "string", "maxLength": 2_000},
            title="Parameters",
            description="A line each: KEY=V1,V2, or KEY=[V1, V2] in YAML.",
        ),
        "metric": Param("sharpe", type="string", title="Figure", description="By which points are compared."),
        "piece": Param(
            20,
            type="integer",
            minimum=1,
            maximum=1_000,
            title="Points a task",
            description="Each task reads the bars once; so many are lost at most when a machine dies.",
        ),
        "note": note_param(),
    }


with DAG(
    dag_id_of("research", "sweep"),
    description="Every combination of some parameters of a book, asked for in a form and kept (sweep)",
    doc_md=f"# Sweep\n\n{__doc__}",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    params=params(Home.find().root / "books"),
    default_args=DEFAULTS | {"on_failure_callback": raise_alert},
    tags=[Tag.RESEARCH],
) as dag:
    plan = SweepPlanOperator(task_id="plan", doc_md="Notes the sweep and cuts its grid into pieces.")
    points = SweepPieceOperator.partial(
        task_id="points",
        execution_timeout=timedelta(minutes=90),
        max_active_tis_per_dag=AT_ONCE,
        map_index_template="points {{ task.piece['first'] + 1 }} to {{ task.piece['last'] + 1 }}",
        doc_md="Tries the points of a piece, and keeps what they came to.",
    ).expand(piece=plan.output)
    result = SweepResultOperator(task_id="result", doc_md="Which point is the best, in the run's note.")
    points >> result
