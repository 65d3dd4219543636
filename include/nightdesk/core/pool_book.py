"""A screened book with all of its pool for a universe: what a screen fetches, reads and checks by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from nightdesk.core.book import Book
from nightdesk.core.facts import FACT_KINDS, LISTINGS, QUOTES
from nightdesk.core.members import Membership, MemberSpan
from nightdesk.core.screen_terms import ScreenTerms

#: What a screen reads beside prices; what strategies read besides, their ingest brings.
READ = frozenset({LISTINGS.name, QUOTES.name})


def book_of_pool(book: Book, pool: Sequence[str]) -> Book:
    """The book with every stock of a pool, and nothing else, as a member at all times.

    Raises
    ------
    Refused
        When the volatility index of the book is in the pool.
    """
    if book.members is None:
        raise ValueError(f"book {book.name} has no screen")
    terms = book.members.model_copy(update={"always": ()})
    without = {name: () for name in FACT_KINDS if name not in READ}
    feeds = book.feeds.model_copy(update={**without, "news": (), "compare_with": None, "shards": 1})
    return with_whole_pool(book.model_copy(update={"members": terms, "feeds": feeds}), pool)


def with_whole_pool(book: Book, pool: Sequence[str]) -> Book:
    """The book with every stock of a pool as a member at all times, beside those that it always has.

    Raises
    ------
    Refused
        When the volatility index of the book is in the pool.
    """
    spans = tuple(MemberSpan(symbol, date.min) for symbol in sorted(pool))
    return book.with_members(Membership(spans), date.min, date.max)


def screen_terms(book: Book) -> ScreenTerms:
    """What the screen of a screened book asks."""
    if book.screen is None:
        raise ValueError(f"book {book.name} has no screen")
    return book.screen
