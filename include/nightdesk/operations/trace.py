"""The whole story of a symbol on a day, from its bars to its fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from nightdesk.feeds.quality import WHOLE_BOOK
from nightdesk.risk import rule_shown, words
from nightdesk.risk.moves import stands
from nightdesk.session.context import Context
from nightdesk.session.exit_reasons import dropped_of, why_of
from nightdesk.session.report import reasons_of
from nightdesk.session.risk_state import session_overrides
from nightdesk.store import decision_rows, ledger_rows, order_rows
from nightdesk.store.health_rows import read_findings
from nightdesk.store.risk_state_rows import average_correlation, read_risk_state
from nightdesk.store.rows import read_rows
from nightdesk.strategies import Direction

#: How many days of bars before the session are told.
DAYS_OF_BARS = 10


def trace(context: Context, symbol: str, *, explained: bool = True) -> dict[str, Any]:
    """The story of a symbol in a decision, from stored rows.

    Parameters
    ----------
    context : Context
        The decision; only read from.
    symbol : str
        One of the book's panel symbols.
    explained : bool
        Whether the signals are given in words. These are made from the day's bars, which for a decision that
        was closed long ago are worked out of the whole history: seconds for a large book. Without, the words
        of the signals are empty.

    Returns
    -------
    dict
        In the order in which things came: bars and actions as they were known, findings of the data checks,
        factors, regime, signals and verdicts with their words, positions, targets with their causes, entries
        that a filter dropped, the book's drawdown level after the decision, what people limit in the symbol,
        orders with their events, fills with their slippage, what changes hands inside the book. A signal that
        was injected is marked. A part that a step has not reached yet is empty or None.

    Raises
    ------
    Refused
        When no bars were ever ingested for it.
    """
    return {
        "book": context.book.name,
        "session": context.session,
        "name": context.name,
        "noun": context.schedule.noun,
        "symbol": symbol,
        "as_of": context.as_of,
        "known_by": context.known_by(),
        **_market(context, symbol),
        "signals": _signals(context, symbol, explained=explained),
        **_holding(context, symbol),
        **_wishes(context, symbol),
        "level": _level(context),
        "overrides": [one.words for one in session_overrides(context) if one.symbol in (None, symbol)],
        "verdicts": _verdicts(context, symbol),
        **_trades(context, symbol),
    }


def _market(context: Context, symbol: str) -> dict[str, Any]:
    """What the decision knew of the symbol and of the market."""
    conn, book, as_of, session = context.conn, context.book.name, context.as_of, context.session
    # The session's own day was not used before its close; that of an endless market not at it either.
    unfinished = symbol in context.book.continuous_symbols or not context.schedule.is_last(context.as_of)
    span = {
        "symbol": symbol,
        "first": session - timedelta(days=DAYS_OF_BARS),
        "last": session - timedelta(days=1) if unfinished else session,
        "known_by": context.known_by(),
    }
    findings = read_findings(conn, book, as_of)
    factors = decision_rows.read_factors(conn, book, as_of, [symbol])
    regime = decision_rows.read_regime(conn, book, as_of)
    return {
        "bars": read_rows(conn, "bars_as_known", **span),
        "hours": _hours(context, symbol),
        "actions": read_rows(conn, "actions_as_known", **span),
        "quality": [row for row in findings if row["symbol"] in (symbol, WHOLE_BOOK)],
        "factors": {name: float(values[0]) for name, values in factors.items()},
        "regime": None
        if regime is None
        else {"regime": regime.regime, "vix": regime.vix, "age": regime.vix_age},
    }


def _hours(context: Context, symbol: str) -> list[dict[str, Any]]:
    """The hours of the session up to the decision of an hourly book, and those that the session of a daily
    one was gathered from; none of another symbol, which has days.
    """
    if context.is_hourly:
        after = context.calendar.open_at(context.session)
    elif symbol in context.book.hour_closes:
        after = context.schedule.before(context.as_of)
    else:
        return []
    span = {"symbol": symbol, "after": after, "until": context.as_of, "known_by": context.known_by()}
    return read_rows(context.conn, "hours_as_known", **span)


def _holding(context: Context, symbol: str) -> dict[str, Any]:
    """The book's NAV, and what each strategy holds of the symbol, at the mark."""
    mark = ledger_rows.read_mark(context.conn, context.book.name, context.as_of)
    held = ledger_rows.positions_of(context.conn, context.book.name, context.as_of)
    return {"nav": None if mark is None else mark.nav, "positions": _of(symbol, held)}


