"""The statements of accounts that were taken from brokers, and how asking for them goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from nightdesk.core.masking import mask_document, mask_line
from nightdesk.store.db import Connection
from nightdesk.store.rows import Row, add_rows, read_row, read_rows


@dataclass(frozen=True)
class StatementStanding:
    """How the statements of an account stand.

    Attributes
    ----------
    last_day : date or None
        The newest day that one was taken of; None where none was.
    asked_at, failing_since : datetime or None
        When the broker was asked last, and since when it gives none, UTC; None where it was never asked, and
        while it gives them.
    """

    last_day: date | None
    asked_at: datetime | None
    failing_since: datetime | None


def statement_standing(conn: Connection, book: str, account: str) -> StatementStanding:
    """How the statements of an account stand."""
    row = read_row(conn, "statement_standing", book=book, account=account)
    return StatementStanding(None, None, None) if row is None else StatementStanding(**row)


def add_statement(conn: Connection, book: str, account: str, row: Row) -> int:
    """Keep that a statement was taken: its days, when it was made, what it holds; 0 where it was before."""
    return add_rows(conn, "broker_statements", [{"book": book, "account": account, **mask_document(row)}])


def note_statement(conn: Connection, book: str, account: str, at: datetime, error: str = "") -> None:
    """Keep that a broker was asked for a statement, and that it gave one, or the words of its failure."""
    read_rows(conn, "note_statement", book=book, account=account, at=at, error=mask_line(error))
