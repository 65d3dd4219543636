"""Every five minutes: what failed unheard is told, and what waits to be sent is sent.

Alerts are rows first. The callback of a failed task writes its alert and sends it at once; this DAG does what
is left. **sweep** looks for failed tasks of which no alert was raised, because the process that should have
done so was killed, for sessions that should have been decided and were not, for bars that are not stored by
their hour, and for sources that fail or answer again. **runs** ends open runs of books that are gone, and
has a book decide, in order, up to ten sessions that the machine has slept over; of more, or where the book's
DAG is off, it tells which comes first and by what command they are decided. **send** brings every alert to
those who lack it, again with growing waits where a mail server does not take it, and repeats an EMERGENCY
every hour until somebody acknowledges it (`nightdesk ack`).

It is on from the start. A run that finds nothing costs a few seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, TriggerRule

from desk_alerts import SendOperator, SweepOperator, raise_alert
from desk_conventions import DEFAULTS, Tag
from desk_runs import RunsOperator

with DAG(
    "alerts",
    description="Tells what failed unheard, and sends what waits",
    doc_md=__doc__,
    schedule="*/5 * * * *",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULTS
    | {
        "on_failure_callback": raise_alert,
        # A desk in trouble has no slot free: what tells of it goes first.
        "priority_weight": 100,
        "execution_timeout": timedelta(minutes=5),
    },
    tags=[Tag.ALERTS],
) as dag:
    sweep = SweepOperator(
        task_id="sweep",
        doc_md="Failed tasks, missing sessions, late data and failing sources of which none was raised.",
    )
    runs = RunsOperator(
        task_id="runs",
        doc_md="Runs of books that are gone are ended; sessions that were slept over get runs of their own.",
    )
    send = SendOperator(
        task_id="send",
        trigger_rule=TriggerRule.ALL_DONE,
        doc_md="Every alert that is due, to everybody who lacks it; a server that refuses is no failure.",
    )
    [sweep, runs] >> send
