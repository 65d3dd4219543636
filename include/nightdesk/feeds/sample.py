"""The `sample` feed: a made-up market that needs no key and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import as_moment
from nightdesk.core.names import NameChange
from nightdesk.feeds.feed import (
    ACTION_COLUMNS,
    PRICES,
    Feed,
    Fetched,
    Missing,
    action_frame,
    bar_frame,
    hour_frame,
)

if TYPE_CHECKING:
    import pandas as pd

    from nightdesk.feeds.sample_hours import SampleHours
    from nightdesk.feeds.sample_market import SampleMarket


class SampleFeed(Feed):
    """Bars of the sample market, from 2015-01-02 to the newest completed session on any date.

    Every row says ``sample`` as its source. A few bars are missing for good, and a few come a session late:
    they are there when a span reaches beyond their own session. Crypto has bars of all seven days. It holds
    funds, crypto, 36 large stocks, 264 that are made up, and the VIX; what nobody asks for is not made.

    Funds and stocks have hours too, which add up to the bar of their session and are there as soon as they
    are over. Of these a few are missing for good, and a few come an hour late.
    """

    name = "sample"
    hourly = True

    def covers(self, symbol: str) -> bool:
        from nightdesk.feeds.sample_companies import companies
        from nightdesk.feeds.sample_parameters import SYMBOLS

        return symbol in SYMBOLS or symbol in companies() or symbol == "^VIX"

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
            rows = [row for market, own in markets for row in _actions(market, own, first, until)]
            actions = _action_frame(rows)
        there = set(bars["symbol"])
        missing = {one: Missing("the sample market has no such symbol") for one in unknown}
        span = f"no bar from {first} to {last} (the sample market holds {FIRST_DAY} to {newest})"
        missing |= {one: Missing(span) for one in known if one not in there}
        return Fetched(bars, actions, missing)

    def former_names(self, symbol: str) -> tuple[NameChange, ...]:
        from nightdesk.feeds.sample_companies import companies

        company = companies().get(symbol)
        said = company.renamed if company else None
        if said is None or said.day > self.last_session():
            return ()
        return (NameChange(said.old, said.new, np.datetime64(said.day)),)

    def covers_hours(self, symbol: str) -> bool:
        from nightdesk.feeds.sample_hours import WITHOUT_HOURS

        return self.covers(symbol) and symbol not in WITHOUT_HOURS

    def fetch_hours(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        from nightdesk.feeds.sample_hours import exchange_hours
        from nightdesk.feeds.sample_process import FIRST_DAY

        now = self.now()
        by, span = as_moment(now), (np.datetime64(first, "D"), np.datetime64(last, "D"))
        known = [one for one in dict.fromkeys(symbols) if self.covers_hours(one)]
        # today's hours are those of its bar, which comes after the close
        made_until = date(exchange_hours().session_of(now).year, 12, 31)
        made = {one: _hours_until(one, made_until) for one in known if made_until > FIRST_DAY}
        came = {one: hours.within(*span, by) for one, hours in made.items()}
        found = {one: hours for one, hours in came.items() if len(hours.end)}
        unknown = "the sample market has no hours of it"
        missing = {one: Missing(unknown) for one in symbols if one not in known}
        nothing = f"no hour from {first} to {last} (the sample market begins on {FIRST_DAY})"
        missing |= {one: Missing(nothing) for one in known if one not in found}
        begun = {one: hours.session[-1].astype("datetime64[s]") for one, hours in found.items()}
        actions = [
            row
            for market, own in _markets(list(found), made_until)
            for row in _actions(market, own, first, last)
            if row[1] <= begun[row[0]]
        ]
        return Fetched(hour_frame(_hour_rows(found)), _action_frame(actions), missing)


@lru_cache(maxsize=64)
def _hours_until(symbol: str, last: date) -> SampleHours:
    from nightdesk.feeds.sample_hours import divide_sessions

    return divide_sessions(_markets([symbol], last)[0][0], symbol)


def _hour_rows(found: Mapping[str, SampleHours]) -> Mapping[str, NDArray[Any]]:
    names = ("end", "session", *PRICES, "volume")
    parts = [
        {"symbol": np.full(len(hours.end), symbol, dtype=object)}
        | {name: vars(hours)[name] for name in names}
        for symbol, hours in found.items()
    ]
    if not parts:
        return {}
    rows = _together(parts)
    return rows | {"source": np.full(len(rows["symbol"]), SampleFeed.name, dtype=object)}


def _markets(symbols: Sequence[str], last: date) -> list[tuple[SampleMarket, list[str]]]:
    """The markets that hold these symbols: one of all funds, one of each stock."""
    from nightdesk.feeds.sample_companies import companies
    from nightdesk.feeds.sample_market import generate
    from nightdesk.feeds.sample_stocks import generate_stock

    funds = [symbol for symbol in symbols if symbol not in companies()]
    markets = [(generate(last), funds)] if funds else []
    return markets + [(generate_stock(one, last), [one]) for one in symbols if one in companies()]


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


def _actions(market: SampleMarket, symbols: Sequence[str], first: date, last: date) -> list[tuple[Any, ...]]:
    days, at = _rows(market, first, last), [market.symbols.index(one) for one in symbols]
    rows: list[tuple[Any, ...]] = []
    for kind, values, nothing in (("dividend", market.dividend, 0.0), ("split", market.split, 1.0)):
        own = values[days][:, at]
        for t, n in zip(*np.nonzero(own != nothing), strict=True):
            day = market.days[days][t].astype("datetime64[s]")
            rows.append((symbols[n], day, kind, float(own[t, n]), SampleFeed.name, "", 0.0, ""))
    return rows + [row for one in symbols for row in _endings(market, one, first, last)]


def _action_frame(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    import pandas as pd

    return action_frame(pd.DataFrame(rows, columns=list(ACTION_COLUMNS)))


def _endings(market: SampleMarket, symbol: str, first: date, last: date) -> list[tuple[Any, ...]]:
    """The action that ends a symbol, where one states it and its session lies in a span."""
    from nightdesk.core.calendar import as_date
    from nightdesk.feeds.sample_companies import companies

    company = companies().get(symbol)
    end = company.ending if company else None
    if end is None or not end.kind:
        return []
    after = int(np.searchsorted(market.days, np.datetime64(end.last), side="right"))
    if after == len(market.days) or not first <= as_date(market.days[after]) <= last:
        return []
    close = market.close[:after, market.symbols.index(symbol)]
    cash = round(end.pays * float(close[np.isfinite(close)][-1]), 2)
    value = 1.0 if end.kind == "symbol_change" else 0.0
    day = market.days[after].astype("datetime64[s]")
    return [(symbol, day, end.kind, value, SampleFeed.name, end.other, cash, "")]
