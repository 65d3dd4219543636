from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from nightdesk.feeds import Feed, make
from nightdesk.feeds.feed import PRICES
from nightdesk.feeds.sample_market import SampleMarket, generate
from nightdesk.feeds.sample_parameters import SYMBOLS
from nightdesk.feeds.sample_process import CRASHES
from nightdesk.testing.feed_contract import FeedContract

NOW = datetime(2026, 6, 30, 23, tzinfo=UTC)
FIRST, LAST = date(2015, 1, 2), date(2026, 6, 30)


@pytest.fixture(scope="module")
def market() -> SampleMarket:
    return generate(date(2026, 12, 31))


@pytest.fixture(scope="module")
def feed() -> Feed:
    return make("sample", now=lambda: NOW)


@pytest.fixture(scope="module")
def returns(feed: Feed) -> pd.DataFrame:
    """Log returns with dividends and splits, NaN where a symbol has no bar."""
    fetched = feed.fetch(tuple(SYMBOLS), FIRST, LAST)
    close = fetched.bars.pivot_table(index="session", columns="symbol", values="close")
    actions = fetched.actions.pivot_table(index="session", columns="symbol", values="value")
    kind = fetched.actions.pivot_table(index="session", columns="symbol", values="kind", aggfunc="first")
    laid = actions.reindex(index=close.index, columns=close.columns)
    is_split = (kind == "split").reindex(index=close.index, columns=close.columns, fill_value=False)
    split, cash = laid.where(is_split).fillna(1.0), laid.where(~is_split).fillna(0.0)
    sessions = close["SPY"].notna()
    out = np.log((close + cash) * split / close.shift())
    out.loc[~sessions, [name for name in SYMBOLS if name != "BTC-USD"]] = np.nan
    on_sessions = np.log(((close + cash) * split)[sessions] / close[sessions].ffill().shift())
    funds = [name for name in SYMBOLS if name != "BTC-USD"]
    out.loc[sessions, funds] = on_sessions[funds]
    return out


class TestSampleFeed(FeedContract):
    @pytest.fixture
    def feed(self) -> Feed:
        return make("sample", now=lambda: NOW)

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("SPY", "BTC-USD", "QQQ", "^VIX")

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return date(2021, 1, 4), date(2021, 12, 31)


@pytest.mark.parametrize("last", [date(2015, 3, 2), date(2019, 8, 20), date(2025, 3, 10), date(2025, 12, 31)])
def test_a_longer_span_never_changes_earlier_bars(market, last):
    part = generate(last)
    length = len(part.days)
    for name in (*PRICES, "volume", "late", "dividend", "split"):
        assert np.array_equal(
            getattr(part, name), getattr(market, name)[:length], equal_nan=name not in ("late",)
        )


def test_it_reaches_to_the_newest_completed_session_on_any_date(feed):
    assert feed.fetch(["SPY"], date(2026, 6, 1), date(2030, 1, 1)).bars["session"].max().date() == LAST
    at_noon = make("sample", now=lambda: datetime(2026, 6, 30, 16, tzinfo=UTC))
    assert at_noon.fetch(["SPY"], date(2026, 6, 1), LAST).bars["session"].max().date() == date(2026, 6, 29)


def test_every_row_says_that_it_is_sample_data(feed):
    fetched = feed.fetch(["SPY", "BTC-USD"], date(2024, 1, 1), date(2024, 12, 31))
    assert set(fetched.bars["source"]) == set(fetched.actions["source"]) == {"sample"}


def test_bars_are_whole_and_in_cents(market):
    prices = np.stack([market.open, market.high, market.low, market.close])
    there = np.isfinite(market.close)
    assert np.isfinite(prices[:, there]).all()
    assert (market.high[there] >= np.maximum(market.open, market.close)[there]).all()
    assert (market.low[there] <= np.minimum(market.open, market.close)[there]).all()
    assert (prices[:, there] > 0).all()
    assert np.array_equal(prices[:, there], np.round(prices[:, there], 2))
    assert (market.volume[:, :-1][there[:, :-1]] > 0).all()


def test_bitcoin_trades_on_all_seven_days(feed):
    bars = feed.fetch(["BTC-USD"], date(2024, 1, 1), date(2024, 12, 31)).bars
    assert len(bars) == 366


