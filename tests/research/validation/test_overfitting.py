"""The probability of overfitting: a half for chance, none for an edge, and that of purgedcv."""

import numpy as np
import pytest
from purgedcv import probability_of_backtest_overfitting
from tests.research.validation.noise import noise, planted

from nightdesk.core.errors import Refused
from nightdesk.research.validation.overfitting import probability_of_overfitting


def test_among_200_strategies_without_skill_the_choice_is_chance():
    found = [probability_of_overfitting(noise(seed)).probability for seed in range(6)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)


def test_a_planted_edge_is_chosen_and_stays_the_best():
    found = probability_of_overfitting(planted(1))
    assert found.splits == len(found.logits) == 12_870
    assert found.probability < 0.05
    assert found.loss < 0.05


@pytest.mark.parametrize(("sessions", "sets", "blocks"), [(251, 7, 8), (96, 2, 10), (403, 30, 6)])
def test_it_is_that_of_purgedcv(sessions: int, sets: int, blocks: int):
    returns = noise(9, sets, sessions) + 0.0003
    returns[:, -1] = 0.0
    returns[: sessions // 2, 0] = 0.0
    found = probability_of_overfitting(returns, blocks)
    other = probability_of_backtest_overfitting(returns.T, blocks)
    assert found.probability == other.pbo
    assert found.splits == other.n_combos
    assert np.sort(found.logits) == pytest.approx(np.sort(other.logits), rel=1e-12)
    assert found.in_sample == pytest.approx(other.is_oos_performance[:, 0].mean(), rel=1e-9)
    assert found.out_of_sample == pytest.approx(other.is_oos_performance[:, 1].mean(), rel=1e-9)


@pytest.mark.slow
def test_it_is_that_of_purgedcv_with_all_12870_splits():
    returns = noise(4, 12, 500)
    assert (
        probability_of_overfitting(returns).probability == probability_of_backtest_overfitting(returns.T).pbo
    )


def test_sets_that_are_the_same_tie_at_the_median():
    found = probability_of_overfitting(np.repeat(noise(1, 1, 200), 5, axis=1), 4)
    assert np.all(found.logits == 0.0)


@pytest.mark.parametrize(
    ("shape", "said"),
    [((500, 1), "needs two sets or more"), ((31, 5), "31 returns are too few for 16 blocks")],
)
def test_too_little_is_refused(shape: tuple[int, int], said: str):
    with pytest.raises(Refused, match=said):
        probability_of_overfitting(np.zeros(shape))
