"""Each Sunday at six in the morning of New York: the newest backup is restored elsewhere, and shown to serve.

**drill** takes the newest backup, restores it into an embedded PostgreSQL in a folder of its own, compares it
with its manifest, verifies every book, decides the last five decisions of each again and compares them with
what is stored, and tells: an INFO where all is the same, a CRITICAL alert where it is not. What it found is
kept in `nightdesk.drills`; server and folder are gone at the end. It comes after the DAG `upkeep`, which
makes a backup each day; it has no key of a broker, reads no source of data and sends no order.

When it fails, make a backup by hand (`nightdesk backup`) and clear the task, or run `nightdesk drill`.
It is on from the start. Triggered by hand, the form takes another backup or another number of decisions.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from airflow.timetables.trigger import CronTriggerTimetable

from desk_conventions import DEFAULTS, Tag
from desk_upkeep import DrillOperator, raise_alert

with DAG(
    "drill",
    description="Restores the newest backup elsewhere, and shows that it decides as it did",
    doc_md=f"# Drill\n\n{__doc__}",
    schedule=CronTriggerTimetable("0 6 * * 0", timezone="America/New_York"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    params={
        "backup": Param("newest", type="string", description="`newest`, or the name of a dump in the place."),
        "decisions": Param(
            5, type="integer", minimum=1, maximum=250, description="Of each book, decided again."
        ),
    },
    default_args=DEFAULTS
    | {
        "on_failure_callback": raise_alert,
        # Books of a thousand symbols take minutes a decision on a busy machine.
        "execution_timeout": timedelta(hours=1),
    },
    tags=[Tag.UPKEEP],
) as dag:
    DrillOperator(task_id="drill", doc_md="Restore, verify, decide again, compare, tell, clean up.")
