"""What a real broker told of an account of a book, kept as it came and before any of it is booked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from nightdesk.accounting.ledger import Entry
from nightdesk.core.masking import mask_line
from nightdesk.orders.broker_account import Movement
from nightdesk.orders.fills import Fill
from nightdesk.store.db import Connection
from nightdesk.store.rows import merge_rows, read_rows


def add_executions(conn: Connection, book: str, account: str, fills: Sequence[Fill]) -> int:
    """Store executions, each once, as the broker told it last; how many are new or changed.

    A commission that was told is kept where the same execution is told without it again.
    """
    names = tuple(Fill.__dataclass_fields__)
    key = {"book": book, "account": account}
    without = [fill.execution_id for fill in fills if fill.commission_pending]
    asked = (
        read_rows(conn, "commissions_told", book=book, account=account, executions=without) if without else []
    )
    told = {row["execution_id"] for row in asked}
    rows = {
        fill.execution_id: key | {name: getattr(fill, name) for name in names}
        for fill in fills
        if not (fill.commission_pending and fill.execution_id in told)
    }
    return merge_rows(conn, "executions", list(rows.values()))


def executions_since(conn: Connection, book: str, account: str, after: date) -> tuple[Fill, ...]:
    """Executions in the sessions after `after`, as they were told and by session and id, refused ones too."""
    rows = read_rows(conn, "executions_since", book=book, account=account, after=after)
    return tuple(Fill(**row) for row in rows)


def refuse_execution(conn: Connection, book: str, account: str, execution_id: str, reason: str) -> None:
    """Keep why an execution is not booked."""
    key = {"book": book, "account": account, "execution_id": execution_id}
    read_rows(conn, "refuse_execution", **key, reason=mask_line(reason))


def add_movements(conn: Connection, book: str, account: str, movements: Sequence[Movement]) -> int:
    """Store movements, each once, as the broker told it last; how many are new or changed."""
    names = tuple(Movement.__dataclass_fields__)
    key = {"book": book, "account": account}
    rows = {one.movement_id: key | {name: getattr(one, name) for name in names} for one in movements}
    return merge_rows(conn, "movements", list(rows.values()))


def movements_since(conn: Connection, book: str, account: str, after: date) -> tuple[Movement, ...]:
    """Movements in the sessions after `after`, by session and id."""
    rows = read_rows(conn, "movements_since", book=book, account=account, after=after)
    return tuple(Movement(**row) for row in rows)


def movements_booked_in(conn: Connection, book: str, account: str, as_of: datetime) -> tuple[Movement, ...]:
    """The movements that the settling of a decision has booked; of cash in lieu what it corrected."""
    rows = read_rows(conn, "movements_booked_in", book=book, account=account, as_of=as_of)
    return tuple(Movement(**row) for row in rows)


def references_booked(
    conn: Connection, book: str, account: str, first: datetime, last: datetime
) -> frozenset[str]:
    """The references that the ledger entries of a span of decisions carry."""
    rows = read_rows(conn, "references_booked", book=book, account=account, first=first, last=last)
    return frozenset(row["reference"] for row in rows)


def late_commissions(
    conn: Connection, book: str, account: str, first: datetime, last: datetime
) -> dict[str, Decimal]:
    """Commissions that a span of decisions has booked after their execution, dollars by the reference."""
    rows = read_rows(conn, "late_commissions", book=book, account=account, first=first, last=last)
    return {row["reference"]: row["commission"] for row in rows}


def payments_booked(
    conn: Connection, book: str, account: str, first: datetime, last: datetime
) -> tuple[Entry, ...]:
    """The ledger's entries of a span of decisions whose cash a real broker may pay later, ascending."""
    rows = read_rows(conn, "payments_booked", book=book, account=account, first=first, last=last)
    return tuple(Entry(**row) for row in rows)
