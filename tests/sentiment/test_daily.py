"""From headlines to sessions: which session a headline belongs to, and its mean."""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.sentiment import Headlines, Sentiment, daily_sentiment, labels_of, weights_of

NEW_YORK = ZoneInfo("America/New_York")


def told(*rows: tuple[datetime, float], column: int = 0, stories: list[int] | None = None) -> Headlines:
    moments = [moment.astimezone(ZoneInfo("UTC")).replace(tzinfo=None) for moment, _ in rows]
    return Headlines(
        column=np.full(len(rows), column, dtype=np.intp),
        published=np.array(moments, dtype="datetime64[us]"),
        story=np.arange(len(rows)) if stories is None else np.array(stories),
        score=np.array([score for _, score in rows]),
    )


def by_session(headlines: Headlines, first: date, last: date, symbols: int = 1) -> Sentiment:
    calendar = get_calendar()
    at = np.searchsorted(calendar.sessions, calendar.between(first, last))
    return daily_sentiment(headlines, calendar.closes[at], calendar.closes[at[0] - 1], symbols)


def moment(text: str, zone: str = "America/New_York") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("published", "session"),
    [
        (moment("2024-03-08T09:00"), "2024-03-08"),
        (moment("2024-03-08T16:00:00"), "2024-03-08"),  # at the close
        (moment("2024-03-08T16:00:01"), "2024-03-11"),  # Friday evening
        (moment("2024-03-10T12:00"), "2024-03-11"),  # Sunday on which the clocks change
        (moment("2024-03-11T16:00"), "2024-03-11"),  # the close is an hour earlier in UTC
        (moment("2024-03-11T20:00:01", "UTC"), "2024-03-12"),
        (moment("2024-03-12T05:00", "Asia/Tokyo"), "2024-03-11"),
        (moment("2024-03-29T12:00"), "2024-04-01"),  # Good Friday
        (moment("2024-07-03T13:00"), "2024-07-03"),  # an early close
        (moment("2024-07-03T13:00:01"), "2024-07-05"),  # after it, before the holiday
        (moment("2024-11-29T14:30"), "2024-12-02"),  # the short day after Thanksgiving
    ],
)
def test_a_headline_belongs_to_the_first_session_that_closes_at_or_after_it(
    published: datetime, session: str
) -> None:
    first, last = date(2024, 3, 1), date(2024, 12, 31)
    count = by_session(told((published, 0.5)), first, last).count[:, 0]
    assert [str(one) for one in get_calendar().between(first, last)[count > 0]] == [session]


def test_the_sentiment_is_the_mean_of_the_session_and_missing_without_headlines() -> None:
    headlines = told(
        (moment("2024-03-04T10:00"), 0.5),
        (moment("2024-03-04T11:00"), -0.1),
        (moment("2024-03-06T09:00"), -0.8),
    )
    sentiment = by_session(headlines, date(2024, 3, 4), date(2024, 3, 6), symbols=2)
    np.testing.assert_array_equal(sentiment.mean, [[0.2, np.nan], [np.nan, np.nan], [-0.8, np.nan]])
    assert sentiment.count.tolist() == [[2, 0], [0, 0], [1, 0]]


def test_a_repetition_does_not_count_in_any_session() -> None:
    headlines = told(
        (moment("2024-03-04T10:00"), 0.5),
        (moment("2024-03-04T12:00"), -0.5),
        (moment("2024-03-05T10:00"), 0.9),
        stories=[1, 1, 1],
    )
    sentiment = by_session(headlines, date(2024, 3, 4), date(2024, 3, 5))
    assert sentiment.count[:, 0].tolist() == [1, 0]
    assert sentiment.mean[0, 0] == 0.5


def test_what_lies_outside_of_the_panel_is_left_out() -> None:
    headlines = told((moment("2024-03-01T16:00"), 0.5), (moment("2024-03-05T16:00:01"), 0.5))
    assert by_session(headlines, date(2024, 3, 4), date(2024, 3, 5)).count.sum() == 0


