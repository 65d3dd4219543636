"""What the steps of a session will ask the store, so that it comes on one way: see `nightdesk.store.ahead`.

A question that is missing here is asked by itself, one too many is read in vain: neither changes a result.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from nightdesk.accounting.reconciliation import AWAITED
from nightdesk.session.context import Context
from nightdesk.session.contract_notices import has_options, underlyings
from nightdesk.store.ahead import NamedQuery
from nightdesk.store.bar_rows import late_ask
from nightdesk.store.override_rows import overrides_ask
from nightdesk.store.quality_outcomes import Part, outcome_ask
from nightdesk.store.rows import EARLIEST
from nightdesk.store.transfer_rows import transfers_ask

#: What people set counts from a decision of a session on.
_BY_SESSION = frozenset({"kill_switch", "risk_facts"})
#: Of the decision itself.
_STATE = ("portfolio_row", "position_rows", "carried_rows_before", "kill_switch", "risk_facts")
_RISK = ("risk_state_row", "risk_cap_rows")
_REPORTED = (
    "portfolio_row", "position_rows", "regime_row", "session_quality", "risk_state_row", "risk_cap_rows",
    "quality_findings", "signal_rows", "factor_rows", "dropped_entries", "slippage_rows", "target_rows",
    "gated_rows", "order_rows", "verdict_rows", "reconciliation_rows", "risk_report_row",
    "risk_correlation_row", "risk_contribution_rows", "risk_distance_rows", "average_correlation",
    "kill_switch", "disputed_positions", "unsent_orders", "silent_strategies", "stale_holdings_of",
    "ingest_notes", "sealed", "is_validated",
)  # fmt: skip
#: Of the decision before, whose orders were filled in this one.
_REPORTED_BEFORE = ("portfolio_row", "position_rows", "signal_rows", "factor_rows", "target_rows", "run")
_CLOSED = ("outdated_steps", "order_rows")

#: The named queries whose columns must be known.
ASKED_AHEAD = frozenset(
    {
        *_STATE, *_RISK, *_REPORTED, *_REPORTED_BEFORE, *_CLOSED,
        "adjustments_of", "applied_migrations", "book_record", "clocks", "cross_rows", "entry_rows",
        "exercise_notices_of", "feeds_health", "fill_rows", "first_origin_decided_on", "gated_rows",
        "kept_book", "late_actions", "order_by_id", "orders_to_settle", "overrides_known", "panel_actions",
        "paper_fills_since", "paper_open_orders", "paper_order", "paper_state",
        "portfolio_rows", "primary_keys", "protection_rows", "quality_outcome_day", "quality_outcome_history",
        "quality_outcome_recent", "resting_orders", "session_completeness", "signal_rows_before",
        "signals_count",
        "stored_days", "strategy_bands", "symbol_numbers", "target_scale", "transfers_of",
    }
)  # fmt: skip


def signals_asks(context: Context) -> list[NamedQuery]:
    """What a strategy reads before it speaks."""
    return [*_of(context, "factor_rows"), *_outcome(context, "day")]


def settle_asks(context: Context) -> list[NamedQuery]:
    """What the settling of a decision begins with."""
    book, previous = context.book.name, context.previous
    known = {"book": book, "as_of": context.as_of, "first": context.session - AWAITED}
    asks = [
        *_outcome(context, "day"),
        *_of(context, "sealed", "adjustments_of"),
        NamedQuery("orders_to_settle", known),
    ]
    asks += _notices(context)
    if len(context.book.account_names) > 1:
        asks.append(transfers_ask(book, context.as_of))
    run = context.run()
    if previous is None or run is None or run.known_by is None:
        return asks
    asks.append(late_ask(book, context.book.symbols, context.as_of, run.known_by, underlyings(context)))
    before = _at(context, previous, "portfolio_row", "position_rows")
    return [*asks, *before, NamedQuery("cross_rows", {"book": book, "first": previous, "last": previous})]


def ledger_asks(context: Context) -> list[NamedQuery]:
    """The ledger at the session's mark, what the gate left, and the newest prices."""
    asked = ("portfolio_row", "position_rows", "gated_rows", "resting_orders")
    return [*_of(context, *asked), *_outcome(context, "day")]


