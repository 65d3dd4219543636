"""Each evening after the close: where every book stands on its way to real money, and what each lacks.

**gates** reads what is known of every book in `books/` (kept backtests, validations, stress tests, audits,
the tests of the code, rehearsals, its days on paper and with real money), holds it against the criteria of
its next stage and keeps what it finds, where that is new, for the cockpit. People are told by an alert when
the criteria of a stage are newly met (INFO) or no longer met (WARNING), and when a book has lost its right
to open positions with real money (CRITICAL). It promotes nothing: a person does (`nightdesk promote`). It
comes after the DAGs `daily__BOOK`, whose decisions it counts; where they are late it counts them the day
after.

When it fails, its log names the book; `nightdesk gate BOOK` does the same by hand. Ask whoever keeps the
book's file. It is on from the start.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from desk_conventions import DEFAULTS, Tag
from desk_gates import GatesOperator
from desk_upkeep import raise_alert

with DAG(
    "gates",
    description="Holds every book against the criteria of its next stage, and tells what changed",
    doc_md=f"# Gates\n\n{__doc__}",
    schedule=CronTriggerTimetable("0 19 * * 1-5", timezone="America/New_York"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULTS
    | {
        "on_failure_callback": raise_alert,
        # Books of a thousand symbols are read in seconds; a hundred of them take minutes.
        "execution_timeout": timedelta(minutes=15),
    },
    tags=[Tag.UPKEEP],
) as dag:
    GatesOperator(task_id="gates", doc_md="Evaluate every book, keep what is new, tell what changed.")
