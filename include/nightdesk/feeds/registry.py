"""Feeds by name.

A feed is `sample`, `yahoo` or `files:PATH`. Importing this module is light: what a feed needs is imported
when it is made.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from nightdesk.errors import Refused
from nightdesk.feeds.base import Feed

NAMES = ("sample", "yahoo", "files:PATH")
#: Those that have hourly bars too.
HOURLY_NAMES = ("files:PATH",)


def make(
    name: str,
    *,
    calendar: str = "XNYS",
    continuous: Collection[str] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
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
    kind, _, rest = name.partition(":")
    if kind == "files" and rest:
        from nightdesk.feeds.files import FilesFeed

        return FilesFeed(Path(rest), calendar, continuous=continuous, now=now)
    if name == "sample":
        from nightdesk.feeds.sample import SampleFeed

        return SampleFeed(calendar, continuous=continuous, now=now)
    if name == "yahoo":
        from nightdesk.feeds.yahoo import YahooFeed

        return YahooFeed(calendar, continuous=continuous, now=now)
    if kind == "files":
        raise Refused(f"feed {name!r} names no path: write files:PATH, PATH being a file or folder of bars")
    near = difflib.get_close_matches(name, NAMES, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise Refused(f"feed {name!r} is not known{hint}: name one of {', '.join(NAMES)}")


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
