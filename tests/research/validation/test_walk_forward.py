"""Walk-forward by hand: which sessions choose, which are traded, and how the pieces are joined."""

import numpy as np
import pytest
from tests.research.validation.noise import noise, planted

from nightdesk.core.errors import Refused
from nightdesk.research.validation.scores import SCORES, best_set, score
from nightdesk.research.validation.walk_forward import walk_forward

RETURNS = noise(8, 4, 100)


@pytest.mark.parametrize(("walk", "firsts"), [("rolling", [0, 15, 30, 45]), ("anchored", [0, 0, 0, 0])])
def test_each_window_chooses_by_its_own_sessions_and_trades_the_next(walk, firsts):
    found = walk_forward(RETURNS, "annual_return", walk, 40, 15)
    assert [one.first for one in found.windows] == firsts
    assert [(one.stop, one.end) for one in found.windows] == [(40, 55), (55, 70), (70, 85), (85, 100)]
    pieces = []
    for one in found.windows:
        growth = (1 + RETURNS[one.first : one.stop]).prod(axis=0)
        assert one.chosen == growth.argmax()
        assert one.train == pytest.approx(growth.max() ** (252 / (one.stop - one.first)) - 1)
        pieces.append(RETURNS[one.stop : one.end, one.chosen])
    assert np.array_equal(found.returns, np.concatenate(pieces))


def test_the_last_test_window_may_be_shorter_and_no_later_session_changes_a_choice():
    short, whole = (
        walk_forward(RETURNS[:92], "sharpe", "rolling", 40, 15),
        walk_forward(RETURNS, "sharpe", "rolling", 40, 15),
    )
    assert short.windows[-1].end == 92
    assert [one.chosen for one in short.windows] == [one.chosen for one in whole.windows]


def test_an_edge_keeps_its_growth_out_of_sample_and_noise_does_not():
    assert walk_forward(planted(3, 20), "sharpe", "anchored", 504, 126).efficiency == pytest.approx(
        1.0, abs=0.4
    )
    chance = [walk_forward(noise(seed, 100), "sharpe", "rolling", 252, 63).efficiency for seed in range(5)]
    assert abs(np.mean(chance)) < 0.25


@pytest.mark.parametrize(
    ("train", "test", "said"), [(100, 10, "leave no session after"), (1, 5, "--train 1"), (50, 0, "--test 0")]
)
def test_windows_that_do_not_fit_are_refused(train, test, said):
    with pytest.raises(Refused, match=said):
        walk_forward(RETURNS, "sharpe", "rolling", train, test)


def test_the_least_is_best_of_a_drawdown_and_a_set_without_the_figure_is_not_chosen():
    returns = RETURNS.copy()
    returns[:, 1] = 0.0
    depths = [score(one, "max_drawdown") for one in returns.T]
    assert np.isnan(depths[1])
    assert best_set(returns, "max_drawdown") == (int(np.nanargmin(depths)), np.nanmin(depths))
    assert {name for name, more in SCORES.items() if not more} == {
        "annual_volatility",
        "max_drawdown",
        "cvar_95",
    }
