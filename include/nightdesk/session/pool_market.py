"""Bars and facts of a pool of stocks: fetched for its screen, and stored like those of every other ingest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Transient
from nightdesk.core.facts import FactKind
from nightdesk.session.fetching import REFRESH_SESSIONS
from nightdesk.session.known_splits import splits_in_store
from nightdesk.session.market_facts import bring_facts
from nightdesk.store.bar_rows import save_market, stored_days
from nightdesk.store.db import Connection, now

if TYPE_CHECKING:
    from nightdesk.feeds import Missing
    from nightdesk.feeds.fact_chain import FactQuestion

#: Stocks whose bars are asked for and stored at once: a fetch holds little, and what came is kept.
CHUNK = 250


def bring_pool(
    conn: Connection,
    pool: Book,
    last: date,
    *,
    history: date,
    inception: date,
    whole: bool,
    instead: Sequence[str] = (),
    environ: Mapping[str, str],
) -> None:
    """Fetch and store the bars of a pool up to a session, its listings and its quotes.

    Parameters
    ----------
    conn : Connection
        In autocommit: what came stays, whatever comes of the rest.
    pool : Book
        See `nightdesk.core.pool_book.book_of_pool`.
    last : date
        Session.
    history : date
        First day of what is asked of a stock that has no bar yet.
    inception : date
        Of the book.
    whole : bool
        Whether all history is asked of every stock: the store may hold less than this book reads.
    instead : sequence of str
        Sources of bars in place of the book's own; empty: the book's own.
    environ : mapping of str to str
        Where the keys of vendors are.

    Raises
    ------
    Refused
        When what a source holds is malformed, or a source has no name that is known.
    Transient
        When the bars of so many stocks may still come that a screen without them would be another: more than
        the share of `quality.failed_share`.
    """
    unheard: dict[str, Missing] = {}
    for symbols, first in _asked(conn, pool, last, history, whole):
        span = (first, last)
        unheard |= _bring_bars(conn, pool, symbols, span, first == history, inception, instead, environ)
    if len(unheard) > pool.quality.failed_share * len(pool.symbols):
        from nightdesk.feeds.chain import in_words

        told = dict(list(unheard.items())[:5])
        raise Transient(
            f"the bars of {len(unheard):,} of {len(pool.symbols):,} stocks of the pool did not come, such as "
            f"{in_words(told)}. What came is stored; the others are asked for again"
        )
    bring_facts(conn, pool, lambda kind, source, subjects: _of_all(kind, subjects, last), last, environ)


def _of_all(kind: FactKind, subjects: Sequence[str], last: date) -> list[FactQuestion]:
    """What a source of facts is asked: all that a screen may read."""
    from nightdesk.core.facts import LISTINGS
    from nightdesk.feeds.fact_chain import FactQuestion
    from nightdesk.screening.known_pool import OLDEST_LISTING, OLDEST_QUOTE

    return [FactQuestion(subjects, last - (OLDEST_LISTING if kind is LISTINGS else OLDEST_QUOTE))]


def _asked(
    conn: Connection, pool: Book, last: date, history: date, whole: bool
) -> Iterator[tuple[tuple[str, ...], date]]:
    """Chunks of symbols with the first day that is asked for.

    What has not had a bar for long, such as a delisted stock, is asked for by itself: it makes no one else's
    history come again.
    """
    recent = get_calendar(pool.calendar).shift(last, -REFRESH_SESSIONS)
    stored = {} if whole else stored_days(conn, pool.panel_symbols)
    fresh = [one for one in pool.panel_symbols if one not in stored]
    near = [one for one, (_, newest) in stored.items() if newest >= recent]
    quiet = [one for one, (_, newest) in stored.items() if newest < recent]
    oldest = min((stored[one][1] for one in quiet), default=recent) + timedelta(days=1)
    for symbols, first in ((fresh, history), (near, max(history, recent)), (quiet, max(history, oldest))):
        for at in range(0, len(symbols), CHUNK):
            yield tuple(symbols[at : at + CHUNK]), first


def _bring_bars(
    conn: Connection,
    pool: Book,
    symbols: Sequence[str],
    span: tuple[date, date],
    whole: bool,
    inception: date,
    instead: Sequence[str],
    environ: Mapping[str, str],
) -> dict[str, Missing]:
    """Fetch and store bars and actions of some stocks; what did not come, and may still come."""
    from nightdesk.feeds.asking import feeds_asked
    from nightdesk.feeds.chain import fetch_with_fallback
    from nightdesk.feeds.former import with_former_bars
    from nightdesk.store.health_rows import Health
    from nightdesk.store.panels import read_changes

    (first, last), health = span, Health(conn)
    feeds = feeds_asked(pool, symbols, instead, environ=environ, splits=splits_in_store(conn))
    answer = fetch_with_fallback(feeds, symbols, first, last, health, or_nothing=True)
    came = answer.fetched
    if whole:
        known = read_changes(conn, last, now(conn))
        came = with_former_bars(feeds, came, symbols, first, last, health, known=known).fetched
    if len(came.bars) or len(came.actions):
        complete = (first + timedelta(days=1), last) if first < last else None
        save_market(conn, pool, came.bars, came.actions, inception=inception, complete=complete)
    return dict(answer.unheard)
