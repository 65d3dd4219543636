"""The broker of a book."""

from __future__ import annotations

import os
from collections.abc import Mapping

from nightdesk.book import Book
from nightdesk.brokers.base import Broker, Capabilities
from nightdesk.brokers.credentials import credentials_of, refuse_unintended_live
from nightdesk.errors import Refused
from nightdesk.store.db import Connection

KINDS = ("paper", "alpaca")


def make(book: Book, conn: Connection, environ: Mapping[str, str] | None = None) -> Broker:
    """The account of a book at its broker.

    Parameters
    ----------
    book : Book
        Names the kind of broker and the account.
    conn : Connection
        Where the embedded paper broker keeps its state.
    environ : mapping of str to str, optional
        Where the credentials of other brokers are (default: this process's environment).

    Raises
    ------
    Refused
        When there is no such kind of broker, its credentials are missing, or the account holds real money and
        is not named as such.
    """
    if book.broker.kind == "paper":
        from nightdesk.brokers.paper import PaperBroker

        return PaperBroker(book, conn)
    return open_account(book, os.environ if environ is None else environ)


def open_account(book: Book, environ: Mapping[str, str]) -> Broker:
    """The account of a book at a real broker, for which no database is needed; raises as `make`."""
    if book.broker.kind == "alpaca":
        from nightdesk.brokers.alpaca import AlpacaBroker

        refuse_unintended_live(book.broker, environ)
        return AlpacaBroker(book, credentials_of(book.broker, environ))
    if book.broker.kind == "paper":
        raise Refused(f"the paper account {book.broker.account} is in the database: reach that first")
    raise _unknown(book.broker.kind)


def capabilities(kind: str) -> Capabilities:
    """What a kind of broker can do; nobody is asked.

    Raises
    ------
    Refused
        When there is no such kind.
    """
    if kind == "paper":
        from nightdesk.brokers.paper import PaperBroker

        return PaperBroker.capabilities
    if kind == "alpaca":
        from nightdesk.brokers.alpaca import AlpacaBroker

        return AlpacaBroker.capabilities
    raise _unknown(kind)


def _unknown(kind: str) -> Refused:
    return Refused(f"broker.kind {kind!r} is not known: name one of {', '.join(KINDS)}")
