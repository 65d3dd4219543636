"""Orders that rest for more than an account holds are cancelled, and people told which positions have none.

A person, or another program, may sell at the broker what an order of the desk rests for. Executed, that order
would open a position on the other side: it is cancelled before anybody has looked. A broker, or a person, may
cancel what rests: the next decision places it anew, and until then people know that the position is bare.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from time import sleep

from nightdesk.brokers import Broker, BrokerOrder
from nightdesk.core.account_terms import in_account
from nightdesk.core.money import ZERO
from nightdesk.orders.order import entry_id
from nightdesk.orders.resting import legs_words, protects
from nightdesk.session import reconcile
from nightdesk.session.context import Context
from nightdesk.session.protection import ended
from nightdesk.session.protection_lines import protection_words
from nightdesk.store.ledger_rows import latest_marked
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import StoredOrder, find_order
from nightdesk.store.protection_rows import standing_protections

#: The states in which an order ends without having been executed whole.
_UNFILLED = ("cancelled", "expired", "rejected")


def cancel_beyond_held(context: Context, account: str, broker: Broker) -> tuple[BrokerOrder, ...]:
    """Cancel the protective orders of a real account that rest for more than it holds, and tell people; the
    orders as they have ended. The caller holds the book's lock.

    A broker that says so is asked again before it is believed: its lists may be a moment old.

    Raises
    ------
    Unreachable, Unreadable
        When the broker does not tell its orders or positions, or does not say that a cancelled one has ended.
    """
    beyond: list[tuple[StoredOrder, Decimal]] = []
    for look in range(1 + reconcile.SECOND_LOOKS):
        if look:
            sleep(reconcile.PAUSE_SECONDS)
        beyond = _beyond(context, account, broker)
        if not beyond:
            return ()
    done = tuple(ended(broker, one.order.client_order_id) for one, _ in beyond)
    _tell_beyond(context, account, beyond)
    return done


def _beyond(context: Context, account: str, broker: Broker) -> list[tuple[StoredOrder, Decimal]]:
    """The orders that rest for more than is held, each with what is held of its symbol, signed units."""
    working = list(_ours(context, account, broker.open_orders()))
    if not working:
        return []
    held = broker.positions()
    left = {symbol: units for symbol, units in held.items() if units}
    found = []
    for one, known in working:
        after = left.get(known.symbol, ZERO) + known.remaining
        if after * known.remaining > 0:
            found.append((one, held.get(known.symbol, ZERO)))
        else:
            left[known.symbol] = after
    return found


def _ours(
    context: Context, account: str, orders: Iterable[BrokerOrder]
) -> Iterable[tuple[StoredOrder, BrokerOrder]]:
    """Those that rest for positions of the book, each with how it stands at the broker; exits that wait for
    their entry rest for nothing yet.
    """
    every = tuple(orders)
    waiting = {one.client_order_id for one in every}
    for known in every:
        if entry_id(known.client_order_id) in waiting:
            continue
        own = find_order(context.conn, known.client_order_id)
        if own is None or not own.order.rests or not protects(own.order):
            continue
        if (own.order.book, own.order.account) == (context.book.name, account):
            yield own, known


def _tell_beyond(context: Context, account: str, beyond: Sequence[tuple[StoredOrder, Decimal]]) -> None:
    book = context.book.name
    lines = [
        f"{one.order.side} {one.order.quantity:f} {one.order.symbol} at "
        f"{legs_words(one.order.stop_price, one.order.target_price)}, where the account holds {held:f} "
        f"({one.order.client_order_id})"
        for one, held in beyond
    ]
    raise_alert(
        context.conn,
        f"beyond {book} {_digest(one.order.client_order_id for one, _ in beyond)}",
        "CRITICAL",
        f"{book}: orders rested for more than its account holds{in_account(account)}",
        "\n".join(lines)
        + "\nThey were cancelled: executed they would have opened a position on the other side. What is left "
        "of the position is without protection. Somebody has traded at the broker past the desk: the next "
        f'settling tells the difference, and `nightdesk adopt {book} --reason "..."` takes the broker\'s '
        "figures over; the decision after it protects what is held then.",
        book=book,
        session=context.session,
    )


def tell_bare(context: Context, moved: dict[str, str], told: Collection[str] = ()) -> None:
    """Tell people of the positions whose order has ended at the broker without protecting them to their end.

    Parameters
    ----------
    context : Context
        The book.
    moved : dict of str to str
        Client order ids, each with the state that it has come to.
    told : collection of str
        Ids of those of which people were told.
    """
    conn, book = context.conn, context.book.name
    names = [name for name, status in moved.items() if status in _UNFILLED and name not in told]
    found = [one for one in (find_order(conn, name) for name in names) if one and protects(one.order)]
    settled = latest_marked(conn, book) if found else None
    if settled is None:
        return
    ended_for = {(one.order.intents[0].strategy, one.order.symbol) for one in found}
    bare = [
        one
        for one in standing_protections(conn, book, settled)
        if one.is_asked and not one.rests and (one.strategy, one.symbol) in ended_for
    ]
    if not bare:
        return
    lines = "\n".join(f"{one.symbol} of {one.strategy} {protection_words(one)}." for one in bare)
    raise_alert(
        conn,
        f"bare {book} {_digest(names)}",
        "CRITICAL",
        f"{book}: {len(bare)} {'position' if len(bare) == 1 else 'positions'} without protection",
        f"{lines}\nThe order of each has ended at the broker. The next decision places it anew, unless the "
        "kill switch stops everything; until then nothing sells it at its stop.",
        book=book,
        session=context.session,
    )


def _digest(names: Iterable[str]) -> str:
    return hashlib.sha256("|".join(sorted(names)).encode()).hexdigest()[:12]
