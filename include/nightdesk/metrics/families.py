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
class Family:
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
    Family(
        "nightdesk_up", "1 when the database gave the figures, 0 when it did not: then there are no others"
    ),
    Family("nightdesk_read_duration_seconds", "How long reading the figures took"),
    Family("nightdesk_read_timestamp_seconds", "When the figures were read, on the database's clock"),
    Family("nightdesk_build_info", "1; the version of the code that reads", ("version",)),
)
OF_A_BOOK = (
    Family("nightdesk_nav_dollars", "Net asset value at the newest mark", _BOOK),
    Family("nightdesk_cash_dollars", "Cash at the newest mark", _BOOK),
    Family("nightdesk_day_profit_dollars", "NAV less that of the session before", _BOOK),
    Family("nightdesk_day_return_ratio", "The same as a share of the NAV before", _BOOK),
    Family("nightdesk_peak_nav_dollars", "Highest NAV so far", _BOOK),
    Family("nightdesk_drawdown_ratio", "1 - NAV / highest NAV", _BOOK),
    Family("nightdesk_drawdown_level", "Drawdown level, 0 (none) to 4 (liquidated)", _BOOK),
    Family("nightdesk_gross_exposure_ratio", "Sum of absolute position values, share of NAV", _BOOK),
    Family("nightdesk_net_exposure_ratio", "Sum of position values, share of NAV", _BOOK),
    Family(
        "nightdesk_value_at_risk_ratio", "Loss of one session at 95 %, from past returns, share of NAV", _BOOK
    ),
    Family(
        "nightdesk_expected_shortfall_ratio", "Mean loss of the worst 5 % of sessions, share of NAV", _BOOK
    ),
    Family("nightdesk_mark_timestamp_seconds", "Instant of the newest mark", _BOOK),
    Family("nightdesk_positions", "Symbols that are held", _BOOK),
    Family(
        "nightdesk_position_value_dollars",
        "Value of a held symbol, negative when short; beyond the 50 largest of a book the rest is (others)",
        ("book", "symbol"),
    ),
    Family(
        "nightdesk_strategy_profit_dollars",
        "Profit since the book began; strategy (none) is what no strategy moved",
        ("book", "strategy"),
    ),
    Family("nightdesk_kill_switch_on", "1 while the kill switch is on", _BOOK),
    Family("nightdesk_reconciliation_differences", "Differences to the broker that ask for a person", _BOOK),
    Family("nightdesk_disputed_positions", "Positions in dispute at the newest mark", _BOOK),
    Family("nightdesk_foreign_orders", "Orders at the account that the book did not send, unclaimed", _BOOK),
)
OF_TRADING = (
    Family("nightdesk_orders", "Orders by state, all sessions", ("book", "state")),
    Family("nightdesk_session_orders", "Orders of the newest session by state", ("book", "state")),
    Family(
        "nightdesk_verdicts_total",
        "Verdicts of the gate that cut or rejected, by rule",
        ("book", "action", "rule"),
        "counter",
    ),
    Family("nightdesk_fills_total", "Executions that were booked", ("book", "side"), "counter"),
    Family(
        "nightdesk_filled_dollars_total", "Their value at the reference prices", ("book", "side"), "counter"
    ),
    Family(
        "nightdesk_slippage_dollars",
        "What all fills cost against their reference prices, negative where they were better",
        ("book", "estimate"),
    ),
    Family("nightdesk_commission_dollars", "Commission of all fills", _BOOK),
    Family(
        "nightdesk_broker_failing", "1 while the broker of an account does not answer", ("book", "account")
    ),
)
OF_DATA = (
    Family(
        "nightdesk_data_age_seconds",
        "Since the market instant of the newest bars that an ingest stored; grows over nights and weekends",
        _BOOK,
    ),
    Family(
        "nightdesk_data_late_seconds",
        "How long the first bars that are not stored could have been; 0 when those of the newest decision "
        "that is due are stored",
        _BOOK,
    ),
    Family("nightdesk_findings", "What the checks of the newest decision found", ("book", "outcome")),
    Family("nightdesk_feed_consecutive_failures", "Failures since the newest answer", ("feed",)),
    Family("nightdesk_feed_circuit_state", "1 for the state in which its circuit is", ("feed", "state")),
    Family("nightdesk_feed_answer_seconds", "How long the newest answer took", ("feed",)),
    Family("nightdesk_feed_last_success_timestamp_seconds", "When it last answered", ("feed",)),
    Family("nightdesk_feed_last_failure_timestamp_seconds", "When it last failed", ("feed",)),
)
OF_DECISIONS = (
    Family(
        "nightdesk_book_readable", "1 when the book's file can be read, 0 when it is gone or wrong", _BOOK
    ),
    Family("nightdesk_decisions_due", "Decisions whose bars can be had and that are not closed", _BOOK),
    Family(
        "nightdesk_decision_overdue_seconds",
        "How long the first of them could have been closed, the time before the book was started apart",
        _BOOK,
    ),
    Family(
        "nightdesk_decision_grace_seconds", "So long a decision may take before it counts as missed", _BOOK
    ),
    Family("nightdesk_decisions_failed", "Decisions that failed and were not made since", _BOOK),
    Family("nightdesk_closed_timestamp_seconds", "Market instant of the newest closed decision", _BOOK),
    Family(
        "nightdesk_decision_duration_seconds", "From its first step to its closing, of that decision", _BOOK
    ),
    Family("nightdesk_step_duration_seconds", "How long each step of that decision took", ("book", "step")),
)
OF_THE_DESK = (
    Family(
        "nightdesk_alerts_unacknowledged",
        "Alerts that nobody has acknowledged; book is empty where they are of the desk",
        ("book", "level"),
    ),
    Family(
        "nightdesk_alerts_oldest_timestamp_seconds",
        "When the oldest of them was raised",
        ("book", "level"),
    ),
    Family(
        "nightdesk_alert_deliveries_failing", "Messages that a receiver still lacks after a failed attempt"
    ),
    Family("nightdesk_backup_timestamp_seconds", "When the newest backup was begun that is kept"),
    Family(
        "nightdesk_drill_timestamp_seconds", "When the newest rehearsal of a restore was begun that was well"
    ),
    Family("nightdesk_database_size_bytes", "Size of the desk's database"),
    Family("nightdesk_database_connections", "Connections to it"),
    Family("nightdesk_table_size_bytes", "Size of a table that grows, indexes included", ("table",)),
    Family("nightdesk_table_rows", "Its rows, as last estimated", ("table",)),
)
OF_AIRFLOW = (
    Family("nightdesk_airflow_up", "1 when Airflow's API server answers"),
    Family("nightdesk_airflow_healthy", "1 for a part that Airflow calls healthy", ("component",)),
    Family("nightdesk_airflow_heartbeat_timestamp_seconds", "Its newest sign of life", ("component",)),
)

#: By the section of the docs that lists them.
SECTIONS: Mapping[str, tuple[Family, ...]] = {
    "A book": OF_A_BOOK,
    "Orders, the gate, fills": OF_TRADING,
    "Data and feeds": OF_DATA,
    "Decisions": OF_DECISIONS,
    "The desk": OF_THE_DESK,
    "Airflow": OF_AIRFLOW,
    "The exporter itself": OF_THE_EXPORTER,
}
FAMILIES: Mapping[str, Family] = {one.name: one for some in SECTIONS.values() for one in some}
