"""Sources of headlines by name: `alpaca`, `sample` or `files:PATH`.

Importing this module is light: what a source needs is imported when it is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

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
    now: Clock = lambda: datetime.now(UTC),
) -> NewsFeed:
    """The source of headlines of that name.

    Parameters
    ----------
    name : str
        ``alpaca``, ``sample``, or ``files:`` and the path of a file, or of a folder with ``headlines.csv``.
    calendar : str
        The exchange on whose sessions the sample's headlines fall.
    environ : mapping of str to str, optional
        Where the keys of vendors are (default: this process's environment).
    now : callable
        The clock, timezone-aware.

    Raises
    ------
    Refused
        When there is no such source or no such path, or its key is not known.
    """
    made, argument = NEWS_SOURCES.find_with_argument(name)
    return made(argument, calendar, os.environ if environ is None else environ, now)


def check_name(name: str) -> None:
    """Refuse a name of no source."""
    NEWS_SOURCES.find_with_argument(name)


def check_news(name: str) -> None:
    """Refuse a name of no source, or a path that is not there; no key is needed and no network."""
    made, argument = NEWS_SOURCES.find_with_argument(name)
    if made is _files:
        from nightdesk.feeds.news_files import find_headlines

        find_headlines(Path(argument))


def _files(argument: str, calendar: str, environ: Mapping[str, str], now: Clock) -> NewsFeed:
    from nightdesk.feeds.news_files import FilesNews

    return FilesNews(Path(argument), now=now)


def _sample(argument: str, calendar: str, environ: Mapping[str, str], now: Clock) -> NewsFeed:
    from nightdesk.feeds.sample_news import SampleNews

    return SampleNews(calendar, now=now)


def _alpaca(argument: str, calendar: str, environ: Mapping[str, str], now: Clock) -> NewsFeed:
    from nightdesk.feeds.alpaca_news import AlpacaNews

    return AlpacaNews.of(environ, now=now)


NEWS_SOURCES.add("alpaca", _alpaca)
NEWS_SOURCES.add("sample", _sample)
NEWS_SOURCES.add("files:PATH", _files, "headlines.csv or its folder")
