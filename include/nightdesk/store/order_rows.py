"""Orders, what happened to them, and their fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.accounting.reconciliation import AWAITED
from nightdesk.accounting.repairs import MoveOrder
from nightdesk.core.masking import mask_document
from nightdesk.orders.fills import Fill, FillTerms, standing
from nightdesk.orders.order import Cross, Intent, Order, exits_id
from nightdesk.orders.slippage import Slippage, expected_prices
from nightdesk.store.db import Connection, cursor
from nightdesk.store.queries import query
from nightdesk.store.rows import EARLIEST, LATEST, add_rows, read_row, read_rows

#: Characters of a broker's answer that are kept with an order.
LONGEST_ANSWER = 20_000


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


def orders_of(conn: Connection, book: str, as_of: datetime) -> tuple[StoredOrder, ...]:
    """The orders of a decision, by symbol."""
    return tuple(_stored(row) for row in read_rows(conn, "order_rows", book=book, as_of=as_of))


def find_order(conn: Connection, client_order_id: str) -> StoredOrder | None:
    """One order; None when it is not ours."""
    row = read_row(conn, "order_by_id", client_order_id=client_order_id)
    return None if row is None else _stored(row)


def orders_to_settle(conn: Connection, book: str, as_of: datetime, session: date) -> tuple[StoredOrder, ...]:
    """The orders that were open when the decision before `as_of` was done, by decision and id, whatever
    became of them since.

    With them those that were given up after an attempt, since the broker may yet have them: of the decision
    before, and of the last `AWAITED` before `session` in a symbol whose position it left in dispute.
    """
    known = {"book": book, "as_of": as_of, "first": session - AWAITED}
    return tuple(_stored(row) for row in read_rows(conn, "orders_to_settle", **known))


def working_orders(conn: Connection, book: str) -> tuple[StoredOrder, ...]:
    """The orders that may be at the broker and have not ended, of all decisions, by decision and id."""
    return tuple(_stored(row) for row in read_rows(conn, "working_orders", book=book))


def unbooked_orders(conn: Connection, book: str, symbol: str) -> tuple[tuple[StoredOrder, Decimal], ...]:
    """The orders in a symbol that may be at the broker and have not ended, or have executions that are not
    booked; each with its booked units, by decision and id.
    """
    rows = read_rows(conn, "unbooked_orders", book=book, symbol=symbol)
    return tuple((_stored(row), row["booked"]) for row in rows)


def order_rows(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Orders as their table holds them, without what happens to them later."""
    key = ("book", "as_of", "session")
    names = tuple(name for name in Order.__dataclass_fields__ if name not in (*key, "intents"))
    return [{name: getattr(order, name) for name in names} for order in orders]


