"""The `sample` feed: a made-up market that needs no key and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.feeds.feed import PRICES, Feed, Fetched, Missing, action_frame, bar_frame

if TYPE_CHECKING:
    from nightdesk.feeds.sample_market import SampleMarket


class SampleFeed(Feed):
    """Bars of the sample market, from 2015-01-02 to the newest completed session on any date.

    Every row says ``sample`` as its source. A few bars are missing for good, and a few come a session late:
    they are there when a span reaches beyond their own session. Crypto has bars of all seven days. It holds
    funds, crypto, 36 large stocks and the VIX; a stock that nobody asks for is not made.
    """

    name = "sample"

    def covers(self, symbol: str) -> bool:
        from nightdesk.feeds.sample_parameters import SYMBOLS
        from nightdesk.feeds.sample_stock_parameters import STOCKS

        return symbol in SYMBOLS or symbol in STOCKS or symbol == "^VIX"

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        from nightdesk.feeds.sample_process import FIRST_DAY

        known = [one for one in dict.fromkeys(symbols) if self.covers(one)]
        unknown = [one for one in dict.fromkeys(symbols) if not self.covers(one)]
        newest = self.last_session()
        bars, actions = bar_frame({}), action_frame()
        if known and newest >= FIRST_DAY:
            # made for whole years, so that one making serves many spans
            markets = _markets(known, date(newest.year, 12, 31))
            until = min(last, newest)
            bars = bar_frame(_together([_bars(market, own, first, until) for market, own in markets]))
            actions = action_frame(
                [row for market, own in markets for row in _actions(market, own, first, until)]
            )
        there = set(bars["symbol"])
        missing = {one: Missing("the sample market has no such symbol") for one in unknown}
        span = f"no bar from {first} to {last} (the sample market holds {FIRST_DAY} to {newest})"
        missing |= {one: Missing(span) for one in known if one not in there}
        return Fetched(bars, actions, missing)


def _markets(symbols: Sequence[str], last: date) -> list[tuple[SampleMarket, list[str]]]:
    """The markets that hold these symbols: one of all funds, one of each stock."""
    from nightdesk.feeds.sample_market import generate
    from nightdesk.feeds.sample_stock_parameters import STOCKS
    from nightdesk.feeds.sample_stocks import generate_stock

    funds = [symbol for symbol in symbols if symbol not in STOCKS]
    markets = [(generate(last), funds)] if funds else []
    return markets + [(generate_stock(one, last), [one]) for one in symbols if one in STOCKS]


def _together(parts: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rows(market: SampleMarket, first: date, last: date) -> slice:
    low = np.searchsorted(market.days, np.datetime64(first))
    return slice(int(low), int(np.searchsorted(market.days, np.datetime64(last), side="right")))


def _bars(market: SampleMarket, symbols: Sequence[str], first: date, last: date) -> dict[str, NDArray[Any]]:
    days, at = _rows(market, first, last), [market.symbols.index(one) for one in symbols]
    there = np.isfinite(market.close[days][:, at])
    on_time = ~market.late[days][:, at] | (market.days[days] < np.datetime64(last))[:, None]
    row, column = np.nonzero(there & on_time)
    values = {name: getattr(market, name)[days][:, at][row, column] for name in (*PRICES, "volume")}
    names = np.array(symbols, dtype=object)[column]
    session = market.days[days][row].astype("datetime64[s]")
    source = np.full(len(names), SampleFeed.name, dtype=object)
    return {"symbol": names, "session": session, **values, "source": source}


def _actions(
    market: SampleMarket, symbols: Sequence[str], first: date, last: date
) -> list[tuple[object, ...]]:
    days, at = _rows(market, first, last), [market.symbols.index(one) for one in symbols]
    rows: list[tuple[object, ...]] = []
    for kind, values, nothing in (("dividend", market.dividend, 0.0), ("split", market.split, 1.0)):
        own = values[days][:, at]
        for t, n in zip(*np.nonzero(own != nothing), strict=True):
            day = market.days[days][t].astype("datetime64[s]")
            rows.append((symbols[n], day, kind, float(own[t, n]), SampleFeed.name))
    return rows
