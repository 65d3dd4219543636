"""What became of the orders: five minutes after the open, and hourly then, every book at a real broker asks.

Executions are kept as the broker tells them, and orders brought to where they stand; a rejected order is
told at once. The ledger moves in the evening, when the session is settled. While the kill switch is on, what
it forbids is cancelled here too. A book none of whose orders is at work is skipped, and so is a holiday.
Triggered by hand it asks at any time.
"""

from __future__ import annotations

from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from desk_collect import CollectOperator
from desk_conventions import DEFAULTS, Tag
from desk_failure import raise_alert
from nightdesk.machine.home import Home
from nightdesk.session.books import read_books

#: 9:35 is five minutes after the open of New York; orders of the closing auction are known after 16:00.
TIMES = "35 9-16 * * mon-fri"
NEW_YORK = "America/New_York"


def fills(folder: Path) -> DAG:
    """One task for each book of a folder that trades with a real broker."""
    with DAG(
        "fills",
        description="What became of the orders at real brokers, hourly while New York trades",
        doc_md=f"# Fills\n\n{__doc__}",
        schedule=CronTriggerTimetable(TIMES, timezone=NEW_YORK),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULTS | {"on_failure_callback": raise_alert},
        tags=[Tag.TRADING],
    ) as dag:
        real = [book for book in read_books(folder).books.values() if not book.simulated]
        for book in real:
            CollectOperator(
                task_id=book.name,
                book=book.name,
                calendar=book.calendar,
                doc_md="\n".join(
                    f"Asks {entry.kind} about account {entry.account}."
                    for entry in map(book.entry_of, book.account_names)
                    if entry.kind != "paper"
                ),
            )
        if not real:
            EmptyOperator(task_id="no_real_broker", doc_md="Every book trades on paper: nothing to ask.")
    return dag


dag = fills(Home.find().root / "books")
