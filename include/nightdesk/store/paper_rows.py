"""The state of the embedded paper broker after each period, so that it can be taken back to before one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Order
from nightdesk.store.db import Connection, cursor
from nightdesk.store.rows import Write, add_rows, read_row, read_rows, write_all


@dataclass(frozen=True)
class PaperState:
    """An account at the end of its newest period, `as_of`: `cash` in dollars, units by symbol."""

    as_of: datetime
    session: date
    cash: Decimal
    positions: Mapping[str, Decimal]


def newest_state(conn: Connection, account: str) -> PaperState | None:
    """The account as it stands; None when it was never funded."""
    rows = read_rows(conn, "paper_state", account=account)
    if not rows:
        return None
    held = {row["symbol"]: row["quantity"] for row in rows if row["symbol"] is not None}
    return PaperState(rows[0]["as_of"], rows[0]["session"], rows[0]["cash"], held)


def add_state(conn: Connection, account: str, state: PaperState) -> None:
    """Store the account after one more period; one that is stored already stays as it is."""
    key = {"account": account, "as_of": state.as_of, "session": state.session}
    held = [
        {**key, "symbol": symbol, "quantity": quantity}
        for symbol, quantity in state.positions.items()
        if quantity
    ]
    account_row = {**key, "cash": state.cash}
    write_all(
        conn,
        [
            Write("paper_accounts", {}, [account_row], grows=True),
            Write("paper_positions", {}, held, grows=True),
        ],
    )


def add_order(conn: Connection, account: str, as_of: datetime, session: date, order: Order) -> bool:
    """Receive an order at `as_of` in `session`; False when its client order id is taken."""
    names = (
        "client_order_id", "symbol", "side", "quantity",
        "order_type", "time_in_force", "limit_price", "reference_price",
    )  # fmt: skip
    key = {"account": account, "as_of": as_of, "session": session}
    row = {name: getattr(order, name) for name in names}
    return add_rows(conn, "paper_orders", [{**key, "status": "accepted", **row}]) > 0


def find_paper_order(conn: Connection, account: str, client_order_id: str) -> dict[str, Any] | None:
    """One order as a row; None when the account has none of that id."""
    return read_row(conn, "paper_order", account=account, client_order_id=client_order_id)


def open_paper_orders(conn: Connection, account: str) -> list[dict[str, Any]]:
    """Orders that wait for the next period, in the order of their arrival."""
    return read_rows(conn, "paper_open_orders", account=account)


def end_order(
    conn: Connection, account: str, client_order_id: str, status: str, as_of: datetime, reason: str = ""
) -> None:
    """Bring a waiting order to its end: filled, expired or cancelled."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.paper_orders SET status = %s, ended_as_of = %s, reason = %s "
            "WHERE account = %s AND client_order_id = %s AND status = 'accepted'",
            (status, as_of, reason, account, client_order_id),
        )


def add_fill(conn: Connection, account: str, as_of: datetime, fill: Fill) -> None:
    """Store an execution in the period that ends at `as_of`."""
    row = {name: getattr(fill, name) for name in Fill.__dataclass_fields__}
    add_rows(conn, "paper_fills", [{"account": account, "as_of": as_of, **row}])


def paper_fills_since(conn: Connection, account: str, as_of: datetime) -> tuple[Fill, ...]:
    """Executions in the periods after the one that ended at `as_of`."""
    return tuple(Fill(**row) for row in read_rows(conn, "paper_fills_since", account=account, as_of=as_of))


def acted_since(conn: Connection, account: str, as_of: datetime) -> bool:
    """Whether an order was received at `as_of` or later."""
    row = read_row(conn, "paper_orders_received", account=account, as_of=as_of)
    return row is not None and row["received"] > 0


def take_back(conn: Connection, account: str, as_of: datetime) -> None:
    """Take the account back to before the period that ends at `as_of`; orders received before wait for it
    again.
    """
    with cursor(conn) as cur:
        key = {"account": account, "as_of": as_of}
        cur.execute(
            "DELETE FROM nightdesk.paper_fills WHERE account = %(account)s AND as_of >= %(as_of)s", key
        )
        cur.execute(
            "DELETE FROM nightdesk.paper_orders WHERE account = %(account)s AND as_of >= %(as_of)s", key
        )
        cur.execute(
            "UPDATE nightdesk.paper_orders SET status = 'accepted', ended_as_of = NULL, reason = '' "
            "WHERE account = %(account)s AND ended_as_of >= %(as_of)s",
            key,
        )
        cur.execute(
            "DELETE FROM nightdesk.paper_accounts WHERE account = %(account)s AND as_of >= %(as_of)s", key
        )
