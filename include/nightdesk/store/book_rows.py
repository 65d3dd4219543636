"""Started books: where each begins, and which account is its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from nightdesk.accounting.tax import TaxTerms
from nightdesk.core.account_terms import MAIN
from nightdesk.core.book import Book, parse_book
from nightdesk.core.errors import Refused
from nightdesk.store.ahead import NamedQuery
from nightdesk.store.db import Connection, cursor, transaction
from nightdesk.store.rows import read_row, read_rows
from nightdesk.store.tax_rows import tax_terms_row

#: What no book may change once it was started.
FIXED = ("broker", "account", "initial_capital", "accounts")


@dataclass(frozen=True)
class StartedAccount:
    """An account of a started book: its name in the book, kind of broker, account there, dollars at first."""

    name: str
    broker: str
    account: str
    capital: Decimal

    def __str__(self) -> str:
        return f"{self.name} ({self.account} of {self.broker}, {self.capital} dollars)"


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
        Kind of broker, and the account there that serves this book alone; of several accounts the first.
    accounts : tuple of StartedAccount
        Its accounts by name; empty where that one is the only one, called main.
    """

    book: str
    inception: date
    origin: date
    initial_capital: Decimal
    broker: str
    account: str
    accounts: tuple[StartedAccount, ...] = ()

    @property
    def whole(self) -> tuple[StartedAccount, ...]:
        """Its accounts, also where there is main alone."""
        return self.accounts or (StartedAccount(MAIN, self.broker, self.account, self.initial_capital),)


def account_records(book: Book) -> tuple[StartedAccount, ...]:
    """The accounts of a book as `BookRecord` has them."""
    if book.account_names == (MAIN,):
        return ()
    accounts = [
        StartedAccount(name, one.kind, one.account, one.capital) for name, one in book.accounts.items()
    ]
    return tuple(sorted(accounts, key=lambda one: one.name))


def _record(row: Mapping[str, Any]) -> BookRecord:
    parts = (
        StartedAccount(name, broker, account, Decimal(capital))
        for name, broker, account, capital in row["accounts"] or ()
    )
    return BookRecord(**{**row, "accounts": tuple(parts)})


def book_record(conn: Connection, book: str) -> BookRecord | None:
    """What is stored of a book; None when it was never started."""
    row = read_row(conn, "book_record", book=book)
    return None if row is None else _record(row)


def record_asks(book: str, document: str, terms: TaxTerms) -> list[NamedQuery]:
    """The questions of `book_record` and `kept_book`."""
    kept = {"book": book, "document": document, **tax_terms_row(terms)}
    return [NamedQuery("book_record", {"book": book}), NamedQuery("kept_book", kept)]


def started_books(conn: Connection) -> tuple[BookRecord, ...]:
    """All started books, by name."""
    return tuple(_record(row) for row in read_rows(conn, "started_books"))


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
        for one in wanted.whole if cur.rowcount else ():
            cur.execute(
                "INSERT INTO nightdesk.book_accounts (book, name, broker, account, capital) "
                "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (wanted.book, one.name, one.broker, one.account, one.capital),
            )
            if not cur.rowcount:
                raise Refused(_taken(conn, wanted, one))
        found = book_record(conn, wanted.book)
        if found is None:
            raise Refused(_taken(conn, wanted, wanted.whole[0]))
    refuse_changes(found, wanted)
    return found


def _taken(conn: Connection, wanted: BookRecord, one: StartedAccount) -> str:
    """That another book has an account, in words."""
    owner = read_row(conn, "account_owner", broker=one.broker, account=one.account)
    other = "another" if owner is None else owner["book"]
    key = f"accounts.{one.name}.account" if wanted.accounts else "broker.account"
    return (
        f"account {one.account} of {one.broker} serves book {other} already: "
        f"give book {wanted.book} an account of its own ({key})"
    )


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
    found = _record(row)
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
            ours, theirs = (_in_words(one, name) for one in (found, wanted))
            raise Refused(
                f"book {wanted.book} was started with {name} {ours}, its file now says "
                f"{theirs}: restore the file, or give the changed book a name of its own"
            )


def _in_words(record: BookRecord, name: str) -> str:
    return str(getattr(record, name)) if name != "accounts" else ", ".join(map(str, record.whole))


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
