"""Hansen's test: it rejects as often as it says where there is nothing, and finds what there is."""

import math

import numpy as np
import pytest
from tests.research.validation.noise import noise, planted

from nightdesk.research.validation.superior_ability import superior_ability


@pytest.mark.slow
def test_it_rejects_no_more_than_5_per_cent_of_200_nulls():
    """Twenty sets without skill, a benchmark that moves as they do; 4.6 % are three deviations of 200."""
    rejected = 0
    for seed in range(200):
        values = noise(seed, 21, 504)
        found = superior_ability(values[:, 1:], values[:, 0], seed=seed, repetitions=200)
        rejected += found.p_value < 0.05
    assert rejected <= 200 * (0.05 + 3 * math.sqrt(0.05 * 0.95 / 200))


def test_it_rejects_few_nulls_of_a_market_that_has_memory():
    rejected = 0
    for seed in range(20):
        values = noise(seed, 8, 504)
        values[1:] += 0.3 * values[:-1]
        rejected += superior_ability(values[:, 1:], values[:, 0], seed=1, repetitions=100).p_value < 0.05
    assert rejected <= 4


def test_an_edge_is_found_however_wild_the_other_sets_are():
    returns = planted(1, 20, sharpe=2.5)
    returns[:, 8:] *= 20
    found = superior_ability(returns, np.zeros(len(returns)), seed=1)
    assert found.best == 7
    assert found.p_value < 0.02
    assert found.lower <= found.p_value <= found.upper
    assert found.excess == pytest.approx(returns[:, 7].mean() * 252)


def test_the_same_seed_gives_the_same_p_value_and_another_one_another():
    returns, nothing = noise(3, 5, 300), np.zeros(300)
    some = [superior_ability(returns, nothing, seed=seed, repetitions=200) for seed in (1, 1, 2)]
    assert some[0] == some[1] != some[2]


def test_a_set_that_is_the_benchmark_is_left_out_and_alone_says_nothing():
    returns = noise(3, 3, 300)
    found = superior_ability(returns, returns[:, 0], seed=1, repetitions=200)
    assert found.best in (1, 2)
    assert math.isnan(superior_ability(returns[:, :1], returns[:, 0], seed=1).p_value)
