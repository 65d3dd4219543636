"""The tasks of one decision of a book and how they hang together, the same for every rhythm of decisions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Asset, Param, TaskGroup, TriggerRule

from desk_approval import AskOperator
from desk_conventions import DEFAULTS
from desk_failure import CloseOperator, raise_alert, raise_retry
from desk_shards import FETCH, ShardOperator, names_of
from desk_step import StepOperator
from nightdesk.core.book import Book
from nightdesk.feeds.vendor_pools import pool_of
from nightdesk.session.book_dags import dag_id_of

TOLD = DEFAULTS | {"on_failure_callback": raise_alert}

#: A vendor may be down for a while, and the first run of a book loads its whole history.
INGEST = {
    "retries": 8,
    "execution_timeout": timedelta(minutes=30),
    "on_retry_callback": raise_retry,
}

#: The ingest asks for what a part of it did not bring: that one failed is no news.
AHEAD = {
    "retries": 1,
    "execution_timeout": timedelta(minutes=30),
    "on_failure_callback": None,
}

#: A broker may be away for a while: tried on for longer than the silence that stops the book.
BROKER = {"retries": 7, "on_retry_callback": raise_retry}

DRY_RUN = Param(
    False,
    type="boolean",
    title="Dry run",
    # Of the form of a backfill, Airflow's web UI sends no parameters otherwise.
    description="Compute and report; keep nothing, send no order. In a backfill it counts only with "
    "'Override parameters on existing runs' ticked.",
)

#: A session is closed without it: that it failed is told.
ASK = "ask"

SIGNALS = """One task per strategy, side by side. A signal says conditions only (enter, leave, how sure),
so it depends on no position. A strategy that fails does not stop the others; its failure is an alert, and
the session is told as degraded."""


def decision_tasks(book: Book) -> None:
    """Make and wire the tasks of a decision; within the `with` block of a DAG."""

    def step(name: str, doc: str, **settings: object) -> StepOperator:
        return StepOperator(task_id=name, step=name, doc_md=doc, **settings)

    ingest = step(
        "ingest", "Bars and corporate actions, from the first feed that answers well.",
        outlets=[Asset("bars")], pool=pool_of(book).name, **INGEST,
    )  # fmt: skip
    if book.feeds.shards > 1:
        ingest.trigger_rule = TriggerRule.ALL_DONE
        _fetch_ahead(book) >> ingest
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
    targets = step("targets", "Exits, combining, filtering, sizing.", outlets=[Asset(f"signals/{book.name}")])
    gate = step("gate", "The risk rules: approve, cut or reject, each with its reason.")
    orders = step("orders", "What passed is netted into orders, written down as planned.")
    submit = step("submit", "Each planned order is sent to the broker, exactly once.", **BROKER)
    report = step("report", "The page of the session.")
    close = CloseOperator(
        task_id="close",
        optional=[*(f"signals.{strategy}" for strategy in book.strategies), ASK],
        ahead=names_of(book.feeds.shards),
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


def _fetch_ahead(book: Book) -> Any:
    """The tasks that ask vendors before the ingest, as many at once as the vendor's pool lets."""
    return ShardOperator.partial(
        task_id=FETCH,
        book=book.name,
        calendar=book.calendar,
        pool=pool_of(book).name,
        doc_md="Asks vendors for a part of the symbols. The ingest stores what came, and asks for the rest.",
        **AHEAD,
    ).expand(shard=list(range(book.feeds.shards)))
