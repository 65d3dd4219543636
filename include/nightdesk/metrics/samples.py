"""Rows of the store as samples: a pure function a kind of figure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from nightdesk.core.masking import mask_line
from nightdesk.feeds.breaker import Circuit, SourceHealth
from nightdesk.metrics.families import FAMILIES, Sample
from nightdesk.store.metric_rows import DeskFigures

Row = Mapping[str, Any]

#: A book that holds more symbols shows so many, the largest, and the rest as one: series have a bound.
MOST_SYMBOLS = 50
OTHERS = "(others)"
#: What no strategy moved: an empty label would be none.
NO_STRATEGY = "(none)"

ORDER_STATES = (
    "planned", "submitted", "partially_filled", "filled", "cancelled", "rejected", "expired", "suppressed",
)  # fmt: skip
ALERT_LEVELS = ("WARNING", "CRITICAL", "EMERGENCY")
OUTCOMES = ("warned", "quarantined", "stopped")

_MARK = {
    "nightdesk_nav_dollars": "nav",
    "nightdesk_cash_dollars": "cash",
    "nightdesk_peak_nav_dollars": "peak_nav",
    "nightdesk_drawdown_ratio": "drawdown",
    "nightdesk_gross_exposure_ratio": "gross",
    "nightdesk_net_exposure_ratio": "net",
    "nightdesk_mark_timestamp_seconds": "as_of",
}
_LEVEL = {
    "nightdesk_drawdown_level": "level",
    "nightdesk_value_at_risk_ratio": "historical_var",
    "nightdesk_expected_shortfall_ratio": "historical_cvar",
}
_PROGRESS = {
    "nightdesk_kill_switch_on": "stopped",
    "nightdesk_decisions_failed": "failed",
    "nightdesk_reconciliation_differences": "differences",
    "nightdesk_disputed_positions": "disputed",
    "nightdesk_foreign_orders": "foreign_orders",
    "nightdesk_closed_timestamp_seconds": "closed",
}
_FEED = {
    "nightdesk_feed_consecutive_failures": "failures",
    "nightdesk_feed_answer_seconds": "answer_seconds",
    "nightdesk_feed_last_success_timestamp_seconds": "last_success",
    "nightdesk_feed_last_failure_timestamp_seconds": "last_failure",
}


def samples_of(figures: DeskFigures) -> list[Sample]:
    """All samples of what the store holds; what is not known (None, NaN) has none."""
    books = [row["book"] for row in figures.progress]
    return [
        *_columns(figures.marks, _MARK, "book"),
        *_day(figures.marks),
        *_columns(figures.levels, _LEVEL, "book"),
        *_held(books, figures.positions),
        *_strategies(figures.strategies),
        *_orders(books, figures.orders),
        *_verdicts(figures.verdicts),
        *_fills(figures.fills),
        *_columns(figures.progress, _PROGRESS, "book"),
        *_took(figures.progress),
        *_columns(figures.steps, {"nightdesk_step_duration_seconds": "seconds"}, "book", "step"),
        *_findings(books, figures.findings),
        *_columns(figures.brokers, {"nightdesk_broker_failing": "failing"}, "book", "account"),
        *_columns(figures.feeds, _FEED, source="feed"),
        *_circuits(figures.feeds, figures.moment),
        *_alerts(books, figures.alerts),
        *_columns(figures.deliveries, {"nightdesk_alert_deliveries_failing": "failing"}),
        *_columns(
            figures.tables,
            {"nightdesk_table_size_bytes": "bytes", "nightdesk_table_rows": "rows"},
            table_name="table",
        ),
        *_columns(
            figures.database,
            {"nightdesk_database_size_bytes": "bytes", "nightdesk_database_connections": "connections"},
        ),
    ]


def sample(name: str, value: Any, **labels: str) -> Iterator[Sample]:
    """A sample of a metric; none where the value is not known.

    What a label holds is masked: a source may be named by an address of a person's own.

    Parameters
    ----------
    name : str
        That of a family.
    value : number, bool, datetime or None
        An instant becomes Unix time.
    **labels
        Exactly those of the family.
    """
    assert tuple(sorted(labels)) == tuple(sorted(FAMILIES[name].labels)), name
    number = value.timestamp() if isinstance(value, datetime) else math.nan if value is None else float(value)
    if not math.isnan(number):
        yield Sample(name, number, {label: mask_line(text) for label, text in labels.items()})


def _columns(rows: Iterable[Row], columns: Mapping[str, str], *same: str, **renamed: str) -> Iterator[Sample]:
    """A sample a row and metric; labels are columns called the `same`, or `renamed` from column to label."""
    names = {**{one: one for one in same}, **renamed}
    for row in rows:
        labels = {label: str(row[column]) for column, label in names.items()}
        for name, column in columns.items():
            yield from sample(name, row[column], **labels)


def _day(marks: Iterable[Row]) -> Iterator[Sample]:
    for row in marks:
        before = row["nav_before"]
        if before:
            yield from sample("nightdesk_day_profit_dollars", row["nav"] - before, book=row["book"])
            yield from sample("nightdesk_day_return_ratio", row["nav"] / before - 1, book=row["book"])


def _held(books: Iterable[str], positions: Iterable[Row]) -> Iterator[Sample]:
    """How many symbols each book holds, and the value of each of the largest; rows descend in size."""
    by_book = {name: list(rows) for name, rows in groupby(positions, key=lambda row: str(row["book"]))}
    for book in books:
        rows = by_book.get(book, [])
        yield from sample("nightdesk_positions", len(rows), book=book)
        values = {row["symbol"]: row["market_value"] for row in rows[:MOST_SYMBOLS]}
        rest = rows[MOST_SYMBOLS:]
        if rest:
            values[OTHERS] = sum(row["market_value"] for row in rest)
        for symbol, value in values.items():
            yield from sample("nightdesk_position_value_dollars", value, book=book, symbol=symbol)


def _strategies(rows: Iterable[Row]) -> Iterator[Sample]:
    for row in rows:
        strategy = row["strategy"] or NO_STRATEGY
        yield from sample(
            "nightdesk_strategy_profit_dollars", row["profit"], book=row["book"], strategy=strategy
        )


def _orders(books: Iterable[str], rows: Iterable[Row]) -> Iterator[Sample]:
    """Every state of every book, 0 where no order is in it: a series that begins at 1 has no increase."""
    counts = {(row["book"], row["status"]): row for row in rows}
    for book in books:
        for state in ORDER_STATES:
            row = counts.get((book, state), {"orders": 0, "of_newest": 0})
            yield from sample("nightdesk_orders", row["orders"], book=book, state=state)
            yield from sample("nightdesk_session_orders", row["of_newest"], book=book, state=state)


def _verdicts(rows: Iterable[Row]) -> Iterator[Sample]:
    for row in rows:
        labels = {name: row[name] for name in ("book", "action", "rule")}
        yield from sample("nightdesk_verdicts_total", row["verdicts"], **labels)


def _fills(rows: Iterable[Row]) -> Iterator[Sample]:
    totals: dict[str, dict[str, Any]] = {}
    for row in rows:
        labels = {"book": row["book"], "side": row["side"]}
        yield from sample("nightdesk_fills_total", row["fills"], **labels)
        yield from sample("nightdesk_filled_dollars_total", row["notional"], **labels)
        total = totals.setdefault(row["book"], {"expected": 0, "realised": 0, "commission": 0})
        total["expected"] += row["expected_cost"] or 0
        total["realised"] += row["realised_cost"] or 0
        total["commission"] += row["commission"]
    for book, total in totals.items():
        yield from sample("nightdesk_commission_dollars", total["commission"], book=book)
        for estimate in ("expected", "realised"):
            yield from sample("nightdesk_slippage_dollars", total[estimate], book=book, estimate=estimate)


def _took(progress: Iterable[Row]) -> Iterator[Sample]:
    for row in progress:
        if row["closed_at"] is not None:
            seconds = (row["closed_at"] - row["opened_at"]).total_seconds()
            yield from sample("nightdesk_decision_duration_seconds", seconds, book=row["book"])


def _findings(books: Iterable[str], rows: Iterable[Row]) -> Iterator[Sample]:
    counts = {(row["book"], row["outcome"]): row["findings"] for row in rows}
    for book in books:
        for outcome in OUTCOMES:
            count = counts.get((book, outcome), 0)
            yield from sample("nightdesk_findings", count, book=book, outcome=outcome)


def _circuits(feeds: Iterable[Row], moment: datetime) -> Iterator[Sample]:
    for row in feeds:
        health = SourceHealth.from_row({name: value for name, value in row.items() if name != "source"})
        now = health.circuit(moment)
        for state in Circuit:
            yield from sample(
                "nightdesk_feed_circuit_state", state is now, feed=row["source"], state=state.value
            )


def _alerts(books: Iterable[str], rows: Iterable[Row]) -> Iterator[Sample]:
    """Every level of every book and of the desk, 0 where nothing waits."""
    found = {(row["book"], row["level"]): row for row in rows}
    named = dict.fromkeys([*books, "", *(book for book, _ in found)])
    for book in named:
        for level in ALERT_LEVELS:
            row = found.get((book, level), {"alerts": 0, "oldest": None})
            yield from sample("nightdesk_alerts_unacknowledged", row["alerts"], book=book, level=level)
            yield from sample(
                "nightdesk_alerts_oldest_timestamp_seconds", row["oldest"], book=book, level=level
            )
