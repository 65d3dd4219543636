"""The `sample` source of listings, closing quotes and days of earnings, made up as their market is.

- A listing is told on the last session of each month, on the first one of a symbol and on its last; it is
  known when that day ends in New York. What a company is worth is its shares times the close.
- A quote stands around the close of each session: its spread is the usual one of the stock, wider in storms
  and where less is traded than usual. A few sessions have none.

Nothing of a day depends on a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.facts import EARNINGS, LISTINGS, QUOTES, FactKind
from nightdesk.feeds.fact_feed import FactFeed, FetchedFacts, fact_frame
from nightdesk.feeds.feed import Missing
from nightdesk.feeds.sample_companies import SampleCompany, companies, spread_of
from nightdesk.feeds.sample_earnings import earnings_of
from nightdesk.feeds.sample_market import SampleMarket, generate
from nightdesk.feeds.sample_parameters import SYMBOLS
from nightdesk.feeds.sample_process import CRYPTO, FIRST_DAY
from nightdesk.feeds.sample_stocks import draws_of, generate_stock, splits_of, storm_of

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
#: Of one symbol: arrays of shape (n_rows,) by the columns of the kind; `known_at` is UTC.
Columns = Mapping[str, NDArray[Any]]

#: The funds of the sample market; they are listed, and worth what nobody says.
FUNDS = tuple(symbol for symbol in SYMBOLS if symbol != CRYPTO)
FUND_LISTED_FROM = date(2010, 1, 4)

#: Of the log of a spread: its noise, and what it answers to storms and to the share of the usual volume.
SPREAD_NOISE, SPREAD_OF_STORM, SPREAD_OF_VOLUME = 0.25, 1.0, -0.25
WITHOUT_QUOTE = 0.002  # of sessions
TICK, LOT, MOST_LOTS = 0.01, 100.0, 20


class SampleFacts(FactFeed):
    """Listings, quotes and days of earnings of the sample market's stocks; of its funds no earnings."""

    name = "sample"
    kinds = (LISTINGS, QUOTES, EARNINGS)

    def fetch(self, kind: FactKind, subjects: Sequence[str], first: date, last: date) -> FetchedFacts:
        if kind not in self.kinds:
            has = ", ".join(one.name for one in self.kinds)
            raise Refused(f"source {self.name} has no {kind.name}: it has {has}; name another one for them")
        parts, missing, until = [], {}, self._made_until()
        for subject in dict.fromkeys(subjects):
            if not _has(kind, subject):
                missing[subject] = Missing(f"the sample market has no {kind.name} of it")
                continue
            kept = self._within(kind, _MADE[kind.name](subject, until), first, last)
            if len(kept["known_at"]):
                parts.append({kind.subject: np.full(len(kept["known_at"]), subject, dtype=object), **kept})
            else:
                missing[subject] = Missing(f"nothing of it from {first} to {last}")
        return FetchedFacts(self._frame(kind, parts), missing)

    def pool(self) -> tuple[str, ...]:
        now, until = _utc(self.now()), self._made_until()
        found = {one: listings_of(one, until)["known_at"] for one in (*companies(), *FUNDS)}
        return tuple(one for one, known in found.items() if len(known) and known[0] <= now)

    def _made_until(self) -> date:
        """A whole year, so that one making of the market serves many spans."""
        newest: date = get_calendar("XNYS").latest_completed(self.now())
        return date(max(newest, FIRST_DAY).year, 12, 31)

    def _within(self, kind: FactKind, made: Columns, first: date, last: date) -> Columns:
        """What is of a span, or became known in it by the clock of New York; and is known by now."""
        low, high = np.datetime64(first, "D"), np.datetime64(last, "D")
        known = made["known_at"]
        there = _day_in_new_york(known)
        kept = (made[kind.day] >= low) & (made[kind.day] <= high) | (there >= low) & (there <= high)
        kept &= known <= _utc(self.now())
        return {name: values[kept] for name, values in made.items()}

    def _frame(self, kind: FactKind, parts: Sequence[Columns]) -> pd.DataFrame:
        import pandas as pd

        if not parts:
            return fact_frame(kind)
        rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return fact_frame(kind, pd.DataFrame({**rows, "source": self.name}, columns=list(kind.columns)))


def _has(kind: FactKind, symbol: str) -> bool:
    return symbol in companies() or (kind is not EARNINGS and symbol in FUNDS)


def _market_of(symbol: str, until: date) -> SampleMarket:
    return generate_stock(symbol, until) if symbol in companies() else generate(until)


