"""The screen of a book's pool: made once a week, stored whole, and made by a decision where it is missing.

Who comes first makes it: the DAG of the screen on Sunday evening, or the first decision after it. Both look
at the same closes, and at what the world knew half an hour before the first open after it, so they find the
same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from nightdesk.core.book import Book
from nightdesk.core.calendar import Calendar, get_calendar
from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.core.facts import LISTINGS, QUOTES
from nightdesk.core.pool_book import book_of_pool, screen_terms
from nightdesk.core.screen_weeks import LONGEST_IN_FORCE, checked_at, screened_before, sessions_beside
from nightdesk.session.context import Context, beginning
from nightdesk.session.pool_market import bring_pool
from nightdesk.store.book_rows import book_record
from nightdesk.store.db import Connection, lock_key, named_lock, now
from nightdesk.store.fact_rows import newest_known_facts, read_versions
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.panels import read_panel
from nightdesk.store.screen_rows import StoredScreen, newest_good, newest_screens, save_screen

if TYPE_CHECKING:
    from nightdesk.screening import PoolFacts, Screened


class ScreenFailed(Refused):
    """A screen was made, or tried, and nobody is a member by it; it is stored and people were told."""


@dataclass(frozen=True)
class Screener:
    """A screened book, where it stands, and where its bars and facts come from.

    Attributes
    ----------
    origin, inception : date
        Of the book; of one that was never started, what they would be.
    feeds : tuple of str
        Sources of bars in place of the book's own; empty: the book's own.
    """

    conn: Connection
    book: Book
    origin: date
    inception: date
    environ: Mapping[str, str]
    feeds: tuple[str, ...] = ()

    @classmethod
    def of_decision(cls, context: Context) -> Screener:
        """That of a decision."""
        record = context.record
        return cls(
            context.conn, context.book, record.origin, record.inception, context.environ, context.feeds
        )

    @classmethod
    def of_book(
        cls, conn: Connection, book: Book, screened_at: datetime, environ: Mapping[str, str]
    ) -> Screener:
        """That of a book at the instant of a screen, whether or not it was started."""
        record = book_record(conn, book.name)
        if record is None:
            record = beginning(book, sessions_beside(get_calendar(book.calendar), screened_at)[1])
        return cls(conn, book, record.origin, record.inception, environ)

    @property
    def calendar(self) -> Calendar:
        """Of the book."""
        return get_calendar(self.book.calendar)


def make_screen(screener: Screener, screened_at: datetime) -> StoredScreen:
    """Screen a book's pool as of an instant and store what came of it; of a good one that stands, nothing.

    One process does it at a time, and who comes second finds it made.

    Returns
    -------
    StoredScreen
        The good one of the instant, or this attempt, which has failed: no stock passes.

    Raises
    ------
    Refused
        When the pool cannot be read, or what a source holds is malformed.
    Transient
        When the bars of too many stocks did not come. Nothing is stored of either but bars and facts.
    """
    conn, name = screener.conn, screener.book.name
    with named_lock(conn, lock_key(f"screen {name}")):
        found = newest_good(conn, name, screened_at)
        if found is not None and found.screened_at == screened_at:
            return found
        pool = _fetched_pool(screener, screened_at)
        known_by = now(conn)
        _save(screener, screened_at, known_by, *screen_as_known(screener, pool, screened_at, known_by))
    return newest_screens(conn, name, screened_at)[0]


def _fetched_pool(screener: Screener, screened_at: datetime) -> Book:
    """The book of the pool, whose bars and facts were fetched up to the last close before the screen."""
    from nightdesk.feeds.stock_pool import read_pool

    pool = book_of_pool(screener.book, read_pool(screener.book, screener.environ))
    last, _ = sessions_beside(screener.calendar, screened_at)
    first_time = not newest_screens(screener.conn, screener.book.name)
    bring_pool(
        screener.conn,
        pool,
        last,
        history=min(screener.calendar.shift(screener.origin, -1), _first_of_window(screener, last)),
        inception=screener.inception,
        whole=first_time,
        instead=screener.feeds,
        environ=screener.environ,
    )
    return pool


def _first_of_window(screener: Screener, last: date) -> date:
    from nightdesk.screening import screening_sessions

    return screener.calendar.shift(last, 1 - screening_sessions(screen_terms(screener.book)))


def screen_as_known(
    screener: Screener, pool: Book, screened_at: datetime, known_by: datetime
) -> tuple[PoolFacts, Screened]:
    """The screen of a pool as of an instant, from what was stored by another; nothing is written.

    Parameters
    ----------
    screener : Screener
    pool : Book
        See `nightdesk.core.pool_book.book_of_pool`.
    screened_at, known_by : datetime
    """
    from nightdesk.screening import screen

    last, first = sessions_beside(screener.calendar, screened_at)
    window = (_first_of_window(screener, last), last)
    known_from = checked_at(screener.calendar, first)
    facts = read_pool_facts(screener.conn, pool, window, known_from, known_by)
    return facts, screen(facts, screen_terms(screener.book))


def read_pool_facts(
    conn: Connection,
    pool: Book,
    window: tuple[date, date],
    known_from: datetime,
    known_by: datetime,
    *,
    examined: bool = True,
) -> PoolFacts:
    """What is stored of a pool over a window of sessions, as a screen looks at it.

    Parameters
    ----------
    conn : Connection
    pool : Book
    window : tuple of (date, date)
        First and last session.
    known_from, known_by : datetime
        Facts known to the world by the one; bars and facts stored by the other.
    examined : bool
        Whether the data checks are run; else no stock is in quarantine.
    """
    import numpy as np

    from nightdesk.core.withheld import usable
    from nightdesk.feeds.quality import examine
    from nightdesk.screening.known_pool import OLDEST_LISTING, OLDEST_QUOTE, ListingKnown, pool_of_panel

    symbols, last = pool.symbols, window[1]
    panel = read_panel(conn, pool, *window, known_by)
    quarantined = np.zeros(len(symbols), dtype=np.bool_)
    if examined:
        withheld = examine(panel, pool).withheld
        panel, quarantined = usable(panel, withheld.bars), withheld.quarantined[-1]
    listed = newest_known_facts(
        conn,
        LISTINGS,
        symbols,
        first=last - OLDEST_LISTING,
        last=last,
        known_from=known_from,
        known_by=known_by,
    )
    oldest = last - OLDEST_QUOTE
    quotes = read_versions(conn, QUOTES, symbols, first=oldest, known_from=known_from, known_by=known_by)
    listings = {row["symbol"]: ListingKnown.of_columns(row) for row in listed}
    return pool_of_panel(panel, len(symbols), listings, quotes, known_from, quarantined)


def _save(
    screener: Screener, screened_at: datetime, known_by: datetime, facts: PoolFacts, found: Screened
) -> None:
    from nightdesk.screening.outcomes import rows_of

    rows = rows_of(facts, found)
    last, first = sessions_beside(screener.calendar, screened_at)
    screen: dict[str, Any] = {
        "screened_at": screened_at,
        "known_by": known_by,
        "last_session": last,
        "first_session": first,
        "terms": screen_terms(screener.book).model_dump(mode="json"),
        **rows.header,
    }
    save_screen(screener.conn, screener.book.name, screener.calendar, screen, rows.results, rows.pairs)


def save_unmade(screener: Screener, screened_at: datetime, reason: str) -> StoredScreen:
    """Store an attempt that found nothing, since it could not be made."""
    last, first = sessions_beside(screener.calendar, screened_at)
    screen: dict[str, Any] = {
        "screened_at": screened_at,
        "known_by": now(screener.conn),
        "outcome": "failed",
        "reason": reason,
        "last_session": last,
        "first_session": first,
        "terms": screen_terms(screener.book).model_dump(mode="json"),
        **dict.fromkeys(("criteria", "limits", "failures"), ()),
        **dict.fromkeys(("pool", "passed", "members"), 0),
    }
    save_screen(screener.conn, screener.book.name, screener.calendar, screen)
    return newest_screens(screener.conn, screener.book.name, screened_at)[0]


def screen_in_force(screener: Screener, screened_at: datetime, decided_at: datetime) -> StoredScreen:
    """The screen that a decision uses: the one of its week, made now where it is missing, else the last good
    one.

    Parameters
    ----------
    screener : Screener
    screened_at : datetime
        The newest instant of a screen before the decision.
    decided_at : datetime

    Raises
    ------
    Refused
        When the screen fails and no good one is young enough (`LONGEST_IN_FORCE`).
    Transient
        The same, where it failed for a passing reason.
    """
    conn, name = screener.conn, screener.book.name
    passing = False
    try:
        made = make_screen(screener, screened_at)
    except NightdeskError as error:
        passing = isinstance(error, Transient)
        made = save_unmade(screener, screened_at, str(error))
    if made.good:
        return made
    before = newest_good(conn, name, screened_at)
    if before is not None and decided_at - before.screened_at <= LONGEST_IN_FORCE:
        return before
    words = f"{failure_words(name, made)} {_none_left(before)}"
    raise Transient(words) if passing else Refused(words)


def failure_words(book: str, failed: StoredScreen) -> str:
    """That a screen failed, as a sentence."""
    return f"The screen of book {book} of {failed.screened_at:%Y-%m-%d} failed: {failed.reason}."


def _none_left(before: StoredScreen | None) -> str:
    if before is None:
        return (
            "There is no earlier one, so nobody is a member: correct what it names, then run "
            "`nightdesk screen BOOK --run`, or the ingest step again"
        )
    return (
        f"The last good one, of {before.screened_at:%Y-%m-%d}, is older than {LONGEST_IN_FORCE.days} days "
        "and not in force any more: correct what it names, then run `nightdesk screen BOOK --run`, or the "
        "ingest step again"
    )


def tell_failure(conn: Connection, book: str, failed: StoredScreen, before: StoredScreen | None) -> bool:
    """Tell, once a screen, that it failed, and which one is in force until when."""
    if before is None:
        rest = "No good one is before it: no session can be decided until one is made."
    else:
        until = before.screened_at + LONGEST_IN_FORCE
        rest = (
            f"The one of {before.screened_at:%Y-%m-%d} stays in force, until {until:%Y-%m-%d} at most; then "
            "the ingest is refused."
        )
    return raise_alert(
        conn,
        f"screen {book} {failed.screened_at:%Y-%m-%d}",
        "WARNING",
        f"The screen of {failed.screened_at:%Y-%m-%d} failed",
        f"{failure_words(book, failed)} {rest} Correct what it names, then run `nightdesk screen {book} "
        "--run`; each ingest tries it again as well.",
        book=book,
    )


def run_screen(screener: Screener, screened_at: datetime) -> StoredScreen:
    """Make the screen of an instant for its own sake, where no good one stands, and tell when it fails.

    Raises
    ------
    ScreenFailed
        When nobody is a member by it, or it could not be made; that is stored and told.
    Transient
        When it could not be made for a passing reason.
    """
    conn, name = screener.conn, screener.book.name
    try:
        made = make_screen(screener, screened_at)
    except Refused as error:
        made = save_unmade(screener, screened_at, str(error))
    if made.good:
        return made
    tell_failure(conn, name, made, newest_good(conn, name, screened_at))
    raise ScreenFailed(failure_words(name, made))


def members_of_now(context: Context) -> tuple[Context, dict[str, int | str]]:
    """The decision of a screened book with the members of the screen that it uses.

    Raises
    ------
    Refused, Transient
        As `screen_in_force`.
    """
    from nightdesk.session.notices import speaks

    screener, wanted = Screener.of_decision(context), screened_before(context.as_of)
    used = screen_in_force(screener, wanted, context.as_of)
    if used.screened_at != wanted and speaks(context):
        failed = newest_screens(context.conn, context.book.name, wanted)[0]
        tell_failure(context.conn, context.book.name, failed, used)
    counts: dict[str, int | str] = {
        "members": used.members,
        "screened": f"{used.screened_at:%Y-%m-%d}",
        "screened_pairs": used.admitted,
    }
    if used.screened_at != wanted:
        counts["screen_failed"] = f"{wanted:%Y-%m-%d}"
    return context.with_list_of(now(context.conn)), counts
