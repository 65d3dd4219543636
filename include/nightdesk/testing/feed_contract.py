"""What every feed promises, as tests that each feed's own test class inherits."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from nightdesk.feeds.feed import ACTION_COLUMNS, BAR_COLUMNS, PRICES, Feed, Fetched


class FeedContract:
    """A class below it gives the fixtures `feed`, `symbols` (with a crypto symbol) and `span`."""

    @pytest.fixture
    def fetched(self, feed: Feed, symbols: tuple[str, ...], span: tuple[date, date]) -> Fetched:
        return feed.fetch(symbols, *span)

    def test_bars_come_in_the_canonical_columns_types_and_order(self, fetched: Fetched) -> None:
        bars = fetched.bars
        assert tuple(bars.columns) == BAR_COLUMNS
        assert bars["session"].dtype == "datetime64[s]"
        assert all(bars[name].dtype == "float64" for name in (*PRICES, "volume"))
        assert bars.equals(bars.sort_values(["symbol", "session"], ignore_index=True))
        assert len(bars) > 0

    def test_actions_come_in_the_canonical_columns(self, fetched: Fetched) -> None:
        assert tuple(fetched.actions.columns) == ACTION_COLUMNS
        assert set(fetched.actions["kind"]) <= {"split", "dividend", "capital_gain", "adjustment"}

    def test_no_symbol_has_two_bars_of_a_day(self, fetched: Fetched) -> None:
        assert not fetched.bars.duplicated(["symbol", "session"]).any()

    def test_bars_lie_within_the_span(self, fetched: Fetched, span: tuple[date, date]) -> None:
        days = pd.concat([fetched.bars["session"], fetched.actions["session"]]).dt.date
        assert span[0] <= days.min() <= days.max() <= span[1]

    def test_only_continuous_markets_have_bars_off_the_sessions(self, feed: Feed, fetched: Fetched) -> None:
        day = fetched.bars["session"].to_numpy().astype("datetime64[D]")
        off = fetched.bars["symbol"][~np.isin(day, feed.calendar.sessions)]
        assert set(off) == {"BTC-USD"}

    def test_an_unknown_symbol_is_missing_with_a_reason_and_loses_nothing_else(
        self, feed: Feed, symbols: tuple[str, ...], span: tuple[date, date], fetched: Fetched
    ) -> None:
        answer = feed.fetch((*symbols, "NOSUCH"), *span)
        assert set(answer.missing) == {"NOSUCH"}
        assert str(answer.missing["NOSUCH"])
        pd.testing.assert_frame_equal(answer.bars, fetched.bars)

    def test_asking_again_gives_the_same(
        self, feed: Feed, symbols: tuple[str, ...], span: tuple[date, date], fetched: Fetched
    ) -> None:
        again = feed.fetch(symbols, *span)
        pd.testing.assert_frame_equal(again.bars, fetched.bars)
        pd.testing.assert_frame_equal(again.actions, fetched.actions)
