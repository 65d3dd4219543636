"""The ledger, the positions that follow from it, and the book's value at each mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from nightdesk.execution.ledger import Entry, Ledger, Mark, Position, value
from nightdesk.execution.money import ZERO, exact
from nightdesk.store.db import Connection
from nightdesk.store.rows import read_row, read_rows

_FIRST, _LAST = date(1, 1, 1), date(9999, 12, 31)


def read_entries(
    conn: Connection, book: str, first: date | None = None, last: date | None = None
) -> tuple[Entry, ...]:
    """The ledger's entries from `first` to `last`, in their order; all of them when no span is given."""
    rows = read_rows(conn, "entry_rows", book=book, first=first or _FIRST, last=last or _LAST)
    return tuple(Entry(**row) for row in rows)


def entry_rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Entries of one session as their table holds them."""
    names = (
        "kind", "strategy", "symbol", "quantity", "price", "cash", "commission", "reference", "cost", "since",
    )  # fmt: skip
    return [
        {"number": number, **{name: getattr(entry, name) for name in names}}
        for number, entry in enumerate(entries)
    ]


def read_ledger(conn: Connection, book: str, session: date) -> Ledger | None:
    """The ledger as it stood at the mark of a session; None when that session was not settled."""
    mark = read_mark(conn, book, session)
    if mark is None:
        return None
    names = tuple(Position.__dataclass_fields__)
    positions = {}
    for row in positions_of(conn, book, session):
        position = Position(**{name: row[name] for name in names})
        positions[position.strategy, position.symbol] = position
    return Ledger(mark.cash, positions)


def positions_of(conn: Connection, book: str, session: date) -> list[dict[str, Any]]:
    """Positions at the mark of a session, flat ones with a history included, by strategy and symbol.

    Returns
    -------
    list of dict
        strategy, symbol, quantity, cost, realised, entry_session, commission, dividends, borrow, price,
        market_value.
    """
    return read_rows(conn, "position_rows", book=book, session=session)


def position_rows(ledger: Ledger, prices: Mapping[str, float]) -> list[dict[str, Any]]:
    """Positions valued at `prices` (raw dollars by symbol) as their table holds them."""
    names = tuple(Position.__dataclass_fields__)
    rows = []
    for position in ledger.positions.values():
        price = prices.get(position.symbol)
        priced = price is not None and price > 0
        rows.append(
            {name: getattr(position, name) for name in names}
            | {
                "price": exact(price) if price is not None and priced else None,
                "market_value": value(position, price) if price is not None and position.quantity else ZERO,
            }
        )
    return rows


def read_mark(conn: Connection, book: str, session: date) -> Mark | None:
    """The book's value at the mark of a session; None when that session was not settled."""
    row = read_row(conn, "portfolio_row", book=book, session=session)
    return None if row is None else Mark(**row)


def latest_marked(conn: Connection, book: str) -> date | None:
    """The newest session that was settled; None when there is none."""
    row = read_row(conn, "latest_marked", book=book)
    return None if row is None else row["session"]


def read_marks(
    conn: Connection, book: str, first: date | None = None, last: date | None = None
) -> tuple[Mark, ...]:
    """The marks from `first` to `last`, ascending; all of them when no span is given."""
    rows = read_rows(conn, "portfolio_rows", book=book, first=first or _FIRST, last=last or _LAST)
    return tuple(Mark(**row) for row in rows)


def mark_row(mark: Mark) -> dict[str, Any]:
    """A mark as its table holds it."""
    return {name: getattr(mark, name) for name in Mark.__dataclass_fields__ if name != "session"}


def disputed_positions(conn: Connection, book: str, session: date) -> dict[str, str]:
    """The symbols whose position the settling of a session left in dispute, each with the reason."""
    rows = read_rows(conn, "disputed_positions", book=book, session=session)
    return {row["symbol"]: row["reason"] for row in rows}


def reconciliations_of(conn: Connection, book: str, session: date) -> list[dict[str, Any]]:
    """Differences to the broker found at a session.

    Returns
    -------
    list of dict
        item (a symbol, or cash), ledger_value, broker_value, outcome (asked or tolerated).
    """
    return read_rows(conn, "reconciliation_rows", book=book, session=session)
