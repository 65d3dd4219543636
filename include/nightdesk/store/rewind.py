"""Taking a book back: everything decided from a session on is cleared, so that it can be decided anew."""

from __future__ import annotations

from datetime import date, datetime

from psycopg2 import sql

from nightdesk.store.db import Connection, cursor, transaction
from nightdesk.store.rows import SCHEMA, read_rows

#: Tables whose rows belong to one decision, in an order that leaves no row without what it refers to. Orders,
#: fills, the ledger and the facts of risk are cleared by the function `take_back`.
_DECIDED = (
    "reports",
    "performance",
    "benchmarks",
    "reconciliations",
    "disputed_positions",
    "portfolio",
    "account_marks",
    "positions",
    "stale_holdings",
    "crosses",
    "protections",
    "risk_state",
    "risk_caps",
    "level_changes",
    "risk_reports",
    "risk_distances",
    "risk_contributions",
    "risk_correlations",
    "silent_rows",
    "pair_states",
    "pair_figures",
    "gated",
    "verdicts",
    "tax_views",
    "dropped_entries",
    "target_scales",
    "targets",
    "signals",
    "models",
    "session_quality",
    "quality_outcomes",
    "ingest_notes",
    "quality_validations",
    "quality_runs",
    "regimes",
    "factors",
    "sentiments",
    "run_steps",
    "runs",
)


def clear_from(conn: Connection, book: str, as_of: datetime, session: date) -> tuple[datetime, ...]:
    """Clear what a book decided at `as_of`, in `session`, and later, and bring earlier orders back to where
    they stood.

    Market data, alerts and what people said of the kill switch stay; what the desk itself said of it goes.
    The broker's side is not touched.

    Returns
    -------
    tuple of datetime
        The decisions that were cleared, ascending.
    """
    key = {"book": book, "as_of": as_of, "session": session}
    with transaction(conn), cursor(conn) as cur:
        # Steps that are at work on one of the decisions end first, or find their run gone.
        cleared = tuple(row["as_of"] for row in read_rows(conn, "lock_runs_from", **key))
        # The writer's role may not delete these; the function keeps that it was done.
        cur.execute("SELECT nightdesk.take_back(%(book)s, %(as_of)s, %(session)s)", key)
        for table in _DECIDED:
            cur.execute(
                sql.SQL("DELETE FROM {} WHERE book = %(book)s AND as_of >= %(as_of)s").format(
                    sql.Identifier(SCHEMA, table)
                ),
                key,
            )
        cur.execute(
            "UPDATE nightdesk.orders o SET status = newest.status, filled_quantity = coalesce(("
            "SELECT sum(f.quantity) FROM nightdesk.fills f WHERE f.client_order_id = o.client_order_id), 0) "
            "FROM (SELECT DISTINCT ON (client_order_id) client_order_id, status FROM nightdesk.order_events "
            "ORDER BY client_order_id, number DESC) newest "
            "WHERE newest.client_order_id = o.client_order_id AND o.book = %(book)s "
            "AND o.status <> newest.status",
            key,
        )
    return cleared
