"""Combinatorial purged folds: skfolio's, nothing near a test fold chooses, paths through all sessions."""

import numpy as np
import pytest
from skfolio.model_selection import CombinatorialPurgedCV
from tests.research.validation.noise import noise, planted

from nightdesk.core.errors import Refused
from nightdesk.research.validation.purged_folds import EMBARGO, PURGE, purged_folds
from nightdesk.research.validation.scores import best_set

RETURNS = noise(3, 5, 400)


def test_the_folds_are_those_of_skfolio_and_each_choice_is_the_best_of_its_train_folds():
    found = purged_folds(RETURNS, "sharpe", 6)
    splitter = CombinatorialPurgedCV(6, 2, purged_size=21, embargo_size=5)
    assert len(found.splits) == splitter.n_splits == 15
    for one, (train, tests) in zip(found.splits, splitter.split(RETURNS), strict=True):
        assert one.train_sessions == len(train)
        assert (one.chosen, one.train) == best_set(RETURNS[train], "sharpe")
        test = np.concatenate(tests)
        assert {min(row // 66, 5) for row in test} == set(one.test_folds)
        inside = RETURNS[test, one.chosen]
        assert one.test == pytest.approx(inside.mean() / inside.std(ddof=1) * np.sqrt(252))


def test_no_session_near_a_test_fold_chooses():
    """What is left out: 21 sessions before a test fold and 26 behind it, worked out by hand."""
    found = purged_folds(RETURNS, "sharpe", 6)
    for one in found.splits:
        rows, fold = np.arange(400), np.minimum(np.arange(400) // 66, 5)
        test = np.isin(fold, one.test_folds)
        out = test.copy()
        for row in rows[test]:
            out[max(0, row - PURGE) : row + PURGE + EMBARGO + 1] = True
        assert one.train_sessions == (~out).sum()


def test_every_path_has_a_return_out_of_sample_for_every_session():
    found = purged_folds(RETURNS, "sharpe", 6)
    assert found.paths.shape == (5, 400)
    fold = np.minimum(np.arange(400) // 66, 5)
    for n in range(6):
        rows = fold == n
        told = sorted(tuple(path[rows]) for path in found.paths)
        expected = sorted(tuple(RETURNS[rows, one.chosen]) for one in found.splits if n in one.test_folds)
        assert told == expected, "each path takes one split's choice for a fold"


def test_an_edge_is_chosen_in_every_split_and_noise_earns_nothing_out_of_sample():
    found = purged_folds(planted(2, 20), "sharpe", 6)
    assert {one.chosen for one in found.splits} == {7}
    chance = purged_folds(noise(5, 200), "sharpe", 6)
    assert np.mean([one.train for one in chance.splits]) > 0.8
    assert abs(np.mean([one.test for one in chance.splits])) < 0.8


@pytest.mark.parametrize(
    ("sessions", "folds", "said"),
    [(400, 5, "--folds: found 5; at least 6"), (167, 6, "longer than the 26 sessions left out")],
)
def test_too_few_folds_and_sessions_are_refused(sessions: int, folds: int, said: str):
    with pytest.raises(Refused, match=said):
        purged_folds(noise(1, 3, sessions), "sharpe", folds)
    assert len(purged_folds(noise(1, 3, 168), "sharpe", 6).splits) == 15


def test_sets_that_never_trade_cannot_be_chosen():
    with pytest.raises(Refused, match="no set has a sharpe"):
        purged_folds(np.zeros((400, 3)), "sharpe", 6)
