"""What sessions earned by strategy, and what the benchmark made beside the book."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.performance import StrategyDay
from nightdesk.store.db import Connection
from nightdesk.store.rows import read_row, read_rows


@dataclass(frozen=True, slots=True)
class StoredBenchmark:
    """What a book's benchmark had made by a session, with dividends; `total_return` is a share."""

    session: date
    symbol: str
    since: date
    sessions: int
    total_return: float


def performance_rows(days: Iterable[StrategyDay]) -> list[dict[str, Any]]:
    """The profit of a session by strategy, as its table holds it."""
    return [
        {**{name: getattr(one, name) for name in StrategyDay.__dataclass_fields__}, "profit": one.profit}
        for one in days
    ]


def performance_so_far(
    conn: Connection, book: str, session: date, until: datetime
) -> tuple[StrategyDay, ...]:
    """The profit of a session up to one of its decisions by strategy, that of no strategy last.

    Empty where none was kept.
    """
    rows = read_rows(conn, "performance_so_far", book=book, session=session, until=until)
    return tuple(StrategyDay(**row) for row in rows)


def profit_by_decision(conn: Connection, book: str) -> dict[datetime, Decimal]:
    """Sums of the kept profits by decision, dollars and cents."""
    return {row["as_of"]: row["profit"] for row in read_rows(conn, "profit_by_decision", book=book)}


def newest_benchmark(conn: Connection, book: str) -> StoredBenchmark | None:
    """What the benchmark had made by the newest session with a report; None before the first."""
    row = read_row(conn, "newest_benchmark", book=book)
    return None if row is None else StoredBenchmark(**row)