def intent_rows(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """The strategies' parts in orders as their table holds them."""
    return [
        {
            "client_order_id": order.client_order_id,
            "strategy": intent.strategy,
            "number": number,
            "quantity": intent.quantity,
            "bundle": intent.bundle or None,
            "bundle_units": intent.bundle_units or None,
        }
        for order in orders
        for number, intent in enumerate(order.intents)
    ]


def add_order(conn: Connection, order: Order, cause: str) -> None:
    """Write one more order of a decision as planned, with its intents and its cause; in a transaction."""
    key = _key(order)
    add_rows(conn, "orders", [key | row for row in order_rows([order])])
    add_rows(conn, "order_intents", [key | row for row in intent_rows([order])])
    add_rows(conn, "order_events", [planned_event(order, cause)])


def planned_event(order: Order, cause: str) -> dict[str, Any]:
    """The first event of an order as its table holds it."""
    return {
        "client_order_id": order.client_order_id,
        "number": 0,
        "as_of": order.as_of,
        "session": order.session,
        "status": "planned",
        "cause": cause,
    }


def cross_rows(crosses: Sequence[Cross]) -> list[dict[str, Any]]:
    """What changes hands inside the book as its table holds it."""
    return [
        {
            "symbol": cross.symbol,
            "strategy": intent.strategy,
            "number": number,
            "quantity": intent.quantity,
            "price": cross.price,
        }
        for cross in crosses
        for number, intent in enumerate(cross.intents)
    ]


def crosses_of(conn: Connection, book: str, as_of: datetime) -> tuple[Cross, ...]:
    """What was decided to change hands inside the book, by symbol."""
    return tuple(dated_crosses(conn, book, as_of, as_of).get(as_of, ()))


def dated_crosses(
    conn: Connection, book: str, first: datetime = EARLIEST, last: datetime = LATEST
) -> dict[datetime, tuple[Cross, ...]]:
    """Everything that a span of decisions had change hands inside a book, by decision; by default all."""
    out: dict[datetime, dict[str, Cross]] = {}
    for row in read_rows(conn, "cross_rows", book=book, first=first, last=last):
        symbol, found = row["symbol"], out.setdefault(row["as_of"], {})
        known = found.get(symbol, Cross(row["session"], symbol, row["price"], ()))
        found[symbol] = replace(
            known, intents=(*known.intents, Intent(row["strategy"], symbol, row["quantity"]))
        )
    return {as_of: tuple(found.values()) for as_of, found in out.items()}


def begin_attempt(conn: Connection, client_order_id: str, *, commit: bool = False) -> None:
    """Count one more attempt at sending an order, with the exits that it brings; to be committed before the
    broker is called.

    With `commit` the transaction of the caller ends on the same way.
    """
    counted = "UPDATE nightdesk.orders SET attempts = attempts + 1 WHERE client_order_id IN (%s, %s)"
    with cursor(conn) as cur:
        cur.execute(f"{counted}; COMMIT" if commit else counted, (client_order_id, exits_id(client_order_id)))


def resize_order(conn: Connection, order: Order) -> None:
    """Bring a stored order to the quantity and the intents of `order`; in a transaction."""
    key = _key(order)
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.orders SET quantity = %s WHERE client_order_id = %s",
            (order.quantity, order.client_order_id),
        )
        cur.execute(
            "DELETE FROM nightdesk.order_intents WHERE client_order_id = %s", (order.client_order_id,)
        )
    add_rows(conn, "order_intents", [key | row for row in intent_rows([order])])


def forget_attempts(conn: Connection, client_order_id: str) -> None:
    """Let an order count as never sent, since what is at the broker under its id is not it."""
    with cursor(conn) as cur:
        cur.execute("UPDATE nightdesk.orders SET attempts = 0 WHERE client_order_id = %s", (client_order_id,))


