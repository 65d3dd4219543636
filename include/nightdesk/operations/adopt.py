"""A person looked at a difference to the broker and takes the broker's figures over into the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from nightdesk.accounting.repairs import CASH
from nightdesk.core.errors import Refused
from nightdesk.session.context import Context
from nightdesk.store.broker_rows import add_adjustments, adjustments_of, newest_differences
from nightdesk.store.db import book_lock, transaction
from nightdesk.store.order_rows import working_orders


@dataclass(frozen=True)
class Adopted:
    """What is taken over, by item (dollars of cash, units of a symbol), and the decision that books it.

    Where the book has several accounts, an item is named with its own.
    """

    as_of: datetime
    session: date
    amounts: dict[str, Decimal]


def adopt(context: Context, *, reason: str, who: str) -> Adopted:
    """Let the ledger follow the broker in what the newest settling found to differ.

    It is booked by the next settling as adjustments that carry their own reference; the kill switch stays as
    it is until somebody releases it.

    Raises
    ------
    Refused
        When no difference stands, it was taken over already, or it is of a symbol that the book does not
        name; when executions are awaited that the next settling would book a second time; or when no reason
        or person is given.
    """
    if not reason.strip() or not who.strip():
        raise Refused("taking the broker's figures over wants a reason and a person: who says so, and why?")
    conn, book = context.conn, context.book.name
    with book_lock(conn, book, context.turn_seconds), transaction(conn):
        found = newest_differences(conn, book)
        if not found:
            raise Refused(f"the newest settling of book {book} found no difference that asks for a person")
        settled = found[0]["as_of"]
        as_of = context.schedule.after(settled)
        name, session = context.schedule.name_of, context.schedule.session_of(as_of)
        if adjustments_of(conn, book, as_of):
            raise Refused(
                f"the differences of {name(settled)} were taken over already: {name(as_of)} books them"
            )
        awaited = [
            one.order.client_order_id
            for one in working_orders(conn, book)
            if one.order.as_of < settled and not one.order.rests
        ]
        if awaited:
            raise Refused(
                f"executions of {', '.join(awaited)} are still awaited, and are booked when the broker tells "
                "of them: taken over now they would be booked twice. Run the next session first; where an "
                f"order never came to anything, `nightdesk resolve {book} ORDER --disown` ends it"
            )
        amounts = {(row["account"], row["item"]): row["broker_value"] - row["ledger_value"] for row in found}
        _refuse_unnamed(context, amounts)
        add_adjustments(conn, book, as_of, session, amounts, reason=reason.strip(), who=who.strip())
    several = len(context.book.account_names) > 1
    named = {
        f"{item} of account {account}" if several else item: amount
        for (account, item), amount in amounts.items()
    }
    return Adopted(as_of, session, named)


def _refuse_unnamed(context: Context, amounts: Iterable[tuple[str, str]]) -> None:
    """Refuse to take over units of a symbol that the book does not name, or not in that account."""
    book = context.book
    unnamed = sorted({item for _, item in amounts} - {CASH, *book.symbols})
    if unnamed:
        raise Refused(
            f"the broker holds {', '.join(unnamed)}, which book {book.name} does not name: "
            "sell it there, or put it into the universe"
        )
    for account, item in amounts:
        if item != CASH and book.account_of(item) != account:
            raise Refused(
                f"account {account} holds {item}, which book {book.name} sends to {book.account_of(item)}: "
                f"sell it there, or move it to {book.account_of(item)}"
            )
