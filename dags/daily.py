"""One DAG per book: what the desk does after each close of the exchange.

Bars come in and are judged; factors, the regime and each strategy's signals follow. Beside them the book
is settled: the orders of the session before come home as fills and the book is marked at the close. Then
targets are sized, pass the risk gate and become orders, each sent exactly once; a report tells of it and
the session is closed.

* **One session again**: clear its run, or trigger the DAG with the session in the form. Running a step
  twice changes nothing. Once an order has left the house the session is sealed: a rerun recomputes, tells
  what differs and writes nothing.
* **Many sessions**: a backfill over any span; its dates are those of the exchange, whatever the zone of your
  browser. Up to the signals, sessions run side by side; from *settle* on each waits until the session before
  it is closed, whatever started the run. Runs of a DAG that is switched off wait until it is on: tick
  *Unpause* in the form.
* **What a run was** stands in its note: its session, whether it was a dry run, catching up, sealed and
  compared, or degraded, and what failed.
* **A machine that slept** over sessions decides them by itself: the DAG `alerts` starts up to ten.
* **A failed step**: passing faults were retried already. Read the end of its log, put right what it names,
  clear the task; what follows it runs again by itself.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, Param, TaskGroup, TriggerRule, get_parsing_context

from desk_ask import AskOperator
from desk_conventions import DEFAULTS, Tag, dag_id_of
from desk_failure import CloseOperator, RefusedBookOperator, raise_alert, raise_retry
from desk_step import StepOperator
from nightdesk.book import Book
from nightdesk.machine.home import Home
from nightdesk.pipeline.shelf import read_shelf
from session_timetable import SessionTimetable

#: Sessions of one book under way at once. Those that wait for their turn hold slots; the executor has 8 more.
MAX_ACTIVE_RUNS = 8

#: Made by the set-up: how many tasks may ask the vendors at once, over all books and sessions.
FEEDS_POOL = "feeds"

TOLD = DEFAULTS | {"on_failure_callback": raise_alert}

#: A vendor may be down for a while, and the first run of a book loads its whole history.
INGEST = {
    "pool": FEEDS_POOL,
    "retries": 8,
    "execution_timeout": timedelta(minutes=30),
    "on_retry_callback": raise_retry,
}

#: A broker may be away for a while: tried on for longer than the silence that stops the book.
BROKER = {"retries": 7, "on_retry_callback": raise_retry}

FORM = {
    "session": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Session",
        description="The trading day to decide. Empty: the run's own session, or the newest completed one. "
        "Leave it empty in a backfill, whose dates say it.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        # Of the form of a backfill, Airflow's web UI sends no parameters otherwise.
        description="Compute and report; keep nothing, send no order. In a backfill it counts only with "
        "'Override parameters on existing runs' ticked.",
    ),
}

#: A session is closed without it: that it failed is told.
ASK = "ask"

SIGNALS = """One task per strategy, side by side. A signal says conditions only (enter, leave, how sure),
so it depends on no position. A strategy that fails does not stop the others; its failure is an alert, and
the session is told as degraded."""


def daily(book: Book) -> DAG:
    """The DAG of one book."""
    with DAG(
        dag_id_of("daily", book.name),
        description=f"{book.label}: decided after each close",
        doc_md=f"# {book.label}\n\n{book.description}\n\n{__doc__}",
        schedule=SessionTimetable(book.calendar),
        catchup=False,
        max_active_runs=MAX_ACTIVE_RUNS,
        default_args=TOLD | {"book": book.name, "calendar": book.calendar},
        params=FORM,
        tags=[Tag.DAILY, Tag.TRADING],
    ) as dag:

        def step(name: str, doc: str, **settings: object) -> StepOperator:
            return StepOperator(task_id=name, step=name, doc_md=doc, **settings)

        ingest = step(
            "ingest", "Bars and corporate actions, from the first feed that answers well.",
            outlets=[Asset("bars")], **INGEST,
        )  # fmt: skip
        quality = step(
            "quality", "Expectations: bad symbols are quarantined, a bad benchmark or VIX stops the run."
        )
        factors = step("factors", "One number per factor and symbol.")
        regime = step("regime", "The market state, from VIX.")
        with TaskGroup("signals", tooltip="what each strategy says", doc_md=SIGNALS) as signals:
            for strategy in book.strategies:
                StepOperator(
                    task_id=strategy, step="signals", strategy=strategy, doc_md=f"The signals of {strategy}."
                )
        # One strategy may be missing, but not all of them: a failure before them leaves none.
        heard = EmptyOperator(
            task_id="signals_heard",
            trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
            doc_md="Every strategy has spoken or failed, and at least one has spoken.",
        )
        settle = step(
            "settle",
            "Waits for the book's turn; fills come home, the ledger meets the broker, the book is marked.",
            **BROKER,
        )
        # The signals are whole here, whatever number of strategies spoke: one event a session.
        targets = step(
            "targets", "Exits, combining, filtering, sizing.", outlets=[Asset(f"signals/{book.name}")]
        )
        gate = step("gate", "The risk rules: approve, cut or reject, each with its reason.")
        orders = step("orders", "What passed is netted into orders, written down as planned.")
        submit = step("submit", "Each planned order is sent to the broker, exactly once.", **BROKER)
        report = step("report", "The page of the session.")
        close = CloseOperator(
            task_id="close",
            optional=[*(f"signals.{strategy}" for strategy in book.strategies), ASK],
            trigger_rule=TriggerRule.ALL_DONE,
            outlets=[Asset(f"portfolio/{book.name}")],
            doc_md="Compares what should exist with what does, raises missing alerts, closes the session.",
        )

        ingest >> quality >> [factors, regime, settle]
        [factors, regime] >> signals >> heard
        [heard, settle] >> targets >> gate >> orders >> submit >> report
        [heard, report] >> close
        if book.levels is not None:
            ask = AskOperator(
                task_id=ASK,
                asks=dag_id_of("resume", book.name),
                doc_md="Where the gate has asked a person, starts the DAG in which one answers.",
            )
            gate >> ask >> close
    return dag


def refused(name: str, reason: str) -> DAG:
    """The DAG of a book that could not be read: its only task fails with the reason."""
    with DAG(
        dag_id_of("daily", name),
        description="This book was refused",
        doc_md=f"# {name}: refused\n\n```\n{reason}\n```\n\nCorrect the file: this becomes the book's DAG.",
        schedule=SessionTimetable(),
        catchup=False,
        max_active_runs=1,
        default_args=TOLD,
        params=FORM,
        tags=[Tag.DAILY, Tag.REFUSED],
    ) as dag:
        RefusedBookOperator(task_id="book", book=name, calendar="XNYS", reason=reason, doc_md=reason)
    return dag


def every_dag(folder: Path, only: str | None) -> dict[str, DAG]:
    """One DAG per book file, by id.

    Parameters
    ----------
    folder : Path
        Of the books.
    only : str or None
        A task needs its own DAG alone; None makes all.
    """
    shelf = read_shelf(folder)
    makers = {dag_id_of("daily", path.stem): partial(daily, book) for path, book in shelf.books.items()}
    makers |= {
        dag_id_of("daily", path.stem): partial(refused, path.stem, reason)
        for path, reason in shelf.refused.items()
    }
    return {dag_id: make() for dag_id, make in makers.items() if only in (None, dag_id)}


globals().update(every_dag(Home.find().root / "books", get_parsing_context().dag_id))
