"""The DAGs of a book by their ids."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nightdesk.core.book import Book


def dag_id_of(kind: str, book: str) -> str:
    """The id of one of a book's DAGs, whatever the book's file is called."""
    return f"{kind}__" + re.sub(r"[^\w.-]", "_", book)


def needed_for(kind: str, only: str | None) -> Callable[[str], bool]:
    """Whether a book's file is read for DAGs of a kind: a task needs that of its own DAG, `only`, alone."""
    return lambda book: only is None or dag_id_of(kind, book) == only


def deciding_dag(book: Book) -> str:
    """The id of the DAG that makes a book's decisions: ``daily__BOOK``, or ``hourly__BOOK``."""
    return dag_id_of(book.schedule.rhythm, book.name)
