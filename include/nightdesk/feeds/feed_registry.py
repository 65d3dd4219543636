"""Feeds by name.

A feed is `sample`, a vendor's (`yahoo`, `polygon`, `alpaca`, `binance`, `tiingo`, `fred`, `ibkr`),
`files:PATH`, or one of the user's own. Importing this module is light: what a feed needs is imported when it
is made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from nightdesk.core.registry import Registry
from nightdesk.feeds.feed import Feed

Clock = Callable[[], datetime]

#: Makes one of the argument of its name, the calendar, the continuous symbols and the clock.
Make = Callable[[str, str, Collection[str], Clock], Feed]


@dataclass(frozen=True)
class FeedKind:
    """A kind of feed: how one is made, and whether it has hourly bars too."""

    make: Make
    hourly: bool = False


#: By its name in `feeds` of a book.
FEEDS: Registry[FeedKind] = Registry("feed")


def make(
    name: str,
    *,
    calendar: str = "XNYS",
    continuous: Collection[str] = (),
    now: Clock = lambda: datetime.now(UTC),
    environ: Mapping[str, str] | None = None,
) -> Feed:
    """The feed of that name.

    Parameters
    ----------
    name : str
        A vendor's (``yahoo``, ``polygon``, ``alpaca``, ``binance``, ``tiingo``), ``sample``, ``files:`` and
        the path of a file or folder, or a user's own.
    calendar : str
        The exchange on whose sessions bars must fall.
    continuous : collection of str
        Symbols of markets that never close, beside those whose name ends in ``-USD``.
    now : callable
        The clock, timezone-aware.
    environ : mapping of str to str, optional
        Where the keys of vendors are (default: this process's environment).

    Raises
    ------
    Refused
        When there is no such feed, or no such path.
    """
    kind, argument = FEEDS.find_with_argument(name)
    feed = kind.make(argument, calendar, continuous, now)
    if environ is not None:
        feed.environ = environ
    return feed


def register[F: Feed](cls: type[F]) -> type[F]:
    """Make a feed known under its `name`, one without an argument; for use as a decorator."""

    def made(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
        return cls(calendar, continuous=continuous, now=now)

    FEEDS.add(cls.name, FeedKind(made, cls.hourly))
    return cls


def _files(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    if "://" in argument:
        from nightdesk.feeds.remote_files import RemoteFiles

        return RemoteFiles(argument, calendar, continuous=continuous, now=now)
    from nightdesk.feeds.files import FilesFeed

    return FilesFeed(Path(argument), calendar, continuous=continuous, now=now)


def _sample(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.sample import SampleFeed

    return SampleFeed(calendar, continuous=continuous, now=now)


def _yahoo(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.yahoo import YahooFeed

    return YahooFeed(calendar, continuous=continuous, now=now)


def _alpaca(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.alpaca_bars import AlpacaFeed

    return AlpacaFeed(calendar, continuous=continuous, now=now)


def _polygon(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.polygon import PolygonFeed

    return PolygonFeed(calendar, continuous=continuous, now=now)


def _binance(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.binance import BinanceFeed

    return BinanceFeed(calendar, continuous=continuous, now=now)


def _ibkr(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.ibkr_bars import IbkrFeed

    return IbkrFeed(calendar, continuous=continuous, now=now)


def _tiingo(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.tiingo import TiingoFeed

    return TiingoFeed(calendar, continuous=continuous, now=now)


def _fred(argument: str, calendar: str, continuous: Collection[str], now: Clock) -> Feed:
    from nightdesk.feeds.fred_bars import FredFeed

    return FredFeed(calendar, continuous=continuous, now=now)


FEEDS.add("alpaca", FeedKind(_alpaca, hourly=True))
FEEDS.add("binance", FeedKind(_binance, hourly=True))
FEEDS.add("fred", FeedKind(_fred))
FEEDS.add("ibkr", FeedKind(_ibkr, hourly=True))
FEEDS.add("polygon", FeedKind(_polygon, hourly=True))
FEEDS.add("sample", FeedKind(_sample, hourly=True))
FEEDS.add("tiingo", FeedKind(_tiingo))
FEEDS.add("yahoo", FeedKind(_yahoo))
FEEDS.add("files:PATH", FeedKind(_files, hourly=True), "a file or folder of bars, or s3://BUCKET/KEY")


@lru_cache(maxsize=16)
def _for_asking(name: str) -> Feed:
    return make(name)


def check(name: str) -> None:
    """Refuse the name of no feed, told without a network."""
    _for_asking(name)


def covers(name: str, symbol: str) -> bool:
    """Whether the feed of that name may know `symbol`, told without a network."""
    return _for_asking(name).covers(symbol)


def has_hours(name: str) -> bool:
    """Whether the feed of that name has hourly bars."""
    key = name.partition(":")[0]
    FEEDS.source(key)  # a user's own is imported when it is asked for
    return key in FEEDS and FEEDS.find(key).hourly


def hourly_names() -> tuple[str, ...]:
    """Names of the feeds that have hourly bars, as books give them."""
    return tuple(name for name in FEEDS.names() if has_hours(name))


def covers_hours(name: str, symbol: str) -> bool:
    """Whether the feed of that name may know hours of `symbol`, told without a network."""
    return has_hours(name) and _for_asking(name).covers_hours(symbol)
