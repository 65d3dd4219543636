"""The factors that a book shows, as they were stored with a decision."""

from __future__ import annotations

from datetime import datetime

from nightdesk.alerts.factor_table import FactorTable
from nightdesk.core.book import Book
from nightdesk.store.db import Connection
from nightdesk.store.decision_rows import read_factors
from nightdesk.store.rows import read_rows


def factors_shown(conn: Connection, book: Book, as_of: datetime) -> FactorTable:
    """Those of `report.factors` by symbol; one that was not stored with the decision is missing.

    The symbols are those of the universe; of a list of members those of the decision.
    """
    names = tuple(dict.fromkeys("".join(one.split()) for one in book.report.factors))
    if not names:
        return FactorTable()
    symbols = book.symbols
    if book.members is not None and book.membership is None:
        stored = {row["symbol"] for row in read_rows(conn, "factor_rows", book=book.name, as_of=as_of)}
        symbols = tuple(sorted(stored - ({book.volatility_index, book.benchmark} - set(book.symbols))))
    return FactorTable.of(names, symbols, read_factors(conn, book.name, as_of, symbols))
