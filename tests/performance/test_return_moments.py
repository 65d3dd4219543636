"""The moments of returns, beside scipy's and those of the figures of a NAV."""

import math

import numpy as np
import pytest
from scipy import stats

from nightdesk.performance import nav_figures
from nightdesk.performance.return_moments import luck_of_trials, moments_of_nav, return_moments

RETURNS = np.random.default_rng(3).standard_t(5, 400) * 0.01 + 0.0005


def test_the_moments_are_those_of_scipy():
    found = return_moments(RETURNS)
    assert found.sessions == 400
    assert found.sharpe == pytest.approx(RETURNS.mean() / RETURNS.std(ddof=1), rel=1e-12)
    assert found.skewness == pytest.approx(stats.skew(RETURNS), rel=1e-12)
    assert found.kurtosis == pytest.approx(stats.kurtosis(RETURNS, fisher=False), rel=1e-12)


def test_the_sharpe_ratio_a_year_is_that_of_the_figures():
    nav = np.cumprod(np.append(100.0, 1 + RETURNS))
    assert moments_of_nav(nav).annual_sharpe == pytest.approx(nav_figures(nav).sharpe, rel=1e-12)


@pytest.mark.parametrize("trials", [2, 7, 300])
def test_skill_and_luck_are_those_of_skfolio(trials):
    from skfolio.measures import expected_max_sharpe_ratio, probabilistic_sharpe_ratio

    found, variance = return_moments(RETURNS), 0.0004
    luck = luck_of_trials(trials, variance)
    assert luck == pytest.approx(float(expected_max_sharpe_ratio(trials, variance**0.5)), rel=1e-9)
    for above in (0.0, luck):
        expected = float(probabilistic_sharpe_ratio(RETURNS, benchmark_sharpe_ratio=above))
        assert found.skill(above) == pytest.approx(expected, rel=1e-9)


def test_one_trial_has_no_luck_to_take_off_and_what_does_not_vary_no_skill():
    assert luck_of_trials(1, 0.01) == luck_of_trials(5, math.nan) == 0.0
    assert math.isnan(return_moments(np.full(9, 0.1)).skill())


@pytest.mark.parametrize("returns", [[], [0.01], [0.1] * 7, [0.01, math.nan, 0.02], [0.01, math.inf]])
def test_what_does_not_vary_or_is_no_number_has_no_moments(returns):
    found = return_moments(np.array(returns))
    assert found.sessions == len(returns)
    assert all(math.isnan(one) for one in (found.sharpe, found.skewness, found.kurtosis, found.annual_sharpe))
