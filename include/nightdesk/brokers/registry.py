"""The broker of a book."""

from __future__ import annotations

from nightdesk.book import Book
from nightdesk.brokers.base import Broker
from nightdesk.errors import Refused
from nightdesk.store.db import Connection

KINDS = ("paper",)


def make(book: Book, conn: Connection) -> Broker:
    """The account of a book at its broker.

    Parameters
    ----------
    book : Book
        Names the kind of broker and the account.
    conn : Connection
        Where the embedded paper broker keeps its state.

    Raises
    ------
    Refused
        When there is no such kind of broker.
    """
    if book.broker.kind == "paper":
        from nightdesk.brokers.paper import PaperBroker

        return PaperBroker(book, conn)
    raise Refused(f"broker.kind {book.broker.kind!r} is not known: name one of {', '.join(KINDS)}")
