"""The whole story of a symbol on a day, from its bars to its fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from nightdesk.feeds.quality import WHOLE_BOOK
from nightdesk.risk import words
from nightdesk.risk.moves import stands
from nightdesk.session.context import Context
from nightdesk.session.exit_reasons import dropped_of, why_of
from nightdesk.session.report import reasons_of
from nightdesk.store import decision_rows, ledger_rows, order_rows
from nightdesk.store.health_rows import read_findings
from nightdesk.store.risk_state_rows import average_correlation, read_risk_state
from nightdesk.store.rows import read_rows
from nightdesk.strategies import Direction

#: How many days of bars before the session are told.
DAYS_OF_BARS = 10


def trace(context: Context, symbol: str) -> dict[str, Any]:
    """The story of a symbol in a decision, from stored rows.

    Parameters
    ----------
    context : Context
        The decision; only read from.
    symbol : str
        One of the book's panel symbols.

    Returns
    -------
    dict
        In the order in which things came: bars and actions as they were known, findings of the data checks,
        factors, regime, signals and verdicts with their words, positions, targets with their causes, entries
        that a filter dropped, the book's drawdown level after the decision, orders with their events, fills
        with their slippage, what changes hands inside the book. A signal that was injected is marked. A part
        that a step has not reached yet is empty or None.

    Raises
    ------
    Refused
        When no bars were ever ingested for it.
    """
    conn, book, as_of, session = context.conn, context.book.name, context.as_of, context.session
    known_by = context.known_by()
    # Of a market that never closes the session's own UTC day is not over at the close, so it was not used.
    endless = symbol in context.book.continuous_symbols
    span = {
        "symbol": symbol,
        "first": session - timedelta(days=DAYS_OF_BARS),
        "last": session - timedelta(days=1) if endless else session,
        "known_by": known_by,
    }
    regime = decision_rows.read_regime(conn, book, as_of)
    mark = ledger_rows.read_mark(conn, book, as_of)

    def mine(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [row for row in rows if row["symbol"] == symbol]

    sent = [one for one in order_rows.orders_of(conn, book, as_of) if one.order.symbol == symbol]
    ids = {one.order.client_order_id for one in sent}
    events = [row for row in order_rows.order_events_of(conn, book, as_of) if row["client_order_id"] in ids]
    return {
        "book": book,
        "session": session,
        "symbol": symbol,
        "as_of": as_of,
        "known_by": known_by,
        "bars": read_rows(conn, "bars_as_known", **span),
        "actions": read_rows(conn, "actions_as_known", **span),
        "quality": [row for row in read_findings(conn, book, as_of) if row["symbol"] in (symbol, WHOLE_BOOK)],
        "factors": {
            name: float(values[0])
            for name, values in decision_rows.read_factors(conn, book, as_of, [symbol]).items()
        },
        "regime": None
        if regime is None
        else {"regime": regime.regime, "vix": regime.vix, "age": regime.vix_age},
        "signals": _signals(context, symbol),
        "nav": None if mark is None else mark.nav,
        "positions": mine(ledger_rows.positions_of(conn, book, as_of)),
        "targets": [
            {**row, "why": why_of(context, row)} for row in mine(decision_rows.targets_of(conn, book, as_of))
        ],
        "dropped": [
            {**row, "words": dropped_of(row)}
            for row in read_rows(conn, "dropped_entries_of", book=book, as_of=as_of, symbol=symbol)
        ],
        "level": _level(context),
        "verdicts": [
            {
                "rule": one.rule,
                "action": one.action,
                "before": one.before,
                "after": one.after,
                "value": one.value,
                "limit": one.limit,
                "words": words(one),
            }
            for one in decision_rows.verdicts_of(conn, book, as_of)
            if one.symbol == symbol
        ],
        "orders": [
            {
                "client_order_id": one.order.client_order_id,
                "side": one.order.side,
                "quantity": one.order.quantity,
                "order_type": one.order.order_type,
                "reference_price": one.order.reference_price,
                "limit_price": one.order.limit_price,
                "status": one.status,
                "filled_quantity": one.filled_quantity,
                "events": [row for row in events if row["client_order_id"] == one.order.client_order_id],
            }
            for one in sent
        ],
        "fills": read_rows(conn, "fills_of_decision", book=book, as_of=as_of, symbol=symbol),
        "crosses": [
            {"strategy": intent.strategy, "quantity": intent.quantity, "price": one.price}
            for one in order_rows.crosses_of(conn, book, as_of)
            for intent in one.intents
            if one.symbol == symbol
        ],
    }


def _level(context: Context) -> str | None:
    """Where the book stood with its drawdown levels after the decision; None for a book without levels."""
    book, as_of, levels = context.book.name, context.as_of, context.book.levels
    state, correlation = (
        read_risk_state(context.conn, book, as_of),
        average_correlation(context.conn, book, as_of),
    )
    return None if state is None or levels is None else stands(state, levels, correlation)


def _signals(context: Context, symbol: str) -> list[dict[str, Any]]:
    """What each strategy said, in words made from the stored factors."""
    spoken = decision_rows.signals_of(context.conn, context.book.name, context.as_of)
    rows = [row for row in spoken if row["symbol"] == symbol]
    said = reasons_of(context) if rows else {}
    return [
        {
            "strategy": row["strategy"],
            "direction": Direction(row["direction"]).name,
            "side": row["side"],
            "action": row["action"],
            "strength": row["strength"],
            "confidence": row["confidence"],
            "injected": row["injected"],
            "words": said[row["strategy"], symbol][2],
        }
        for row in rows
    ]
