"""Orders at the account of a book that the book did not send, and what people said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from nightdesk.core.account_terms import MAIN
from nightdesk.core.masking import mask
from nightdesk.store.db import Connection, cursor, transaction
from nightdesk.store.rows import add_rows, read_rows

#: Whose an order is: nobody's that the desk knows, another installation's, this one's that this database does
#: not know, another book's.
Origin = Literal["unmarked", "installation", "restored", "book"]


@dataclass(frozen=True)
class ForeignOrder:
    """An order that is not the book's; `executed` when its executions were found, and not it itself.

    `quantity` is in units of the instrument; `received_at` in UTC, None where the broker does not say it;
    `account` is that of the book where it lies.
    """

    client_order_id: str
    origin: Origin
    symbol: str
    side: str
    quantity: Decimal
    executed: bool
    received_at: datetime | None
    account: str = MAIN


def keep_foreign(conn: Connection, book: str, account: str, found: Sequence[ForeignOrder]) -> None:
    """Store what a look at an account of a book has found; what an earlier one had found and this did not is
    gone.
    """
    key = {"book": book, "account": account, "names": [one.client_order_id for one in found]}
    with transaction(conn):
        with cursor(conn) as cur:
            cur.execute(
                "UPDATE nightdesk.foreign_orders SET gone_at = CASE WHEN client_order_id = ANY (%(names)s) "
                "THEN NULL ELSE coalesce(gone_at, clock_timestamp()) END "
                "WHERE book = %(book)s AND account = %(account)s",
                key,
            )
            cur.execute(
                "SELECT client_order_id FROM nightdesk.foreign_orders "
                "WHERE book = %(book)s AND account = %(account)s AND client_order_id = ANY (%(names)s)",
                key,
            )
            known = {str(name) for (name,) in cur.fetchall()}
        whose = {"book": book, "account": account}
        new = [asdict(one) | whose for one in found if one.client_order_id not in known]
        add_rows(conn, "foreign_orders", new)


def foreign_orders(conn: Connection, book: str, account: str | None = None) -> tuple[ForeignOrder, ...]:
    """The foreign orders that were there at the newest look and that nobody has claimed, by id; in all
    accounts of the book, or in one.
    """
    rows = read_rows(conn, "foreign_orders", book=book, account=account)
    return tuple(ForeignOrder(**row) for row in rows)


def claim_foreign(conn: Connection, book: str, account: str, *, reason: str, who: str) -> None:
    """Keep that a person lets those of `foreign_orders` be there."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.foreign_orders "
            "SET claimed_at = clock_timestamp(), claimed_by = %s, reason = %s "
            "WHERE book = %s AND account = %s AND gone_at IS NULL AND claimed_at IS NULL",
            (who, mask(reason), book, account),
        )
