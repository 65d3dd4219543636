"""The clock of the database's server beside that of this process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nightdesk.store.ahead import NamedQuery
from nightdesk.store.db import Connection
from nightdesk.store.rows import read_rows

#: The question that `read_clocks` asks.
CLOCKS = NamedQuery("clocks")


@dataclass(frozen=True)
class Clocks:
    """The desk's clock, UTC, and how far the server's is `ahead` of this process's (behind, when negative).

    What the question took is no difference: 0 where the server's instant lies between asking and its answer.
    """

    at: datetime
    ahead: timedelta


def read_clocks(conn: Connection, asked: datetime | None = None) -> Clocks:
    """The clocks now, or as they came with other answers that this process asked for at `asked`, UTC."""
    asked = datetime.now(UTC) if asked is None else asked
    (row,) = read_rows(conn, CLOCKS.query_name)
    return Clocks(row["desk"], gap(row["server"], asked, datetime.now(UTC)))


def gap(told: datetime, asked: datetime, answered: datetime) -> timedelta:
    """How far an instant lies after the span in which it was asked for (before, when negative)."""
    if told > answered:
        return told - answered
    return min(told - asked, timedelta())
