"""Money that people move between accounts of a book, and what there is to be moved."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from nightdesk.accounting.transfers import Transfer
from nightdesk.core.masking import mask_line, one_line
from nightdesk.core.money import ZERO
from nightdesk.store.ahead import NamedQuery
from nightdesk.store.db import Connection, cursor
from nightdesk.store.rows import EARLIEST, LATEST, read_rows


def transfers_of(
    conn: Connection, book: str, first: datetime = EARLIEST, last: datetime = LATEST
) -> tuple[Transfer, ...]:
    """The transfers that the settlings of a span of decisions book, in the order in which they were said."""
    rows = read_rows(conn, "transfers_of", book=book, first=first, last=last)
    return tuple(Transfer(**row) for row in rows)


def transfers_ask(book: str, as_of: datetime) -> NamedQuery:
    """The question of `transfers_of` one decision."""
    return NamedQuery("transfers_of", {"book": book, "first": as_of, "last": as_of})


def add_transfer(
    conn: Connection, book: str, session: date, moved: Transfer, *, reason: str, who: str
) -> int:
    """Store a transfer for the settling of a decision in `session`; its number, which is given to it now."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.transfers "
            "(book, as_of, session, from_account, to_account, amount, reason, who) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING transfer_id",
            (
                book, moved.as_of, session, moved.source, moved.target, moved.amount,
                mask_line(reason), one_line(who),
            ),
        )  # fmt: skip
        (number,) = cur.fetchone() or (0,)
        return int(number)


def orders_by_account(conn: Connection, book: str) -> dict[str, int]:
    """How many orders of each account are to be sent or still work; accounts without are absent."""
    return {row["account"]: row["orders"] for row in read_rows(conn, "orders_by_account", book=book)}


def purchases_by_account(conn: Connection, book: str) -> dict[str, Decimal]:
    """Dollars that purchases of each account that wait are expected to cost; accounts without are absent."""
    rows = read_rows(conn, "purchases_by_account", book=book)
    return {row["account"]: row["dollars"] or ZERO for row in rows}
