"""The clock of the database's server beside that of this process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nightdesk.store.db import Connection, cursor, one


def clock_gap(conn: Connection) -> timedelta:
    """How far the server's own clock is ahead of this process's (behind, when negative).

    What the question took is no difference: 0 where the server's instant lies between asking and its answer.
    """
    asked = datetime.now(UTC)
    with cursor(conn) as cur:
        cur.execute("SELECT pg_catalog.clock_timestamp()")
        told: datetime = one(cur)[0]
    return gap(told, asked, datetime.now(UTC))


def gap(told: datetime, asked: datetime, answered: datetime) -> timedelta:
    """How far an instant lies after the span in which it was asked for (before, when negative)."""
    if told > answered:
        return told - answered
    return min(told - asked, timedelta())