def test_volatilities_and_correlations_are_those_measured(returns):
    for name, measured in SYMBOLS.items():
        a_year = 365.25 if name == "BTC-USD" else 252
        volatility = returns[name].std() * np.sqrt(a_year)
        assert volatility == pytest.approx(measured.volatility, rel=0.2), name
    correlation = returns.corr()
    for one, other, expected in [("QQQ", "SPY", 0.92), ("TLT", "SPY", -0.33), ("SLV", "GLD", 0.8)]:
        assert correlation.loc[one, other] == pytest.approx(expected, abs=0.12), (one, other)


def test_tails_are_fat_and_volatility_clusters(returns):
    spy = returns["SPY"].dropna()
    assert spy.kurt() > 3
    assert spy.abs().autocorr(1) > 0.1
    assert spy.abs().rolling(21).mean().max() > 4 * spy.abs().rolling(21).mean().min()


def test_correlations_rise_when_the_vix_is_high(market, returns):
    vix = pd.Series(market.close[:, -1], index=market.days.astype("datetime64[s]")).reindex(returns.index)
    pairs = [("EEM", "SPY"), ("DBC", "SPY"), ("BTC-USD", "SPY")]
    for one, other in pairs:
        calm, stressed = returns[vix < 20].corr(), returns[vix > 30].corr()
        assert stressed.loc[one, other] > calm.loc[one, other] + 0.05, (one, other)


def test_the_vix_answers_crashes_and_comes_back(market):
    vix, spy = market.close[:, -1], market.close[:, market.symbols.index("SPY")]
    quiet = np.nanmedian(vix)
    assert 13 < quiet < 19
    assert np.nanmin(vix) >= 10
    assert np.nanmax(vix) <= 80
    for start, end in CRASHES:
        at, to = (int(np.searchsorted(market.days, np.datetime64(day))) for day in (start, end))
        assert spy[to] / spy[at] - 1 < -0.15
        assert np.nanmax(vix[at : to + 1]) > 40
        assert np.nanmedian(vix[to + 150 : to + 250]) < 30
    moves = np.diff(np.log(vix[np.isfinite(vix)])), np.diff(np.log(spy[np.isfinite(vix)]))
    assert np.corrcoef(*moves)[0, 1] < -0.6


def test_dividends_come_each_quarter_and_one_split_restates_the_price(feed, market):
    actions = feed.fetch(tuple(SYMBOLS), FIRST, LAST).actions
    dividends = actions[(actions["kind"] == "dividend") & (actions["symbol"] == "SPY")]
    assert sorted(set(dividends["session"].dt.month)) == [3, 6, 9, 12]
    assert len(dividends) == 46
    splits = actions[actions["kind"] == "split"]
    assert splits[["symbol", "value"]].to_numpy().tolist() == [["QQQ", 2.0]]
    at = int(np.searchsorted(market.days, splits["session"].to_numpy()[0]))
    price = market.close[:, market.symbols.index("QQQ")]
    assert price[at] / price[at - 3] == pytest.approx(0.5, rel=0.1)


def test_a_few_bars_are_missing_for_good_but_never_those_of_the_references(market):
    sessions = np.isfinite(market.close[:, -1])
    gone = ~np.isfinite(market.close[sessions])
    share = gone[:, :-1].mean()
    assert 0 < share < 0.002
    spared = [market.symbols.index(name) for name in ("SPY", "^VIX", "BTC-USD")]
    assert not gone[:, spared].any()
    assert not market.late[:, spared].any()


def test_a_late_bar_is_not_there_on_its_own_session_and_is_at_the_next(feed, market):
    t, n = np.argwhere(market.late)[-40]
    symbol, day = market.symbols[n], market.days[t].item()
    assert str(feed.fetch([symbol], day, day).missing[symbol]).startswith(f"no bar from {day} to {day}")
    later = feed.calendar.shift(day, 1)
    assert feed.fetch([symbol], day, later).bars["session"].dt.date.tolist() == [day, later]


def test_before_its_first_day_there_is_nothing(feed):
    missing = feed.fetch(["SPY"], date(2010, 1, 4), date(2010, 2, 1)).missing
    assert str(missing["SPY"]).endswith("(the sample market holds 2015-01-02 to 2026-06-30)")