def move_order(
    conn: Connection,
    client_order_id: str,
    as_of: datetime,
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
    as_of : datetime
        The decision whose run records it, or whose settling is to come.
    session : date
        The session that it lies in.
    status : str
        The state that begins.
    cause : str
        Why, in words.
    filled : Decimal, optional
        Units filled so far.
    answer : mapping, optional
        What the broker answered.
    """
    move = {"client_order_id": client_order_id, "status": status, "cause": cause}
    _move(conn, as_of, session, [move | {"filled": filled, "answer": answer}])


def move_planned(
    conn: Connection, client_order_id: str, status: str, cause: str, answer: Mapping[str, Any] | None
) -> None:
    """Bring an order out of its planning, in its own session, and with it the exits that it brings; one that
    has left it stays as it is.
    """
    move = {"status": status, "filled": None}
    own = move | {"client_order_id": client_order_id, "cause": cause, "answer": answer}
    exits = move | {
        "client_order_id": exits_id(client_order_id), "cause": f"with its entry: {cause}", "answer": None,
    }  # fmt: skip
    _move(conn, None, None, [own, exits], only_from="planned")


def move_orders(conn: Connection, as_of: datetime, session: date, moves: Sequence[MoveOrder]) -> None:
    """The same as `move_order` for any number of orders, each at most once."""
    names = ("client_order_id", "status", "cause", "filled", "answer")
    _move(conn, as_of, session, [{name: getattr(one, name) for name in names} for one in moves])


def _move(
    conn: Connection,
    as_of: datetime | None,
    session: date | None,
    moves: Sequence[Mapping[str, Any]],
    only_from: str | None = None,
) -> None:
    """Move orders and add their events, in one statement; without an instant, at that of each order."""
    import json

    if not moves:
        return
    document = json.dumps(
        mask_document([{**one, "answer": _kept(one["answer"])} for one in moves]), default=str
    )
    with cursor(conn) as cur:
        cur.execute(
            query("move_orders"),
            {"moves": document, "as_of": as_of, "session": session, "only_from": only_from},
        )


def _kept(answer: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A broker's answer, or how it begins where it is longer than any that is worth keeping."""
    import json

    text = "" if answer is None else json.dumps(answer, default=str)
    if len(text) <= LONGEST_ANSWER:
        return answer
    return {"begins": text[: LONGEST_ANSWER // 2], "characters": len(text)}


def unsent_orders(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """The orders of a decision of which nothing was executed or can be: rejected, suppressed, or too late.

    Returns
    -------
    list of dict
        client_order_id, symbol, side, quantity, status, account, cause, and whether the broker had accepted
        it; by symbol.
    """
    return read_rows(conn, "unsent_orders", book=book, as_of=as_of)


def order_events_of(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """What happened to the orders of a decision, order by order.

    Returns
    -------
    list of dict
        client_order_id, number, session, as_of, status, cause, answer, recorded_at.
    """
    return read_rows(conn, "order_event_rows", book=book, as_of=as_of)


def fills_of(conn: Connection, book: str, as_of: datetime) -> tuple[Fill, ...]:
    """The executions that the settling of a decision booked, by id."""
    return fills_between(conn, book, as_of, as_of)


def fills_between(
    conn: Connection, book: str, first: datetime = EARLIEST, last: datetime = LATEST
) -> tuple[Fill, ...]:
    """The executions that the settlings of a span of decisions booked, by decision and id; by default all. Of
    one that was corrected within it the newest version alone.
    """
    return standing(fill for _, fill in dated_fills(conn, book, first, last))


def fills_in(conn: Connection, book: str, account: str, first: datetime, last: datetime) -> tuple[Fill, ...]:
    """Those of one account of the book."""
    rows = read_rows(conn, "account_fill_rows", book=book, account=account, first=first, last=last)
    return tuple(Fill(**{name: row[name] for name in Fill.__dataclass_fields__}) for row in rows)


def dated_fills(
    conn: Connection, book: str, first: datetime = EARLIEST, last: datetime = LATEST
) -> tuple[tuple[datetime, Fill], ...]:
    """Every version of the same, each with the decision whose settling booked it."""
    rows = read_rows(conn, "fill_rows", book=book, first=first, last=last)
    return tuple((row.pop("as_of"), Fill(**row)) for row in rows)


def fill_rows(fills: Sequence[Fill], orders: Mapping[str, Order], terms: FillTerms) -> list[dict[str, Any]]:
    """Executions of one settling as their table holds them, with the prices that were expected.

    Parameters
    ----------
    fills : sequence of Fill
        With their reference prices.
    orders : mapping of client order id to Order
        Those that were filled, restated for splits of the session.
    terms : FillTerms
        What the book expects trades to cost.
    """
    names = tuple(name for name in Fill.__dataclass_fields__ if name != "session")
    expected = expected_prices(fills, orders, terms)
    return [
        {name: getattr(fill, name) for name in names}
        | {"expected_price": expected[fill.execution_id], "account": orders[fill.client_order_id].account}
        for fill in fills
    ]


def slippage_rows(conn: Connection, book: str, as_of: datetime) -> tuple[Slippage, ...]:
    """Slippage of every execution that the settling of a decision booked, as expected then and as it came."""
    rows = read_rows(conn, "slippage_rows", book=book, as_of=as_of)
    return tuple(Slippage(row["notional"], row["expected_cost"], row["realised_cost"]) for row in rows)


def filled_before(conn: Connection, book: str, as_of: datetime, orders: Sequence[str]) -> dict[str, Decimal]:
    """Units of each order that settlings before that of `as_of` booked."""
    if not orders:
        return {}
    rows = read_rows(conn, "filled_before", book=book, as_of=as_of, orders=list(orders))
    return {row["client_order_id"]: row["quantity"] for row in rows}


def _key(order: Order) -> dict[str, Any]:
    return {"book": order.book, "as_of": order.as_of, "session": order.session}


def _stored(row: Mapping[str, Any]) -> StoredOrder:
    return StoredOrder(whole_order(row), row["status"], row["attempts"], row["filled_quantity"])


def whole_order(row: Mapping[str, Any]) -> Order:
    """The order in a row of the view `whole_orders`."""
    names = tuple(name for name in Order.__dataclass_fields__ if name != "intents")
    intents = tuple(
        Intent(strategy, row["symbol"], Decimal(quantity), bundle, units)
        for strategy, quantity, bundle, units in row["intents"] or ()
    )
    return Order(**{name: row[name] for name in names}, intents=intents)
