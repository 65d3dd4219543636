"""The deflated Sharpe ratio: no result of chance is significant, an edge is; figures beside formulas."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from tests.research.validation.noise import noise, planted

from nightdesk.performance.return_moments import return_moments
from nightdesk.research.validation.deflated import deflated_sharpe, minimum_length


def best_of(returns):
    sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    return returns[:, sharpes.argmax()], sharpes


def test_the_best_of_200_strategies_without_skill_is_significant_alone_and_never_when_deflated():
    significant = []
    for seed in range(20):
        best, sharpes = best_of(noise(seed))
        found = deflated_sharpe(best, 200, float(sharpes.var(ddof=1)))
        assert found.probabilistic > 0.95
        significant.append(found.deflated > 0.95)
    assert sum(significant) <= 3, "at 5 % of 20, more than 3 are as likely as 1.6 %"


def test_a_planted_edge_stays_significant():
    best, sharpes = best_of(planted(1))
    assert sharpes.argmax() == 7
    assert deflated_sharpe(best, 200, float(sharpes.var(ddof=1))).deflated > 0.99


def test_the_figures_are_those_of_the_formulas():
    returns = np.random.default_rng(5).standard_t(4, 900) * 0.01 + 0.0008
    found, moments = deflated_sharpe(returns, 45, 0.0009), return_moments(returns)
    chance = (1 - np.euler_gamma) * norm.ppf(1 - 1 / 45) + np.euler_gamma * norm.ppf(1 - 1 / (45 * math.e))
    assert found.luck == pytest.approx(0.03 * chance, rel=1e-9)
    adjusted = 1 - moments.skewness * moments.sharpe + (moments.kurtosis - 1) / 4 * moments.sharpe**2
    for benchmark, told in ((0.0, found.probabilistic), (found.luck, found.deflated)):
        expected = norm.cdf((moments.sharpe - benchmark) * math.sqrt(899 / adjusted))
        # skfolio's skewness and kurtosis take the other divisor
        assert told == pytest.approx(expected, abs=2e-4)
    assert found.minimum_sessions == pytest.approx((chance / moments.sharpe) ** 2, rel=1e-9)


def test_five_years_allow_45_trials_at_a_sharpe_ratio_of_1():
    """The example of the authors: with 5 years of daily returns no more than 45 configurations."""
    assert minimum_length(1 / math.sqrt(252), 45) / 252 == pytest.approx(5.0, abs=0.15)


def test_a_single_trial_is_not_deflated_and_a_loss_is_never_long_enough():
    returns = noise(2, sets=1)[:, 0]
    found = deflated_sharpe(returns - returns.mean() - 0.001, 1, math.nan)
    assert found.deflated == found.probabilistic < 0.01
    assert found.minimum_sessions == math.inf
    assert minimum_length(0.1, 1) == 0.0


def test_returns_that_do_not_vary_have_no_figures():
    found = deflated_sharpe(np.full(50, 0.001), 10, 0.01)
    assert math.isnan(found.deflated)
    assert math.isnan(found.minimum_sessions)
