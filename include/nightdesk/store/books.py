"""Started books: where each begins, and which account is its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from nightdesk.errors import Refused
from nightdesk.store.db import Connection, cursor, transaction
from nightdesk.store.rows import read_row, read_rows


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
        owner = read_row(conn, "account_owner", broker=wanted.broker, account=wanted.account)
        if owner is not None and owner["book"] != wanted.book:
            raise Refused(
                f"account {wanted.account} of {wanted.broker} serves book {owner['book']} already: "
                f"give book {wanted.book} an account of its own (broker.account)"
            )
        cur.execute(
            "INSERT INTO nightdesk.books (book, inception, origin, initial_capital, broker, account) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (book) DO NOTHING",
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
        raise LookupError(f"book {wanted.book} vanished while it was started")
    for name in ("broker", "account", "initial_capital"):
        if getattr(found, name) != getattr(wanted, name):
            raise Refused(
                f"book {wanted.book} was started with {name} {getattr(found, name)}, its file now says "
                f"{getattr(wanted, name)}: restore the file, or give the changed book a name of its own"
            )
    return found


def set_inception(conn: Connection, record: BookRecord) -> None:
    """Start a book at `record.inception`, or move the beginning of one that has decided nothing yet.

    Raises
    ------
    Refused
        When a session of it was decided already and the beginning would change; or as `start_book` does.
    """
    found = start_book(conn, record)
    if (found.inception, found.origin) == (record.inception, record.origin):
        return
    with transaction(conn), cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.books b SET inception = %(inception)s, origin = %(origin)s "
            "WHERE book = %(book)s AND NOT EXISTS (SELECT FROM nightdesk.runs r WHERE r.book = b.book)",
            {"book": record.book, "inception": record.inception, "origin": record.origin},
        )
        if cur.rowcount == 0:
            raise Refused(
                f"book {record.book} began on {found.inception} (origin {found.origin}) and has sessions: "
                f"it cannot begin on {record.inception} (origin {record.origin}) any more"
            )