def test_no_headline_at_all_gives_no_sentiment() -> None:
    sentiment = by_session(told(), date(2024, 3, 4), date(2024, 3, 8), symbols=3)
    assert np.isnan(sentiment.mean).all()
    assert sentiment.mean.shape == (5, 3)


def random_headlines(seed: int) -> Headlines:
    rng, n = np.random.default_rng(seed), 3_000
    seconds = np.sort(rng.integers(0, 180 * 86_400, n))
    return Headlines(
        column=rng.integers(0, 4, n),
        published=np.datetime64("2024-01-02T00:00", "us") + seconds.astype("timedelta64[s]"),
        story=rng.integers(0, 40, n),
        score=np.round(rng.uniform(-1, 1, n), 4),
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_in_which_headlines_come_changes_no_bit(seed: int) -> None:
    headlines, span = random_headlines(seed), (date(2024, 1, 3), date(2024, 6, 28))
    whole = by_session(headlines, *span, symbols=4)
    order = np.random.default_rng(seed).permutation(len(headlines))
    shuffled = Headlines(
        headlines.column[order], headlines.published[order], headlines.story[order], headlines.score[order]
    )
    again = by_session(shuffled, *span, symbols=4)
    np.testing.assert_array_equal(again.mean, whole.mean)
    assert 100 < whole.count.sum() < len(headlines), "without repetitions this shows nothing of them"


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("last", [date(2024, 1, 3), date(2024, 2, 20), date(2024, 6, 3)])
def test_a_session_does_not_change_with_what_is_published_after_its_close(seed: int, last: date) -> None:
    headlines, first = random_headlines(seed), date(2024, 1, 3)
    whole = by_session(headlines, first, date(2024, 6, 28), symbols=4)
    early = headlines.published <= np.datetime64(get_calendar().close_at(last).replace(tzinfo=None), "us")
    known = Headlines(
        *(getattr(headlines, name)[early] for name in ("column", "published", "story", "score"))
    )
    cut = by_session(known, first, last, symbols=4)
    np.testing.assert_array_equal(cut.mean, whole.mean[: len(cut.mean)])


def test_a_headline_of_many_symbols_counts_one_divided_by_their_number() -> None:
    weights = weights_of(np.array([1, 2, 3, 4, 10]))
    np.testing.assert_array_equal(weights, [1.0, 1.0, 1.0, 0.25, 0.1])
    day = moment("2024-03-08T09:00")
    headlines = told((day, 0.9), (day, -0.6))
    plain = by_session(headlines, date(2024, 3, 8), date(2024, 3, 8))
    assert plain.mean[0, 0] == pytest.approx(0.15)
    crowded = replace(headlines, weight=weights_of(np.array([1, 4])))
    weighed = by_session(crowded, date(2024, 3, 8), date(2024, 3, 8))
    assert weighed.mean[0, 0] == pytest.approx((0.9 - 0.25 * 0.6) / 1.25)
    assert weighed.count[0, 0] == 2
    alone = replace(told((day, 0.9)), weight=np.array([0.1]))
    assert by_session(alone, date(2024, 3, 8), date(2024, 3, 8)).mean[0, 0] == pytest.approx(0.9)


def test_headlines_of_one_weight_give_what_they_give_without_any_bit_by_bit() -> None:
    rng = np.random.default_rng(3)
    day = moment("2024-03-08T09:00")
    headlines = told(*[(day, float(score)) for score in rng.uniform(-1, 1, 200)])
    plain = by_session(headlines, date(2024, 3, 8), date(2024, 3, 8))
    same = by_session(replace(headlines, weight=np.ones(200)), date(2024, 3, 8), date(2024, 3, 8))
    np.testing.assert_array_equal(plain.mean, same.mean)


def test_labels_are_the_signs_of_scores_that_are_not_neutral() -> None:
    scores = np.array([-1.0, -0.05, -0.0499, 0.0, 0.0499, 0.05, 1.0, np.nan])
    np.testing.assert_array_equal(labels_of(scores), [-1, -1, 0, 0, 0, 1, 1, np.nan])
