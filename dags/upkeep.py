"""Each day at noon of New York: logs are rotated, what is old goes, the database is copied and verified.

**logs** rotates the logs of the desk's processes beyond 20 MB and deletes those of tasks after 90 days,
**airflow** deletes Airflow's own rows of runs after 90 days, never from the oldest unfinished run on, and
**findings** deletes what the checks of the data found in order, of closed sessions older than 90 days, and
**data_docs** builds the pages of Great Expectations anew, of the newest 30 decisions of each book.
**backup** makes a dump of the desk's tables, into the folder or object store that NIGHTDESK_BACKUP names, and
deletes backups that are older than 30 days, **integrity** rebuilds every book from its ledger and compares,
and **feeds** looks how the sources of data fare.
Nothing that was decided, ordered, booked or told is ever deleted. Each says in its log what it removed, and
one that fails does not keep the others from their work. The DAG `drill` shows each week that a
backup serves.

It is on from the start. Triggered by hand, the form takes another number of days.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from airflow.timetables.trigger import CronTriggerTimetable

from desk_conventions import DEFAULTS, Tag
from desk_upkeep import UpkeepOperator, raise_alert

PARTS = {
    "logs": "Logs of processes by size, of tasks and of parsing by age.",
    "airflow": "Airflow's rows of old runs, by its own command.",
    "findings": "Findings of old sessions that passed; what did not pass stays.",
    "data_docs": "What Great Expectations said of the newest decisions, as pages; older pages go.",
    "backup": "A dump of the desk's tables and its manifest; those older than 30 days go, never the newest.",
    "integrity": "Positions and cash of every book rebuilt from its ledger and compared; EMERGENCY "
    "where they differ.",
    "feeds": "How the sources of data fare; what fails is told once.",
}

with DAG(
    "upkeep",
    description="Rotates logs, deletes what is old, copies and verifies the database",
    doc_md=f"# Upkeep\n\n{__doc__}",
    schedule=CronTriggerTimetable("0 12 * * *", timezone="America/New_York"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    params={
        "keep_days": Param(90, type="integer", minimum=1, description="How long logs and rows are kept.")
    },
    default_args=DEFAULTS
    | {
        "on_failure_callback": raise_alert,
        # The first time of an old desk there may be a year to delete.
        "execution_timeout": timedelta(minutes=30),
    },
    tags=[Tag.UPKEEP],
) as dag:
    for part, what in PARTS.items():
        UpkeepOperator(task_id=part, part=part, doc_md=what)
