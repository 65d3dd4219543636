"""Whether every book follows from its ledger, and telling where one does not."""

from __future__ import annotations

from dataclasses import dataclass

from nightdesk.core.errors import Refused
from nightdesk.operations.verify import Verified, verify
from nightdesk.store.book_rows import started_books
from nightdesk.store.db import Connection, now
from nightdesk.store.message_rows import raise_alert

#: So many differences of a book are told; the command lists all.
DIFFERENCES_TOLD = 10


class DoesNotVerify(Refused):
    """A book's positions or cash do not follow from its ledger; people were told."""


@dataclass(frozen=True)
class BookVerified:
    """What was verified of a book."""

    book: str
    found: Verified


def verify_all(conn: Connection) -> tuple[BookVerified, ...]:
    """Verify every started book; nothing is written."""
    return tuple(BookVerified(one.book, verify(conn, one.book)) for one in started_books(conn))


def check_integrity(conn: Connection) -> str:
    """Verify every started book and tell, once a day, of one whose ledger does not agree.

    Returns
    -------
    str
        What was verified, in words.

    Raises
    ------
    DoesNotVerify
        When a book does not; all were looked at, and an EMERGENCY was raised of each.
    """
    found = verify_all(conn)
    wrong = [one for one in found if one.found.differences]
    for one in wrong:
        _tell(conn, one)
    words = ", ".join(
        f"{one.book} {one.found.sessions:,} decisions, {one.found.entries:,} entries" for one in found
    )
    if wrong:
        told = "; ".join(f"{one.book}: {one.found.differences[0]}" for one in wrong)
        raise DoesNotVerify(
            f"positions or cash do not follow from the ledger: {told}. Stop the book (`nightdesk kill BOOK "
            "--reason T`), then `nightdesk verify BOOK` lists all"
        )
    return f"verified: {words or 'no book'}"


def _tell(conn: Connection, one: BookVerified) -> None:
    differences = one.found.differences
    more = len(differences) - DIFFERENCES_TOLD
    lines = [str(each) for each in differences[:DIFFERENCES_TOLD]]
    lines += [f"and {more} more"] if more > 0 else []
    raise_alert(
        conn,
        f"verify {one.book} {now(conn):%Y-%m-%d}",
        "EMERGENCY",
        f"{one.book}: positions or cash do not follow from the ledger",
        "What is stored of these decisions is not what its fills and ledger entries make:\n"
        + "\n".join(lines)
        + f"\n\nStop the book first: `nightdesk kill {one.book} --reason T`. Then look at the "
        "decisions that are "
        "named with `nightdesk trace`; the newest backup before them is in `nightdesk backups`.",
        book=one.book,
    )
