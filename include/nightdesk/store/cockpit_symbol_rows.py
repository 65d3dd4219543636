"""What the cockpit reads of one symbol: its bars, what books did in it and why, findings of its data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.core.cell_figures import CellFigures
from nightdesk.store.db import Connection
from nightdesk.store.rows import EARLIEST, read_row, read_rows

#: Rows of each list beside the candles.
LISTED = 50


@dataclass(frozen=True, slots=True)
class StoredSymbol:
    """What is stored of a symbol: its first and last daily bar, its newest hour; None where none is."""

    symbol: str
    first_bar: date | None
    last_bar: date | None
    last_hour: datetime | None


@dataclass(frozen=True, slots=True)
class CandleRow:
    """The newest version of a session's bar, raw dollars; `corrections` counts the versions before it."""

    session: date
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    source: str
    known_at: datetime
    corrections: int


@dataclass(frozen=True, slots=True)
class TradePart:
    """A strategy's part in a fill, with what its decision said.

    Attributes
    ----------
    symbol : str
        That of the order; a change of name may lie between it and the fill.
    purpose : str
        Of the order.
    stop_price, target_price : Decimal or None
        Where it rested, raw dollars; None for one that did not.
    quantity : Decimal or None
        Units of the fill that are the strategy's, by what each strategy wanted of the order.
    cause : int or None
        Why the target was what it was, a code of `nightdesk.engine.exits.Cause`; None without a target.
    stop_distance, target_distance : float or None
        From the average entry, dollars a unit; 0 where there is none.
    direction : int or None
        What the strategy's signal said, -2 to 2; None without one.
    held, cost, mark, multiplier, entry_session
        The position at the decision's mark; `held` is 0 where there was none.
    """

    book: str
    session: date
    as_of: datetime
    execution_id: str
    client_order_id: str
    side: str
    price: Decimal
    account: str
    symbol: str
    decided: datetime
    decided_session: date
    purpose: str
    stop_price: Decimal | None
    target_price: Decimal | None
    strategy: str | None
    quantity: Decimal | None
    cause: int | None
    stop_distance: float | None
    target_distance: float | None
    direction: int | None
    confidence: float | None
    injected: bool | None
    held: Decimal
    cost: Decimal | None
    mark: Decimal | None
    multiplier: Decimal | None
    entry_session: date | None


@dataclass(frozen=True, slots=True)
class StopRow:
    """Where the stop of a position stood at a decision, raw dollars; `average` is its average entry."""

    book: str
    session: date
    as_of: datetime
    strategy: str
    quantity: Decimal
    average: float
    stop_distance: float

    @property
    def price(self) -> float:
        """The close at which the position is left."""
        return self.average - math.copysign(self.stop_distance, float(self.quantity))


@dataclass(frozen=True, slots=True)
class HolderRow:
    """A position in the symbol at a book's newest mark, closed ones with what they made; money in dollars."""

    book: str
    session: date
    as_of: datetime
    strategy: str
    quantity: Decimal
    cost: Decimal
    multiplier: Decimal
    realised: Decimal
    commission: Decimal
    dividends: Decimal
    borrow: Decimal
    entry_session: date | None
    price: Decimal | None
    market_value: Decimal
    account: str
    nav: Decimal
    stop_distance: float | None

    @property
    def average(self) -> Decimal | None:
        """Average entry, dollars a unit to four places; None where it is flat."""
        return round(self.cost / (self.quantity * self.multiplier), 4) if self.quantity else None

    @property
    def profit(self) -> Decimal:
        """All that the strategy has gained in the symbol, open and closed, after costs."""
        return self.realised + self.market_value - self.cost + self.dividends - self.commission - self.borrow

    @property
    def weight(self) -> float:
        """Signed share of NAV."""
        return float(self.market_value / self.nav)


def stored_symbol(conn: Connection, symbol: str) -> StoredSymbol | None:
    """What is stored of a symbol; None where nothing ever was."""
    row = read_row(conn, "symbol_stored", symbol=symbol)
    return None if row is None else StoredSymbol(**row)


