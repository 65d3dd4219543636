"""Sources of headlines that are searched by words: a question a symbol, page after page back in time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from nightdesk.feeds.feed import Fault, Missing
from nightdesk.feeds.news import News, NewsFeed, news_frame
from nightdesk.feeds.raw_headlines import Sieve
from nightdesk.feeds.source_fault import SourceFault

NO_WORDS = "it finds headlines by the words of sentiment.keywords, and the book has none"


@dataclass(frozen=True)
class FoundPage:
    """What a page held: its oldest instant, None where it held none, and whether there is more before it."""

    oldest: datetime | None
    more: bool


class SearchedNews(NewsFeed):
    """A source that is searched by the keywords of a book.

    A page is asked for by its end, the oldest instant of the page before: what is published meanwhile moves
    no page, and no plan that gives a single page a question loses the others. Symbols without keywords are
    not searched for.
    """

    #: Pages of one search in one question: a popular word has no end, and requests are counted.
    most_pages: ClassVar[int]
    #: Characters of one search.
    longest_search: ClassVar[int]
    #: How far back the source goes; None where that depends on a plan.
    reach: ClassVar[timedelta | None] = None
    #: How long after its instant an article counts as published.
    delay: ClassVar[timedelta] = timedelta()

    @abstractmethod
    def read_page(self, sieve: Sieve, search: str, start: datetime, end: datetime) -> FoundPage:
        """Enter the newest articles of a span, its ends included.

        Raises
        ------
        SourceFault
        """

    @abstractmethod
    def search_of(self, words: Sequence[str]) -> str:
        """The search that finds any of some words and phrases."""

    def within_plan(self, error: SourceFault, start: datetime) -> datetime | None:
        """From when on a plan has articles, where an error says that it has none from `start` on."""
        return None

    def fetch(self, symbols: Sequence[str], after: datetime, until: datetime) -> News:
        wanted = tuple(dict.fromkeys(symbols))
        if wanted and not any(self.keywords.searched(one) for one in wanted):
            return News(news_frame(), Missing(NO_WORDS, Fault.FINAL))
        now = self.now()
        sieve = Sieve(wanted, self.keywords, after, until, now, self.delay)
        start, end = after - self.delay, min(until, now) - self.delay
        if self.reach is not None:
            start = max(start, now - self.reach)
        whole = start
        for symbol in wanted:
            for search in self._searches(self.keywords.searched(symbol)):
                try:
                    start, oldest = self._read(sieve, search, start, end)
                except SourceFault as error:
                    # What came of other symbols is kept; a source that fails for these is left alone.
                    return sieve.news(Missing(f"{symbol}: {error}", error.fault))
                whole = max(whole, start, oldest)
        return sieve.news(since=whole + self.delay)

    def _read(self, sieve: Sieve, search: str, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """Enter all that a search finds; from when on the plan has articles, and from when on they came."""
        try:
            return start, self._read_pages(sieve, search, start, end)
        except SourceFault as error:
            back = self.within_plan(error, start)
            if back is None:
                raise
        return back, self._read_pages(sieve, search, back, end)

    def _read_pages(self, sieve: Sieve, search: str, start: datetime, end: datetime) -> datetime:
        if end <= start:
            return start
        for _ in range(self.most_pages):
            read, unread = sieve.standing
            page = self.read_page(sieve, search, start, end)
            if sieve.standing[1] > unread and sieve.standing[0] == read:
                raise SourceFault(Fault.PASSING, "the server answered a page of articles that cannot be read")
            if not page.more or page.oldest is None or page.oldest <= start:
                return start
            if page.oldest >= end:
                raise SourceFault(
                    Fault.PASSING,
                    "the server gives the same page again, or has more articles of one instant than a page "
                    "holds: name narrower words in sentiment.keywords",
                )
            end = page.oldest
        return end

    def _searches(self, words: Sequence[str]) -> list[str]:
        """Searches that together find any of some words, none longer than the source takes."""
        groups: list[list[str]] = []
        for one in words:
            if groups and len(self.search_of([*groups[-1], one])) <= self.longest_search:
                groups[-1].append(one)
            else:
                groups.append([one])
        return [self.search_of(one) for one in groups]
