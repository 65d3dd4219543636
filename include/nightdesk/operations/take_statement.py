"""A person gives the desk a broker's statement of an account, or has it fetched now."""

from __future__ import annotations

from nightdesk.brokers import statements_of
from nightdesk.core.errors import Refused
from nightdesk.session.account_statements import StatementTaken, keep_statement
from nightdesk.session.context import Context
from nightdesk.store.db import book_lock, now
from nightdesk.store.statement_rows import note_statement


def take_statement(context: Context, account: str | None, content: bytes | None) -> StatementTaken:
    """Keep what a statement says, under the book's lock; the next settling books what is new.

    Parameters
    ----------
    context : Context
        The book.
    account : str or None
        Which of its accounts; None where only one has statements.
    content : bytes or None
        The statement as its file holds it; None: fetched from the broker's service.

    Raises
    ------
    Refused
        When no account has statements or several do and none is named, or the statement cannot be taken as a
        whole: nothing of it is kept then.
    Transient
        When another run works on the book, or the broker's service gives none now.
    """
    conn, book = context.conn, context.book
    sources = {
        name: source
        for name in ([account] if account is not None else book.account_names)
        if (source := statements_of(book.in_account(name), context.environ)) is not None
    }
    if len(sources) != 1:
        found = f"{', '.join(sources)}: name one with --account" if sources else "none"
        raise Refused(
            f"book {book.name}: a statement is of one account at a broker that makes them (ibkr); found "
            f"{found}"
        )
    [(name, source)] = sources.items()
    statement = source.fetch() if content is None else source.read(content)
    with book_lock(conn, book.name, context.turn_seconds):
        taken = keep_statement(context, name, statement)
        if content is None:
            note_statement(conn, book.name, name, now(conn))
    return taken
