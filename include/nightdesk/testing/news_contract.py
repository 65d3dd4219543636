"""What every source of headlines promises, as tests that each one's own test class inherits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from nightdesk.feeds.news import NEWS_COLUMNS, News, NewsFeed


class NewsContract:
    """A class below it gives the fixtures `feed`, `symbols` and `span` (two instants with news between)."""

    @pytest.fixture
    def fetched(self, feed: NewsFeed, symbols: tuple[str, ...], span: tuple[datetime, datetime]) -> News:
        return feed.fetch(symbols, *span)

    def test_headlines_come_in_the_canonical_columns_types_and_order(self, fetched: News) -> None:
        headlines = fetched.headlines
        assert tuple(headlines.columns) == NEWS_COLUMNS
        assert headlines["published_at"].dtype == "datetime64[us]"
        assert headlines.equals(
            headlines.sort_values(["published_at", "symbol", "article"], ignore_index=True)
        )
        assert len(headlines) > 2
        assert fetched.failure is None
        for name in NEWS_COLUMNS:
            assert headlines[name].notna().all()
        assert (headlines["headline"].str.strip() != "").all()

    def test_no_symbol_has_an_article_twice(self, fetched: News) -> None:
        assert not fetched.headlines.duplicated(["symbol", "article"]).any()

    def test_only_wanted_symbols_come(self, fetched: News, symbols: tuple[str, ...]) -> None:
        assert set(fetched.headlines["symbol"]) <= set(symbols)

    def test_a_span_holds_its_end_and_not_its_beginning(
        self, feed: NewsFeed, symbols: tuple[str, ...], fetched: News
    ) -> None:
        moments = fetched.headlines["published_at"].drop_duplicates()
        first, last = (one.to_pydatetime().replace(tzinfo=UTC) for one in (moments.iloc[0], moments.iloc[-1]))
        cut = feed.fetch(symbols, first, last).headlines["published_at"].drop_duplicates()
        assert cut.tolist() == moments.iloc[1:].tolist()
        assert not len(feed.fetch(symbols, last, last + timedelta(microseconds=1)).headlines)

    def test_asking_again_gives_the_same_and_parts_add_up(
        self, feed: NewsFeed, symbols: tuple[str, ...], span: tuple[datetime, datetime], fetched: News
    ) -> None:
        pd.testing.assert_frame_equal(feed.fetch(symbols, *span).headlines, fetched.headlines)
        middle = span[0] + (span[1] - span[0]) / 2
        parts = [feed.fetch(symbols, span[0], middle), feed.fetch(symbols, middle, span[1])]
        together = pd.concat([one.headlines for one in parts], ignore_index=True)
        pd.testing.assert_frame_equal(together, fetched.headlines)

    def test_without_symbols_nothing_comes(
        self, feed: NewsFeed, span: tuple[datetime, datetime], fetched: News
    ) -> None:
        nothing = feed.fetch((), *span).headlines
        assert tuple(nothing.columns) == NEWS_COLUMNS
        assert len(nothing) == 0
        assert np.array_equal(nothing.dtypes, fetched.headlines.dtypes)
