"""The models of strategies that learn: one row a grid session, made by the first run that needed it."""

from __future__ import annotations

from datetime import date
from typing import Any

from nightdesk.store.db import Connection, cursor, lock_key
from nightdesk.store.rows import read_row


def read_model(
    conn: Connection, book: str, strategy: str, fitted: date, recipe: str
) -> dict[str, Any] | None:
    """A stored model by the columns of its table; None when no run has fitted it yet."""
    return read_row(conn, "model_row", book=book, strategy=strategy, fitted=fitted, recipe=recipe)


def lock_models(conn: Connection, book: str, strategy: str) -> None:
    """Let no other run store a model of the strategy until the transaction ends."""
    with cursor(conn) as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(f"models {book} {strategy}"),))
