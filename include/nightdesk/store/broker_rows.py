"""Facts about a book's broker: whether it answers, what people took over from it, what a recovery found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.core.account_terms import MAIN
from nightdesk.core.masking import mask_document, mask_line, one_line
from nightdesk.store.db import Connection, cursor
from nightdesk.store.rows import add_rows, read_row, read_rows


@dataclass(frozen=True)
class BrokerHealth:
    """Whether a broker answers: `failing_since` is None while it does; instants in UTC."""

    book: str
    failing_since: datetime | None
    last_success: datetime | None
    last_error: str
    account: str = MAIN


def broker_health(conn: Connection, book: str, account: str) -> BrokerHealth | None:
    """How the broker of an account of a book was last found; None when it was never asked."""
    row = read_row(conn, "broker_health", book=book, account=account)
    return None if row is None else BrokerHealth(**row)


def note_answer(conn: Connection, book: str, account: str, at: datetime) -> None:
    """Keep that the broker answered."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.broker_health (book, account, last_success) VALUES (%s, %s, %s) "
            "ON CONFLICT (book, account) DO UPDATE "
            "SET failing_since = NULL, last_success = excluded.last_success",
            (book, account, at),
        )


def note_silence(conn: Connection, book: str, account: str, at: datetime, error: str) -> None:
    """Keep that the broker did not answer; the first failure since its last answer is remembered."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.broker_health AS held (book, account, failing_since, last_error) "
            "VALUES (%s, %s, %s, %s) ON CONFLICT (book, account) DO UPDATE "
            "SET last_error = excluded.last_error, "
            "failing_since = coalesce(held.failing_since, excluded.failing_since)",
            (book, account, at, mask_line(error)),
        )


@dataclass(frozen=True)
class Adjustment:
    """A difference that a person took over: `amount` in dollars of cash or units of the symbol `item`, in one
    account of the book.
    """

    adjustment_id: int
    item: str
    amount: Decimal
    reason: str
    who: str
    account: str = MAIN


def adjustments_of(conn: Connection, book: str, as_of: datetime) -> tuple[Adjustment, ...]:
    """The adjustments that the settling of a decision books, in the order in which they were given."""
    return tuple(Adjustment(**row) for row in read_rows(conn, "adjustments_of", book=book, as_of=as_of))


def add_adjustments(
    conn: Connection,
    book: str,
    as_of: datetime,
    session: date,
    amounts: Mapping[tuple[str, str], Decimal],
    *,
    reason: str,
    who: str,
) -> None:
    """Store what a person takes over from the brokers, by account and item, for the settling at `as_of` in
    `session`.
    """
    key: dict[str, Any] = {"book": book, "as_of": as_of, "session": session}
    said = {"reason": mask_line(reason), "who": one_line(who)}
    rows = [
        {**key, **said, "account": account, "item": item, "amount": one}
        for (account, item), one in amounts.items()
    ]
    add_rows(conn, "adjustments", rows)


def newest_differences(conn: Connection, book: str) -> list[dict[str, Any]]:
    """Differences to the broker of the newest settling that a person was asked about.

    Returns
    -------
    list of dict
        as_of, session, account, item, ledger_value, broker_value.
    """
    return read_rows(conn, "newest_differences", book=book)


def orders_due(conn: Connection, book: str, account: str | None = None, *, resting: bool = True) -> int:
    """How many orders of a book, or of one of its accounts, are to be sent or still work; with those that
    rest, or without.
    """
    row = read_row(conn, "orders_due", book=book, account=account, resting=resting)
    return 0 if row is None else int(row["orders"])


def cut_off_steps(
    conn: Connection, book: str, steps: Sequence[str], error: str
) -> list[tuple[datetime, str]]:
    """End the attempts at `steps` that say they still run; to be called by who knows that none does."""
    rows = read_rows(conn, "steps_cut_off", book=book, steps=list(steps), error=error)
    return [(row["as_of"], row["step"]) for row in rows]


def add_recovery(
    conn: Connection, book: str, began_at: datetime, ended_at: datetime, found: Mapping[str, Any]
) -> None:
    """Write down what a recovery found and did."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.recoveries (book, began_at, ended_at, found) VALUES (%s, %s, %s, %s)",
            (book, began_at, ended_at, json.dumps(mask_document(found), default=str)),
        )
