"""Held symbols whose bars have ended, or did not come: a fact of each session's settling."""

from __future__ import annotations

from datetime import date
from typing import Any

from nightdesk.store.db import Connection
from nightdesk.store.rows import read_rows


def stale_holdings_of(conn: Connection, book: str, session: date) -> list[dict[str, Any]]:
    """The stale holdings of a session, by symbol.

    Returns
    -------
    list of dict
        symbol, quantity, price (dollars), market_value (dollars and cents), last_bar (None where there was
        none), sessions (since that bar).
    """
    return read_rows(conn, "stale_holdings_of", book=book, session=session)
