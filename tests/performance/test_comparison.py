"""A book beside its benchmark."""

import math

import numpy as np
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.panel import Action, Bars, Column, build_panel
from nightdesk.performance import compare, growth_of


def test_a_dividend_is_part_of_what_the_benchmark_made() -> None:
    sessions = get_calendar().sessions[1000:1004]
    close = np.array([100.0, 100.0, 99.0, 99.0])  # ex a dividend of 1 dollar
    bars = Bars(np.zeros(4, np.intp), sessions, close, close, close, close, np.full(4, 1e6))
    panel = build_panel(sessions, [Column("SPY")], bars, [Action("SPY", sessions[2], "dividend", 1.0)])
    against = compare(np.array([100.0, 100.0, 100.0, 110.0]), growth_of(panel.adjusted_close[:, 0]))
    assert against.benchmark_total_return == pytest.approx(100 / 99 * 99 / 100 - 1, abs=1e-4)
    assert against.excess_total_return == pytest.approx(0.10, abs=1e-4)


def test_the_returns_are_those_of_the_same_sessions_compounded_to_a_year() -> None:
    nav, benchmark = 100.0 * 1.001 ** np.arange(127), 50.0 * 1.0005 ** np.arange(127)
    against = compare(nav, benchmark)
    assert against.benchmark_total_return == pytest.approx(1.0005**126 - 1)
    assert against.benchmark_annual_return == pytest.approx(1.0005**252 - 1)
    assert against.excess_annual_return == pytest.approx(1.001**252 - 1.0005**252)


def test_a_missing_bar_loses_nothing_of_what_the_benchmark_made() -> None:
    carried = growth_of(np.array([np.nan, 100.0, np.nan, 110.0, np.nan]))
    np.testing.assert_array_equal(carried, [np.nan, 100.0, 100.0, 110.0, 110.0])
    assert compare(np.full(4, 1.0), carried[1:]).benchmark_total_return == pytest.approx(0.10)


@pytest.mark.parametrize(("nav", "benchmark"), [([1.0], [1.0]), ([1.0, 2.0], [math.nan, 1.0])])
def test_what_cannot_be_compared_is_not_known(nav: list[float], benchmark: list[float]) -> None:
    against = compare(np.array(nav), np.array(benchmark))
    assert math.isnan(against.benchmark_total_return)
    assert math.isnan(against.excess_annual_return)
