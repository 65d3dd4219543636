"""The pages of pairs: where each stands, and of one its spread, its stays with their profit, and why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse

from nightdesk.alerts import figures
from nightdesk.cockpit.charts import ChartBand, ChartMark, LineChart, Series, Tone
from nightdesk.cockpit.known_book import REPEATED, KnownBook, NamedDecision, decision_of, known_book
from nightdesk.cockpit.list_pages import ListPage, page_number
from nightdesk.cockpit.screen import ROWS_A_PAGE, SESSIONS_SHOWN, AScreen, Screen, how_many
from nightdesk.core.book import Book
from nightdesk.store.ahead import reading_once
from nightdesk.store.cockpit_order_rows import newest_span
from nightdesk.store.cockpit_pair_rows import (
    LegRow,
    PairStanding,
    PairStay,
    pair_legs,
    pair_standings,
    pair_stays,
)
from nightdesk.store.cockpit_screen_rows import PairFound, pair_in_screens, pairs_found
from nightdesk.store.pair_rows import PairPoint, pair_series
from nightdesk.store.screen_rows import newest_good
from nightdesk.strategies.pair_states import PairTerms

if TYPE_CHECKING:
    from nightdesk.store.db import Connection

router = APIRouter()

#: Stays that are summed over all pairs, and listed of one; decisions of a pair that a page tells.
STAYS_MOST, STAYS_OF_PAIR, POINTS_A_PAGE = 10_000, 500, 60
#: Pairs of a screen whose figures the list of pairs has, by rank.
PAIRS_SHOWN = 2000


@dataclass(frozen=True)
class StrategySum:
    """What the stays of a strategy made that a list shows, and how many they are; `running` are held."""

    strategy: str
    stays: int
    running: int
    profit: Decimal


@dataclass(frozen=True)
class PairsView:
    """What the page of all pairs shows.

    Attributes
    ----------
    known : KnownBook
    decision : NamedDecision or None
        None where the book has begun none.
    pairs : tuple of PairStanding
        All of them, open ones first, the farthest from the mean first.
    stays : tuple of PairStay
        All that were entered in the newest sessions, the newest first.
    pairs_page, stays_page : ListPage or None
        Which of the two the page lists.
    sums : tuple of StrategySum
        Of these stays.
    first : date or None
        The oldest session that counts for the stays.
    screened : mapping of frozenset of str to PairFound
        What the newest good screen that the decision knew says of pairs, by their legs.
    """

    known: KnownBook
    decision: NamedDecision | None
    pairs: tuple[PairStanding, ...] = ()
    stays: tuple[PairStay, ...] = ()
    pairs_page: ListPage | None = None
    stays_page: ListPage | None = None
    sums: tuple[StrategySum, ...] = ()
    first: date | None = None
    screened: Mapping[frozenset[str], PairFound] = field(default_factory=dict)

    @property
    def path(self) -> tuple[str, ...]:
        """The address of the page, by parts."""
        return "books", self.known.name, "pairs"

    @property
    def listed_pairs(self) -> tuple[PairStanding, ...]:
        """The pairs that the page lists."""
        page = self.pairs_page
        return () if page is None else self.pairs[page.first - 1 : page.last]

    @property
    def listed_stays(self) -> tuple[PairStay, ...]:
        """The stays that the page lists."""
        page = self.stays_page
        return () if page is None else self.stays[page.first - 1 : page.last]

    def found(self, pair: PairStanding) -> PairFound | None:
        """What the screen says of a pair; None where it is not in it."""
        return self.screened.get(frozenset((pair.a, pair.b)))

    def counted(self, state: str) -> int:
        """How many pairs are in a state."""
        return sum(one.state == state for one in self.pairs)


@dataclass(frozen=True)
class PairView:
    """What the page of one pair shows.

    Attributes
    ----------
    known : KnownBook
    decision : NamedDecision
    strategy, a, b : str
    standing : PairStanding or None
        None where the decision knows nothing of it any more.
    found : PairFound or None
        What the newest good screen that has the pair says of it, and `screened_at` of when that is; None
        where none does.
    terms : PairTerms
        When it is entered and left.
    charts : tuple of LineChart
        z with the bands, and the log spread with its mean and deviations.
    points : tuple of PairPoint
        Of the pictures, the newest first.
    page : ListPage
        Which of them are told decision by decision.
    stays : tuple of PairStay
        The newest first.
    profit : Decimal
        Of all of them, dollars.
    legs : tuple of LegRow
        Positions in the two symbols at the mark, of every strategy.
    sessions : int
        How many the pictures may have.
    """

    known: KnownBook
    decision: NamedDecision
    strategy: str
    a: str
    b: str
    standing: PairStanding | None
    found: PairFound | None
    screened_at: datetime | None
    terms: PairTerms
    charts: tuple[LineChart, ...]
    points: tuple[PairPoint, ...]
    page: ListPage
    stays: tuple[PairStay, ...]
    profit: Decimal
    legs: tuple[LegRow, ...]
    sessions: int

    @property
    def path(self) -> tuple[str, ...]:
        """The address of the page, by parts."""
        return "books", self.known.name, "pairs", self.strategy, self.a, self.b

    @property
    def listed(self) -> tuple[PairPoint, ...]:
        """The points that the page tells."""
        return self.points[self.page.first - 1 : self.page.last]


@router.get("/books/{book}/pairs")
def pairs_page(
    screen: AScreen, book: str, as_of: str = "", sessions: str = "", page: str = "1", stays: str = "1"
) -> HTMLResponse:
    """All pairs of a book at a decision."""
    shown = page_number("page", page), page_number("stays", stays)
    view = pairs_view(screen, book, as_of, sessions=how_many(sessions), shown=shown)
    return screen.render("pairs.html.j2", view, title=f"Pairs of {book}", book=book, tab="pairs")


@router.get("/books/{book}/pairs/{strategy}/{a}/{b}")
def pair_page(
    screen: AScreen,
    book: str,
    strategy: str,
    a: str,
    b: str,
    as_of: str = "",
    sessions: str = "",
    page: str = "1",
) -> HTMLResponse:
    """One pair."""
    shown = page_number("page", page)
    view = pair_view(screen, book, (strategy, a, b), as_of, sessions=how_many(sessions), shown=shown)
    return screen.render("pair.html.j2", view, title=f"{a}/{b} in {book}", book=book, tab="pairs")


def pairs_view(
    screen: Screen, name: str, as_of: str = "", *, sessions: int, shown: tuple[int, int] = (1, 1)
) -> PairsView:
    """What the page of all pairs shows: a page of the pairs, and one of the stays of so many sessions."""
    conn, known = screen.conn, known_book(screen, name)
    decision = None if known.record is None else decision_of(conn, known, as_of)
    if decision is None:
        return PairsView(known, None)
    asked = {
        "as_of": as_of,
        "sessions": "" if sessions == SESSIONS_SHOWN else sessions,
        "page": "" if shown[0] == 1 else shown[0],
        "stays": "" if shown[1] == 1 else shown[1],
    }

    def address(place: str, number: int) -> str:
        changed = {"page" if place == "pairs" else place: number}
        return screen.address("books", name, "pairs", **{**asked, **changed}) + f"#{place}"

    with reading_once(conn):
        span = newest_span(conn, name, sessions)
        first = decision.session if span is None else span.first_session
        stays = pair_stays(conn, name, decision.as_of, first=first, rows=STAYS_MOST)
        pairs = pair_standings(conn, name, decision.as_of)
        return PairsView(
            known=known,
            decision=decision,
            pairs=pairs,
            pairs_page=ListPage(shown[0], len(pairs), ROWS_A_PAGE, partial(address, "pairs")),
            stays=stays,
            stays_page=ListPage(shown[1], len(stays), ROWS_A_PAGE, partial(address, "stays")),
            sums=tuple(_sums(stays)),
            first=first,
            screened=_screened(conn, name, decision.as_of),
        )


def pair_view(
    screen: Screen, name: str, pair: tuple[str, str, str], as_of: str = "", *, sessions: int, shown: int = 1
) -> PairView:
    """What the page of a pair shows: pictures of so many decisions, and a page of what was decided in them.

    Raises
    ------
    HTTPException
        404 where nothing was ever measured of it.
    """
    conn, known = screen.conn, known_book(screen, name)
    decision = None if known.record is None else decision_of(conn, known, as_of)
    strategy, a, b = pair
    points: tuple[PairPoint, ...] = ()
    if decision is not None:
        points = pair_series(conn, name, strategy, a, b, until=decision.as_of, newest=sessions)
    if decision is None or not points:
        words = f"{a}/{b} of {strategy}"[:REPEATED]
        raise HTTPException(404, f"Book {name} has measured nothing of the pair {words!r}.")
    asked = {"as_of": as_of, "sessions": "" if sessions == SESSIONS_SHOWN else sessions}

    def address(number: int) -> str:
        return screen.address("books", name, "pairs", *pair, **asked, page=number) + "#decisions"

    with reading_once(conn):
        stays = pair_stays(conn, name, decision.as_of, pair=pair, rows=STAYS_OF_PAIR)
        standings = pair_standings(conn, name, decision.as_of)
        terms = pair_terms(known.book, strategy)
        screened = pair_in_screens(conn, name, a, b, decision.as_of)
        return PairView(
            known=known,
            decision=decision,
            strategy=strategy,
            a=a,
            b=b,
            standing=next((one for one in standings if (one.strategy, one.a, one.b) == pair), None),
            found=None if screened is None else screened[1],
            screened_at=None if screened is None else screened[0],
            terms=terms,
            charts=_charts(screen, name, points, stays, terms),
            points=points[::-1],
            page=ListPage(shown, len(points), POINTS_A_PAGE, address),
            stays=stays,
            profit=sum((one.profit for one in stays), Decimal(0)),
            legs=pair_legs(conn, name, decision.as_of, a, b),
            sessions=sessions,
        )


def _screened(conn: Connection, book: str, as_of: datetime) -> dict[frozenset[str], PairFound]:
    """The pairs of the screen in force at a decision, by their legs."""
    good = newest_good(conn, book, as_of)
    found = () if good is None else pairs_found(conn, book, good, PAIRS_SHOWN)
    return {frozenset((one.a, one.b)): one for one in found}


def pair_terms(book: Book | None, strategy: str) -> PairTerms:
    """When a strategy enters and leaves its pairs; the usual terms where its book cannot be read."""
    entry = None if book is None else book.strategies.get(strategy)
    asked: Mapping[str, Any] = {} if entry is None else entry.params
    return PairTerms(**{one.name: asked[one.name] for one in fields(PairTerms) if one.name in asked})


def _sums(stays: Iterable[PairStay]) -> Iterable[StrategySum]:
    found: dict[str, list[PairStay]] = {}
    for one in stays:
        found.setdefault(one.strategy, []).append(one)
    for strategy, own in sorted(found.items()):
        running = sum(one.left_at is None for one in own)
        yield StrategySum(strategy, len(own), running, sum((one.profit for one in own), Decimal(0)))


def _charts(
    screen: Screen, book: str, points: Sequence[PairPoint], stays: Sequence[PairStay], terms: PairTerms
) -> tuple[LineChart, ...]:
    days, marks = [one.session for one in points], tuple(_marks(stays))
    links = screen.address("books", book, "decision") + "?as_of={session}"
    z = [one.z if math.isnan(one.z_looked_at) else one.z_looked_at for one in points]
    means = [one.spread - one.z * one.sigma for one in points]
    most = terms.stop + 1.0

    def away(by: float) -> list[float]:
        return [mean + by * one.sigma for mean, one in zip(means, points, strict=True)]

    return (
        LineChart(
            "z",
            "z: how far the spread is from its mean, in its own deviations; by the fit of the entry while "
            "the pair is open",
            days,
            (Series("z", z),),
            bands=(
                ChartBand(-terms.leave, terms.leave, f"left within ±{terms.leave:g}", "gain"),
                ChartBand(terms.enter, terms.stop, f"entered above {terms.enter:g}", "accent"),
                ChartBand(-terms.stop, -terms.enter, f"entered below -{terms.enter:g}", "accent"),
                ChartBand(terms.stop, 99.0, f"stopped at {terms.stop:g}", "loss"),
                ChartBand(-99.0, -terms.stop, f"stopped at -{terms.stop:g}", "loss"),
            ),
            links=links,
            marks=marks,
            shows=(-most, most),
            height=300,
        ),
        LineChart(
            "spread",
            "log A - alpha - beta log B by the fit of the month, with its mean and deviations",
            days,
            (
                Series("spread", [one.spread for one in points]),
                Series("mean", means, tone="second"),
                *(Series(f"{by:+g} deviations", away(by), tone=tone) for by, tone in _levels(terms)),
            ),
            unit="percent",
            links=links,
            height=300,
        ),
    )


def _levels(terms: PairTerms) -> Iterable[tuple[float, Tone]]:
    """Deviations from the mean that the spread's picture draws, with their colours."""
    levels: tuple[tuple[float, Tone], ...] = (
        (terms.leave, "gain"),
        (terms.enter, "warn"),
        (terms.stop, "loss"),
    )
    return [(sign * by, tone) for by, tone in levels for sign in (1.0, -1.0)]


def _marks(stays: Iterable[PairStay]) -> Iterable[ChartMark]:
    for one in stays:
        short = one.side == "short"
        yield ChartMark(one.since, "entry", f"entered {one.side}: {one.why_in}", short)
        if one.left_session is not None:
            kind: Literal["stop", "exit"] = "stop" if one.leaving == "stop" else "exit"
            made = figures.money(one.profit, signed=True)
            yield ChartMark(one.left_session, kind, f"out, {made}: {one.why_out}", short)