def listings_of(symbol: str, until: date) -> Columns:
    """The listings of a symbol of the sample market up to a day, each month one."""
    company, market = companies().get(symbol), _market_of(symbol, until)
    close = market.close[:, market.symbols.index(symbol)]
    traded = np.flatnonzero(np.isfinite(close))
    sessions = get_calendar("XNYS").between(FIRST_DAY, until)
    begun = company.first if company and company.first else FIRST_DAY
    end = company.ending.last if company and company.ending else until
    alive = sessions[(sessions >= np.datetime64(begun)) & (sessions <= np.datetime64(end))]
    if not len(alive) or not len(traded):
        return _empty(LISTINGS)
    month = alive.astype("datetime64[M]")
    told = np.append(month[1:] != month[:-1], True)
    told[0] = True
    days = alive[told]
    ended = (days == np.datetime64(end)) & (company is not None and company.ending is not None)
    shares, worth = _worth(company, market, close, traded, days, ended)
    count = len(days)
    return {
        "day": days,
        "known_at": _end_of(days),
        "title": _words(company.title if company else f"{symbol}, a fund of the sample market", count),
        "exchange": _words(company.exchange if company else "NYSE ARCA", count),
        "security": _words(company.security if company else "fund", count),
        "sector": _words(company.traits.sector if company else "", count),
        "industry": _words("", count),
        "market_cap": worth,
        "shares": shares,
        "listed_from": np.full(count, np.datetime64(company.listed_from if company else FUND_LISTED_FROM)),
        "delisted_on": np.where(ended, days, np.datetime64("NaT")),
    }


def _worth(
    company: SampleCompany | None,
    market: SampleMarket,
    close: Floats,
    traded: NDArray[np.intp],
    days: NDArray[np.datetime64],
    ended: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Shares outstanding and their worth on some days; NaN of an end, of a fund, and where nobody says."""
    unknown = np.full(len(days), np.nan)
    if company is None or not company.cap_known:
        return unknown, unknown
    at = np.searchsorted(market.days, days)
    newest = traded[np.maximum(np.searchsorted(traded, at, side="right") - 1, 0)]
    _, scale = splits_of(company, market.days)
    shares = np.where(ended, np.nan, company.shares / scale[at])
    return shares, shares * np.where(newest <= at, close[newest], np.nan)


def quotes_of(symbol: str, until: date) -> Columns:
    """The last quote of each session of a symbol of the sample market up to a day."""
    company, market = companies().get(symbol), _market_of(symbol, until)
    n = market.symbols.index(symbol)
    traits = company.traits if company else SYMBOLS[symbol]
    usual = company.quoted_spread if company else spread_of(traits.start * traits.volume)
    calendar = get_calendar("XNYS")
    on = np.isin(market.days, calendar.sessions)
    days, close, volume = market.days[on], market.close[on, n], market.volume[on, n]
    scale = splits_of(company, days)[1] if company else np.ones(len(days))
    draws = draws_of(f"{symbol} quotes", len(days), 4)
    with np.errstate(invalid="ignore", divide="ignore"):
        answer = SPREAD_OF_VOLUME * np.log(volume * scale / traits.volume)
        wide = (
            close * usual * np.exp(SPREAD_NOISE * draws[:, 0] + answer) * storm_of(until) ** SPREAD_OF_STORM
        )
    ticks = np.maximum(np.round(wide / TICK), 1.0)
    place, lot, size = (_share(draws[:, k]) for k in (1, 2, 3))
    below = np.minimum(np.floor(place * (ticks + 1.0)), np.round(close / TICK) - 1.0)
    bid = np.round(close - below * TICK, 2)
    there = np.isfinite(wide) & (lot >= WITHOUT_QUOTE)
    sizes = np.ceil(np.stack([size, 1.0 - size]) * MOST_LOTS) * LOT
    closes = calendar.closes[np.searchsorted(calendar.sessions, days)]
    made = {
        "session": days,
        "known_at": closes.astype("datetime64[us]"),
        "bid": bid,
        "ask": np.round(bid + ticks * TICK, 2),
        "bid_size": sizes[0],
        "ask_size": sizes[1],
    }
    return {name: values[there] for name, values in made.items()}


def _earnings_of(symbol: str, until: date) -> Columns:
    rows = earnings_of(companies()[symbol], until)
    kinds: Mapping[str, Any] = {
        "fiscal_end": "datetime64[D]",
        "known_at": "datetime64[us]",
        "report_date": "datetime64[D]",
        "timing": object,
    }
    return {
        name: np.array([row[k] for row in rows], dtype=one) for k, (name, one) in enumerate(kinds.items())
    }


_MADE: Mapping[str, Callable[[str, date], Columns]] = {
    LISTINGS.name: listings_of,
    QUOTES.name: quotes_of,
    EARNINGS.name: _earnings_of,
}


def _empty(kind: FactKind) -> Columns:
    stored: Mapping[type, Any] = {float: np.float64, str: object, date: "datetime64[D]"}
    rows = {name: np.array([], dtype=stored[one]) for name, one in kind.values.items()}
    day = np.array([], dtype="datetime64[D]")
    return {kind.day: day, "known_at": day.astype("datetime64[us]"), **rows}


def _words(text: str, count: int) -> NDArray[Any]:
    return np.full(count, text, dtype=object)


def _share(normal: Floats) -> Floats:
    from scipy.special import ndtr

    out: Floats = ndtr(normal)
    return out


def _utc(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _end_of(days: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """The midnights in New York that end some days, UTC."""
    import pandas as pd

    ends = pd.DatetimeIndex(days.astype("datetime64[s]") + np.timedelta64(1, "D")).tz_localize(
        "America/New_York"
    )
    return ends.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[us]")


def _day_in_new_york(instants: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    import pandas as pd

    local = pd.DatetimeIndex(instants).tz_localize("UTC").tz_convert("America/New_York").tz_localize(None)
    return local.to_numpy("datetime64[us]").astype("datetime64[D]")
