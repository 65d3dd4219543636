"""The order diary as the cockpit reads it: orders with their way and its cost, and the sums of a span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO
from nightdesk.store.db import Connection
from nightdesk.store.rows import read_row, read_rows

if TYPE_CHECKING:
    from nightdesk.core.book import Book


@dataclass(frozen=True)
class SessionSpan:
    """The newest sessions of a book that were begun.

    `first` and `last` are the instants of their decisions, `sessions` how many there are, `of` how many the
    book has in all.
    """

    first: datetime
    last: datetime
    first_session: date
    last_session: date
    sessions: int
    of: int


@dataclass(frozen=True)
class CostModel:
    """What a book states that commissions are: share of the notional and dollars a unit, by symbol.

    `usual` is that of symbols it does not list, None where there are none such.
    """

    by_symbol: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    usual: tuple[Decimal, Decimal] | None = None

    @classmethod
    def of(cls, book: Book) -> CostModel:
        """The one of a book; symbols of a list of members trade at the costs of the book."""
        from nightdesk.core.money import exact
        from nightdesk.orders.fills import fill_terms

        stated = {
            symbol: (one.commission, one.commission_per_unit)
            for symbol, one in fill_terms(book).terms.items()
        }
        costs = book.costs
        usual = (exact(costs.commission), exact(costs.commission_per_unit))
        return cls(stated, None if book.members is None else usual)

    def parameters(self) -> dict[str, Any]:
        """What the queries of the diary are given."""
        return {
            "symbols": list(self.by_symbol),
            "commissions": [share for share, _ in self.by_symbol.values()],
            "per_units": [unit for _, unit in self.by_symbol.values()],
            "usual_commission": None if self.usual is None else self.usual[0],
            "usual_per_unit": None if self.usual is None else self.usual[1],
        }


@dataclass(frozen=True)
class WayCost:
    """What the way of orders cost, dollars; positive is a cost, negative a better price than the one before.

    Attributes
    ----------
    notional : Decimal
        Filled units at the open.
    delay : Decimal
        From the decision price to the open, which no model foresees: it is as likely a gain.
    expected_slippage, slippage : Decimal
        From the open to the fill, as the book models it and as it came.
    commission : Decimal
        As it was booked.
    expected_commission : Decimal or None
        By the costs that the book states now; None where its file does not know a symbol any more.
    """

    notional: Decimal = ZERO
    delay: Decimal = ZERO
    expected_slippage: Decimal = ZERO
    slippage: Decimal = ZERO
    commission: Decimal = ZERO
    expected_commission: Decimal | None = ZERO

    @property
    def total(self) -> Decimal:
        """All of it: the fill against the decision price, with commission."""
        return self.delay + self.slippage + self.commission

    @property
    def model(self) -> Decimal | None:
        """What the book's costs make the same trades cost, without the delay, which they do not know."""
        return None if self.expected_commission is None else self.expected_slippage + self.expected_commission

    @property
    def beyond_model(self) -> Decimal | None:
        """Slippage and commission above what the book's costs foresee."""
        return None if self.model is None else self.slippage + self.commission - self.model

    def bps(self, dollars: Decimal | None) -> float | None:
        """Dollars in basis points of the notional; None without one."""
        return None if dollars is None or not self.notional else float(dollars / self.notional * 10_000)

    def __add__(self, other: WayCost) -> WayCost:
        mine, theirs = self.expected_commission, other.expected_commission
        return WayCost(
            notional=self.notional + other.notional,
            delay=self.delay + other.delay,
            expected_slippage=self.expected_slippage + other.expected_slippage,
            slippage=self.slippage + other.slippage,
            commission=self.commission + other.commission,
            expected_commission=None if mine is None or theirs is None else mine + theirs,
        )


