"""Runs that took a paper book back, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nightdesk.store.db import Connection, cursor
from nightdesk.store.rows import read_row


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A run of Airflow that asks to decide a book anew from a decision on; who, and why."""

    dag_id: str
    run_id: str
    book: str
    from_as_of: datetime
    who: str
    reason: str


def find_rebuild(conn: Connection, dag_id: str, run_id: str) -> tuple[Rebuild, tuple[datetime, ...]] | None:
    """What a run has taken back, and the decisions that it cleared; None where it has not."""
    row = read_row(conn, "rebuild_of_run", dag_id=dag_id, run_id=run_id)
    if row is None:
        return None
    decisions = tuple(row.pop("decisions"))
    return Rebuild(**row), decisions


def add_rebuild(conn: Connection, asked: Rebuild, decisions: Sequence[datetime]) -> None:
    """Keep that a run has taken a book back, in the transaction that does so."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.rebuilds (dag_id, run_id, book, from_as_of, decisions, who, reason) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                asked.dag_id,
                asked.run_id,
                asked.book,
                asked.from_as_of,
                list(decisions),
                asked.who,
                asked.reason,
            ),
        )
