"""What became of the orders: while New York trades, and in its evening, every book at a real broker asks.

Executions are kept as the broker tells them, and orders brought to where they stand; a rejected order is
told at once. The ledger moves when the next decision is settled. While the kill switch is on, what it forbids
is cancelled here too, and so is an order that still works when its time is over: one of an hourly book at the
full hour. A book none of whose orders is at work is skipped, and so is a holiday. A broker that tells of
executions on their day alone (IBKR) is asked all the same, after the close and before it restarts at night:
so what its account did that day is kept before it forgets. What it tells too late for that comes from a
statement, or from a person. Triggered by hand it asks at any time.
"""

from __future__ import annotations

from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.timetables.trigger import MultipleCronTriggerTimetable

from desk_collect import CollectOperator
from desk_conventions import DEFAULTS, Tag
from desk_failure import raise_alert
from nightdesk.machine.home import Home
from nightdesk.session.books import read_books

#: 9:35 is five minutes after the open of New York. At the full hour the time of an hourly order is over. At
#: 16:20 the closing auction is known; commissions and corrections follow, brokers restart before midnight.
TIMES = ("35 9-16 * * mon-fri", "0 10-16 * * mon-fri", "20 16 * * mon-fri", "35 22 * * mon-fri")
NEW_YORK = "America/New_York"


def fills(folder: Path) -> DAG:
    """One task for each book of a folder that trades with a real broker."""
    with DAG(
        "fills",
        description="What became of the orders at real brokers, while New York trades and in its evening",
        doc_md=f"# Fills\n\n{__doc__}",
        schedule=MultipleCronTriggerTimetable(*TIMES, timezone=NEW_YORK),
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
