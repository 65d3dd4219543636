"""Every metric that the desk shows: its name, what it counts, its labels, its words.

Names follow Prometheus' conventions: the prefix ``nightdesk_``, base units (dollars, seconds, bytes, ratios
of one) at the end, ``_total`` for what only grows, ``_timestamp_seconds`` for instants (Unix time). A figure
that is not known has no series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricFamily:
    """One metric.

    Attributes
    ----------
    name : str
        As it is asked for in PromQL.
    words : str
        Its HELP text, with the unit where the name does not say all of it.
    labels : tuple of str
    kind : str
        ``gauge``, or ``counter`` for a number that only grows while nothing is replayed.
    """

    name: str
    words: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"


@dataclass(frozen=True)
class Sample:
    """One number of a metric; `labels` are exactly those of its family."""

    name: str
    value: float
    labels: Mapping[str, str]


_BOOK = ("book",)

OF_THE_EXPORTER = (
    MetricFamily(
        "nightdesk_up", "1 when the database gave the figures, 0 when it did not: then there are no others"
    ),
    MetricFamily("nightdesk_read_duration_seconds", "How long reading the figures took"),
    MetricFamily("nightdesk_read_timestamp_seconds", "When the figures were read, on the database's clock"),
    MetricFamily("nightdesk_build_info", "1; the version of the code that reads", ("version",)),
)
OF_A_BOOK = (
    MetricFamily("nightdesk_nav_dollars", "Net asset value at the newest mark", _BOOK),
    MetricFamily("nightdesk_cash_dollars", "Cash at the newest mark", _BOOK),
    MetricFamily("nightdesk_day_profit_dollars", "NAV less that of the session before", _BOOK),
    MetricFamily("nightdesk_day_return_ratio", "The same as a share of the NAV before", _BOOK),
    MetricFamily("nightdesk_peak_nav_dollars", "Highest NAV so far", _BOOK),
    MetricFamily("nightdesk_drawdown_ratio", "1 - NAV / highest NAV", _BOOK),
    MetricFamily("nightdesk_drawdown_level", "Drawdown level, 0 (none) to 4 (liquidated)", _BOOK),
    MetricFamily("nightdesk_gross_exposure_ratio", "Sum of absolute position values, share of NAV", _BOOK),
    MetricFamily("nightdesk_net_exposure_ratio", "Sum of position values, share of NAV", _BOOK),
    MetricFamily(
        "nightdesk_value_at_risk_ratio", "Loss of one session at 95 %, from past returns, share of NAV", _BOOK
    ),
    MetricFamily(
        "nightdesk_expected_shortfall_ratio", "Mean loss of the worst 5 % of sessions, share of NAV", _BOOK
    ),
    MetricFamily("nightdesk_mark_timestamp_seconds", "Instant of the newest mark", _BOOK),
    MetricFamily("nightdesk_positions", "Symbols that are held", _BOOK),
    MetricFamily(
        "nightdesk_position_value_dollars",
        "Value of a held symbol, negative when short; beyond the 50 largest of a book the rest is (others)",
        ("book", "symbol"),
    ),
    MetricFamily(
        "nightdesk_strategy_profit_dollars",
        "Profit since the book began; strategy (none) is what no strategy moved",
        ("book", "strategy"),
    ),
    MetricFamily("nightdesk_kill_switch_on", "1 while the kill switch is on", _BOOK),
    MetricFamily(
        "nightdesk_reconciliation_differences", "Differences to the broker that ask for a person", _BOOK
    ),
    MetricFamily("nightdesk_disputed_positions", "Positions in dispute at the newest mark", _BOOK),
    MetricFamily(
        "nightdesk_foreign_orders", "Orders at the account that the book did not send, unclaimed", _BOOK
    ),
)
OF_TRADING = (
    MetricFamily("nightdesk_orders", "Orders by state, all sessions", ("book", "state")),
    MetricFamily("nightdesk_session_orders", "Orders of the newest session by state", ("book", "state")),
    MetricFamily(
        "nightdesk_verdicts_total",
        "Verdicts of the gate that cut or rejected, by rule",
        ("book", "action", "rule"),
        "counter",
    ),
    MetricFamily("nightdesk_fills_total", "Executions that were booked", ("book", "side"), "counter"),
    MetricFamily(
        "nightdesk_filled_dollars_total", "Their value at the reference prices", ("book", "side"), "counter"
    ),
    MetricFamily(
        "nightdesk_slippage_dollars",
        "What all fills cost against their reference prices, negative where they were better",
        ("book", "estimate"),
    ),
    MetricFamily("nightdesk_commission_dollars", "Commission of all fills", _BOOK),
    MetricFamily(
        "nightdesk_broker_failing", "1 while the broker of an account does not answer", ("book", "account")
    ),
)
OF_DATA = (
    MetricFamily(
        "nightdesk_data_age_seconds",
        "Since the market instant of the newest bars that an ingest stored; grows over nights and weekends",
        _BOOK,
    ),
    MetricFamily(
        "nightdesk_data_late_seconds",
        "How long the first bars that are not stored could have been; 0 when those of the newest decision "
        "that is due are stored",
        _BOOK,
    ),
    MetricFamily("nightdesk_findings", "What the checks of the newest decision found", ("book", "outcome")),
    MetricFamily(
        "nightdesk_feed_consecutive_failures", "Failures of a source since its newest answer", ("feed",)
    ),
    MetricFamily(
        "nightdesk_feed_circuit_state",
        "1 for the state of its circuit: closed, open (not asked) or half_open (asked once)",
        ("feed", "state"),
    ),
    MetricFamily(
        "nightdesk_feed_answer_seconds", "How long its newest answer took, all requests together", ("feed",)
    ),
    MetricFamily("nightdesk_feed_last_success_timestamp_seconds", "When the source last answered", ("feed",)),
    MetricFamily("nightdesk_feed_last_failure_timestamp_seconds", "When the source last failed", ("feed",)),
)
OF_DECISIONS = (
    MetricFamily(
        "nightdesk_book_readable", "1 when the book's file can be read, 0 when it is gone or wrong", _BOOK
    ),
    MetricFamily("nightdesk_decisions_due", "Decisions whose bars can be had and that are not closed", _BOOK),
    MetricFamily(
        "nightdesk_decision_overdue_seconds",
        "How long the first of them could have been closed, the time before the book was started apart",
        _BOOK,
    ),
    MetricFamily(
        "nightdesk_decision_grace_seconds", "So long a decision may take before it counts as missed", _BOOK
    ),
    MetricFamily("nightdesk_decisions_failed", "Decisions that failed and were not made since", _BOOK),
    MetricFamily("nightdesk_closed_timestamp_seconds", "Market instant of the newest closed decision", _BOOK),
    MetricFamily(
        "nightdesk_decision_duration_seconds", "From its first step to its closing, of that decision", _BOOK
    ),
    MetricFamily(
        "nightdesk_step_duration_seconds", "How long each step of that decision took", ("book", "step")
    ),
)
OF_THE_DESK = (
    MetricFamily(
        "nightdesk_alerts_unacknowledged",
        "Alerts that nobody has acknowledged; book is empty where they are of the desk",
        ("book", "level"),
    ),
    MetricFamily(
        "nightdesk_alerts_oldest_timestamp_seconds",
        "When the oldest of them was raised",
        ("book", "level"),
    ),
    MetricFamily(
        "nightdesk_alert_deliveries_failing", "Messages that a receiver still lacks after a failed attempt"
    ),
    MetricFamily("nightdesk_backup_timestamp_seconds", "When the newest backup was begun that is kept"),
    MetricFamily(
        "nightdesk_drill_timestamp_seconds", "When the newest good rehearsal of a restore was begun"
    ),
    MetricFamily("nightdesk_database_size_bytes", "Size of the desk's database"),
    MetricFamily("nightdesk_database_connections", "Connections to it"),
    MetricFamily("nightdesk_table_size_bytes", "Size of a table that grows, indexes included", ("table",)),
    MetricFamily("nightdesk_table_rows", "Its rows, as last estimated", ("table",)),
)
OF_AIRFLOW = (
    MetricFamily("nightdesk_airflow_up", "1 when Airflow's API server answers"),
    MetricFamily("nightdesk_airflow_healthy", "1 for a part that Airflow calls healthy", ("component",)),
    MetricFamily("nightdesk_airflow_heartbeat_timestamp_seconds", "Its newest sign of life", ("component",)),
)

#: By the section of the docs that lists them.
SECTIONS: Mapping[str, tuple[MetricFamily, ...]] = {
    "A book": OF_A_BOOK,
    "Orders, the gate, fills": OF_TRADING,
    "Data and feeds": OF_DATA,
    "Decisions": OF_DECISIONS,
    "The desk": OF_THE_DESK,
    "Airflow": OF_AIRFLOW,
    "The exporter itself": OF_THE_EXPORTER,
}
FAMILIES: Mapping[str, MetricFamily] = {one.name: one for some in SECTIONS.values() for one in some}
