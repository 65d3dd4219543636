"""Factors of headlines on a panel of a few rows."""

from dataclasses import replace

import numpy as np
import pytest

from nightdesk import factors
from nightdesk.core.errors import Refused
from nightdesk.testing.random_panels import members, panel_of

NAN = np.nan


def compute(name: str, said: list[float] | None) -> list[float]:
    panel = panel_of(np.full(6, 100.0), symbols=("SPY",))
    told = None if said is None else np.array(said)[:, None]
    return factors.compute(replace(panel, sentiment=told), [name], benchmark="SPY", universe=members(panel))[
        name
    ][:, 0].tolist()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sentiment", [NAN, 0.5, NAN, NAN, -0.25, 0.0]),
        ("sentiment_2", [NAN, 0.5, 0.5, NAN, -0.25, -0.125]),
        ("sentiment_5", [NAN, 0.5, 0.5, 0.5, 0.125, 0.25 / 3]),
        ("sentiment@1", [NAN, NAN, 0.5, NAN, NAN, -0.25]),
        ("sentiment_change_2", [NAN, NAN, NAN, NAN, -0.75, NAN]),
        ("sentiment_change_3", [NAN, NAN, NAN, NAN, -0.75, -0.625]),
    ],
)
def test_a_mean_is_over_the_sessions_that_have_headlines(name: str, expected: list[float]) -> None:
    np.testing.assert_array_equal(compute(name, [NAN, 0.5, NAN, NAN, -0.25, 0.0]), expected)


@pytest.mark.parametrize("said", [None, [NAN] * 6])
def test_without_headlines_there_is_no_sentiment(said: list[float] | None) -> None:
    assert np.isnan(compute("sentiment", said)).all()
    assert np.isnan(compute("sentiment_5", said)).all()


def test_a_window_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="its window has 2 to 60 sessions"):
        factors.resolve("sentiment_61")
    with pytest.raises(Refused, match="its window has 2 to 60 sessions"):
        factors.resolve("sentiment_1")
    with pytest.raises(Refused, match="its window has 2 to 60 sessions"):
        factors.resolve("sentiment_change_1")
    assert factors.look_back(["sentiment", "sentiment_5"]) == 5
    assert factors.look_back(["sentiment_change_5"]) == 10


def test_a_change_is_that_of_the_mean_to_what_it_was_as_many_sessions_before() -> None:
    said = [0.5, NAN, 0.1, -0.3, NAN, 0.7]
    mean, before = compute("sentiment_2", said), compute("sentiment_2@2", said)
    np.testing.assert_array_equal(compute("sentiment_change_2", said), np.subtract(mean, before))
    assert np.isnan(compute("sentiment_change_2", None)).all()
