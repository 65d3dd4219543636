"""The companies of the sample market that are made up: what each is for, and that none disturbs another."""

import hashlib
import re
from collections import Counter
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from nightdesk.core.names import NameChange
from nightdesk.feeds import Feed, make
from nightdesk.feeds.feed import PRICES
from nightdesk.feeds.sample_companies import MADE_UP, SECTORS, companies
from nightdesk.feeds.sample_oddities import ODDITIES, RENAMED
from nightdesk.feeds.sample_pairs import FOLLOWERS, PLANTED_PAIRS
from nightdesk.feeds.sample_parameters import SYMBOLS
from nightdesk.feeds.sample_stock_parameters import STOCKS
from nightdesk.feeds.sample_stocks import generate_stock
from nightdesk.testing.feed_contract import FeedContract

NOW = datetime(2026, 11, 30, 23, tzinfo=UTC)
FIRST, LAST, MADE = date(2015, 1, 2), date(2026, 11, 30), date(2026, 12, 31)
ARRAYS = ("days", *PRICES, "volume", "late", "dividend", "split")
ENDED = {symbol: one for symbol, one in companies().items() if one.ending}


@pytest.fixture(scope="module")
def feed() -> Feed:
    return make("sample", now=lambda: NOW)


class TestMadeUpStocks(FeedContract):
    @pytest.fixture
    def feed(self) -> Feed:
        return make("sample", now=lambda: NOW)

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("BALOT", "SPLAS", "NEWES", "BTC-USD")

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return date(2022, 1, 3), date(2022, 12, 30)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype == np.float64)


def test_there_are_300_companies_in_eleven_sectors_and_one_former_symbol() -> None:
    made_up = [one for symbol, one in companies().items() if symbol not in STOCKS and symbol != RENAMED.old]
    assert len(made_up) == MADE_UP == 264
    assert len(companies()) == 36 + 264 + 1
    assert set(SECTORS) == {one.traits.sector for one in companies().values()}
    assert min(Counter(one.traits.sector for one in made_up).values()) >= 20


def test_no_symbol_that_is_made_up_is_that_of_a_share() -> None:
    """Of five letters and no class of shares, units, warrants, a fund or a foreign share by its last one."""
    named = set(companies()) - set(STOCKS)
    assert all(re.fullmatch(r"[A-Z]{4}[CGHST]", one) for one in named)
    assert not named & {*SYMBOLS, *STOCKS}


def test_stocks_that_were_measured_are_what_they_were_before_there_were_others() -> None:
    """The digest is of the bits of the 36 as they were before the others were made up."""
    told = hashlib.sha256()
    for symbol in STOCKS:
        market = generate_stock(symbol, MADE)
        for name in (*PRICES, "volume", "dividend", "split"):
            told.update(np.nan_to_num(getattr(market, name)).tobytes())
        told.update(market.late.tobytes())
    assert told.hexdigest() == "db888afacc0b6135441eba93adb974a8d7abca35e70b8589abe56b1cc89c0a85"


@pytest.mark.parametrize(
    "last", [date(2016, 2, 29), date(2019, 11, 15), date(2021, 9, 14), date(2025, 9, 15)]
)
@pytest.mark.parametrize("symbol", ["BALOT", "FOSAT", "GONET", "TERIG", "SARUG", "SPLAS", "TRENC", "NEWES"])
def test_a_longer_span_never_changes_earlier_bars(symbol: str, last: date) -> None:
    part, whole = generate_stock(symbol, last), generate_stock(symbol, MADE)
    assert 0 < len(part.days) < len(whole.days)
    for name in ARRAYS:
        assert same(getattr(part, name), getattr(whole, name)[: len(part.days)]), name


def test_a_stock_asked_for_alone_is_that_asked_for_with_all_others(feed: Feed) -> None:
    together = feed.fetch(tuple(companies()), date(2021, 3, 1), date(2021, 9, 30))
    generate_stock.cache_clear()
    for symbol in ("BALOT", "FOSAT", "NEWES", "WILDC", next(reversed(companies()))):
        alone = feed.fetch([symbol], date(2021, 3, 1), date(2021, 9, 30))
        theirs = together.bars[together.bars["symbol"] == symbol].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.bars, theirs)


def test_bars_are_whole_in_cents_and_lie_within_the_life_of_their_symbol(feed: Feed) -> None:
    bars = feed.fetch(tuple(companies()), FIRST, LAST).bars
    prices = bars[list(PRICES)]
    assert prices.notna().all(axis=None)
    assert (prices > 0).all(axis=None)
    assert (prices == prices.round(2)).all(axis=None)
    assert (bars["high"] >= prices.max(axis=1)).all()
    assert (bars["low"] <= prices.min(axis=1)).all()
    assert (bars["volume"] > 0).all()
    life = bars.groupby("symbol")["session"].agg(["min", "max"])
    for symbol, one in companies().items():
        # a bar of the first or last session may be among those that never come
        assert abs((life.loc[symbol, "min"].date() - (one.first or FIRST)).days) < 5, symbol
        end = one.ending.last if one.ending else LAST
        assert 0 <= (end - life.loc[symbol, "max"].date()).days < 6, symbol


