"""What a real broker told, kept as it came and before any of it is booked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from nightdesk.accounting.ledger import Entry
from nightdesk.core.masking import mask_line
from nightdesk.orders.broker_account import Movement
from nightdesk.orders.fills import Fill
from nightdesk.store.db import Connection
from nightdesk.store.rows import merge_rows, read_rows


def add_executions(conn: Connection, book: str, fills: Sequence[Fill]) -> int:
    """Store executions, each once, as the broker told it last; how many are new or changed."""
    names = tuple(Fill.__dataclass_fields__)
    rows = {
        fill.execution_id: {"book": book, **{name: getattr(fill, name) for name in names}} for fill in fills
    }
    return merge_rows(conn, "executions", list(rows.values()))


def executions_since(conn: Connection, book: str, after: date) -> tuple[Fill, ...]:
    """Executions in the sessions after `after`, as they were told and by session and id, refused ones too."""
    return tuple(Fill(**row) for row in read_rows(conn, "executions_since", book=book, after=after))


def refuse_execution(conn: Connection, book: str, execution_id: str, reason: str) -> None:
    """Keep why an execution is not booked."""
    read_rows(conn, "refuse_execution", book=book, execution_id=execution_id, reason=mask_line(reason))


def add_movements(conn: Connection, book: str, movements: Sequence[Movement]) -> int:
    """Store movements, each once, as the broker told it last; how many are new or changed."""
    names = tuple(Movement.__dataclass_fields__)
    rows = {
        one.movement_id: {"book": book, **{name: getattr(one, name) for name in names}} for one in movements
    }
    return merge_rows(conn, "movements", list(rows.values()))


def movements_since(conn: Connection, book: str, after: date) -> tuple[Movement, ...]:
    """Movements in the sessions after `after`, by session and id."""
    return tuple(Movement(**row) for row in read_rows(conn, "movements_since", book=book, after=after))


def movements_booked_in(conn: Connection, book: str, as_of: datetime) -> tuple[Movement, ...]:
    """The movements that the settling of a decision has booked; of cash in lieu what it corrected."""
    return tuple(Movement(**row) for row in read_rows(conn, "movements_booked_in", book=book, as_of=as_of))


def references_booked(conn: Connection, book: str, first: datetime, last: datetime) -> frozenset[str]:
    """The references that the ledger entries of a span of decisions carry."""
    rows = read_rows(conn, "references_booked", book=book, first=first, last=last)
    return frozenset(row["reference"] for row in rows)


def payments_booked(conn: Connection, book: str, first: datetime, last: datetime) -> tuple[Entry, ...]:
    """The ledger's entries of a span of decisions whose cash a real broker may pay later, ascending."""
    return tuple(
        Entry(**row) for row in read_rows(conn, "payments_booked", book=book, first=first, last=last)
    )
