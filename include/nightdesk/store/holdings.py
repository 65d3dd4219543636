"""Held symbols whose bars have ended, or did not come: a fact of each settling."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from nightdesk.store.db import Connection
from nightdesk.store.rows import read_rows


def stale_holdings_of(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """The stale holdings of a decision, by symbol.

    Returns
    -------
    list of dict
        symbol, quantity, price (dollars), market_value (dollars and cents), last_bar (None where there was
        none), sessions (since that bar).
    """
    return read_rows(conn, "stale_holdings_of", book=book, as_of=as_of)