def test_six_companies_leave_the_exchange_and_the_action_says_what_they_pay(feed: Feed) -> None:
    gone = {symbol: one.ending for symbol, one in ENDED.items() if symbol != RENAMED.old}
    assert len(gone) == 6
    fetched = feed.fetch(tuple(gone), FIRST, LAST)
    ends = fetched.actions[fetched.actions["kind"].isin(["merger", "delisting"])].set_index("symbol")
    assert set(gone) - set(ends.index) == {"GONUT"}
    for symbol, end in ends.iterrows():
        own = fetched.bars[fetched.bars["symbol"] == symbol]
        assert own["session"].max() < end["session"]
        assert end["kind"] == gone[symbol].kind
        assert end["cash"] == pytest.approx(gone[symbol].pays * own["close"].iloc[-1], abs=0.006)
        assert end["value"] == 0.0


def test_what_goes_bankrupt_has_fallen_before(feed: Feed) -> None:
    for symbol in ("GONET", "GONOT"):
        close = generate_stock(symbol, MADE).close[:, 0]
        there = close[np.isfinite(close)]
        assert there[-1] < 0.4 * there[-122]


def test_a_company_that_is_renamed_has_one_history_under_two_symbols(feed: Feed) -> None:
    change = NameChange(RENAMED.old, RENAMED.new, np.datetime64(RENAMED.day))
    assert feed.former_names(RENAMED.new) == (change,)
    assert feed.former_names(RENAMED.old) == ()
    fetched = feed.fetch([RENAMED.old, RENAMED.new], FIRST, LAST)
    stated = fetched.actions[fetched.actions["kind"] == "symbol_change"]
    assert stated[["symbol", "value", "other"]].to_numpy().tolist() == [[RENAMED.old, 1.0, RENAMED.new]]
    assert [one.date() for one in stated["session"]] == [RENAMED.day]
    close = fetched.bars.set_index("session")["close"]
    assert close.index.is_unique
    around = np.log(close).sort_index().loc["2025-08-15":"2025-10-15"].diff()
    assert around.abs().max() < 0.1
    before = make("sample", now=lambda: datetime(2025, 9, 12, 23, tzinfo=UTC))
    assert before.former_names(RENAMED.new) == ()
    assert RENAMED.new in before.fetch([RENAMED.new], FIRST, LAST).missing


@pytest.mark.parametrize("symbol", ["SPLAS", "SPLES", "REVES"])
def test_a_split_restates_price_and_volume_and_what_the_company_is_worth_goes_on(symbol: str) -> None:
    stock = generate_stock(symbol, MADE)
    for day, shares in companies()[symbol].splits:
        at = int(np.searchsorted(stock.days, np.datetime64(day)))
        assert stock.split[at, 0] == shares
        assert stock.close[at, 0] / stock.close[at - 1, 0] == pytest.approx(1 / shares, rel=0.2)
        after, before = stock.volume[at : at + 60, 0], stock.volume[at - 60 : at, 0]
        assert np.nanmedian(after) / np.nanmedian(before) == pytest.approx(shares, rel=0.6)


@pytest.mark.parametrize("symbol", ["PENOC", "BALOT", "REVES"])
def test_hours_of_a_stock_that_is_made_up_add_up_to_its_bar(feed: Feed, symbol: str) -> None:
    span = date(2026, 11, 2), date(2026, 11, 27)
    hours, bars = feed.fetch_hours([symbol], *span).bars, feed.fetch([symbol], *span).bars
    of_day = hours.groupby("session").agg({"high": "max", "low": "min", "close": "last", "volume": "sum"})
    whole = bars.set_index("session")[list(of_day)].loc[of_day.index]
    assert len(of_day) >= 18
    # an hour may never have come
    assert ((of_day == whole).all(axis=1)).mean() > 0.9


def test_each_oddity_is_odd_in_what_it_is_for_and_others_are_not() -> None:
    def usual(symbol: str, what: str) -> float:
        stock = generate_stock(symbol, MADE)
        if what == "dollars":
            return float(np.nanmedian(stock.close * stock.volume))
        if what == "range":
            return float(np.nanmedian((stock.high - stock.low) / stock.close))
        return float(np.nanmedian(stock.close))

    found = companies()
    assert np.nanmax(generate_stock("PENOC", MADE).close) < 5
    assert np.nanmin(generate_stock("HODEC", MADE).close) > 500
    assert usual("TINUC", "dollars") < 500_000
    assert found["WIDAC"].quoted_spread > 0.002
    assert found["SMOLC"].shares * np.nanmax(generate_stock("SMOLC", MADE).close) < 1e8
    assert (found["OTICS"].exchange, found["FUNDC"].security) == ("OTC", "fund")
    assert usual("QUIEC", "range") < 0.005
    assert usual("WILDC", "range") > 0.05
    assert not found["NOCAC"].cap_known
    assert np.isnan(found["NOBIC"].quoted_spread)
    plain = [one for one in found if one not in {*STOCKS, *ODDITIES, RENAMED.old}]
    passing = [
        one
        for one in plain
        if 5 < usual(one, "close") < 500
        and usual(one, "dollars") > 1e6
        and 0.01 < usual(one, "range") < 0.05
        and found[one].security == "common"
    ]
    assert len(passing) > 0.95 * len(plain)


