"""Orders that are held back at the exit because of what is held: by ledger, broker and our other orders."""

from __future__ import annotations

from nightdesk.accounting.disputes import UnbookedOrder, why_withheld
from nightdesk.brokers import Broker
from nightdesk.core.money import ZERO
from nightdesk.orders.order import Order
from nightdesk.session.context import Context
from nightdesk.store.ledger_rows import disputed_positions, read_ledger
from nightdesk.store.order_rows import unbooked_orders


def withheld_because(context: Context, broker: Broker, order: Order) -> str | None:
    """Why an order must not be sent as positions stand now; None when it may, or goes to no real broker.

    Raises
    ------
    Unreachable, Unreadable
        When the broker does not say what it holds.
    """
    if broker.simulated or context.dry_run:
        return None
    conn, book, symbol = context.conn, context.book.name, order.symbol
    ledger = read_ledger(conn, book, context.as_of)
    return why_withheld(
        order,
        disputed_positions(conn, book, context.as_of),
        ZERO if ledger is None else ledger.net().get(symbol, ZERO),
        broker.positions().get(symbol, ZERO),
        _other_orders(context, broker, order),
        context.book.broker.tolerance.quantity,
    )


def _other_orders(context: Context, broker: Broker, order: Order) -> list[UnbookedOrder]:
    """The other orders of ours in the symbol of which the ledger may not hold everything."""
    found = []
    for one, booked in unbooked_orders(context.conn, order.book, order.symbol):
        name, side = one.order.client_order_id, one.order.side
        if name == order.client_order_id:
            continue
        known = broker.order_by_client_id(name)
        if known is None:
            found.append(UnbookedOrder(side, ZERO, one.order.quantity - booked))
        else:
            rest = ZERO if known.state.ended else known.quantity - known.filled
            found.append(UnbookedOrder(side, known.filled - booked, rest))
    return found
