"""The vendors whose services the feed matrix lets fail: an entry each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from tests.fakes import alpaca_bars, alpaca_news, polygon
from tests.fakes.alpaca_bars import FakeAlpacaBars
from tests.fakes.alpaca_news import Article, FakeAlpacaNews
from tests.fakes.binance import SPOT, FakeBinance
from tests.fakes.cftc import FUTURES, FakeCftc
from tests.fakes.fred import OBSERVATIONS, FakeFred
from tests.fakes.gdelt import FakeGdelt, GdeltArticle
from tests.fakes.newsapi import FakeNewsApi, NewsApiArticle
from tests.fakes.polygon import FakePolygon, Ticker, at_midnight
from tests.fakes.rss import RSS, FakeRss, RssEntry
from tests.fakes.tiingo import DAILY, FakeTiingo, Listed
from tests.fakes.yahoo import Chart, FakeYahoo, chart_of

from nightdesk.feeds import gdelt_news, newsapi_news
from nightdesk.feeds.spellings import pair_in_dollars, to_polygon

#: Of a day its date, of half an hour its start; open, high, low, close, volume.
MarketBar = tuple[date | datetime, float, float, float, float, float]


class Fed(StrEnum):
    """What a vendor gives in the matrix."""

    DAYS = "days"
    HOURS = "hours"
    NEWS = "news"
    MACRO = "macro"
    POSITIONING = "positioning"


@dataclass(frozen=True)
class VendorMarket:
    """All that a vendor has.

    Attributes
    ----------
    bars : mapping of symbol to bars
        Days, or the half hours that hours are made of.
    dividends : mapping of symbol to (ex-date, dollars)
    headlines : sequence of (instant, symbol, words)
    facts : sequence of (subject, day, numbers, day from which it is known)
    today : date or None
        The vendor's clock.
    """

    bars: Mapping[str, Sequence[MarketBar]]
    dividends: Mapping[str, tuple[date, float]]
    headlines: Sequence[tuple[datetime, str, str]] = ()
    facts: Sequence[tuple[str, date, tuple[float, ...], date]] = ()
    today: date | None = None


@dataclass(frozen=True)
class Vendor:
    """A column of the matrix.

    Attributes
    ----------
    name : str
        Its head.
    gives : Fed
        What the book fetches from it.
    feed : str
        As books name it; ``{url}`` in it is the server's address.
    fake : callable
        Makes its server, a context manager whose `environ` leads the feed there; what of it is no address is
        secret.
    fill : callable
        Gives the server all that a market has, in place of what it had.
    where : callable
        Which requests ask for a symbol, as `ScriptedServer.script` names them.
    pages : bool
        Whether it cuts its lists into pages, of the server's `rows_a_page`.
    nothing : tuple of str
        The faults that are good answers of it: so it says that it has nothing.
    symbol : str
        Of which answers are bad where those of one are; empty for the scene's usual one.
    """

    name: str
    gives: Fed
    feed: str
    fake: Callable[[], Any]
    fill: Callable[[Any, VendorMarket], None]
    where: Callable[[str], str]
    pages: bool = True
    symbol: str = ""
    nothing: tuple[str, ...] = ()

    def secrets(self, server: Any) -> tuple[str, ...]:
        """What of its environment shows nowhere."""
        return tuple(value for name, value in server.environ.items() if not name.endswith("_URL"))


def _polygon(server: FakePolygon, market: VendorMarket) -> None:
    server.tickers = {
        to_polygon(symbol): Ticker(
            [(_starting(one[0], symbol), *one[1:]) for one in bars],
            dividends=[(*market.dividends[symbol], "CD")] if symbol in market.dividends else [],
        )
        for symbol, bars in market.bars.items()
    }


def _alpaca(server: FakeAlpacaBars, market: VendorMarket) -> None:
    server.bars = {}
    for symbol, bars in market.bars.items():
        for size, kind in (("30Min", True), ("1Day", False)):
            server.bars[_at_alpaca(symbol), size] = [
                (_starting(one[0], symbol), *one[1:]) for one in bars if isinstance(one[0], datetime) == kind
            ]
    server.actions.clear()
    server.actions["cash_dividends"] = [
        alpaca_bars.dividend(_at_alpaca(symbol), day, cash)
        for symbol, (day, cash) in market.dividends.items()
        if symbol in market.bars
    ]


def _yahoo(server: FakeYahoo, market: VendorMarket) -> None:
    server.charts = {
        symbol: Chart(
            [(day, *prices, int(volume)) for day, *prices, volume in bars],  # type: ignore[misc]
            dividends=dict([market.dividends[symbol]] if symbol in market.dividends else []),
            timezone="UTC" if symbol.endswith("-USD") else "America/New_York",
        )
        for symbol, bars in market.bars.items()
    }


def _alpaca_news(server: FakeAlpacaNews, market: VendorMarket) -> None:
    server.articles = [
        Article(number, words, [symbol.replace("-", "")], moment)
        for number, (moment, symbol, words) in enumerate(market.headlines, 1)
    ]


def _tiingo(server: FakeTiingo, market: VendorMarket) -> None:
    server.tickers = {
        symbol: Listed(bars, dividends=dict([market.dividends[symbol]] if symbol in market.dividends else []))  # type: ignore[arg-type]
        for symbol, bars in market.bars.items()
        if symbol[0] != "^" and not symbol.endswith("-USD")
    }


def _binance(server: FakeBinance, market: VendorMarket) -> None:
    server.candles = {}
    for symbol, bars in market.bars.items():
        pair = pair_in_dollars(symbol)
        if pair is not None:
            interval = "30m" if bars and isinstance(bars[0][0], datetime) else "1d"
            candles = [(_starting(day, symbol), *prices, volume or 1.0) for day, *prices, volume in bars]
            server.trade(pair, candles, interval)  # type: ignore[arg-type]


def _newsapi(server: FakeNewsApi, market: VendorMarket) -> None:
    server.articles = [
        NewsApiArticle(words, moment, f"https://paper.example/{number}")
        for number, (moment, _, words) in enumerate(market.headlines)
    ]


def _gdelt(server: FakeGdelt, market: VendorMarket) -> None:
    server.articles = [
        GdeltArticle(words, moment, f"https://paper.example/{number}")
        for number, (moment, _, words) in enumerate(market.headlines)
    ]


def _rss(server: FakeRss, market: VendorMarket) -> None:
    server.entries = [
        RssEntry(words, moment, guid=f"{number}")
        for number, (moment, _, words) in enumerate(market.headlines)
    ]


def _fred(server: FakeFred, market: VendorMarket) -> None:
    assert market.today is not None
    server.today = market.today
    server.forget()
    for series, day, (value,), since in market.facts:
        server.tell(series, day, f"{value:.2f}", since)


def _cftc(server: FakeCftc, market: VendorMarket) -> None:
    server.rows.clear()
    for code, day, (long, short, interest), _ in market.facts:
        server.report(code, day, long, short, interest)


class RssAtHome(FakeRss):
    """A feed of RSS, whose address stands in the book and nowhere else."""

    environ: Mapping[str, str] = {}


def _starting(when: date | datetime, symbol: str) -> datetime:
    """When a bar begins: a day at midnight in New York, or of UTC where the market never closes."""
    if isinstance(when, datetime):
        return when
    return at_midnight(when, "UTC" if symbol.endswith("-USD") else "America/New_York")


def _at_alpaca(symbol: str) -> str:
    if symbol.endswith("-USD"):
        return symbol.replace("-", "/")
    return re.sub(r"-(?=[A-Z]$)", ".", symbol)


def _bars_at_alpaca(symbol: str) -> str:
    path = alpaca_bars.COINS if symbol.endswith("-USD") else alpaca_bars.STOCKS
    return f"{path}?symbols={_at_alpaca(symbol)}"


POLYGON = Vendor(
    "polygon",
    Fed.DAYS,
    "polygon",
    FakePolygon,
    _polygon,
    lambda symbol: f"/v2/aggs/ticker/{to_polygon(symbol)}/",
)
ALPACA = Vendor("alpaca", Fed.DAYS, "alpaca", FakeAlpacaBars, _alpaca, _bars_at_alpaca)
YAHOO = Vendor("yahoo", Fed.DAYS, "yahoo", FakeYahoo, _yahoo, chart_of, pages=False)
BINANCE = Vendor(
    "binance",
    Fed.DAYS,
    "binance",
    FakeBinance,
    _binance,
    lambda symbol: f"{SPOT}?symbol={pair_in_dollars(symbol)}",
    symbol="BTC-USD",
)

#: Whoever brings a vendor writes its entry here, and one for each further list of pages that it asks for.
VENDORS: tuple[Vendor, ...] = (
    POLYGON,
    replace(
        POLYGON,
        name="polygon, dividends",
        where=lambda symbol: f"{polygon.DIVIDENDS}?ticker={to_polygon(symbol)}",
    ),
    replace(POLYGON, name="polygon, hours", gives=Fed.HOURS),
    ALPACA,
    replace(
        ALPACA,
        name="alpaca, actions",
        where=lambda symbol: f"{alpaca_bars.ACTIONS}?symbols={_at_alpaca(symbol)}",
    ),
    replace(ALPACA, name="alpaca, hours", gives=Fed.HOURS),
    YAHOO,
    BINANCE,
    Vendor("tiingo", Fed.DAYS, "tiingo", FakeTiingo, _tiingo, lambda one: f"{DAILY}{one}/", pages=False),
    Vendor("newsapi", Fed.NEWS, "newsapi", FakeNewsApi, _newsapi, lambda _: newsapi_news.ARTICLES, False),
    Vendor(
        "gdelt",
        Fed.NEWS,
        "gdelt",
        FakeGdelt,
        _gdelt,
        lambda _: gdelt_news.ARTICLES,
        False,
        nothing=("an empty object",),
    ),
    Vendor("rss", Fed.NEWS, f"rss:{{url}}{RSS}", RssAtHome, _rss, lambda _: RSS, False),
    Vendor(
        "fred",
        Fed.MACRO,
        "fred",
        lambda: FakeFred(date(2022, 3, 1)),
        _fred,
        lambda series: f"{OBSERVATIONS}?series_id={series}",
        False,
    ),
    Vendor("cftc", Fed.POSITIONING, "cftc", FakeCftc, _cftc, lambda _: FUTURES, False),
    Vendor("alpaca, news", Fed.NEWS, "alpaca", FakeAlpacaNews, _alpaca_news, lambda symbol: alpaca_news.PATH),
)

#: Those of the brief form, whose set-up takes most of its time.
IN_BRIEF = ("polygon", "alpaca, hours", "yahoo", "alpaca, news")