@dataclass(frozen=True)
class DiaryOrder:
    """One order with its way from the decision to what became of it.

    Attributes
    ----------
    as_of, session
        The decision; its instant is the close that it was sized at.
    reference_price : Decimal
        Price at the decision, dollars.
    planned_at, sent_at, ended_at : datetime or None
        When the desk wrote it, the broker had it, and its end was recorded; None where that never was.
    cause : str
        Why it is in its state, in the words of its newest event.
    first_filled, last_filled : date or None
        Sessions of its executions.
    decision_price, open_price, fill_price : Decimal or None
        Of what was filled, averages in dollars; the decision price restated for splits between. None where
        nothing was.
    told_at : datetime or None
        When a real broker's newest execution was heard.
    cost : WayCost or None
        None where nothing was filled.
    """

    client_order_id: str
    as_of: datetime
    session: date
    symbol: str
    side: str
    quantity: Decimal
    purpose: str
    order_type: str
    limit_price: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None
    reference_price: Decimal
    time_in_force: str
    status: str
    attempts: int
    filled_quantity: Decimal
    account: str
    strategies: tuple[str, ...]
    bundles: tuple[str, ...]
    planned_at: datetime | None
    sent_at: datetime | None
    ended_at: datetime | None
    cause: str
    fills: int
    first_filled: date | None
    last_filled: date | None
    decision_price: Decimal | None
    open_price: Decimal | None
    fill_price: Decimal | None
    told_at: datetime | None
    cost: WayCost | None

    @property
    def rests(self) -> bool:
        """Whether it stays at the broker until it is filled or cancelled."""
        return self.time_in_force == "gtc"

    @property
    def sent_after(self) -> timedelta | None:
        """From the decision's instant to the broker; None where it was not sent."""
        return None if self.sent_at is None else self.sent_at - self.as_of


@dataclass(frozen=True)
class MonthOfStrategy:
    """What the fills of a strategy in a month cost; `month` is its first day."""

    month: date
    strategy: str
    orders: int
    cost: WayCost


def newest_span(conn: Connection, book: str, sessions: int) -> SessionSpan | None:
    """The newest `sessions` of a book that were begun; None where none was."""
    row = read_row(conn, "newest_span", book=book, sessions=sessions)
    if row is None or row["first"] is None:
        return None
    every = row.pop("all_sessions")
    return SessionSpan(**row, of=every)


def diary_page(
    conn: Connection,
    book: str,
    model: CostModel,
    *,
    rows: int,
    before: str | None = None,
    symbol: str | None = None,
    states: Sequence[str] = (),
    rests: bool | None = None,
) -> tuple[DiaryOrder, ...]:
    """Orders of a book, the newest decision first.

    Parameters
    ----------
    conn : Connection
    book : str
    model : CostModel
        What the book states of commissions; an empty one where its file cannot be read.
    rows : int
        At most so many.
    before : str, optional
        The client order id after which the page begins.
    symbol : str, optional
        Orders in it alone.
    states : sequence of str, optional
        Orders in one of them alone.
    rests : bool, optional
        Those alone that rest until they are cancelled, or that do not.

    Raises
    ------
    Refused
        When the book has no order `before`.
    """
    if before is not None and not read_rows(conn, "order_of_book", book=book, client_order_id=before):
        raise Refused(f"book {book} has no order {before}: take the page of its newest orders")
    found = read_rows(
        conn,
        "diary_orders",
        book=book,
        symbol=symbol,
        states=list(states) or None,
        rests=rests,
        before=before,
        rows=rows,
        **model.parameters(),
    )
    return tuple(_order(row) for row in found)


def diary_sums(
    conn: Connection, book: str, model: CostModel, span: SessionSpan
) -> tuple[MonthOfStrategy, ...]:
    """What the fills that a span of decisions settled cost, by month and strategy, the newest month first."""
    found = read_rows(
        conn,
        "diary_sums",
        book=book,
        first=span.first,
        last=span.last,
        first_session=span.first_session,
        last_session=span.last_session,
        **model.parameters(),
    )
    return tuple(MonthOfStrategy(row["month"], row["strategy"], row["orders"], _cost(row)) for row in found)


def diary_filled(conn: Connection, book: str, span: SessionSpan) -> int:
    """How many orders were filled, in whole or in part, in the settlings of a span."""
    found = read_rows(conn, "diary_filled", book=book, first=span.first, last=span.last)
    return int(found[0]["orders"])


def diary_states(conn: Connection, book: str, span: SessionSpan) -> dict[str, int]:
    """How many orders of the decisions of a span are in each state."""
    found = read_rows(conn, "diary_states", book=book, first=span.first, last=span.last)
    return {row["status"]: row["orders"] for row in found}


def _order(row: dict[str, Any]) -> DiaryOrder:
    names = {one.name for one in fields(DiaryOrder)} - {"strategies", "bundles", "fills", "cause", "cost"}
    return DiaryOrder(
        **{name: row[name] for name in names},
        strategies=tuple(row["strategies"] or ()),
        bundles=tuple(row["bundles"] or ()),
        fills=row["fills"] or 0,
        cause=row["cause"] or "",
        cost=None if row["fills"] is None else _cost(row),
    )


def _cost(row: dict[str, Any]) -> WayCost:
    return WayCost(
        notional=row["notional"],
        delay=row["delay_cost"],
        expected_slippage=row["expected_slippage"],
        slippage=row["realised_slippage"],
        commission=row["commission"],
        expected_commission=row["expected_commission"],
    )
