"""A stress test whose outcome is kept as evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightdesk.store.db import transaction
from nightdesk.store.gate_evidence_rows import keep_evidence

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.stress.comparison_of_levels import Stress
    from nightdesk.store.db import Connection


def keep_stress(conn: Connection, book: Book, found: Stress) -> int:
    """Keep the outcome of all scenarios as evidence of the rules of a book; the number of the row."""
    from nightdesk.engine import resolve
    from nightdesk.research.stress.stress_figures import stress_figures
    from nightdesk.version import code_version

    with transaction(conn):
        return keep_evidence(
            conn, book.name, "stress", book.rules_hash, code_version(resolve(book)), stress_figures(found)
        )
