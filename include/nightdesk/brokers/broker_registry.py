"""The broker of a book."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from nightdesk.brokers.account_statement import StatementSource
from nightdesk.brokers.broker_interface import Broker, Capabilities
from nightdesk.brokers.credentials import credentials_of, refuse_unintended_live
from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.registry import Registry
from nightdesk.store.db import Connection

#: Opens the account of a book; without a connection, one that needs no database.
Open = Callable[[Book, Connection | None, Mapping[str, str]], Broker]


#: Where the statements of a book's account come from.
Statements = Callable[[Book, Mapping[str, str]], StatementSource]


@dataclass(frozen=True)
class BrokerKind:
    """A kind of broker: how its account is opened, what it can do, and where statements of an account come
    from, if it makes them; its client is imported when called.
    """

    open: Open
    describe: Callable[[], Capabilities]
    statements: Statements | None = None


#: By `broker.kind` of a book.
BROKERS: Registry[BrokerKind] = Registry("broker")


def make(book: Book, conn: Connection, environ: Mapping[str, str] | None = None) -> Broker:
    """The account of a book at its broker.

    Parameters
    ----------
    book : Book
        Names the kind of broker and the account; of a book with accounts by name, `Book.in_account` of one.
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
    return _kind(book.own_entry.kind).open(book, conn, os.environ if environ is None else environ)


def open_account(book: Book, environ: Mapping[str, str]) -> Broker:
    """The account of a book at a real broker, for which no database is needed; raises as `make`."""
    return _kind(book.own_entry.kind).open(book, None, environ)


def statements_of(book: Book, environ: Mapping[str, str]) -> StatementSource | None:
    """Where the statements of a book's account come from; None where its broker tells all over its line.

    Raises
    ------
    Refused
        When there is no such kind of broker. What the environment lacks is said when one is asked for.
    """
    kind = _kind(book.own_entry.kind)
    return None if kind.statements is None else kind.statements(book, environ)


def capabilities(kind: str) -> Capabilities:
    """What a kind of broker can do; nobody is asked.

    Raises
    ------
    Refused
        When there is no such kind.
    """
    return _kind(kind).describe()


def _kind(name: str) -> BrokerKind:
    return BROKERS.find(name, "broker.kind")


class OpenedBySecrets(Protocol):
    """What `register` asks of a class of brokers beside `Broker` itself."""

    kind: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    @classmethod
    def open(cls, book: Book, environ: Mapping[str, str]) -> Broker:
        """The account of a book, with what the environment holds of its credentials."""


def register[B: OpenedBySecrets](cls: type[B]) -> type[B]:
    """Make a broker known under its `kind`; for use as a decorator.

    Its class has a classmethod `open`, of the book and the environment. An account with real money that book
    and environment do not both name is refused before that is called.
    """

    def opened(book: Book, conn: Connection | None, environ: Mapping[str, str]) -> Broker:
        refuse_unintended_live(book.own_entry, environ)
        return cls.open(book, environ)

    BROKERS.add(cls.kind, BrokerKind(opened, lambda: cls.capabilities))
    return cls


def _open_paper(book: Book, conn: Connection | None, environ: Mapping[str, str]) -> Broker:
    from nightdesk.brokers.paper import PaperBroker

    if conn is None:
        raise Refused(f"the paper account {book.own_entry.account} is in the database: reach that first")
    return PaperBroker(book, conn)


def _describe_paper() -> Capabilities:
    from nightdesk.brokers.paper import PaperBroker

    return PaperBroker.capabilities


def _open_alpaca(book: Book, conn: Connection | None, environ: Mapping[str, str]) -> Broker:
    from nightdesk.brokers.alpaca import AlpacaBroker

    refuse_unintended_live(book.own_entry, environ)
    return AlpacaBroker(book, credentials_of(book.own_entry, environ))


def _open_ibkr(book: Book, conn: Connection | None, environ: Mapping[str, str]) -> Broker:
    from nightdesk.brokers.ibkr import IbkrBroker
    from nightdesk.brokers.ibkr_address import account_at_ibkr
    from nightdesk.brokers.ibkr_contract_store import ContractsInStore
    from nightdesk.brokers.ibkr_contracts import IbkrNames

    refuse_unintended_live(book.own_entry, environ)
    kept = None if conn is None else ContractsInStore(conn, book.name, IbkrNames(book.universe))
    return IbkrBroker(book, *account_at_ibkr(book.own_entry, environ), contracts=kept)


def _describe_alpaca() -> Capabilities:
    from nightdesk.brokers.alpaca import AlpacaBroker

    return AlpacaBroker.capabilities


def _ibkr_statements(book: Book, environ: Mapping[str, str]) -> StatementSource:
    from nightdesk.brokers.flex_source import FlexSource

    return FlexSource(book, environ)


def _describe_ibkr() -> Capabilities:
    from nightdesk.brokers.ibkr_orders import CAPABILITIES

    return CAPABILITIES


BROKERS.add("paper", BrokerKind(_open_paper, _describe_paper))
BROKERS.add("alpaca", BrokerKind(_open_alpaca, _describe_alpaca))
BROKERS.add("ibkr", BrokerKind(_open_ibkr, _describe_ibkr, _ibkr_statements))
