"""What people are shown of pairs: where they stand, stays with their profit, what is held of legs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.store.db import Connection
from nightdesk.store.rows import read_rows


@dataclass(frozen=True, slots=True)
class PairStanding:
    """A pair at a decision; NaN and empty texts are what is not known, or not stored.

    Attributes
    ----------
    strategy, a, b : str
        log A = alpha + beta log B.
    listed : bool
        Whether the screen in force has it.
    state : str
        candidate, open or cooling; empty where its strategy has none for it.
    side : str
        long (A bought, B sold) or short while it is open.
    since : date or None
        Session in which the state began.
    sessions : int
        Since the one that decided the entry, while it is open.
    z, month_z : float
        By the fit that counts (that of the entry while it is open), and by the month's.
    beta : float
        Of the fit that counts.
    sigma, volatility, volatility_mean : float
        Deviation of the log spread; of its daily changes, and the mean of that before.
    fit_month : date or None
        Session of the month's fit.
    reason, leaving : str
        What was found and follows from it; why it is being left.
    """

    strategy: str
    a: str
    b: str
    listed: bool
    state: str
    side: str
    since: date | None
    sessions: int
    z: float
    month_z: float
    beta: float
    sigma: float
    volatility: float
    volatility_mean: float
    fit_month: date | None
    reason: str
    leaving: str

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.a}/{self.b}"

    @property
    def words(self) -> str:
        """Its state as people say it."""
        return f"{self.state} {self.side}".strip() or "not followed"


@dataclass(frozen=True, slots=True)
class PairStay:
    """A stay in a pair, from the decision that entered it to the first one that holds neither leg.

    Attributes
    ----------
    side : str
        long: A was bought and B sold.
    since : date
        Session of the entry's decision.
    left_at, left_session : datetime, date, or None
        The first decision that holds neither leg; None while it is held.
    sessions : int
        Since the entry's decision, counted by the last one that had it open.
    z_in, z_out : float
        By the fit of the entry, at the first and the last decision that had it open; NaN where not known.
    leaving : str
        reached, stop, age, sign or uneven; empty while nothing says so.
    why_in, why_out : str
    profit : Decimal
        What both legs made, costs included, up to then or up to the newest decision that was asked for.
    """

    strategy: str
    a: str
    b: str
    side: str
    since: date
    entered_at: datetime
    left_at: datetime | None
    left_session: date | None
    sessions: int
    z_in: float
    z_out: float
    leaving: str
    why_in: str
    why_out: str
    profit: Decimal


@dataclass(frozen=True, slots=True)
class LegRow:
    """A strategy's position in a leg at a mark; a closed one has quantity 0, and its profit."""

    strategy: str
    symbol: str
    quantity: Decimal
    cost: Decimal
    price: Decimal | None
    market_value: Decimal
    realised: Decimal
    dividends: Decimal
    commission: Decimal
    borrow: Decimal
    multiplier: Decimal
    entry_session: date | None
    account: str

    @property
    def entry_price(self) -> Decimal | None:
        """Average entry, dollars as prices are quoted; None where nothing is held."""
        return self.cost / self.quantity / self.multiplier if self.quantity else None

    @property
    def unrealised(self) -> Decimal:
        """Market value less cost, dollars."""
        return self.market_value - self.cost


def pair_standings(conn: Connection, book: str, as_of: datetime) -> tuple[PairStanding, ...]:
    """The pairs of a decision: open ones first, then those that cool, the farthest from the mean first."""
    rows = read_rows(conn, "pair_standings", book=book, as_of=as_of)
    return tuple(PairStanding(**_filled(row, PairStanding)) for row in rows)


def pair_stays(
    conn: Connection,
    book: str,
    until: datetime,
    *,
    first: date = date.min,
    pair: tuple[str, str, str] = ("", "", ""),
    rows: int,
) -> tuple[PairStay, ...]:
    """Stays in pairs up to a decision, the newest first.

    Parameters
    ----------
    conn : Connection
    book : str
    until : datetime
        The decision at whose mark what is open still is valued.
    first : date
        Stays entered before are left out.
    pair : tuple of str
        Strategy, a and b; by default all pairs.
    rows : int
        At most so many.
    """
    strategy, a, b = (one or None for one in pair)
    found = read_rows(
        conn, "pair_stays", book=book, until=until, first=first, strategy=strategy, a=a, b=b, rows=rows
    )
    return tuple(PairStay(**_filled(row, PairStay)) for row in found)


def pair_legs(conn: Connection, book: str, as_of: datetime, a: str, b: str) -> tuple[LegRow, ...]:
    """What is held of two symbols at the mark of a decision, by symbol and strategy."""
    return tuple(LegRow(**row) for row in read_rows(conn, "pair_legs", book=book, as_of=as_of, a=a, b=b))


def _filled(row: Mapping[str, Any], of: type) -> dict[str, Any]:
    """A row with NaN for a number that is null, with empty texts, and 0 for a count."""
    empty = {"float": math.nan, "str": "", "int": 0}
    kinds = of.__annotations__
    return {name: empty.get(kinds[name]) if value is None else value for name, value in row.items()}
