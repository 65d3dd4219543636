"""Combinatorial purged cross-validation of a choice among sets of parameters.

The parameters of a set are fixed, and its learners, where it has any, are fitted on the past alone within
its backtest. What is fitted to the sessions is the choice of the set. So each split chooses the best set in
its train folds, and follows it through the test folds; every fold is a test fold in several splits, and these
make several paths through all sessions, on none of which a set is judged by what it was chosen by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.research.validation.scores import best_set, score

#: Sessions that are left out between train and test folds: a position opened in the one may end in the other,
#: and what follows a test fold remembers it.
PURGE, EMBARGO = 21, 5

LEAST_FOLDS, TEST_FOLDS = 6, 2


@dataclass(frozen=True)
class PurgedSplit:
    """A split: its test folds from 0, sessions to choose by, the chosen set, its figure there and in the test
    folds; NaN where it has none.
    """

    test_folds: tuple[int, ...]
    train_sessions: int
    chosen: int
    train: float
    test: float


@dataclass(frozen=True)
class PurgedFolds:
    """What a choice by the train folds made of the test folds.

    Attributes
    ----------
    folds, test_folds, purge, embargo : int
    splits : tuple of PurgedSplit
    paths : ndarray of shape (n_paths, n_returns)
        Returns out of sample of each path.
    """

    folds: int
    test_folds: int
    purge: int
    embargo: int
    splits: tuple[PurgedSplit, ...]
    paths: Floats


def purged_folds(
    returns: Floats,
    metric: str,
    folds: int,
    *,
    test_folds: int = TEST_FOLDS,
    purge: int = PURGE,
    embargo: int = EMBARGO,
) -> PurgedFolds:
    """Choose and judge over all combinations of folds (López de Prado 2018, chapter 12), split by skfolio.

    Parameters
    ----------
    returns : ndarray of shape (n_returns, n_sets)
        Finite.
    metric : str
        A name of `SCORES`.
    folds : int
        At least `LEAST_FOLDS`.
    test_folds : int
        Of each split.
    purge : int
        Sessions left out of the train folds on both sides of a test fold.
    embargo : int
        More of them behind it.

    Raises
    ------
    Refused
        When there are too few folds, one is no longer than what is left out, or no set can be chosen.
    """
    check_folds(len(returns), folds, purge + embargo)
    from skfolio.model_selection import CombinatorialPurgedCV

    splitter = CombinatorialPurgedCV(folds, test_folds, purge, embargo)
    path_of, sets = splitter.get_path_ids(), splitter.test_set_index
    paths = np.full((splitter.n_test_paths, len(returns)), np.nan)
    splits = []
    for n, (train, tests) in enumerate(splitter.split(returns)):
        chosen, reached = best_set(returns[train], metric)
        for path, test in zip(path_of[n], tests, strict=True):
            paths[path, test] = returns[test, chosen]
        judged = score(returns[np.concatenate(tests), chosen], metric)
        splits.append(PurgedSplit(tuple(sets[n].tolist()), len(train), chosen, reached, judged))
    return PurgedFolds(folds, test_folds, purge, embargo, tuple(splits), paths)


def check_folds(returns: int, folds: int, left_out: int = PURGE + EMBARGO) -> None:
    """Refuse folds that are too few, or no longer than the sessions that are left out beside them."""
    if folds < LEAST_FOLDS:
        raise Refused(f"--folds: found {folds}; at least {LEAST_FOLDS} are needed for paths that differ")
    least = folds * (left_out + 2)
    if returns < least:
        raise Refused(
            f"{returns:,} returns are too few for {folds} folds, each of which must be longer than the "
            f"{left_out} sessions left out beside it: take {least + 1:,} sessions or more, or fewer --folds"
        )
