"""The order diary of a book: each order from its decision to its fill, and what the way cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import add

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nightdesk.cockpit.known_book import KnownBook, known_book
from nightdesk.cockpit.screen import ROWS_A_PAGE, AScreen, Screen, how_many
from nightdesk.core.errors import Refused
from nightdesk.store.cockpit_order_rows import (
    CostModel,
    DiaryOrder,
    MonthOfStrategy,
    SessionSpan,
    WayCost,
    diary_filled,
    diary_page,
    diary_states,
    diary_sums,
    newest_span,
)

router = APIRouter()

_WORKS = ("planned", "submitted", "partially_filled")

#: States by what a reader asks of them: does it wait for its market, rest for a position, was it filled, did
#: it come to nothing?
STATES: Mapping[str, tuple[str, ...]] = {
    "open": _WORKS,
    "resting": _WORKS,
    "filled": ("filled",),
    "nothing": ("cancelled", "rejected", "expired", "suppressed"),
}
#: Of those that work, whether they rest until they are cancelled.
RESTS = {"open": False, "resting": True}
TONES = {"filled": "gain", "rejected": "loss", "cancelled": "warn", "expired": "warn", "suppressed": "warn"}


@dataclass(frozen=True)
class OrderEntry:
    """One order as the diary shows it.

    Attributes
    ----------
    order : DiaryOrder
    tone : str
        Class of its state.
    prices : str
        What its type adds: a limit, a stop, a target.
    late : bool
        Whether the session was decided long after its close, as a backfill does.
    trace : str
        Address of the whole story of its symbol in the decision.
    decided : str
        The decision in people's words.
    """

    order: DiaryOrder
    tone: str
    prices: tuple[tuple[str, object], ...]
    late: bool
    trace: str
    decided: str


@dataclass(frozen=True)
class OrdersView:
    """A page of the diary, and the sums of the newest sessions.

    Attributes
    ----------
    entries : tuple of OrderEntry
        The newest decision first.
    span : SessionSpan or None
        What the sums are of; None before the book's first decision.
    months : tuple of MonthOfStrategy
        By month and strategy, the newest month first.
    strategies : tuple of (str, int, WayCost)
        The same by strategy over the whole span.
    total : WayCost
    filled : int
        Orders that these sums are of; one of several strategies counts with each of them, and here once.
    states : mapping of str to int
        Orders of the span by state.
    symbol, state : str
        What the list is narrowed to; empty for all.
    older, newest : str
        Addresses of the next page and of the first; empty where there is none.
    hourly : bool
        Whether the book decides by the hour, so that orders meet another price than the open.
    has_model : bool
        Whether the book's costs are known, which its file states.
    is_started : bool
        Whether the book was ever started.
    """

    entries: tuple[OrderEntry, ...]
    span: SessionSpan | None
    months: tuple[MonthOfStrategy, ...]
    strategies: tuple[tuple[str, int, WayCost], ...]
    total: WayCost
    filled: int
    states: Mapping[str, int]
    symbol: str
    state: str
    before: str
    older: str
    newest: str
    hourly: bool
    has_model: bool
    is_started: bool


def orders_view(
    screen: Screen, book: str, *, sessions: int, before: str = "", symbol: str = "", state: str = ""
) -> OrdersView:
    """What the diary of a book shows.

    Raises
    ------
    HTTPException
        404 when there is no such book.
    Refused
        When `state` is none of `STATES`, or the book has no order `before`.
    """
    if state and state not in STATES:
        raise Refused(f"state: found {state[:40]!r}; expected one of {', '.join(STATES)}, or none for all")
    known = known_book(screen, book)
    model = CostModel() if known.book is None else CostModel.of(known.book)
    span = newest_span(screen.conn, book, sessions)
    found = diary_page(
        screen.conn,
        book,
        model,
        rows=ROWS_A_PAGE + 1,
        before=before or None,
        symbol=symbol or None,
        states=STATES.get(state, ()),
        rests=RESTS.get(state),
    )
    shown = found[:ROWS_A_PAGE]
    months = () if span is None else diary_sums(screen.conn, book, model, span)
    asked = {"symbol": symbol, "state": state, "sessions": sessions}
    return OrdersView(
        entries=tuple(_entry(screen, known, one) for one in shown),
        span=span,
        months=months,
        strategies=_by_strategy(months),
        total=_sum(months),
        filled=0 if span is None else diary_filled(screen.conn, book, span),
        states={} if span is None else diary_states(screen.conn, book, span),
        symbol=symbol,
        state=state,
        before=before,
        older=screen.address("books", book, "orders", **asked, before=shown[-1].client_order_id)
        if len(found) > len(shown)
        else "",
        newest=screen.address("books", book, "orders", **asked),
        hourly=known.schedule is not None and known.schedule.kind == "hourly",
        has_model=known.book is not None,
        is_started=known.record is not None,
    )


@router.get("/books/{book}/orders")
def orders(
    screen: AScreen, book: str, sessions: str = "", before: str = "", symbol: str = "", state: str = ""
) -> HTMLResponse:
    """The order diary."""
    view = orders_view(
        screen, book, sessions=how_many(sessions), before=before, symbol=symbol.strip(), state=state
    )
    return screen.render("orders.html.j2", view, title=f"Orders of {book}", book=book, tab="orders")


def _entry(screen: Screen, known: KnownBook, order: DiaryOrder) -> OrderEntry:
    after = order.sent_after
    prices = (("limit", order.limit_price), ("stop", order.stop_price), ("target", order.target_price))
    return OrderEntry(
        order=order,
        tone=TONES.get(order.status, "soft"),
        prices=tuple((name, value) for name, value in prices if value is not None),
        late=after is not None and after > timedelta(days=1),
        trace=screen.address("books", known.name, "trace", order.symbol, as_of=order.as_of.isoformat()),
        decided=known.name_of(order.as_of),
    )


def _by_strategy(months: Sequence[MonthOfStrategy]) -> tuple[tuple[str, int, WayCost], ...]:
    names = sorted({one.strategy for one in months})
    rows = {name: [one for one in months if one.strategy == name] for name in names}
    return tuple((name, sum(one.orders for one in rows[name]), _sum(rows[name])) for name in names)


def _sum(months: Sequence[MonthOfStrategy]) -> WayCost:
    return reduce(add, (one.cost for one in months), WayCost())
