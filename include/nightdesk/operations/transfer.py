"""A person moves money from one account of a book to another: a dated fact of its next decision."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from nightdesk.accounting.transfers import Transfer
from nightdesk.core.errors import Refused, Transient
from nightdesk.core.money import ZERO, to_cents
from nightdesk.session.context import Context
from nightdesk.store.db import book_lock, transaction
from nightdesk.store.ledger_rows import account_marks_of, latest_marked
from nightdesk.store.run_rows import find_run
from nightdesk.store.transfer_rows import add_transfer, purchases_by_account, transfers_of


def transfer(
    context: Context, source: str, target: str, amount: Decimal, *, reason: str, who: str
) -> Transfer:
    """Store that dollars go from one account of a book to another; the next settling books both sides.

    Between real accounts the money itself is moved at the brokers, by the person: until both have it, the
    comparison with them shows the difference.

    Parameters
    ----------
    context : Context
        The book.
    source, target : str
        Names of its accounts.
    amount : Decimal
        Dollars and cents, positive, at most what lies in `source` at the newest mark and is bound neither by
        purchases that wait nor by earlier transfers.
    reason, who : str
        Why, and the person who says so.

    Raises
    ------
    Refused
        When an account is unknown, both are the same, the amount is none or more than is there, nothing was
        settled yet, or no reason or person is given: nothing is stored.
    Transient
        When the newest decision is not closed, or another run keeps the book's lock: nothing is stored.
    """
    if not reason.strip() or not who.strip():
        raise Refused("a transfer wants a reason and a person: who says so, and why?")
    book = context.book
    for name in (source, target):
        if name not in book.account_names:
            known = ", ".join(book.account_names)
            raise Refused(f"book {book.name} has no account {name!r}: its accounts are {known}")
    if source == target:
        raise Refused(f"a transfer from {source} to {source} moves nothing: name two accounts")
    if not amount > 0 or amount != to_cents(amount):
        raise Refused(f"found {amount} dollars to be moved; name a positive amount in dollars and cents")
    with book_lock(context.conn, book.name, context.turn_seconds), transaction(context.conn):
        settled = latest_marked(context.conn, book.name)
        if settled is None:
            raise Refused(
                f"book {book.name} has no money yet: its first session gives each account its capital"
            )
        run = find_run(context.conn, book.name, settled)
        if run is None or run.status != "closed":
            raise Transient(
                f"{book.name} {context.schedule.name_of(settled)} is not decided to its end, and may yet "
                "spend what is to be moved: say it again when that is closed"
            )
        free = free_cash(context, source)
        if amount > free:
            raise Refused(
                f"account {source} of book {book.name} has {free:.2f} dollars that are free (its cash, less "
                f"purchases that wait and earlier transfers), and {amount} were to be moved: move less"
            )
        as_of = context.schedule.after(settled)
        wanted = Transfer(0, as_of, source, target, amount)
        session = context.schedule.session_of(as_of)
        number = add_transfer(
            context.conn, book.name, session, wanted, reason=reason.strip(), who=who.strip()
        )
    return replace(wanted, number=number)


def free_cash(context: Context, account: str) -> Decimal:
    """Dollars of an account that neither purchases that wait nor transfers that are not booked yet bind."""
    conn, book = context.conn, context.book.name
    settled = latest_marked(conn, book)
    if settled is None:
        return ZERO
    lies = {one.account: one.cash for one in account_marks_of(conn, book, settled)}
    waiting = transfers_of(conn, book, context.schedule.after(settled))
    moved = sum((one.amount for one in waiting if one.source == account), ZERO)
    bound = purchases_by_account(conn, book).get(account, ZERO)
    return to_cents(lies.get(account, ZERO) - moved - bound)
