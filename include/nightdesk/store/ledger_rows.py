"""The ledger, the positions that follow from it, and the book's value at each mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from nightdesk.accounting.account_marks import AccountMark
from nightdesk.accounting.ledger import NO_CONTRACTS, Entry, Ledger, Mark, Position, exposure
from nightdesk.core.account_terms import MAIN, in_account
from nightdesk.core.contracts import PLAIN, Contract
from nightdesk.core.money import ZERO, exact
from nightdesk.store.db import Connection
from nightdesk.store.rows import EARLIEST, LATEST, read_row, read_rows

#: Where symbols go in a book that has `main` alone.
NOWHERE: Mapping[str, str] = MappingProxyType({})


def read_entries(
    conn: Connection, book: str, first: datetime = EARLIEST, last: datetime = LATEST
) -> tuple[Entry, ...]:
    """The ledger's entries of the decisions from `first` to `last`, in their order; by default all."""
    return tuple(entry for _, entry in dated_entries(conn, book, first, last))


def dated_entries(
    conn: Connection, book: str, first: datetime = EARLIEST, last: datetime = LATEST
) -> tuple[tuple[datetime, Entry], ...]:
    """The same, each with the decision whose settling booked it."""
    rows = read_rows(conn, "entry_rows", book=book, first=first, last=last)
    return tuple((row.pop("as_of"), Entry(**row)) for row in rows)


def entry_rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Entries of one settling as their table holds them."""
    names = (
        "kind", "strategy", "symbol", "quantity", "price", "cash", "commission", "reference", "cost", "since",
        "account",
    )  # fmt: skip
    return [
        {"number": number, **{name: getattr(entry, name) for name in names}}
        for number, entry in enumerate(entries)
    ]


def read_ledger(conn: Connection, book: str, as_of: datetime) -> Ledger | None:
    """The ledger as it stood at the mark of a decision; None when that was not settled."""
    mark = read_row(conn, "portfolio_row", book=book, as_of=as_of)
    if mark is None:
        return None
    names = tuple(Position.__dataclass_fields__)
    positions = {}
    for row in positions_of(conn, book, as_of):
        position = Position(**{name: row[name] for name in names})
        positions[position.strategy, position.symbol] = position
    apart = (mark["cash_by_account"] or {}).items()
    return Ledger(mark["cash"], positions, {name: Decimal(cash) for name, cash in apart if name != MAIN})


def positions_of(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """Positions at the mark of a decision, flat ones with a history included, by strategy and symbol.

    Returns
    -------
    list of dict
        strategy, symbol, quantity, cost, realised, entry_session, commission, dividends, borrow, price,
        multiplier, on_margin, market_value (what the units stand for, dollars), account.
    """
    return read_rows(conn, "position_rows", book=book, as_of=as_of)


def position_rows(
    ledger: Ledger,
    prices: Mapping[str, float],
    contracts: Mapping[str, Contract] = NO_CONTRACTS,
    account_of: Mapping[str, str] = NOWHERE,
) -> list[dict[str, Any]]:
    """Positions valued at `prices` (raw dollars by symbol) as their table holds them.

    `account_of` says where each symbol goes; empty where all of them go to `main`.
    """
    names = tuple(Position.__dataclass_fields__)
    rows = []
    for position in ledger.positions.values():
        price = prices.get(position.symbol)
        priced = price is not None and price > 0
        contract = contracts.get(position.symbol, PLAIN)
        rows.append(
            {name: getattr(position, name) for name in names}
            | {
                "price": exact(price) if price is not None and priced else None,
                "multiplier": contract.multiplier,
                "on_margin": contract.on_margin,
                "account": account_of.get(position.symbol, MAIN),
                "market_value": ZERO
                if price is None or not position.quantity
                else exposure(position, price, contract),
            }
        )
    return rows


def read_mark(conn: Connection, book: str, as_of: datetime) -> Mark | None:
    """The book's value at the mark of a decision; None when that was not settled."""
    row = read_row(conn, "portfolio_row", book=book, as_of=as_of)
    return None if row is None else Mark(**{name: row[name] for name in Mark.__dataclass_fields__})


def account_mark_rows(marks: Sequence[AccountMark]) -> list[dict[str, Any]]:
    """The accounts of a book at a mark as their table holds them."""
    names = tuple(AccountMark.__dataclass_fields__)
    return [{name: getattr(one, name) for name in names} for one in marks]


def account_marks_of(conn: Connection, book: str, as_of: datetime) -> tuple[AccountMark, ...]:
    """The accounts of a book at the mark of a decision, by name; none where it has `main` alone."""
    return tuple(AccountMark(**row) for row in read_rows(conn, "account_marks", book=book, as_of=as_of))


def dated_account_marks(
    conn: Connection, book: str, first: datetime = EARLIEST, last: datetime = LATEST
) -> dict[datetime, tuple[AccountMark, ...]]:
    """The same of a span of decisions, by decision; those without are absent."""
    out: dict[datetime, tuple[AccountMark, ...]] = {}
    for row in read_rows(conn, "account_marks_between", book=book, first=first, last=last):
        as_of = row.pop("as_of")
        out[as_of] = (*out.get(as_of, ()), AccountMark(**row))
    return out


def latest_marked(conn: Connection, book: str) -> datetime | None:
    """The newest decision that was settled; None when there is none."""
    row = read_row(conn, "latest_marked", book=book)
    return None if row is None else row["as_of"]


def read_marks(
    conn: Connection, book: str, first: datetime = EARLIEST, last: datetime = LATEST
) -> tuple[Mark, ...]:
    """The marks of the decisions from `first` to `last`, ascending; by default all."""
    return tuple(dated_marks(conn, book, first, last).values())


def dated_marks(
    conn: Connection, book: str, first: datetime = EARLIEST, last: datetime = LATEST
) -> dict[datetime, Mark]:
    """The same, by decision."""
    rows = read_rows(conn, "portfolio_rows", book=book, first=first, last=last)
    return {row.pop("as_of"): Mark(**row) for row in rows}


def mark_row(mark: Mark) -> dict[str, Any]:
    """A mark as its table holds it."""
    return {name: getattr(mark, name) for name in Mark.__dataclass_fields__ if name != "session"}


def disputed_positions(
    conn: Connection, book: str, as_of: datetime, account: str | None = None
) -> dict[str, str]:
    """The symbols whose position the settling of a decision left in dispute, each with the reason; in all
    accounts of the book, or in one.
    """
    rows = read_rows(conn, "disputed_positions", book=book, as_of=as_of)
    return {
        row["symbol"]: row["reason"] + in_account(row["account"])
        for row in rows
        if account in (None, row["account"])
    }


def reconciliations_of(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """Differences to the broker found at a decision's settling.

    Returns
    -------
    list of dict
        account, item (a symbol, or cash), ledger_value, broker_value, outcome (asked or tolerated).
    """
    return read_rows(conn, "reconciliation_rows", book=book, as_of=as_of)
