"""The `binance` and `bybit` sources of funding rates: what their perpetuals paid, each at its own instant."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from nightdesk.feeds.feed import Fault
from nightdesk.feeds.funding_source import Clock, Funded, FundingSource, funded, to_milliseconds
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.spellings import is_perpetual, pair_in_dollars

if TYPE_CHECKING:
    from nightdesk.feeds.binance_line import BinanceLine
    from nightdesk.feeds.bybit_line import BybitLine


class ExchangeFunding(FundingSource):
    """What both have in common.

    Parameters
    ----------
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        now: Clock = lambda: datetime.now(UTC),
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(environ=environ, now=now)
        self.timeout, self.sleep = timeout, sleep


class BinanceFunding(ExchangeFunding):
    """Rates of Binance's perpetuals against what stands for dollars."""

    name = "binance"

    @cached_property
    def line(self) -> BinanceLine:
        """The line to the exchange."""
        from nightdesk.feeds.binance_line import ACCOUNT, BinanceLine

        url = self.environ.get(f"NIGHTDESK_ACCOUNT_{ACCOUNT}_URL")
        return BinanceLine(url, timeout=self.timeout, sleep=self.sleep)

    def covers(self, symbol: str) -> bool:
        return is_perpetual(symbol) and pair_in_dollars(symbol) is not None

    def fetch(self, symbol: str, first: datetime, last: datetime) -> Funded:
        pair = _pair(symbol)
        rows = self.line.funding(pair, to_milliseconds(first), to_milliseconds(min(last, self.now())))
        _refuse_others(pair, {str(one["symbol"]) for one in rows})
        return funded(symbol, ((int(one["fundingTime"]), one["fundingRate"]) for one in rows))


class BybitFunding(ExchangeFunding):
    """Rates of Bybit's perpetuals against USDT, and against USDC, which it calls by the coin: BTCPERP."""

    name = "bybit"

    @cached_property
    def line(self) -> BybitLine:
        """The line to the exchange."""
        from nightdesk.feeds.bybit_line import ACCOUNT, BybitLine

        url = self.environ.get(f"NIGHTDESK_ACCOUNT_{ACCOUNT}_URL")
        return BybitLine(url, timeout=self.timeout, sleep=self.sleep)

    def covers(self, symbol: str) -> bool:
        pair = pair_in_dollars(symbol) if is_perpetual(symbol) else None
        return pair is not None and pair.endswith(("USDT", "USDC"))

    def fetch(self, symbol: str, first: datetime, last: datetime) -> Funded:
        pair = _pair(symbol)
        name = f"{pair.removesuffix('USDC')}PERP" if pair.endswith("USDC") else pair
        rows = self.line.funding(name, to_milliseconds(first), to_milliseconds(min(last, self.now())))
        _refuse_others(name, {str(one["symbol"]) for one in rows})
        return funded(symbol, ((int(one["fundingRateTimestamp"]), one["fundingRate"]) for one in rows))


def _pair(symbol: str) -> str:
    pair = pair_in_dollars(symbol) if is_perpetual(symbol) else None
    if pair is None:
        raise SourceFault(Fault.ABSENT, f"{symbol} names no pair: call the perpetual as BTCUSDT-PERP")
    return pair


def _refuse_others(name: str, found: set[str]) -> None:
    others = sorted(found - {name})
    if others:
        raise SourceFault(
            Fault.FINAL, f"the server answered funding rates of {others[0][:40]!r}, and {name} was asked for"
        )
