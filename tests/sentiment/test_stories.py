"""Repetitions: the same words of the same symbol within three days count once."""

import numpy as np
import pytest

from nightdesk.sentiment.stories import first_tellings, normalised, story_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Apple beats estimates", "APPLE  Beats Estimates!"),
        ("Apple’s profit: up 5%", "Apple s profit up 5"),
        ("Apple—profit", "apple profit"),
        ("ＡＰＰＬＥ profit", "Apple profit"),
    ],
)
def test_headlines_of_the_same_words_are_one_story_however_they_are_written(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
    assert story_of(one) == story_of(other)


def test_headlines_of_other_words_are_other_stories() -> None:
    told = ["Profit up", "Profit down", "Profit up again", "!!!", "???"]
    assert len({story_of(one) for one in told}) == len(told)


def test_a_story_counts_again_only_after_three_days_of_silence() -> None:
    hours = np.array([0, 72, 144, 217, 218])
    published = np.datetime64("2024-03-01T10:00", "us") + hours.astype("timedelta64[h]")
    new = first_tellings(np.zeros(5, dtype=np.intp), published, np.full(5, 7))
    assert new.tolist() == [True, False, False, True, False]


def test_a_story_counts_for_each_symbol_by_itself() -> None:
    published = np.full(4, np.datetime64("2024-03-01T10:00", "us"))
    new = first_tellings(np.array([0, 0, 1, 1]), published, np.array([7, 8, 7, 7]))
    assert new.tolist() == [True, True, True, False]
