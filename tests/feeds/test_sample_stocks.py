"""The stocks of the sample market: like those that were measured, and of no weight on the rest of it."""

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nightdesk.core.book import load_book
from nightdesk.feeds import Feed, make
from nightdesk.feeds.feed import PRICES
from nightdesk.feeds.sample_companies import MEASURED_SPLITS
from nightdesk.feeds.sample_market import generate
from nightdesk.feeds.sample_stock_parameters import STOCKS
from nightdesk.feeds.sample_stocks import generate_stock
from nightdesk.testing.feed_contract import FeedContract

BOOK = Path(__file__).parents[2] / "books" / "equity_swing.yaml"
NOW = datetime(2026, 6, 30, 23, tzinfo=UTC)
FIRST, LAST, MADE = date(2015, 1, 2), date(2026, 6, 30), date(2026, 12, 31)


@pytest.fixture(scope="module")
def feed() -> Feed:
    return make("sample", now=lambda: NOW)


@pytest.fixture(scope="module")
def bars(feed: Feed) -> pd.DataFrame:
    return feed.fetch([*STOCKS, "SPY", "^VIX"], FIRST, LAST).bars


@pytest.fixture(scope="module")
def returns(bars: pd.DataFrame) -> pd.DataFrame:
    """Log returns of whole sessions, without the split."""
    close = bars.pivot_table(index="session", columns="symbol", values="close")
    for symbol, (day, shares) in MEASURED_SPLITS.items():
        close.loc[: pd.Timestamp(day) - pd.Timedelta(days=1), symbol] /= shares
    return np.log(close).diff()


class TestSampleStocks(FeedContract):
    @pytest.fixture
    def feed(self) -> Feed:
        return make("sample", now=lambda: NOW)

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("AAPL", "SPY", "BTC-USD", "^VIX")

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return date(2020, 1, 2), date(2020, 12, 31)


def test_it_holds_the_stocks_of_the_book_in_their_sectors():
    universe = load_book(BOOK).universe
    assert {symbol: one.group for symbol, one in universe.items()} == {
        symbol: one.sector for symbol, one in STOCKS.items()
    }


def test_funds_bitcoin_and_the_vix_are_those_that_were_there_before_any_stock():
    """The digest is of the market as it was before it had stocks."""
    market = generate(MADE)
    told = hashlib.sha256()
    for name in (*PRICES, "volume", "dividend", "split"):
        told.update(np.nan_to_num(np.round(getattr(market, name) * 1000.0)).astype(np.int64).tobytes())
    assert told.hexdigest() == "eced185b08b3000042279630b9c938ffcbc44535936aa28a76c2d2962bcb0853"


@pytest.mark.parametrize("last", [date(2015, 3, 2), date(2020, 8, 28), date(2020, 8, 31), date(2025, 12, 31)])
@pytest.mark.parametrize("symbol", ["AAPL", "XOM", "NEE"])
def test_a_longer_span_never_changes_earlier_bars(symbol, last):
    part, whole = generate_stock(symbol, last), generate_stock(symbol, MADE)
    length = len(part.days)
    assert 0 < length < len(whole.days)
    for name in ("days", *PRICES, "volume", "late", "dividend", "split"):
        same = np.array_equal(
            getattr(part, name), getattr(whole, name)[:length], equal_nan=name in (*PRICES, "volume")
        )
        assert same, name


def test_bars_are_whole_and_in_cents(bars):
    stocks = bars[bars["symbol"].isin(list(STOCKS))]
    prices = stocks[list(PRICES)]
    assert prices.notna().all(axis=None)
    assert (prices > 0).all(axis=None)
    assert (prices == prices.round(2)).all(axis=None)
    assert (stocks["high"] >= prices.max(axis=1)).all()
    assert (stocks["low"] <= prices.min(axis=1)).all()
    assert (stocks["volume"] > 0).all()


def test_betas_and_residuals_are_those_measured(returns):
    spy = returns["SPY"]
    for symbol, measured in STOCKS.items():
        beta = returns[symbol].cov(spy) / spy.var()
        residual = (returns[symbol] - beta * spy).std() * np.sqrt(252)
        assert beta == pytest.approx(measured.beta, abs=0.15), symbol
        assert residual == pytest.approx(measured.residual, rel=0.2), symbol


def test_stocks_of_one_sector_move_alike_and_others_do_not(returns):
    correlation = returns.corr()
    assert correlation.loc["XOM", "CVX"] > 0.75
    assert correlation.loc["JPM", "BAC"] > 0.75
    assert correlation.loc["XOM", "AMZN"] < 0.6
    assert correlation.loc["NEE", "AMD"] < 0.5


def test_volume_rises_with_the_size_of_the_move_and_lasts(bars, returns):
    volume = bars.pivot_table(index="session", columns="symbol", values="volume")[list(STOCKS)]
    ratio = volume / volume.rolling(20).mean().shift()
    large = returns[list(STOCKS)].abs() > 3 * returns[list(STOCKS)].std()
    assert ratio[large].stack().median() > 1.5
    assert ratio[large.shift(1, fill_value=False)].stack().median() > 1.1
    assert 0.05 < (ratio > 1.5).stack().mean() < 0.2


def test_one_split_restates_the_price_and_the_volume(feed):
    (day, shares), actions = MEASURED_SPLITS["AAPL"], feed.fetch(list(STOCKS), FIRST, LAST).actions
    splits = actions[actions["kind"] == "split"]
    assert [(one.symbol, one.session.date(), one.value) for one in splits.itertuples()] == [
        ("AAPL", day, shares)
    ]
    stock = generate_stock("AAPL", MADE)
    at = int(np.searchsorted(stock.days, np.datetime64(day)))
    assert stock.close[at, 0] / stock.close[at - 1, 0] == pytest.approx(1 / shares, rel=0.1)
    volume = stock.volume[:, 0]
    assert np.nanmedian(volume[at : at + 60]) > 2 * np.nanmedian(volume[at - 60 : at])


def test_dividends_are_what_was_measured_of_them(feed):
    fetched = feed.fetch(["KO", "AMZN"], FIRST, LAST)
    paid = fetched.actions[fetched.actions["kind"] == "dividend"]
    assert set(paid["symbol"]) == {"KO"}
    close = fetched.bars[fetched.bars["symbol"] == "KO"].set_index("session")["close"]
    years = len(close) / 252
    yields = paid["value"].sum() / close.mean() / years
    assert yields == pytest.approx(STOCKS["KO"].dividend_yield, rel=0.1)


def test_a_few_bars_come_late_or_never_and_a_stock_that_nobody_asks_for_is_not_made(feed):
    generate_stock.cache_clear()
    feed.fetch(["MCD"], FIRST, LAST)
    assert generate_stock.cache_info().currsize == 1
    stocks = [generate_stock(symbol, MADE) for symbol in STOCKS]
    missing = np.mean([np.isnan(one.close).mean() for one in stocks])
    late = np.mean([one.late.mean() for one in stocks])
    assert 0.0002 < missing < 0.001
    assert 0.002 < late < 0.004
