"""Listings, quotes and days of earnings of the sample market."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.facts import EARNINGS, LISTINGS, MACRO, QUOTES, FactKind
from nightdesk.feeds import make
from nightdesk.feeds.fact_feed import FactFeed, make_facts
from nightdesk.feeds.sample_companies import companies
from nightdesk.feeds.sample_earnings import TWICE
from nightdesk.feeds.sample_facts import FUNDS
from nightdesk.feeds.sample_oddities import RENAMED
from nightdesk.testing import FactFeedContract

NOW = datetime(2026, 11, 30, 23, tzinfo=UTC)
FIRST, LAST = date(2020, 1, 2), date(2023, 12, 29)
SOME = ("AAPL", "KERIS", "GONIT", "REVES", "NEWES")


def at(*moment: int) -> FactFeed:
    return make_facts("sample", now=lambda: datetime(*moment, tzinfo=UTC))


@pytest.fixture(scope="module")
def source() -> FactFeed:
    return make_facts("sample", now=lambda: NOW)


@pytest.fixture(scope="module")
def closes() -> pd.DataFrame:
    """Closes by session and symbol, NaN where there is no bar."""
    bars = make("sample", now=lambda: NOW).fetch((*SOME, "TERIG", "WIDAC"), FIRST, LAST).bars
    return bars.pivot_table(index="session", columns="symbol", values="close")


class SampleFactsContract(FactFeedContract):
    @pytest.fixture
    def feed(self) -> FactFeed:
        return make_facts("sample", now=lambda: NOW)

    @pytest.fixture
    def subjects(self) -> tuple[str, ...]:
        return SOME

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return date(2021, 2, 1), date(2021, 8, 31)


class TestSampleListings(SampleFactsContract):
    @pytest.fixture
    def kind(self) -> FactKind:
        return LISTINGS


class TestSampleQuotes(SampleFactsContract):
    @pytest.fixture
    def kind(self) -> FactKind:
        return QUOTES


class TestSampleEarnings(SampleFactsContract):
    @pytest.fixture
    def kind(self) -> FactKind:
        return EARNINGS


def test_a_kind_that_it_does_not_have_is_refused(source: FactFeed) -> None:
    with pytest.raises(Refused, match="source sample has no macro: it has listings, quotes, earnings"):
        source.fetch(MACRO, ("CPI",), FIRST, LAST)


@pytest.mark.parametrize("kind", [LISTINGS, QUOTES, EARNINGS], ids=lambda one: one.name)
def test_what_was_known_at_an_instant_is_what_is_told_of_it_later(kind: FactKind, source: FactFeed) -> None:
    """Of a source that was asked then, and one that is asked now: the same, in another year's making."""
    then = at(2021, 6, 30, 22, 30)
    symbols = (*SOME, "TERIG", "SARUG", *FUNDS[:2])
    early = then.fetch(kind, symbols, date(2015, 1, 1), date(2021, 12, 31)).rows
    later = source.fetch(kind, symbols, date(2015, 1, 1), date(2021, 12, 31)).rows
    known = later[later["known_at"] <= pd.Timestamp(2021, 6, 30, 22, 30)].reset_index(drop=True)
    assert len(early) > 100
    pd.testing.assert_frame_equal(early, known)