def stored_orders_asks(context: Context) -> list[NamedQuery]:
    """The orders of the decision as they stand."""
    return _of(context, "order_rows")


def decision_asks(context: Context, *more: str) -> list[NamedQuery]:
    """What a decision is made from; `more` are queries by book and instant."""
    previous, strategies = context.previous, list(context.desk.strategies)
    return [
        *_of(context, *_STATE, "signal_rows", "factor_rows", *more),
        *([] if previous is None else _at(context, previous, *_RISK)),
        NamedQuery("signal_rows_before", {**_key(context, context.as_of), "strategies": strategies}),
        *_overrides(context),
        *_outcome(context, "day", "recent"),
    ]


def sending_asks(context: Context, client_order_id: str) -> list[NamedQuery]:
    """What is looked at once more before an order is sent."""
    return [
        NamedQuery("order_by_id", {"client_order_id": client_order_id}),
        *_of(context, "outdated_steps", "kill_switch", "portfolio_row", "position_rows"),
    ]


def report_asks(context: Context) -> list[NamedQuery]:
    """What the page of a session is made of."""
    book, previous, as_of = context.book.name, context.previous, context.as_of
    return [
        *_of(context, *_REPORTED),
        *([] if previous is None else _at(context, previous, *_REPORTED_BEFORE)),
        NamedQuery("portfolio_rows", {"book": book, "first": EARLIEST, "last": as_of}),
        NamedQuery("entry_rows", {"book": book, "first": EARLIEST, "last": as_of}),
        *_notices(context),
        NamedQuery("fill_rows", {"book": book, "first": EARLIEST, "last": as_of}),
        NamedQuery("fill_rows", {"book": book, "first": as_of, "last": as_of}),
        NamedQuery("feeds_health"),
        NamedQuery("strategy_bands", {"book": book}),
        *_overrides(context),
        *_outcome(context, "day", "history"),
    ]


def close_asks(context: Context) -> list[NamedQuery]:
    """What is looked at before a session is sealed."""
    key = context.key
    counts = [NamedQuery("signals_count", {**key, "strategy": one}) for one in context.book.strategies]
    return [*_of(context, *_CLOSED), NamedQuery("session_completeness", key), *counts]


def _overrides(context: Context) -> list[NamedQuery]:
    """What people limit in the decision."""
    run = context.run()
    if run is None or run.known_by is None:
        return []
    return [overrides_ask(context.book.name, context.as_of, context.session, run.known_by)]


def _notices(context: Context) -> list[NamedQuery]:
    """What was stated of options that ended early, of a book that names one."""
    stated = {"book": context.book.name, "session": context.session}
    return [NamedQuery("exercise_notices_of", stated)] if has_options(context) else []


def _of(context: Context, *names: str) -> list[NamedQuery]:
    return _at(context, context.as_of, *names)


def _at(context: Context, as_of: datetime, *names: str) -> list[NamedQuery]:
    key = _key(context, as_of)
    by_session = {"book": context.book.name, "session": context.session, "as_of": as_of}
    return [NamedQuery(name, by_session if name in _BY_SESSION else key) for name in names]


def _key(context: Context, as_of: datetime) -> dict[str, Any]:
    return {"book": context.book.name, "as_of": as_of}


def _outcome(context: Context, *parts: Part) -> list[NamedQuery]:
    """Parts of the checks' outcome that this process has not read yet."""
    run = context.run()
    if run is None or run.known_by is None:
        return []
    checked = context.checked()
    return [
        outcome_ask(context.book.name, context.as_of, checked.made_from, part)
        for part in parts
        if not checked.has(part)
    ]
