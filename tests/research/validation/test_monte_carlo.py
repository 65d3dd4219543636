"""Bands of a course: seeded, and as wide as they say."""

import math

import numpy as np
import pytest
from tests.research.validation.noise import noise

from nightdesk.performance import drawdowns
from nightdesk.research.validation.monte_carlo import return_bands, trade_bands

#: Of 200 tries at 90 %: three deviations.
WITHIN = 3 * math.sqrt(0.9 * 0.1 / 200)


@pytest.mark.slow
def test_the_bands_of_growth_hold_the_true_growth_in_nine_of_ten_series():
    """Of 200 series whose true growth is known; the band of a finite sample is a little too narrow."""
    held_returns = held_trades = 0
    true = (1 + 0.0004) ** 252 - 1
    for seed in range(200):
        returns = noise(seed, 1, 1_000)[:, 0] + 0.0004
        band = return_bands(returns, seed=seed, draws=300, block=10).growth
        held_returns += band.low <= true <= band.high
        trades = np.random.default_rng(seed).standard_normal(300) * 0.02 + 0.002
        band = trade_bands(trades, seed=seed, draws=300).growth
        held_trades += band.low <= 1.002**300 - 1 <= band.high
    assert abs(held_returns / 200 - 0.9) <= WITHIN
    assert abs(held_trades / 200 - 0.9) <= WITHIN


@pytest.mark.slow
def test_the_bands_of_drawdown_hold_that_of_a_course_of_the_same_kind():
    """One half of a series makes the band, the other half has a drawdown of its own."""
    held = 0
    for seed in range(200):
        returns = noise(seed, 2, 750) + 0.0004
        band = return_bands(returns[:, 0], seed=seed, draws=300, block=10).drawdown
        held += band.low <= drawdowns(np.cumprod(np.append(1.0, 1 + returns[:, 1]))).max() <= band.high
    assert held / 200 >= 0.9 - WITHIN - 0.1, "the growth of the sample is not the true one"


def test_bands_are_ordered_begin_at_1_and_hold_the_course_itself():
    returns = noise(1, 1, 400)[:, 0] + 0.0005
    found = return_bands(returns, seed=1, draws=400)
    assert found.course.shape == (3, 401)
    assert np.all(found.course[:, 0] == 1.0)
    assert np.all(np.diff(found.course, axis=0) >= 0)
    assert found.growth.low < (1 + returns).prod() ** (252 / 400) - 1 < found.growth.high
    assert 0 < found.drawdown.low < found.drawdown.middle < found.drawdown.high < 1


def test_the_same_seed_gives_the_same_bands_and_another_one_others():
    returns = noise(1, 1, 300)[:, 0]
    some = [return_bands(returns, seed=seed, draws=100) for seed in (1, 1, 2)]
    assert some[0].growth == some[1].growth != some[2].growth
    assert np.array_equal(some[0].course, some[1].course)


def test_few_trades_are_drawn_in_blocks_of_their_cube_root():
    found = trade_bands(np.array([0.01, -0.02, 0.03, 0.01, -0.01, 0.02, 0.01, -0.01]), seed=1, draws=50)
    assert (found.draws, found.block) == (50, 2)
    assert found.course.shape == (3, 9)
