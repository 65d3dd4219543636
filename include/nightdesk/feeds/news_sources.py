"""Sources of headlines by name: `alpaca`, `newsapi`, `gdelt`, `rss:URL`, `sample` or `files:PATH`.

Importing this module is light: what a source needs is imported when it is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from nightdesk.core.errors import Refused
from nightdesk.core.keywords import NO_KEYWORDS, Keywords
from nightdesk.core.registry import Registry
from nightdesk.feeds.news import NewsFeed

Clock = Callable[[], datetime]

#: How each is made, of the argument of its name, the calendar, the environment and the clock.
NEWS_SOURCES: Registry[Callable[[str, str, Mapping[str, str], Clock], NewsFeed]] = Registry(
    "source of headlines"
)


def make_news(
    name: str,
    *,
    calendar: str = "XNYS",
    environ: Mapping[str, str] | None = None,
    keywords: Keywords = NO_KEYWORDS,
    now: Clock = lambda: datetime.now(UTC),
) -> NewsFeed:
    """The source of headlines of that name.

    Parameters
    ----------
    name : str
        ``alpaca``, ``newsapi``, ``gdelt``, ``sample``, ``rss:`` and the address of a feed, or ``files:`` and
        the path of a file, or of a folder with ``headlines.csv``.
    calendar : str
        The exchange on whose sessions the sample's headlines fall.
    environ : mapping of str to str, optional
        Where the keys of vendors are (default: this process's environment).
    keywords : Keywords
        What a book knows its symbols by.
    now : callable
        The clock, timezone-aware.

    Raises
    ------
    Refused
        When there is no such source or no such path, or its key is not known.
    """
    made, argument = NEWS_SOURCES.find_with_argument(name)
    feed = made(argument, calendar, os.environ if environ is None else environ, now)
    feed.keywords = keywords
    return feed


def check_name(name: str) -> None:
    """Refuse a name of no source."""
    NEWS_SOURCES.find_with_argument(name)


def check_news(name: str, keywords: Keywords = NO_KEYWORDS) -> None:
    """Refuse a name of no source, a path that is not there, an address that is none, a search without words.

    No key is needed and no network.
    """
    made, argument = NEWS_SOURCES.find_with_argument(name, "feeds.news")
    try:
        if made is _files:
            from nightdesk.feeds.news_files import find_headlines

            find_headlines(Path(argument))
        if made is _rss:
            from nightdesk.feeds.rss_news import check_address

            check_address(argument)
    except Refused as error:
        raise Refused(f"feeds.news: {error}") from error
    if made in (_newsapi, _gdelt) and not keywords:
        raise Refused(
            f"feeds.news: {name} finds headlines by words, and the book names none: add them, such as "
            "sentiment: {keywords: {GLD: [gold, bullion]}}"
        )


def _files(argument: str, calendar: str, environ: Mapping[str, str], now: Clock) -> NewsFeed:
    from nightdesk.feeds.news_files import FilesNews

    return FilesNews(Path(argument), now=now)


def _sample(argument: str, calendar: str, environ: Mapping[str, str], now: Clock) -> NewsFeed:
    from nightdesk.feeds.sample_news import SampleNews

    return SampleNews(calendar, now=now)


def _alpaca(argument: str, calendar: str, environ: Mapping[str, str], now: Clock) -> NewsFeed:
    from nightdesk.feeds.alpaca_news import AlpacaNews

    return AlpacaNews.of(environ, now=now)


def _newsapi(argument: str, calendar: str, environ: Mapping[str, str], now: Clock) -> NewsFeed:
    from nightdesk.feeds.newsapi_news import NewsApiNews

    return NewsApiNews.of(environ, now=now)


def _gdelt(argument: str, calendar: str, environ: Mapping[str, str], now: Clock) -> NewsFeed:
    from nightdesk.feeds.gdelt_news import GdeltNews

    return GdeltNews(environ, now=now)


def _rss(argument: str, calendar: str, environ: Mapping[str, str], now: Clock) -> NewsFeed:
    from nightdesk.feeds.rss_news import RssNews

    return RssNews(argument, now=now)


NEWS_SOURCES.add("alpaca", _alpaca)
NEWS_SOURCES.add("gdelt", _gdelt)
NEWS_SOURCES.add("newsapi", _newsapi)
NEWS_SOURCES.add("rss:URL", _rss, "the address of a feed of RSS or Atom")
NEWS_SOURCES.add("sample", _sample)
NEWS_SOURCES.add("files:PATH", _files, "headlines.csv or its folder")
