"""The band of a strategy's results: quantiles of windows with a position, and none without enough of them."""

import math

import numpy as np
import pytest

from nightdesk.risk.result_band import ResultBand, result_band, window_results


def test_a_window_is_what_was_gained_in_it_over_the_nav_before() -> None:
    profit, nav = np.array([0.0, 10.0, 30.0, 20.0]), np.array([1000.0, 1000.0, 2000.0, 2000.0])
    held = np.ones(4, dtype=bool)
    assert window_results(profit, held, nav, 1).tolist() == [0.01, 0.02, -0.005]
    assert window_results(profit, held, nav, 2).tolist() == [0.03, 0.01]
    assert window_results(profit, held, nav, 4).tolist() == []


def test_a_window_without_a_position_at_any_of_its_marks_has_no_result() -> None:
    held = np.array([True, False, False, False, True])
    results = window_results(np.zeros(5), held, np.full(5, 100.0), 2)
    assert np.isnan(results).tolist() == [False, True, False]


def test_the_band_holds_ninety_eight_of_a_hundred_windows() -> None:
    """Numpy's own quantiles of 1,001 results from -5 to 5 %, one a session."""
    results = np.random.default_rng(1).permutation(np.linspace(-0.05, 0.05, 1001))
    nav = np.full(1002, 100.0)
    profit = np.concatenate([[0.0], np.cumsum(results * 100.0)])
    found = result_band(profit, np.ones(1002, dtype=bool), nav, 1)
    assert (found.windows, found.low, found.high) == (1001, pytest.approx(-0.049), pytest.approx(0.049))
    places = [found.place(float(one)) for one in results]
    assert [places.count(one) for one in ("below", "inside", "above")] == [10, 981, 10]


def test_too_few_windows_are_no_band() -> None:
    found = result_band(np.zeros(251), np.ones(251, dtype=bool), np.full(251, 1.0), 20)
    assert (found.windows, found.known) == (231, False)
    assert found.place(0.5) == "unknown"
    assert ResultBand(20, 300, -0.1, 0.1).place(math.nan) == "unknown"
