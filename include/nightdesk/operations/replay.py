"""Deciding past sessions anew: the one way to change a sealed session, for books on a simulated broker."""

from __future__ import annotations

from datetime import datetime

from nightdesk.brokers import make
from nightdesk.core.errors import Refused
from nightdesk.session.context import Context
from nightdesk.store.db import book_lock, transaction
from nightdesk.store.rewind import clear_from


def rewind(context: Context) -> tuple[datetime, ...]:
    """Take a book, with its paper accounts, back to before the context's decision.

    What was decided from that one on is cleared in one transaction. Running the cleared decisions in order
    then decides them on what is known now: a correction of the bars since is seen.

    Parameters
    ----------
    context : Context
        The first decision to make anew.

    Returns
    -------
    tuple of datetime
        The decisions that were cleared, ascending.

    Raises
    ------
    Refused
        When the book trades with a broker that is not simulated: what it did cannot be taken back.
    Transient
        When another run works on the book.
    """
    book = context.book
    with book_lock(context.conn, book.name, context.turn_seconds), transaction(context.conn):
        brokers = [make(book.in_account(name), context.conn) for name in book.account_names]
        real = sorted({broker.kind for broker in brokers if not broker.simulated})
        if real:
            raise Refused(
                f"book {book.name} trades with {', '.join(real)}: "
                "its sessions cannot be decided anew, only compared"
            )
        cleared = clear_from(context.conn, book.name, context.as_of, context.session)
        for broker in brokers:
            broker.take_back(context.as_of)
    return cleared