def _wishes(context: Context, symbol: str) -> dict[str, Any]:
    """What each strategy wants of the symbol and why, and which entries a filter dropped."""
    conn, book, as_of = context.conn, context.book.name, context.as_of
    targets = _of(symbol, decision_rows.targets_of(conn, book, as_of))
    dropped = read_rows(conn, "dropped_entries_of", book=book, as_of=as_of, symbol=symbol)
    allowed = {
        row["strategy"]: row["quantity"] for row in _of(symbol, decision_rows.gated_of(conn, book, as_of))
    }
    return {
        "targets": [
            {**row, "allowed": allowed.get(row["strategy"]), "why": why_of(context, row)} for row in targets
        ],
        "dropped": [{**row, "words": dropped_of(row)} for row in dropped],
    }


def _verdicts(context: Context, symbol: str) -> list[dict[str, Any]]:
    """What each rule of the gate made of the symbol's target."""
    return [
        {
            "rule": rule_shown(one.rule),
            "action": one.action,
            "before": one.before,
            "after": one.after,
            "value": one.value,
            "limit": one.limit,
            "words": words(one),
        }
        for one in decision_rows.verdicts_of(context.conn, context.book.name, context.as_of)
        if one.symbol == symbol
    ]


def _trades(context: Context, symbol: str) -> dict[str, Any]:
    """The symbol's orders with their events, their fills, and what strategies gave each other."""
    conn, book, as_of = context.conn, context.book.name, context.as_of
    sent = [one for one in order_rows.orders_of(conn, book, as_of) if one.order.symbol == symbol]
    events = order_rows.order_events_of(conn, book, as_of)
    return {
        "orders": [_order(one, _named(context, events)) for one in sent],
        "fills": _named(context, read_rows(conn, "fills_of_decision", book=book, as_of=as_of, symbol=symbol)),
        "crosses": [
            {"strategy": intent.strategy, "quantity": intent.quantity, "price": one.price}
            for one in order_rows.crosses_of(conn, book, as_of)
            for intent in one.intents
            if one.symbol == symbol
        ],
    }


def _order(stored: order_rows.StoredOrder, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    order = stored.order
    return {
        "client_order_id": order.client_order_id,
        "side": order.side,
        "quantity": order.quantity,
        "order_type": order.order_type,
        "reference_price": order.reference_price,
        "limit_price": order.limit_price,
        "stop_price": order.stop_price,
        "target_price": order.target_price,
        "account": order.account,
        "bundles": list(order.bundles),
        "status": stored.status,
        "filled_quantity": stored.filled_quantity,
        "events": [row for row in events if row["client_order_id"] == order.client_order_id],
    }


def _named(context: Context, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the name of the decision that booked each."""
    return [{**row, "decision": context.schedule.name_of(row["as_of"])} for row in rows]


def _of(symbol: str, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["symbol"] == symbol]


def _level(context: Context) -> str | None:
    """Where the book stood with its drawdown levels after the decision; None for a book without levels."""
    book, as_of, levels = context.book.name, context.as_of, context.book.levels
    state = read_risk_state(context.conn, book, as_of)
    correlation = average_correlation(context.conn, book, as_of)
    return None if state is None or levels is None else stands(state, levels, correlation)


def _signals(context: Context, symbol: str, *, explained: bool) -> list[dict[str, Any]]:
    """What each strategy said, in words made from the stored factors where they are asked for."""
    spoken = decision_rows.signals_of(context.conn, context.book.name, context.as_of)
    rows = _of(symbol, spoken)
    said = reasons_of(context) if rows and explained else {}
    return [
        {
            "strategy": row["strategy"],
            "direction": Direction(row["direction"]).name,
            "side": row["side"],
            "action": row["action"],
            "strength": row["strength"],
            "confidence": row["confidence"],
            "injected": row["injected"],
            "bundle": row["bundle"],
            "ratio": row["ratio"],
            "figures": row["figures"],
            "words": said[row["strategy"], symbol][2] if (row["strategy"], symbol) in said else "",
        }
        for row in rows
    ]
