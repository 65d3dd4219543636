"""The `binance` feed: daily and hourly bars of coins and perpetuals, through ccxt, without a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.spellings import is_perpetual, pair_in_dollars
from nightdesk.feeds.vendor_feed import RawBar, VendorAction, VendorFeed

if TYPE_CHECKING:
    from nightdesk.feeds.binance_line import BinanceLine, Kline

#: A kline in which nothing was traded repeats the price before it.
DAYS_WITHOUT_TRADE = "days without a trade"
#: The exchange was halted, and what it made of the time around it is no bar of that length.
CUT_SHORT = "klines that are shorter than asked for"


class BinanceFeed(VendorFeed):
    """Raw bars from Binance, of coins against USDT where a book says dollars.

    A kline counts once it has closed: a day when midnight of UTC is past. A halt of the exchange leaves a
    gap, and what has no trade is no bar.
    """

    name = "binance"
    hourly = True

    @cached_property
    def line(self) -> BinanceLine:
        """The line to the exchange."""
        from nightdesk.feeds.binance_line import ACCOUNT, BinanceLine

        url = self.environ.get(f"NIGHTDESK_ACCOUNT_{ACCOUNT}_URL")
        return BinanceLine(url, timeout=self.timeout, sleep=self.sleep)

    def covers(self, symbol: str) -> bool:
        return pair_in_dollars(symbol) is not None

    def is_continuous(self, symbol: str) -> bool:
        return self.covers(symbol) or super().is_continuous(symbol)

    def newest_day(self, symbol: str) -> date:
        """The last day of UTC that is over."""
        return self.now().astimezone(UTC).date() - timedelta(days=1)

    def ask(
        self, symbol: str, minutes: int, first: date, last: date
    ) -> tuple[Sequence[RawBar], Sequence[VendorAction], Mapping[str, int]]:
        pair = pair_in_dollars(symbol)
        if pair is None:
            raise SourceFault(
                Fault.ABSENT,
                "it has coins and their perpetuals against dollars alone, such as BTC-USD, BTCUSDT or "
                "BTCUSDT-PERP",
            )
        from nightdesk.feeds.binance_line import milliseconds_of

        step, now = milliseconds_of(minutes), int(self.now().timestamp() * 1000)
        begin, end = _midnight(first), _midnight(last + timedelta(days=1))
        # Only what is over is asked for: the newest bar that opens before the one that still runs.
        until = min(end, now // step * step) - 1
        perpetual = is_perpetual(symbol)
        found = self.line.klines(pair, minutes, begin, until, perpetual=perpetual) if begin <= until else []
        whole, left_out = _whole(found, step, by_day=not minutes)
        return [(one.opens, *one[2:]) for one in whole], (), left_out


def _midnight(day: date) -> int:
    """Of UTC, in milliseconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _whole(found: Sequence[Kline], step: int, *, by_day: bool) -> tuple[list[Kline], dict[str, int]]:
    """The bars that last as long as asked for, and how many were left out for which reason."""
    length = [one for one in found if one.opens % step == 0 and one.closes - one.opens + 1 == step]
    if found and not length:
        raise SourceFault(
            Fault.PASSING,
            f"the server answered klines none of which lasts {step // 60_000} minutes, as asked",
        )
    # Of hours the same is looked at where they are made of their halves.
    kept = [one for one in length if one.volume > 0] if by_day else length
    counts = {CUT_SHORT: len(found) - len(length), DAYS_WITHOUT_TRADE: len(length) - len(kept)}
    return kept, {reason: count for reason, count in counts.items() if count}
