"""Orders at a real account that its book did not send: found before anything is sent, answered by a person.

=============  ============================================  ===============================================
origin         what it is                                    until a person answers
=============  ============================================  ===============================================
unmarked       a person's order, or another program's        nothing that adds risk, nothing in its symbol
installation   another installation of the desk sends here   nothing: both would sell the same position
restored       this installation sent it, and this database  nothing: the database is older than the account
               does not know it
book           another book of this desk sends here          nothing
=============  ============================================  ===============================================

An order counts while it is open. One of the desk's counts by its executions too; those of others are for the
settling, which tells of them. The answer is to cancel it at the broker, or to claim it: it may be there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nightdesk.brokers import Broker, BrokerOrder
from nightdesk.core.account_terms import in_account
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO
from nightdesk.orders.fills import standing
from nightdesk.orders.order import read_client_order_id
from nightdesk.session.broker_session import LATE_SESSIONS, contact
from nightdesk.session.context import Context
from nightdesk.store.db import book_lock, transaction
from nightdesk.store.execution_rows import executions_since
from nightdesk.store.foreign_order_rows import (
    ForeignOrder,
    Origin,
    claim_foreign,
    foreign_orders,
    keep_foreign,
)
from nightdesk.store.installation import installation_mark
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import find_order

#: How the cause begins that is kept of an order that was not sent beside a foreign one.
FOREIGN = "the account has an order that the book did not send"

_WHOSE: dict[Origin, str] = {
    "unmarked": "of a person or another program",
    "installation": "of another installation of the desk",
    "restored": "of this installation, and unknown to this database",
    "book": "of another book of this desk",
}


def look_for_foreign(context: Context, account: str, broker: Broker) -> tuple[ForeignOrder, ...]:
    """The foreign orders at an account of the book that nobody has claimed; people are told of them, once a
    session.

    Raises
    ------
    Unreachable, Unreadable
        When the broker does not tell its open orders.
    """
    book, session = context.book.name, context.session
    keep_foreign(context.conn, book, account, _found(context, account, broker))
    left = foreign_orders(context.conn, book, account)
    if left:
        names = "|".join(one.client_order_id for one in left)
        desks = any(one.origin != "unmarked" for one in left)
        raise_alert(
            context.conn,
            f"foreign orders {book} {context.name} {hashlib.sha256(names.encode()).hexdigest()[:12]}",
            "EMERGENCY" if desks else "CRITICAL",
            f"{book}: orders at its account that it did not send",
            f"Account {context.book.entry_of(account).account} has {'; '.join(map(words_of, left))}. "
            f"{_stops(left)} {_answer(book, left)}",
            book=book,
            session=session,
        )
    return left


def foreign_reason(found: Sequence[ForeignOrder], symbol: str, *, adds: bool) -> str:
    """Why an order in a symbol must not be sent beside the foreign ones; empty where it may."""
    for one in found:
        if one.origin != "unmarked" or adds or one.symbol == symbol:
            return f"{FOREIGN}: {words_of(one)}"
    return ""


def claim(context: Context, *, reason: str, who: str) -> tuple[ForeignOrder, ...]:
    """Let the foreign orders that are at the account now be there; those that are claimed.

    Raises
    ------
    Refused
        When there are none, or no reason or person is given.
    """
    if not reason.strip() or not who.strip():
        raise Refused("to claim foreign orders wants a reason and a person: who says so, and why?")
    conn, book = context.conn, context.book.name
    claimed: tuple[ForeignOrder, ...] = ()
    with book_lock(conn, book, context.turn_seconds):
        for account in context.book.account_names:
            with contact(context, account) as broker:
                found = () if broker.simulated else _found(context, account, broker)
            with transaction(conn):
                keep_foreign(conn, book, account, found)
                left = foreign_orders(conn, book, account)
                if left:
                    claim_foreign(conn, book, account, reason=reason.strip(), who=who.strip())
            claimed += left
    if not claimed:
        names = ", ".join(context.book.entry_of(one).account for one in context.book.account_names)
        raise Refused(
            f"account {names} has no order that book {book} did not send, or they were claimed already"
        )
    return claimed


def words_of(one: ForeignOrder) -> str:
    """What a foreign order is, whose, and since when."""
    since = "" if one.received_at is None else f" since {one.received_at:%Y-%m-%d %H:%M} UTC"
    state = "executed" if one.executed else "open"
    identity = read_client_order_id(one.client_order_id)
    head = "" if identity is None else f" (mark {identity.mark or 'none'}, book {identity.book}...)"
    return (
        f"{one.side} {one.quantity:f} {one.symbol}{in_account(one.account)}, {state}{since}, "
        f"{_WHOSE[one.origin]}{head}: "
        f"{one.client_order_id}"
    )


def _stops(left: Sequence[ForeignOrder]) -> str:
    if all(one.origin == "unmarked" for one in left):
        return "Until a person answers, nothing that adds risk is sent, and nothing in these symbols."
    return "Until a person answers, nothing is sent: two desks on one account sell the same position twice."


def _answer(book: str, left: Sequence[ForeignOrder]) -> str:
    parts = []
    if any(one.origin == "restored" for one in left):
        parts.append(f"This database is older than the account: `nightdesk rebuild-from-broker {book}`.")
    if any(one.origin in ("installation", "book") for one in left):
        parts.append("Stop the other desk, or give each an account of its own.")
    parts.append(
        f'Cancel what is open at the broker, or `nightdesk broker {book} --claim --reason "..."` '
        "when it may be there."
    )
    return " ".join(parts)


def _found(context: Context, account: str, broker: Broker) -> list[ForeignOrder]:
    """All foreign orders: those that are open, and the desk's own kind by their executions."""
    mark = installation_mark(context.conn)
    found: dict[str, ForeignOrder] = {}
    for one in broker.open_orders():
        origin = _origin(context, one.client_order_id, mark)
        if origin is not None and _is_open(broker, one):
            found[one.client_order_id] = ForeignOrder(
                one.client_order_id, origin, one.symbol, one.side, one.quantity, False, one.received_at
            )
    since = context.calendar.shift(context.session, -LATE_SESSIONS)
    for fill in standing(executions_since(context.conn, context.book.name, account, since)):
        origin = _origin(context, fill.client_order_id, mark)
        known = found.get(fill.client_order_id)
        if not fill.quantity or origin in (None, "unmarked") or (known is not None and not known.executed):
            continue
        quantity = fill.quantity + (ZERO if known is None else known.quantity)
        at = fill.executed_at or context.calendar.close_at(fill.session)
        found[fill.client_order_id] = ForeignOrder(
            fill.client_order_id, origin, fill.symbol, fill.side, quantity, True, at
        )
    return list(found.values())


def _origin(context: Context, client_order_id: str, mark: str) -> Origin | None:
    """Whose an order is; None when it is the book's own."""
    known = find_order(context.conn, client_order_id)
    if known is not None:
        return None if known.order.book == context.book.name else "book"
    identity = read_client_order_id(client_order_id)
    if identity is None:
        return "unmarked"
    return "restored" if identity.mark == mark else "installation"


def _is_open(broker: Broker, listed: BrokerOrder) -> bool:
    """Whether the broker, asked for it by its id, says the same: a list may be old, or another account's."""
    known = broker.order_by_client_id(listed.client_order_id)
    return known is not None and not known.state.ended