def candles_of(conn: Connection, symbol: str, sessions: int) -> tuple[CandleRow, ...]:
    """The newest daily bars of a symbol as they are known now, ascending."""
    rows = read_rows(conn, "symbol_candles", symbol=symbol, sessions=sessions)
    return tuple(CandleRow(**row) for row in reversed(rows))


def trades_in(
    conn: Connection,
    symbol: str,
    books: Sequence[str],
    first: date,
    since: datetime = EARLIEST,
    rows: int = 400,
) -> tuple[TradePart, ...]:
    """What books executed in a symbol from a session on, the newest first."""
    asked = {"symbol": symbol, "books": list(books), "since": since, "first": first, "rows": rows}
    return tuple(TradePart(**row) for row in read_rows(conn, "symbol_trades", **asked))


def stops_in(conn: Connection, symbol: str, books: Sequence[str], since: datetime) -> tuple[StopRow, ...]:
    """Where the stops of positions in a symbol stood at each decision from an instant on."""
    rows = read_rows(conn, "symbol_stops", symbol=symbol, books=list(books), since=since)
    return tuple(
        StopRow(
            row["book"], row["session"], row["as_of"], row["strategy"], row["quantity"],
            float(row["cost"] / (row["quantity"] * row["multiplier"])), row["stop_distance"],
        )
        for row in rows
    )  # fmt: skip


def holders_of(conn: Connection, symbol: str, books: Sequence[str]) -> tuple[HolderRow, ...]:
    """Who holds a symbol, or did, at the newest mark of each book."""
    return tuple(
        HolderRow(**row) for row in read_rows(conn, "symbol_holders", symbol=symbol, books=list(books))
    )


def newest_factors(
    conn: Connection, symbol: str, books: Sequence[str]
) -> dict[str, tuple[datetime, Mapping[str, float]]]:
    """The factors of a symbol at the newest decision of each book that computed them, by book."""
    rows = read_rows(conn, "symbol_factors", symbol=symbol, books=list(books))
    return {
        row["book"]: (row["as_of"], dict(zip(row["names"], row["factor_values"], strict=True)))
        for row in rows
    }


@dataclass(frozen=True)
class ShownFigures:
    """What a strategy shows of a symbol at the newest decision of a book.

    `said` and `sized` are the figures of its signal and of its sizing by name, None where there are none.
    `held`, `quantity` (the target) and `allowed` (what the gate left) are units; None before that step.
    """

    book: str
    as_of: datetime
    strategy: str
    said: CellFigures | None
    sized: CellFigures | None
    held: Decimal | None
    quantity: Decimal | None
    allowed: Decimal | None


def newest_figures(conn: Connection, symbol: str, books: Sequence[str]) -> tuple[ShownFigures, ...]:
    """What is shown of a symbol at the newest decision of each book, by book and strategy."""
    rows = read_rows(conn, "symbol_figures", symbol=symbol, books=list(books))
    return tuple(ShownFigures(**row) for row in rows)


def actions_of(conn: Connection, symbol: str) -> list[dict[str, Any]]:
    """The newest corporate actions in force: session, kind, value, other, cash, note, source, known_at."""
    return read_rows(conn, "symbol_actions", symbol=symbol, rows=LISTED)


def quarantines_of(conn: Connection, symbol: str, books: Sequence[str]) -> list[dict[str, Any]]:
    """The newest findings that held a symbol back.

    Returns
    -------
    list of dict
        book, session, as_of, check_name, value, limit_value, detail.
    """
    return read_rows(conn, "symbol_quarantines", symbol=symbol, books=list(books), rows=LISTED)


def headlines_of(conn: Connection, symbol: str) -> list[dict[str, Any]]:
    """The newest headlines of a symbol: published_at, headline, source, url, feed."""
    return read_rows(conn, "symbol_headlines", symbol=symbol, rows=LISTED)
