"""The market of a desk as several vendors give it, of which one may be down and one wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from tests.fakes.loopback import Bad
from tests.matrices.vendor_entries import ALPACA, BINANCE, POLYGON, MarketBar, Vendor, VendorMarket

from nightdesk.core.calendar import get_calendar

#: A further vendor is one more entry.
SOURCES = (POLYGON, ALPACA, BINANCE)
DOWN = Bad(500, "Internal Server Error")

#: A symbol and a day.
Wrong = tuple[str, date]


@dataclass
class VendorDay:
    """The vendors' servers, by their names in a book.

    Attributes
    ----------
    servers : mapping of str to server
    bars : mapping of symbol to bars
        All that there ever is: days, or half hours.
    """

    servers: dict[str, Any]
    bars: Mapping[str, Sequence[MarketBar]] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """What leads a desk to them."""
        return {name: value for one in self.servers.values() for name, value in one.environ.items()}

    def publish(self, until: datetime, wrong: Mapping[str, Mapping[Wrong, float]] | None = None) -> None:
        """Let every vendor have the bars that are over by an instant.

        Parameters
        ----------
        until : datetime
        wrong : mapping of vendor to mapping of (symbol, day) to factor, optional
            The prices of days that a vendor has wrong.
        """
        over = {bar[0] for rows in self.bars.values() for bar in rows if _end(bar[0]) <= until}
        for vendor in SOURCES:
            factors = (wrong or {}).get(vendor.feed, {})
            bars = {
                symbol: [_times(bar, factors.get((symbol, bar[0]), 1.0)) for bar in rows if bar[0] in over]
                for symbol, rows in self.bars.items()
            }
            vendor.fill(self.servers[vendor.feed], VendorMarket(bars, {}))

    def be_down(self, vendor: Vendor) -> None:
        """From now on it fails whatever it is asked."""
        self.servers[vendor.feed].always("/", DOWN)

    def heal(self) -> None:
        """All of them answer again."""
        for server in self.servers.values():
            server.heal()


@contextmanager
def vendors_of(bars: Mapping[str, Sequence[MarketBar]]) -> Iterator[VendorDay]:
    """The vendors with nothing published yet."""
    with ExitStack() as stack:
        servers = {one.feed: stack.enter_context(one.fake()) for one in SOURCES}
        yield VendorDay(servers, bars)


def with_vendors(day: VendorDay) -> dict[str, str]:
    """This process's environment, in which a desk finds them."""
    return {**os.environ, **day.environ}


@cache
def _end(start: date | datetime) -> datetime:
    """When a half hour, or the session of a day, is over."""
    if isinstance(start, datetime):
        return start + timedelta(minutes=30)
    return get_calendar().close_at(start)


def _times(bar: MarketBar, factor: float) -> MarketBar:
    when, *prices, volume = bar
    return (when, *(round(factor * one, 4) for one in prices), volume)  # type: ignore[return-value]
