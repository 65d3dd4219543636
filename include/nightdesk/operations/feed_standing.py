"""How the sources of data fare, from the stored health of each: the gravest first."""

from __future__ import annotations

from typing import Any

from nightdesk.alerts.concerns import sort_sources
from nightdesk.feeds.breaker import SourceHealth
from nightdesk.store.db import Connection, now
from nightdesk.store.rows import read_rows


def feed_standings(conn: Connection) -> list[dict[str, Any]]:
    """The stored health of every source (source, last_success, last_failure, last_error) and its `status`."""
    moment = now(conn)
    rows = []
    for row in read_rows(conn, "feeds_health"):
        health = SourceHealth.from_row({name: value for name, value in row.items() if name != "source"})
        rows.append({"source": row["source"], "status": health.status(moment), **row})
    return sort_sources(rows)
