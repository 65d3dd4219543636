"""A screened universe over a span of history: the screen of every week, in memory, as daily runs make it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.calendar import Calendar, as_date, as_moment, get_calendar
from nightdesk.core.corporate.kinds import SUCCEEDING_KINDS
from nightdesk.core.errors import Refused
from nightdesk.core.fact_versions import FactVersions
from nightdesk.core.facts import LISTINGS, QUOTES, FactKind
from nightdesk.core.members import Flags, Membership, OffSpan, Succession
from nightdesk.core.panel import Panel
from nightdesk.core.pool_book import book_of_pool, screen_terms
from nightdesk.core.screen_weeks import (
    LONGEST_IN_FORCE,
    ScreenedWeek,
    checked_at,
    membership_of,
    screened_before,
    screens_of,
    sessions_beside,
)
from nightdesk.core.withheld import usable
from nightdesk.feeds.window_checks import WindowChecks
from nightdesk.research.backtest.forked_work import side_by_side
from nightdesk.screening import screen, screening_sessions
from nightdesk.screening.known_pool import OLDEST_LISTING, OLDEST_QUOTE, ListingKnown, pool_of_panel
from nightdesk.screening.outcomes import off_before_open, open_check_sessions, week_of, why_nobody

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ScreenedSpan:
    """The members of a span, and what a reader must know of the pool behind them.

    Attributes
    ----------
    membership : Membership
    screens : int
        How many were made, the failed ones included.
    failed : tuple of (datetime, str)
        Those that found nobody, and why: the one before stayed in force.
    pool : int
        Stocks of the pool.
    delisted : int
        Those of them that were delisted by the end of the span.
    """

    membership: Membership
    screens: int
    failed: tuple[tuple[datetime, str], ...]
    pool: int
    delisted: int

    @property
    def words(self) -> tuple[str, ...]:
        """What stands beside a result, in sentences."""
        told = [f"universe: {self.screens:,} screens of {self.pool:,} stocks"]
        if self.delisted:
            told.append(
                f"survivors: {self.delisted:,} of the {self.pool:,} stocks of the pool were delisted by the "
                "end, so the screens could choose what failed later"
            )
        else:
            told.append(
                f"survivors: WARNING: none of the {self.pool:,} stocks of the pool was delisted by the end. "
                "Where its source keeps only what survived to this day, the result is better than it "
                "could have been: name a source of listings that keeps what was delisted"
            )
        told += [f"screen of {at:%Y-%m-%d} failed: {why}" for at, why in self.failed]
        return tuple(told)


def screen_span(
    book: Book,
    origin: date,
    inception: date,
    last: date,
    instead: Sequence[str] = (),
    processes: int = 1,
) -> ScreenedSpan:
    """Screen the pool of a book for every week of a span.

    Parameters
    ----------
    book : Book
        With a screen.
    origin : date
        First session of its panel.
    inception, last : date
        The decided sessions.
    instead : sequence of str
        Sources of bars in place of the book's own.
    processes : int
        So many make screens side by side, see `nightdesk.research.backtest.forked_work.side_by_side`.

    Raises
    ------
    Refused
        When the pool cannot be read; when a screen finds nobody and no earlier one is in force.
    Transient
        When a source of facts or bars cannot be reached.
    """
    from nightdesk.feeds.stock_pool import read_pool

    calendar, pool = get_calendar(book.calendar), book_of_pool(book, read_pool(book))
    screened = screens_of(calendar, inception, last)
    rows = screening_sessions(screen_terms(book))
    before = calendar.shift(sessions_beside(calendar, screened[0])[0], 1 - rows)
    known = _KnownPool.read(pool, min(origin, before), last, instead)
    weeks, failed = _weeks(known, screened, processes)
    _refuse_gaps(book, calendar, weeks, failed, inception, last)
    membership = membership_of([week for _, week in weeks], calendar)
    sessions = [as_date(one) for one in calendar.between(inception, last)]
    found_off = side_by_side(partial(_off, known, membership), sessions, processes)
    off = tuple(one for each in found_off for one in each)
    found = replace(membership, off=off).with_successors(known.successions())
    return ScreenedSpan(found, len(screened), failed, len(pool.symbols), known.delisted_by(last))


Weeks = list[tuple[datetime, ScreenedWeek]]
Failed = tuple[tuple[datetime, str], ...]


def _weeks(known: _KnownPool, screened: Sequence[datetime], processes: int) -> tuple[Weeks, Failed]:
    known.examine()  # once, for all processes
    made = list(zip(screened, side_by_side(partial(_screens, known), screened, processes), strict=True))
    weeks = [(at, one) for at, one in made if isinstance(one, ScreenedWeek)]
    return weeks, tuple((at, one) for at, one in made if isinstance(one, str))


def _screens(known: _KnownPool, screened: Sequence[datetime]) -> list[ScreenedWeek | str]:
    """What each screen found, or why it failed."""
    made, terms = list[ScreenedWeek | str](), known.terms
    for at in screened:
        last, first = sessions_beside(known.calendar, at)
        facts = known.at(last, checked_at(known.calendar, first), screening_sessions(terms), examined=True)
        found = screen(facts, terms)
        made.append(why_nobody(found) or week_of(facts, found, first))
    return made


def _refuse_gaps(
    book: Book, calendar: Calendar, weeks: Weeks, failed: Failed, inception: date, last: date
) -> None:
    """Refuse a span with a session for whose decision no screen is in force."""
    why = dict(failed)
    good = [at for at, _ in weeks]
    for session in calendar.between(inception, last):
        decided = calendar.close_at(as_date(session))
        wanted = screened_before(decided)
        if wanted not in why:
            continue
        before = next((at for at in reversed(good) if at < wanted), None)
        if before is None or decided - before > LONGEST_IN_FORCE:
            raise Refused(
                f"the screen of book {book.name} of {wanted:%Y-%m-%d} failed: {why[wanted]}. No good one of "
                f"the {LONGEST_IN_FORCE.days} days before {as_date(session)} is there to stay in force: "
                "correct what it names, or choose another span"
            )


def _off(known: _KnownPool, membership: Membership, sessions: Sequence[date]) -> list[list[OffSpan]]:
    """The members that are off, session by session."""
    made = []
    for session in sessions:
        before = known.calendar.shift(session, -1)
        instant = checked_at(known.calendar, session)
        facts = known.at(before, instant, open_check_sessions(), examined=False)
        off = off_before_open(facts, known.terms.criteria)
        members = membership.at(session) if off else ()
        made.append([OffSpan(one, session, off[one]) for one in members if one in off])
    return made


@dataclass(frozen=True)
class _KnownPool:
    """All that is ever known of a pool over a span."""

    pool: Book
    panel: Panel
    listings: _Listings
    quotes: _QuotesByDay

    @classmethod
    def read(cls, pool: Book, first: date, last: date, instead: Sequence[str]) -> _KnownPool:
        """Fetch bars, listings and quotes."""
        from nightdesk.research.backtest.data import read_market

        without = pool.feeds.model_copy(update={"listings": (), "quotes": ()})
        bare = pool.model_copy(update={"feeds": without})
        panel = read_market(bare, first, last, instead or None).panel
        begins = first - OLDEST_LISTING
        listed = _Listings(_rows(pool, LISTINGS, begins, last), pool.symbols)
        return cls(pool, panel, listed, _QuotesByDay.of(_quotes(pool, first, last)))

    @cached_property
    def calendar(self) -> Calendar:
        return get_calendar(self.pool.calendar)

    @cached_property
    def _checks(self) -> WindowChecks:
        return WindowChecks.of(self.panel, self.pool)

    def examine(self) -> None:
        """Have the data checks run over the whole panel, which those of windows rest on."""
        _ = self._checks

    @property
    def terms(self) -> Any:
        return screen_terms(self.pool)

    def at(self, session: date, known_from: datetime, rows: int, *, examined: bool) -> Any:
        """The pool as a screen looks at it after a session: its newest `rows`."""
        end = int(np.searchsorted(self.panel.sessions, np.datetime64(session, "D"), side="right"))
        panel, count = self.panel.until(end).newest(rows), len(self.pool.symbols)
        quarantined: Flags = np.zeros(count, dtype=np.bool_)
        if examined:
            bars, quarantined = self._checks.withheld(end - len(panel), end)
            panel = usable(panel, bars)
        listings = self.listings.known(session, known_from)
        quotes = self.quotes.read_at(as_date(panel.sessions[-1]))
        return pool_of_panel(panel, count, listings, quotes, known_from, quarantined)

    def successions(self) -> Iterator[Succession]:
        """What stocks of the pool have become."""
        for session, events in zip(self.panel.sessions, self.panel.events, strict=True):
            for one in events:
                if one.kind in SUCCEEDING_KINDS and one.value and one.other:
                    yield Succession(one.symbol, as_date(session), one.other)

    def delisted_by(self, session: date) -> int:
        """How many of the pool were delisted by a session, as is known at the end of the span."""
        known_from = checked_at(self.calendar, self.calendar.shift(session, 1))
        known = self.listings.known(session, known_from, oldest=None)
        return sum(one.delisted_on is not None and one.delisted_on <= session for one in known.values())


class _Listings:
    """Listings in all versions, asked for what was known at an instant."""

    def __init__(self, rows: pd.DataFrame, symbols: Sequence[str]) -> None:
        place = {symbol: n for n, symbol in enumerate(symbols)}
        kept = rows[rows["symbol"].isin(place)]
        subject = np.array([place[one] for one in kept["symbol"]], dtype=np.intp)
        day = kept["day"].to_numpy("datetime64[D]")
        known_at = kept["known_at"].to_numpy("datetime64[us]")
        order = np.lexsort((known_at, day, subject))
        self._symbols = symbols
        self._subject, self._day, self._known_at = subject[order], day[order], known_at[order]
        gone = kept["delisted_on"].to_numpy("datetime64[D]")[order].tolist()
        columns = {name: kept[name].to_numpy()[order].tolist() for name in _READ}
        self._listings = [
            ListingKnown.of_columns({**dict(zip(_READ, values, strict=True)), "delisted_on": day})
            for *values, day in zip(*columns.values(), gone, strict=True)
        ]

    def known(
        self, session: date, known_from: datetime, oldest: timedelta | None = OLDEST_LISTING
    ) -> dict[str, ListingKnown]:
        """The newest listing of each symbol up to a session that was known by an instant.

        What is older than `oldest` does not count; None: each does, such as that of an end long ago.
        """
        last = np.datetime64(session, "D")
        counts = self._day <= last
        if oldest is not None:
            counts &= self._day >= last - np.timedelta64(oldest.days, "D")
        rows = np.flatnonzero(counts & (self._known_at <= as_moment(known_from)))
        # Within a symbol they ascend by day and by when they became known: the last one counts.
        of = self._subject[rows]
        newest = rows[np.append(of[1:] != of[:-1], True)[: len(rows)]]
        return {self._symbols[self._subject[row]]: self._listings[row] for row in newest.tolist()}


@dataclass(frozen=True)
class _QuotesByDay:
    """Quotes of years, of which a screen reads those of some days."""

    versions: FactVersions

    @classmethod
    def of(cls, quotes: FactVersions) -> _QuotesByDay:
        return cls(quotes.rows(np.argsort(quotes.day, kind="stable")))

    def read_at(self, session: date) -> FactVersions:
        """Those that a screen after a session may read: no others count for it."""
        last = np.datetime64(session, "D")
        bounds = (last - np.timedelta64(OLDEST_QUOTE.days, "D"), last + np.timedelta64(1, "D"))
        return self.versions.rows(slice(*np.searchsorted(self.versions.day, np.array(bounds)).tolist()))


_READ = ("exchange", "security", "sector", "market_cap")


def _rows(pool: Book, kind: FactKind, first: date, last: date) -> pd.DataFrame:
    """The facts of a kind that the book's sources have of the pool."""
    from nightdesk.core.book_facts import fact_sources
    from nightdesk.feeds.chain import MemoryHealth
    from nightdesk.feeds.fact_chain import FactQuestion, gather_facts, refuse_missing
    from nightdesk.feeds.fact_feed import make_facts

    feeds = {name: make_facts(name) for name in fact_sources(pool, kind)}
    gathered = gather_facts(
        kind,
        feeds,
        pool.symbols,
        lambda source, subjects: [FactQuestion(subjects, first)],
        last,
        MemoryHealth(),
    )
    refuse_missing(kind, gathered)
    return gathered.rows


def _quotes(pool: Book, first: date, last: date) -> FactVersions:
    from nightdesk.feeds.fact_chain import versions_of

    return versions_of(QUOTES, _rows(pool, QUOTES, first, last), pool.symbols, first)
