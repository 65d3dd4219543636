"""Orders, what happened to them, and their fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from nightdesk.execution.fills import Fill
from nightdesk.execution.orders import Intent, Order
from nightdesk.store.db import Connection, cursor
from nightdesk.store.rows import read_row, read_rows


@dataclass(frozen=True)
class StoredOrder:
    """An order with where it stands.

    `attempts` counts how often sending it was begun: a planned order with attempts may be at the broker.
    `filled_quantity` is in units of the instrument.
    """

    order: Order
    status: str
    attempts: int
    filled_quantity: Decimal


def orders_of(conn: Connection, book: str, session: date) -> tuple[StoredOrder, ...]:
    """The orders that a session decided, by symbol."""
    return tuple(_stored(row) for row in read_rows(conn, "order_rows", book=book, session=session))


def find_order(conn: Connection, client_order_id: str) -> StoredOrder | None:
    """One order; None when it is not ours."""
    row = read_row(conn, "order_by_id", client_order_id=client_order_id)
    return None if row is None else _stored(row)


def orders_to_settle(conn: Connection, book: str, session: date) -> tuple[StoredOrder, ...]:
    """The orders that were open when `session` began, by session and id, whatever became of them in it."""
    return tuple(_stored(row) for row in read_rows(conn, "orders_to_settle", book=book, session=session))


def order_rows(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Orders as their table holds them, without what happens to them later."""
    names = tuple(name for name in Order.__dataclass_fields__ if name not in ("book", "session", "intents"))
    return [{name: getattr(order, name) for name in names} for order in orders]


def intent_rows(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """The strategies' parts in orders as their table holds them."""
    return [
        {
            "client_order_id": order.client_order_id,
            "strategy": intent.strategy,
            "number": number,
            "quantity": intent.quantity,
        }
        for order in orders
        for number, intent in enumerate(order.intents)
    ]


def begin_attempt(conn: Connection, client_order_id: str) -> None:
    """Count one more attempt at sending an order; to be committed before the broker is called."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.orders SET attempts = attempts + 1 WHERE client_order_id = %s",
            (client_order_id,),
        )


def move_order(
    conn: Connection,
    client_order_id: str,
    session: date,
    status: str,
    cause: str,
    *,
    filled: Decimal | None = None,
    answer: Mapping[str, Any] | None = None,
) -> None:
    """Bring an order into a state and tell why; to be called in a transaction that has read where it stands.

    Parameters
    ----------
    conn : Connection
        In a transaction.
    client_order_id : str
        The order.
    session : date
        The session whose run records it.
    status : str
        The state that begins.
    cause : str
        Why, in words.
    filled : Decimal, optional
        Units filled so far.
    answer : mapping, optional
        What the broker answered.
    """
    import json

    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.orders SET status = %s, filled_quantity = coalesce(%s, filled_quantity) "
            "WHERE client_order_id = %s",
            (status, filled, client_order_id),
        )
        cur.execute(
            "INSERT INTO nightdesk.order_events (client_order_id, number, session, status, cause, answer) "
            "SELECT %(order)s, count(*), %(session)s, %(status)s, %(cause)s, %(answer)s "
            "FROM nightdesk.order_events WHERE client_order_id = %(order)s",
            {
                "order": client_order_id,
                "session": session,
                "status": status,
                "cause": cause,
                "answer": None if answer is None else json.dumps(answer, default=str),
            },
        )


def order_events_of(conn: Connection, book: str, session: date) -> list[dict[str, Any]]:
    """What happened to the orders that a session decided, order by order.

    Returns
    -------
    list of dict
        client_order_id, number, session, status, cause, answer, recorded_at.
    """
    return read_rows(conn, "order_event_rows", book=book, session=session)


def fills_of(conn: Connection, book: str, session: date) -> tuple[Fill, ...]:
    """The executions booked in a session, by id."""
    rows = read_rows(conn, "fill_rows", book=book, first=session, last=session)
    return tuple(Fill(**row) for row in rows)


def all_fills(conn: Connection, book: str) -> tuple[Fill, ...]:
    """All executions that were booked, by session and id."""
    rows = read_rows(conn, "fill_rows", book=book, first=date.min, last=date.max)
    return tuple(Fill(**row) for row in rows)


def fill_rows(fills: Sequence[Fill]) -> list[dict[str, Any]]:
    """Executions of one session as their table holds them."""
    names = tuple(name for name in Fill.__dataclass_fields__ if name != "session")
    return [{name: getattr(fill, name) for name in names} for fill in fills]


def filled_before(conn: Connection, book: str, session: date, orders: Sequence[str]) -> dict[str, Decimal]:
    """Units of each order that were executed in sessions before `session`."""
    rows = read_rows(conn, "filled_before", book=book, session=session, orders=list(orders))
    return {row["client_order_id"]: row["quantity"] for row in rows}


def _stored(row: Mapping[str, Any]) -> StoredOrder:
    names = tuple(name for name in Order.__dataclass_fields__ if name != "intents")
    intents = tuple(
        Intent(strategy, row["symbol"], Decimal(quantity)) for strategy, quantity in row["intents"] or ()
    )
    order = Order(**{name: row[name] for name in names}, intents=intents)
    return StoredOrder(order, row["status"], row["attempts"], row["filled_quantity"])
