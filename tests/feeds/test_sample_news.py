"""The sample's headlines: made up, and the same for ever."""

from datetime import UTC, date, datetime

import pandas as pd
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.feeds.news import NewsFeed, by_kind, one_frame
from nightdesk.feeds.news_sources import make_news
from nightdesk.feeds.sample_news import SampleNews
from nightdesk.scorers import make
from nightdesk.testing.news_contract import NewsContract

NOW = datetime(2024, 3, 8, 22, tzinfo=UTC)
SPAN = (datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 3, 8, 21, tzinfo=UTC))


class TestSampleNews(NewsContract):
    @pytest.fixture
    def feed(self) -> NewsFeed:
        return SampleNews(now=lambda: NOW)

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("AAPL", "XOM", "BTC-USD")

    @pytest.fixture
    def span(self) -> tuple[datetime, datetime]:
        return SPAN


def test_every_headline_says_that_it_is_sample():
    headlines = make_news("sample").fetch(("AAPL",), *SPAN).headlines
    assert headlines["headline"].str.startswith("[sample] ").all()
    assert set(headlines["source"]) == {"sample"}


def test_a_later_day_changes_no_earlier_headline():
    early = SampleNews(now=lambda: NOW).fetch(("AAPL", "JPM"), *SPAN).headlines
    late = SampleNews(now=lambda: datetime(2026, 3, 8, tzinfo=UTC)).fetch(("JPM", "AAPL"), *SPAN).headlines
    pd.testing.assert_frame_equal(early, late)


def test_nothing_comes_from_a_session_that_is_not_complete():
    until = datetime(2030, 1, 1, tzinfo=UTC)
    newest = SampleNews(now=lambda: datetime(2024, 3, 8, 18, tzinfo=UTC)).fetch(("AAPL",), SPAN[0], until)
    closed = get_calendar().close_at(date(2024, 3, 7)).replace(tzinfo=None)
    assert newest.headlines["published_at"].max() <= pd.Timestamp(closed)


def test_symbols_differ_and_their_headlines_are_good_bad_and_neither():
    headlines = (
        make_news("sample").fetch(("AAPL", "JPM"), datetime(2020, 1, 2, tzinfo=UTC), SPAN[1]).headlines
    )
    score = pd.Series(make("lexicon").score(list(headlines["headline"])))
    assert 0.15 < (score > 0.3).mean() < 0.6
    assert 0.15 < (score < -0.3).mean() < 0.6
    assert 0.1 < (score == 0).mean() < 0.6
    by_symbol = headlines.groupby("symbol")["published_at"].apply(set)
    assert len(by_symbol["AAPL"] & by_symbol["JPM"]) < 5


def test_each_headline_is_of_its_own_symbol_alone_though_the_numbers_of_articles_repeat():
    symbols = ("AAPL", "JPM", "MSFT", "XOM")
    after, until = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    feed = SampleNews()
    told = one_frame(by_kind([feed], [feed.fetch(symbols, after, until)]))
    assert told.duplicated("article").any()
    assert set(told["symbols"]) == {1}