def test_a_trend_goes_on_for_half_a_year() -> None:
    close = np.log(generate_stock("TRENC", MADE).close[:, 0])
    move = close[20:] - close[:-20]
    size = np.abs(move[np.isfinite(move)])
    assert np.median(size) > 0.09
    other = np.log(generate_stock("QUIEC", MADE).close[:, 0])
    assert np.nanmedian(np.abs(other[20:] - other[:-20])) < 0.03


def value_with_payments(symbol: str) -> np.ndarray:
    """The log of what one share has become with what it paid; of shape (n_sessions,)."""
    stock = generate_stock(symbol, MADE)
    close = pd.Series(stock.close[:, 0]).ffill().to_numpy()
    grown = np.log((close[1:] + stock.dividend[1:, 0]) * stock.split[1:, 0] / close[:-1])
    return np.concatenate([[0.0], np.cumsum(grown)])


@pytest.mark.parametrize(
    "pair", [one for one in PLANTED_PAIRS if one.broken_on is None], ids=lambda one: one.a
)
def test_a_planted_pair_has_the_beta_the_half_life_and_the_spread_that_it_is_said_to_have(pair) -> None:
    a, b = value_with_payments(pair.a), value_with_payments(pair.b)
    beta, alpha = np.polyfit(b, a, 1)
    assert beta == pytest.approx(pair.beta, abs=0.03)
    spread = a - alpha - beta * b
    kept = (spread[1:] @ spread[:-1]) / (spread[:-1] @ spread[:-1])
    assert np.log(0.5) / np.log(kept) == pytest.approx(pair.half_life, rel=0.25)
    assert spread.std() == pytest.approx(pair.deviation, rel=0.12)
    # Dickey and Fuller's statistic; -3.9 is Engle and Granger's value at 1 % (MacKinnon 2010)
    step, level = np.diff(spread), spread[:-1]
    slope = (level @ step) / (level @ level)
    error = np.sqrt(((step - slope * level) ** 2).sum() / (len(step) - 1) / (level @ level))
    assert slope / error < -6.0
    returns = np.corrcoef(np.diff(a), np.diff(b))[0, 1]
    assert returns > 0.78
    windows = [spread[end - 60 : end].std() for end in range(300, len(spread), 60)]
    assert np.percentile(windows, 5) > 0.0095


@pytest.mark.parametrize("pair", [one for one in PLANTED_PAIRS if one.broken_on], ids=lambda one: one.a)
def test_a_pair_that_breaks_belongs_together_up_to_that_day_and_no_longer(pair) -> None:
    a, b = value_with_payments(pair.a), value_with_payments(pair.b)
    at = int(np.searchsorted(generate_stock(pair.a, MADE).days, np.datetime64(pair.broken_on)))
    spread = a - pair.beta * b
    spread -= spread[:at].mean()
    assert np.abs(spread[:at]).max() < 5 * pair.deviation
    assert np.abs(spread[at + 14 : at + 20]).min() > 3 * pair.deviation


def test_a_pair_lies_within_a_sector_but_for_a_few_and_its_legs_are_worth_about_the_same() -> None:
    found = companies()
    across = [one for one in PLANTED_PAIRS if found[one.a].traits.sector != found[one.b].traits.sector]
    assert len(PLANTED_PAIRS) == len(FOLLOWERS) == 20
    assert len({leg for one in PLANTED_PAIRS for leg in (one.a, one.b)}) == 40
    assert len(across) == 3
    assert all(0.7 <= one.beta <= 1.4 and 5 <= one.half_life <= 20 for one in PLANTED_PAIRS)
    for pair in PLANTED_PAIRS:
        worth = [found[leg].shares * generate_stock(leg, MADE).close[:, 0] for leg in (pair.a, pair.b)]
        apart = np.abs(np.log(worth[0] / worth[1]))
        assert np.nanmean(apart < np.log(2)) > 0.85, pair


def test_no_two_companies_outside_of_a_pair_belong_together_by_chance_of_their_numbers() -> None:
    """Each has random numbers of its own: residuals of returns that are not planted hardly correlate."""
    plain = [one for one in companies() if one not in {*STOCKS, *ODDITIES, RENAMED.old, *FOLLOWERS}]
    moves = np.diff(np.column_stack([value_with_payments(one) for one in plain]), axis=0)
    assert np.triu(np.corrcoef(moves.T), 1).max() < 0.9