def test_a_company_is_worth_its_shares_times_the_close_of_the_month_s_last_session(
    source: FactFeed, closes: pd.DataFrame
) -> None:
    rows = source.fetch(LISTINGS, SOME, FIRST, LAST).rows
    told = rows[rows["delisted_on"].isna()]
    sessions = get_calendar("XNYS").between(FIRST, LAST).astype("datetime64[s]")
    months = pd.Series(sessions, index=sessions).groupby(sessions.astype("datetime64[M]")).max()
    own = told[told["symbol"] == "KERIS"]
    assert own["day"].tolist() == months.tolist()
    worth = own["shares"].to_numpy() * closes["KERIS"].ffill().loc[own["day"]].to_numpy()
    assert own["market_cap"].to_numpy() == pytest.approx(worth)
    assert set(told["sector"]) == {companies()[one].traits.sector for one in SOME}
    zone = told["known_at"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    assert (zone.dt.tz_localize(None) == told["day"] + pd.Timedelta(days=1)).all()


def test_a_split_changes_the_shares_and_not_what_the_company_is_worth(source: FactFeed) -> None:
    rows = source.fetch(LISTINGS, ("AAPL", "REVES"), date(2019, 1, 2), date(2020, 12, 31)).rows
    shares = rows.pivot_table(index="day", columns="symbol", values="shares")
    assert shares["AAPL"].iloc[-1] == pytest.approx(4 * shares["AAPL"].iloc[0])
    assert shares["REVES"].iloc[-1] == pytest.approx(shares["REVES"].iloc[0] / 10)
    worth = rows.pivot_table(index="day", columns="symbol", values="market_cap")
    assert np.log(worth).diff().abs().max().max() < 0.7


def test_an_end_is_known_from_its_day_on_and_is_no_longer_worth_anything(source: FactFeed) -> None:
    rows = source.fetch(LISTINGS, ("GONIT",), FIRST, LAST).rows
    assert rows["day"].iloc[-1] == rows["delisted_on"].iloc[-1] == pd.Timestamp(2021, 5, 28)
    assert rows["delisted_on"].iloc[:-1].isna().all()
    assert np.isnan(rows["market_cap"].iloc[-1])
    before = at(2021, 5, 28, 21, 0).fetch(LISTINGS, ("GONIT",), FIRST, LAST).rows
    assert before["delisted_on"].isna().all()


def test_a_symbol_that_was_given_up_ends_and_the_new_one_begins(source: FactFeed) -> None:
    rows = source.fetch(LISTINGS, (RENAMED.old, RENAMED.new), date(2025, 1, 2), date(2026, 6, 30)).rows
    old, new = (rows[rows["symbol"] == one] for one in (RENAMED.old, RENAMED.new))
    assert old["delisted_on"].iloc[-1].date() == RENAMED.last
    assert new["day"].iloc[0].date() == RENAMED.day
    assert old["shares"].iloc[0] == new["shares"].iloc[0]
    assert new["delisted_on"].isna().all()


def test_what_nobody_knows_is_no_number(source: FactFeed) -> None:
    rows = source.fetch(LISTINGS, ("NOCAC", "SPY"), FIRST, LAST).rows
    assert rows[["market_cap", "shares"]].isna().all(axis=None)
    assert set(rows[rows["symbol"] == "SPY"]["security"]) == {"fund"}
    assert "nothing of it" in str(source.fetch(QUOTES, ("NOBIC",), FIRST, LAST).missing["NOBIC"])
    assert "has no earnings of it" in str(source.fetch(EARNINGS, ("SPY",), FIRST, LAST).missing["SPY"])


def test_quotes_stand_around_closes_with_the_spread_of_their_stock(
    source: FactFeed, closes: pd.DataFrame
) -> None:
    symbols = ("AAPL", "KERIS", "WIDAC")
    rows = source.fetch(QUOTES, symbols, FIRST, LAST).rows
    assert (rows["ask"] >= rows["bid"] + 0.0099).all()
    assert (rows["bid"] > 0).all()
    for symbol in symbols:
        own = rows[rows["symbol"] == symbol].set_index("session")
        close = closes[symbol].loc[own.index]
        assert ((own["bid"] <= close + 1e-9) & (close <= own["ask"] + 1e-9)).all()
        spread = 2 * (own["ask"] - own["bid"]) / (own["ask"] + own["bid"])
        usual = companies()[symbol].quoted_spread
        assert spread.median() == pytest.approx(usual, rel=0.35), symbol
        lacking = 1 - len(own) / closes[symbol].notna().sum()
        assert 0 <= lacking < 0.01
    sizes = rows[["bid_size", "ask_size"]]
    assert (sizes % 100 == 0).all(axis=None)
    assert sizes.min(axis=None) >= 100
    calendar = get_calendar("XNYS")
    at_close = calendar.closes[np.searchsorted(calendar.sessions, rows["session"].to_numpy("datetime64[D]"))]
    assert (rows["known_at"].to_numpy() == at_close).all()


def test_quotes_are_wider_when_markets_are_in_a_storm(source: FactFeed) -> None:
    rows = source.fetch(QUOTES, ("WIDAC",), date(2018, 1, 2), date(2019, 12, 31)).rows
    spread = pd.Series(2 * (rows["ask"] - rows["bid"]) / (rows["ask"] + rows["bid"])).set_axis(
        rows["session"]
    )
    assert spread.loc["2019-08-12":"2019-09-13"].median() > 1.15 * spread.median()


def test_companies_report_four_times_a_year_and_say_so_a_month_ahead(source: FactFeed) -> None:
    rows = source.fetch(EARNINGS, SOME[:4], date(2016, 1, 1), date(2022, 12, 31)).rows
    first = rows.drop_duplicates(["symbol", "fiscal_end"], keep="first")
    per_year = first[first["symbol"] == "AAPL"].groupby(first["fiscal_end"].dt.year).size()
    assert set(per_year) == {4}
    ahead = (first["report_date"] - first["known_at"]).dt.days
    assert set(ahead) == {29}  # and some hours
    after = (first["report_date"] - first["fiscal_end"]).dt.days
    assert after.between(18, 55).all()
    sessions = get_calendar("XNYS").sessions.astype("datetime64[s]")
    assert rows["report_date"].isin(sessions).all()
    assert set(rows["timing"]) == {"before", "after", ""}


def test_a_few_reports_are_moved_by_a_newer_version_that_is_known_before_they_come(source: FactFeed) -> None:
    symbols = tuple(one for one in companies() if one.startswith(("B", "K", "M")))
    rows = source.fetch(EARNINGS, symbols, date(2016, 1, 1), date(2025, 12, 31)).rows
    versions = rows.groupby(["symbol", "fiscal_end"]).size()
    assert set(versions) == {1, 2}
    assert 0.03 < (versions == 2).mean() < 0.1
    moved = rows[rows.duplicated(["symbol", "fiscal_end"], keep=False)]
    newest = moved.drop_duplicates(["symbol", "fiscal_end"], keep="last")
    oldest = moved.drop_duplicates(["symbol", "fiscal_end"], keep="first")
    assert (newest["known_at"].to_numpy() < newest["report_date"].to_numpy()).all()
    assert (newest["report_date"].to_numpy() != oldest["report_date"].to_numpy()).all()


def test_one_company_reports_two_quarters_on_one_day(source: FactFeed) -> None:
    symbol, quarter = TWICE
    rows = source.fetch(EARNINGS, (symbol,), date(2022, 1, 1), date(2022, 12, 31)).rows
    newest = rows.drop_duplicates("fiscal_end", keep="last").set_index("fiscal_end")["report_date"]
    at_once = newest[newest == newest[pd.Timestamp(quarter)]]
    assert [one.date() for one in at_once.index] == [quarter, date(2022, 9, 30)]


def test_what_is_gone_announces_nothing_more_and_a_new_name_goes_on_with_what_was_announced(
    source: FactFeed,
) -> None:
    gone = source.fetch(EARNINGS, ("GONIT",), date(2015, 1, 1), LAST).rows
    assert gone["known_at"].max() < pd.Timestamp(2021, 5, 29)
    new = source.fetch(EARNINGS, (RENAMED.new,), date(2025, 1, 1), date(2026, 6, 30)).rows
    assert new["known_at"].min() >= pd.Timestamp(RENAMED.day)
    assert new["report_date"].min() >= pd.Timestamp(RENAMED.day)


def test_the_pool_holds_all_that_were_ever_listed_and_nothing_that_is_not_listed_yet(
    source: FactFeed,
) -> None:
    pool = source.pool()
    assert set(pool) == {*companies(), *FUNDS}
    assert len(pool) == len(set(pool)) == 36 + 264 + 1 + 14
    early = at(2020, 6, 30, 23).pool()
    assert {"GONAT", "GONET", RENAMED.old, "NEWAS"} <= set(early)
    assert not {"NEWES", "NEWIS", "NEWOS", RENAMED.new} & set(early)
