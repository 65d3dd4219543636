"""The page of a book: its value, its concerns, what it holds, and what its strategies have earned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nightdesk.alerts.concerns import Concern, Gravity, gravest
from nightdesk.cockpit.book_figures import BookFigures, book_charts, book_figures
from nightdesk.cockpit.held_positions import ExposureTable, HeldPosition, exposures, held_positions
from nightdesk.cockpit.known_book import KnownBook, NamedDecision, context_of, decision_of, known_book
from nightdesk.cockpit.screen import SESSIONS_MOST, SESSIONS_SHOWN, AScreen, Screen, how_many
from nightdesk.core.errors import Refused
from nightdesk.operations.approval import Waiting, what_waits
from nightdesk.operations.book_concerns import concerns_of
from nightdesk.store.ahead import reading_once
from nightdesk.store.cockpit_book_rows import StrategyProfit, book_history, strategy_profits
from nightdesk.store.kill_switch_rows import KillSwitchState, kill_switch
from nightdesk.store.override_rows import standing_overrides
from nightdesk.store.run_rows import newest_begun

if TYPE_CHECKING:
    from nightdesk.cockpit.charts import LineChart
    from nightdesk.risk import Override
    from nightdesk.store.db import Connection

router = APIRouter()

#: Sessions that the links above the pictures offer, and what they are called.
RANGES = ((60, "60 sessions"), (SESSIONS_SHOWN, "250 sessions"), (SESSIONS_MOST, "all"))


@dataclass(frozen=True)
class BookView:
    """What the page of a book shows.

    Attributes
    ----------
    known : KnownBook
    decision : NamedDecision or None
        The newest closed one, whose figures these are; None where none is closed.
    under_way : NamedDecision or None
        A later one that was begun and is not closed.
    figures : BookFigures or None
    charts : tuple of LineChart
        NAV with the benchmark, and the drawdown with the levels; empty before the first closed session.
    sessions : int
        How many the pictures may have.
    strategies : tuple of StrategyProfit
    positions : tuple of HeldPosition
    exposures : tuple of ExposureTable
    unreadable : str
        Why positions cannot be shown; empty where they can.
    concerns : tuple of Concern
        What stands against the book, the gravest first.
    switch : KillSwitchState
    waiting : Waiting or None
        What it waits for a person for.
    limits : tuple of Override
        What people limit in it, of what counts in the newest session or later.
    """

    known: KnownBook
    decision: NamedDecision | None
    under_way: NamedDecision | None
    figures: BookFigures | None
    charts: tuple[LineChart, ...]
    sessions: int
    strategies: tuple[StrategyProfit, ...]
    positions: tuple[HeldPosition, ...]
    exposures: tuple[ExposureTable, ...]
    unreadable: str
    concerns: tuple[Concern, ...]
    switch: KillSwitchState
    waiting: Waiting | None
    limits: tuple[Override, ...]
    ranges: tuple[tuple[int, str], ...] = RANGES

    @property
    def state(self) -> Gravity:
        """The gravest of its concerns; well where there is none."""
        return gravest(self.concerns)

    @property
    def accounts(self) -> bool:
        """Whether the book has several accounts."""
        return self.known.book is not None and len(self.known.book.account_names) > 1

    @property
    def borrows(self) -> bool:
        """Whether shorts or debts have cost or brought anything, so that the results tell it."""
        return any(one.borrow or one.interest or one.fees for one in self.strategies)

    @property
    def bundles(self) -> bool:
        """Whether a position is a leg of a bundle."""
        return any(one.bundle for one in self.positions)

    @property
    def protections(self) -> bool:
        """Whether an order rests for a position, or should."""
        return any(one.protection for one in self.positions)


@router.get("/books/{book}")
def book_page(screen: AScreen, book: str, sessions: str = "") -> HTMLResponse:
    """The page of a book."""
    view = book_view(screen, book, how_many(sessions))
    return screen.render("book.html.j2", view, title=view.known.label, book=book, tab="book")


def book_view(screen: Screen, name: str, sessions: int = SESSIONS_SHOWN) -> BookView:
    """What the page of a book shows, of at most so many sessions."""
    with reading_once(screen.conn):  # several parts ask the same of the newest decision
        return _book_view(screen, name, sessions)


def _book_view(screen: Screen, name: str, sessions: int) -> BookView:
    conn, known = screen.conn, known_book(screen, name)
    decision = _closed(screen, known)
    points = () if decision is None else book_history(conn, name, sessions, decision.as_of)
    held: tuple[HeldPosition, ...] = ()
    unreadable = ""
    if points and decision is not None:
        try:
            held = held_positions(context_of(conn, known, decision), points[-1].nav)
        except Refused as error:
            unreadable = str(error)
    started = known.record is not None
    return BookView(
        known=known,
        decision=decision,
        under_way=_under_way(screen, known, decision),
        figures=None if decision is None else book_figures(conn, known, decision, points),
        charts=book_charts(known, points, _session_link(screen, name)),
        sessions=sessions,
        strategies=() if decision is None else strategy_profits(conn, name, decision.as_of, decision.session),
        positions=held,
        exposures=exposures(held, accounts=known.book is not None and len(known.book.account_names) > 1),
        unreadable=unreadable,
        concerns=concerns_of(conn, name, known.schedule, known.without_file) if started else (),
        switch=kill_switch(conn, name),
        waiting=what_waits(conn, name) if started else None,
        limits=_limits(conn, known, decision),
    )


def _limits(conn: Connection, known: KnownBook, newest: NamedDecision | None) -> tuple[Override, ...]:
    """What people limit that nobody has ended, and that is not over by the newest closed session."""
    if known.record is None:
        return ()
    session = known.record.inception if newest is None else newest.session
    return standing_overrides(conn, known.name, session)


def _closed(screen: Screen, known: KnownBook) -> NamedDecision | None:
    """The newest closed decision."""
    if known.record is None:
        return None
    found = decision_of(screen.conn, known)
    return found if found is not None and found.run.status == "closed" else None


def _under_way(screen: Screen, known: KnownBook, closed: NamedDecision | None) -> NamedDecision | None:
    """The newest decision that was begun, where it is later than the newest closed one."""
    newest = None if known.record is None else newest_begun(screen.conn, known.name)
    if newest is None or (closed is not None and newest <= closed.as_of):
        return None
    return decision_of(screen.conn, known, newest.isoformat())


def _session_link(screen: Screen, book: str) -> str:
    """Where a point of a picture leads: the page of its session."""
    return screen.address("books", book, "session") + "?as_of={session}"
