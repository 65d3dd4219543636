"""The state of the embedded paper broker after each period, so that it can be taken back to before one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.core.money import ZERO
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Order
from nightdesk.store.ahead import NamedQuery
from nightdesk.store.db import Connection, cursor
from nightdesk.store.rows import Ending, Write, read_row, read_rows, write_all

#: What is kept of an execution on paper: it has no instant, its costs are known, and nothing corrects it.
_OF_A_FILL = tuple(
    name
    for name in Fill.__dataclass_fields__
    if name not in ("executed_at", "commission_pending", "corrects")
)


@dataclass(frozen=True)
class PaperState:
    """An account at the end of its newest period, `as_of`: `cash` in dollars, units by symbol, and what
    positions on margin were entered at, dollars.
    """

    as_of: datetime
    session: date
    cash: Decimal
    positions: Mapping[str, Decimal]
    costs: Mapping[str, Decimal] = field(default_factory=dict)


def newest_state(conn: Connection, account: str) -> PaperState | None:
    """The account as it stands; None when it was never funded."""
    rows = read_rows(conn, "paper_state", account=account)
    if not rows:
        return None
    held = {row["symbol"]: row["quantity"] for row in rows if row["symbol"] is not None}
    costs = {row["symbol"]: row["cost"] for row in rows if row["cost"]}
    return PaperState(rows[0]["as_of"], rows[0]["session"], rows[0]["cash"], held, costs)


def account_asks(account: str) -> list[NamedQuery]:
    """The questions of `newest_state` and `open_paper_orders`."""
    return [NamedQuery(name, {"account": account}) for name in ("paper_state", "paper_open_orders")]


def look_asks(account: str, orders: Iterable[str], since: datetime) -> list[NamedQuery]:
    """The questions of a look at an account: its state, orders by their ids, executions after `since`."""
    return [
        NamedQuery("paper_state", {"account": account}),
        NamedQuery("paper_fills_since", {"account": account, "as_of": since}),
        *(NamedQuery("paper_order", {"account": account, "client_order_id": one}) for one in orders),
    ]


@dataclass(frozen=True)
class EndedOrder:
    """How a waiting order ended: filled, expired or cancelled, and why."""

    client_order_id: str
    status: str
    reason: str = ""


def add_period(
    conn: Connection,
    account: str,
    state: PaperState,
    ended: Sequence[EndedOrder] = (),
    fills: Sequence[Fill] = (),
    *,
    commit: bool = False,
) -> None:
    """Store one more period of an account: where it stands then, the orders that ended in it, the executions.

    A period that is stored already stays as it is. With `commit` the transaction of the caller ends on the
    same way.
    """
    key = {"account": account, "as_of": state.as_of}
    dated = {**key, "session": state.session}
    held = [
        {**dated, "symbol": symbol, "quantity": quantity, "cost": state.costs.get(symbol, ZERO)}
        for symbol, quantity in state.positions.items()
        if quantity
    ]
    executed = [{**key, **{name: getattr(fill, name) for name in _OF_A_FILL}} for fill in fills]
    rows = {
        "paper_accounts": [{**dated, "cash": state.cash}],
        "paper_positions": held,
        "paper_fills": executed,
    }
    writes = [Write(table, {}, of_table, grows=True) for table, of_table in rows.items()]
    end, values = _ending_orders(account, ended, state.as_of)
    write_all(conn, writes, Ending(before=f"{end}; ", values=values, commits=commit))


def end_order(conn: Connection, account: str, one: EndedOrder, as_of: datetime) -> None:
    """Bring a waiting order to its end."""
    with cursor(conn) as cur:
        cur.execute(*_ending_orders(account, [one], as_of))


def _ending_orders(account: str, ended: Sequence[EndedOrder], as_of: datetime) -> tuple[str, dict[str, Any]]:
    """The statement that ends waiting orders, and its values."""
    text = (
        "UPDATE nightdesk.paper_orders o "
        "SET status = e.status, ended_as_of = %(ended_as_of)s, reason = e.reason "
        "FROM unnest(%(ended)s::text[], %(ends)s::text[], %(reasons)s::text[]) "
        "AS e (client_order_id, status, reason) "
        "WHERE o.account = %(ended_account)s AND o.client_order_id = e.client_order_id "
        "AND o.status = 'accepted'"
    )
    return text, {
        "ended_account": account,
        "ended_as_of": as_of,
        "ended": [one.client_order_id for one in ended],
        "ends": [one.status for one in ended],
        "reasons": [one.reason for one in ended],
    }


def receive_order(conn: Connection, account: str, order: Order) -> dict[str, Any] | None:
    """Receive an order in the account's newest period, as a row; None when its client order id is taken, or
    the account was never funded.
    """
    names = (
        "client_order_id", "symbol", "side", "quantity",
        "order_type", "time_in_force", "limit_price", "stop_price", "target_price", "reference_price",
    )  # fmt: skip
    row = {name: getattr(order, name) for name in names}
    row |= {"bundle": None, "bundle_units": None}
    if order.fills_together:
        row |= {"bundle": " ".join(order.bundles), "bundle_units": order.bundle_units or None}
    return read_row(conn, "receive_paper_order", account=account, **row)


def find_paper_order(conn: Connection, account: str, client_order_id: str) -> dict[str, Any] | None:
    """One order as a row; None when the account has none of that id."""
    return read_row(conn, "paper_order", account=account, client_order_id=client_order_id)


def open_paper_orders(conn: Connection, account: str) -> list[dict[str, Any]]:
    """Orders that wait for the next period, in the order of their arrival."""
    return read_rows(conn, "paper_open_orders", account=account)


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
