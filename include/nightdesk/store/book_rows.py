"""Started books: where each begins, and which account is its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from nightdesk.accounting.tax import TaxTerms
from nightdesk.core.book import Book, parse_book
from nightdesk.core.errors import Refused
from nightdesk.store.ahead import NamedQuery
from nightdesk.store.db import Connection, cursor, transaction
from nightdesk.store.rows import read_row, read_rows
from nightdesk.store.tax_rows import tax_terms_row

#: What no book may change once it was started.
FIXED = ("broker", "account", "initial_capital")


@dataclass(frozen=True)
class BookRecord:
    """What is fixed about a book once it was started.

    Attributes
    ----------
    book : str
        Its name.
    inception : date
        First decided session.
    origin : date
        First session from which its factors are computed.
    initial_capital : Decimal
        Dollars.
    broker, account : str
        Kind of broker, and the account there that serves this book alone.
    """

    book: str
    inception: date
    origin: date
    initial_capital: Decimal
    broker: str
    account: str


def book_record(conn: Connection, book: str) -> BookRecord | None:
    """What is stored of a book; None when it was never started."""
    row = read_row(conn, "book_record", book=book)
    return None if row is None else BookRecord(**row)


def record_asks(book: str, document: str, terms: TaxTerms) -> list[NamedQuery]:
    """The questions of `book_record` and `kept_book`."""
    kept = {"book": book, "document": document, **tax_terms_row(terms)}
    return [NamedQuery("book_record", {"book": book}), NamedQuery("kept_book", kept)]


def started_books(conn: Connection) -> tuple[BookRecord, ...]:
    """All started books, by name."""
    return tuple(BookRecord(**row) for row in read_rows(conn, "started_books"))


def start_book(conn: Connection, wanted: BookRecord) -> BookRecord:
    """Start a book, or find it started; whoever comes first decides where it begins.

    Returns
    -------
    BookRecord
        What is stored now.

    Raises
    ------
    Refused
        When another book has the account, or this one was started with another account or capital.
    """
    with transaction(conn), cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.books (book, inception, origin, initial_capital, broker, account) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                wanted.book,
                wanted.inception,
                wanted.origin,
                wanted.initial_capital,
                wanted.broker,
                wanted.account,
            ),
        )
        found = book_record(conn, wanted.book)
        if found is None:
            owner = read_row(conn, "account_owner", broker=wanted.broker, account=wanted.account)
            other = "another" if owner is None else owner["book"]
            raise Refused(
                f"account {wanted.account} of {wanted.broker} serves book {other} already: "
                f"give book {wanted.book} an account of its own (broker.account)"
            )
    refuse_changes(found, wanted)
    return found


def kept_book(conn: Connection, wanted: BookRecord, document: str, terms: TaxTerms) -> BookRecord | None:
    """What is stored of a book that was started, where its file and its tax terms are as they are stored.

    Raises
    ------
    Refused
        As `start_book`.
    """
    row = read_row(conn, "kept_book", book=wanted.book, document=document, **tax_terms_row(terms))
    if row is None:
        return None
    found = BookRecord(**row)
    refuse_changes(found, wanted)
    return found


def keep_document(conn: Connection, book: str, document: str) -> None:
    """Store a started book as its file says it now, a JSON document, where that is not what is stored."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.books SET document = %(document)s "
            "WHERE book = %(book)s AND document::text IS DISTINCT FROM %(document)s",
            {"book": book, "document": document},
        )


def stored_book(conn: Connection, book: str) -> Book | None:
    """A started book as a step last used it; None where none is stored.

    Raises
    ------
    Refused
        When this version of the desk cannot read it.
    """
    row = read_row(conn, "book_document", book=book)
    if row is None or row["document"] is None:
        return None
    return parse_book(row["document"], f"book {book} as it is stored")


def refuse_changes(found: BookRecord, wanted: BookRecord, names: Sequence[str] = FIXED) -> None:
    """Refuse a book that was started as `found` and is now `wanted` with another value of one of `names`."""
    for name in names:
        if getattr(found, name) != getattr(wanted, name):
            raise Refused(
                f"book {wanted.book} was started with {name} {getattr(found, name)}, its file now says "
                f"{getattr(wanted, name)}: restore the file, or give the changed book a name of its own"
            )


def keep_book_version(conn: Connection, book: str, config_hash: str, configuration: str) -> None:
    """Keep what a started book says (JSON text), once a version of it."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.book_versions (book, config_hash, configuration) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (book, config_hash, configuration),
        )


def book_version(conn: Connection, book: str, config_hash: str) -> dict[str, Any] | None:
    """What a version of a book said; None when it was not kept."""
    row = read_row(conn, "book_version", book=book, config_hash=config_hash)
    return None if row is None else row["configuration"]
