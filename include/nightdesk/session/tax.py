"""Taxes in the daily run: what the gate is told of the taxpayer's trades, and the form of a year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from nightdesk.accounting.tax import (
    TaxLedger,
    TaxTerms,
    TaxTrade,
    TaxView,
    in_order,
    market_split,
    tax_terms,
    tax_view,
)
from nightdesk.core.book import Book
from nightdesk.core.money import exact
from nightdesk.engine import State, counted_sessions, watches_taxes
from nightdesk.session.context import Context
from nightdesk.session.writing import Saver
from nightdesk.store.db import Connection
from nightdesk.store.run_rows import sealed_because
from nightdesk.store.tax_rows import read_splits, read_tax_view, read_trades, tax_books, tax_view_row


def taxed(context: Context, state: State) -> State:
    """The state with what the rules of the law must know; as it is where the book has none."""
    return replace(state, tax=_view(context)) if watches_taxes(context.desk) else state


def keep_view(context: Context, save: Saver, view: TaxView) -> None:
    """Keep what the gate was told, or nothing where no rule asked."""
    save.rows("tax_views", [tax_view_row(view)] if watches_taxes(context.desk) else [])


def _view(context: Context) -> TaxView:
    """What the taxpayer's books did up to the session.

    A session that is sealed reads what it was told then: other books of the taxpayer may have booked trades
    of that time since, and a decision that is computed again must come out the same.
    """
    conn, book, session = context.conn, context.book, context.session
    if sealed_because(conn, book.name, context.as_of) is not None:
        told = read_tax_view(conn, book.name, context.as_of)
        if told is not None:
            return told
    books = books_of(conn, book)
    trades = read_trades(conn, tuple(books), context.as_of)
    ledger = TaxLedger(books).apply(in_order((*_splits(context), *trades)))
    # Orders of a decision within a session are filled in it still; those of a close in the next one.
    within = context.as_of != context.schedule.last_of(session)
    first = context.calendar.shift(session, (not within) - counted_sessions(context.desk))
    return tax_view(ledger, book.name, session, first, filled=session if within else None)


def books_of(conn: Connection, book: Book) -> Mapping[str, TaxTerms]:
    """The books of a book's taxpayer, this one with the terms that its file says now."""
    own = tax_terms(book)
    return {**tax_books(conn, own.taxpayer), book.name: own}


def _splits(context: Context) -> list[TaxTrade]:
    """The splits that the book's symbols had since its inception, as they were known."""
    return [
        market_split(symbol, day, exact(ratio))
        for day, symbol, ratio in context.checked().history.splits
        if day >= context.record.inception
    ]


@dataclass(frozen=True)
class TaxYears:
    """The tax ledger of a taxpayer as it stands, and the books in it."""

    books: tuple[str, ...]
    ledger: TaxLedger

    def years(self, book: str) -> tuple[int, ...]:
        """Years in which a book sold, ascending."""
        return tuple(sorted({one.sold.year for one in self.ledger.disposals if one.book == book}))


def tax_years(conn: Connection, book: Book) -> TaxYears:
    """All that the books of a book's taxpayer have traded so far."""
    books = books_of(conn, book)
    trades = read_trades(conn, tuple(books))
    splits: tuple[TaxTrade, ...] = ()
    if trades:
        first = min(trade.session for trade in trades)
        splits = read_splits(conn, (trade.symbol for trade in trades), first, date.max)
    return TaxYears(tuple(books), TaxLedger(books).apply(in_order((*splits, *trades))))
