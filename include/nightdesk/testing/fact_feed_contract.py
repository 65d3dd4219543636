"""What every source of facts promises, as tests that each one's own test class inherits."""

from __future__ import annotations

from datetime import UTC, date, timedelta

import pandas as pd
import pytest

from nightdesk.core.facts import FactKind
from nightdesk.feeds.fact_checks import check_facts
from nightdesk.feeds.fact_feed import FactFeed, FetchedFacts, fact_frame


class FactFeedContract:
    """A class below it gives the fixtures `feed`, `kind`, `subjects` and `span` (two days, facts between)."""

    @pytest.fixture
    def fetched(
        self, feed: FactFeed, kind: FactKind, subjects: tuple[str, ...], span: tuple[date, date]
    ) -> FetchedFacts:
        return feed.fetch(kind, subjects, *span)

    def test_facts_come_in_the_canonical_columns_types_and_order(
        self, fetched: FetchedFacts, kind: FactKind
    ) -> None:
        assert len(fetched.rows) > 1
        pd.testing.assert_frame_equal(fetched.rows, fact_frame(kind, fetched.rows))

    def test_facts_are_sound(
        self, feed: FactFeed, fetched: FetchedFacts, kind: FactKind, subjects: tuple[str, ...]
    ) -> None:
        check_facts(kind, fetched.rows, subjects, feed.name)
        assert kind in feed.kinds

    def test_nothing_is_known_later_than_now(self, feed: FactFeed, fetched: FetchedFacts) -> None:
        now = pd.Timestamp(feed.now().astimezone(UTC).replace(tzinfo=None))
        assert (fetched.rows["known_at"] <= now).all()

    def test_every_subject_has_facts_or_a_reason(
        self, fetched: FetchedFacts, kind: FactKind, subjects: tuple[str, ...]
    ) -> None:
        assert {*fetched.rows[kind.subject], *fetched.missing} == set(subjects)

    def test_only_facts_of_the_span_come(
        self, fetched: FetchedFacts, kind: FactKind, span: tuple[date, date]
    ) -> None:
        day_of_it = fetched.rows[kind.day].dt.date.between(*span)
        # Known in the span by the clock of the exchange or by UTC.
        known = fetched.rows["known_at"].dt.date.between(span[0], span[1] + timedelta(days=1))
        assert (day_of_it | known).all()

    def test_a_subject_that_is_none_is_missing_and_loses_no_other(
        self,
        feed: FactFeed,
        kind: FactKind,
        subjects: tuple[str, ...],
        span: tuple[date, date],
        fetched: FetchedFacts,
    ) -> None:
        found = feed.fetch(kind, (*subjects, "NOSUCH0"), *span)
        assert "NOSUCH0" in found.missing
        columns = [name for name in kind.columns if name != "known_at"]
        pd.testing.assert_frame_equal(found.rows[columns], fetched.rows[columns])
