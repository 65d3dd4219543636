"""Feeds by name.

A feed is `sample`, `yahoo` or `files:PATH`. Importing this module is light: what a feed needs is imported
when it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from nightdesk.core.registry import Registry
from nightdesk.feeds.feed import Feed

Clock = Callable[[], datetime]

#: How each is made, of the argument of its name, the calendar, the continuous symbols and the clock.
FEEDS: Registry[Callable[[str, str, Collection[str], Clock], Feed]] = Registry("feed")
#: Those that have hourly bars too.
HOURLY_NAMES = ("files:PATH",)


def make(
    name: str,
    *,
    calendar: str = "XNYS",
    continuous: Collection[str] = (),
    now: Clock = lambda: datetime.now(UTC),
) -> Feed:
    """The feed of that name.

    Parameters
    ----------
    name : str
        ``sample``, ``yahoo``, or ``files:`` and the path of a file or folder.
    calendar : str
        The exchange on whose sessions bars must fall.
    continuous : collection of str
        Symbols of markets that never close, beside those whose name ends in ``-USD``.
    now : callable
        The clock, timezone-aware.

    Raises
    ------
    Refused
        When there is no such feed, or no such path.
    """
    made, argument = FEEDS.find_with_argument(name)
    return made(argument, calendar, continuous, now)


def _files(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.files import FilesFeed

    return FilesFeed(Path(argument), calendar, continuous=continuous, now=now)


def _sample(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.sample import SampleFeed

    return SampleFeed(calendar, continuous=continuous, now=now)


def _yahoo(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.yahoo import YahooFeed

    return YahooFeed(calendar, continuous=continuous, now=now)


FEEDS.add("sample", _sample)
FEEDS.add("yahoo", _yahoo)
FEEDS.add("files:PATH", _files, "a file or folder of bars")


@lru_cache(maxsize=16)
def _for_asking(name: str) -> Feed:
    return make(name)


def covers(name: str, symbol: str) -> bool:
    """Whether the feed of that name may know `symbol`, told without a network."""
    return _for_asking(name).covers(symbol)


def has_hours(name: str) -> bool:
    """Whether the feed of that name has hourly bars."""
    kind = name.partition(":")[0]
    return any(kind == one.partition(":")[0] for one in HOURLY_NAMES)


def covers_hours(name: str, symbol: str) -> bool:
    """Whether the feed of that name may know hours of `symbol`, told without a network."""
    return has_hours(name) and _for_asking(name).covers_hours(symbol)
