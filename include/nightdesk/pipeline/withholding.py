"""Orders that are held back at the exit because of what is held: by ledger, broker and our other orders."""

from __future__ import annotations

from nightdesk.brokers import Broker
from nightdesk.execution.disputing import Unbooked, why_withheld
from nightdesk.execution.money import ZERO
from nightdesk.execution.orders import Order
from nightdesk.pipeline.context import Context
from nightdesk.store.ledger import disputed_positions, read_ledger
from nightdesk.store.messages import raise_alert
from nightdesk.store.orders import unbooked_orders


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
    ledger = read_ledger(conn, book, context.session)
    return why_withheld(
        order,
        disputed_positions(conn, book, context.session),
        ZERO if ledger is None else ledger.net().get(symbol, ZERO),
        broker.positions().get(symbol, ZERO),
        _other_orders(context, broker, order),
        context.book.broker.tolerance.quantity,
    )


def tell_withheld(context: Context, order: Order, cause: str) -> None:
    """Tell a person of an order that was held back; what the settling left in dispute is told by it."""
    if order.symbol in disputed_positions(context.conn, order.book, context.session):
        return
    raise_alert(
        context.conn,
        f"withheld {order.client_order_id}",
        "CRITICAL",
        f"{order.book}: {order.side} {order.quantity} {order.symbol} was not sent",
        f"Order {order.client_order_id}: {cause}. Somebody traded in the account since it was settled, or "
        "the broker's list of positions is old. The next settling compares the two again. To try the order "
        f'once more before its open: `nightdesk resend {order.book} {order.client_order_id} --reason "..."`.',
        book=order.book,
        session=context.session,
    )


def _other_orders(context: Context, broker: Broker, order: Order) -> list[Unbooked]:
    """The other orders of ours in the symbol of which the ledger may not hold everything."""
    found = []
    for one, booked in unbooked_orders(context.conn, order.book, order.symbol):
        name, side = one.order.client_order_id, one.order.side
        if name == order.client_order_id:
            continue
        known = broker.order_by_client_id(name)
        if known is None:
            found.append(Unbooked(side, ZERO, one.order.quantity - booked))
        else:
            rest = ZERO if known.state.ended else known.quantity - known.filled
            found.append(Unbooked(side, known.filled - booked, rest))
    return found
