"""The skill of a model: rank correlation and hit rates by hand, by scipy, and of what knows and guesses."""

import math

import numpy as np
import pytest

from nightdesk.strategies.skill import FEWEST_SYMBOLS, skill

NAN = float("nan")
NONE = np.zeros((4, 5), dtype=bool)


def market(seed: int, sessions: int = 400, symbols: int = 12) -> np.ndarray:
    """Returns of one session each, which nothing foretells."""
    return np.random.default_rng(seed).normal(0.001, 0.02, (sessions, symbols))


def test_by_hand_two_sessions_of_five_symbols() -> None:
    foretold = np.array([[0.1, 0.3, 0.5, 0.7, 0.9], [0.9, 0.7, 0.5, 0.3, 0.1], [0.6] * 5, [0.6] * 5])
    became = np.zeros((4, 5))
    became[2] = [-2.0, -1.0, 1.0, 2.0, 3.0]  # of the first session, two later: in the order foretold
    became[3] = [-2.0, -1.0, 1.0, 2.0, 3.0]  # of the second: the other way round
    called = foretold > 0.6
    found = skill(foretold, became, called, horizon=2)
    assert (found.predictions, found.sessions, found.horizon) == (10, 2, 2)
    assert found.rank_ic == pytest.approx(0.0, abs=1e-12)
    assert found.rank_ic_deviation == pytest.approx(math.sqrt(2.0))
    assert found.base_rate == pytest.approx(0.6)
    # right of the first session: two falls, two rises (a half is no rise); of the second: none
    assert found.hit_rate == pytest.approx(0.4)
    assert (found.called, found.called_hit_rate) == (4, pytest.approx(0.5))


def test_the_rank_correlation_is_that_of_scipy() -> None:
    from scipy.stats import spearmanr

    became, random = market(1), np.random.default_rng(2)
    foretold = np.round(0.5 + became * 3 + random.normal(0, 0.1, became.shape), 2)  # with ties
    foretold = np.vstack([foretold[1:], foretold[:1]])
    foretold[random.random(became.shape) < 0.2] = NAN
    found = skill(foretold, became, foretold > 0.6, horizon=1)
    daily = []
    for now, later in zip(foretold[:-1], became[1:], strict=True):
        known = np.isfinite(now)
        if known.sum() >= FEWEST_SYMBOLS:
            daily.append(spearmanr(now[known], later[known]).statistic)
    assert found.sessions == len(daily)
    assert found.rank_ic == pytest.approx(np.mean(daily))
    assert found.rank_ic > 0.3
    assert found.rank_ic_deviation == pytest.approx(np.std(daily, ddof=1))
    assert found.hit_rate > found.base_rate
    assert found.called_hit_rate > found.base_rate


def test_what_only_guesses_has_no_skill() -> None:
    became = market(3, sessions=4_000)
    foretold = np.random.default_rng(4).random(became.shape)
    found = skill(foretold, became, foretold > 0.6, horizon=5)
    assert abs(found.rank_ic) < 0.02
    assert found.called_hit_rate == pytest.approx(found.base_rate, abs=0.01)
    assert found.hit_rate == pytest.approx(0.5, abs=0.01)


def test_what_knows_the_past_alone_is_not_taken_for_skill() -> None:
    """The outcome that ends in the session itself is no prediction of the next one."""
    became = market(5, sessions=4_000)
    found = skill(0.5 + became, became, became > 0, horizon=1)
    assert abs(found.rank_ic) < 0.02
    seer = np.vstack([0.5 + became[1:], became[:1]])
    assert skill(seer, became, seer > 0.5, horizon=1).rank_ic == pytest.approx(1.0)


@pytest.mark.parametrize("horizon", [1, 4, 9])
def test_where_nothing_is_known_nothing_is_claimed(horizon: int) -> None:
    silent = np.full((4, 5), NAN)
    found = skill(silent, np.zeros((4, 5)), NONE, horizon)
    assert (found.predictions, found.sessions, found.called) == (0, 0, 0)
    assert math.isnan(found.rank_ic)
    assert math.isnan(found.hit_rate)
    assert math.isnan(found.base_rate)
    assert math.isnan(found.called_hit_rate)


def test_too_few_symbols_have_no_order_but_hit_rates() -> None:
    became = market(6)[:, : FEWEST_SYMBOLS - 1]
    found = skill(np.full(became.shape, 0.7), became, became > 9, horizon=1)
    assert (found.sessions, found.predictions) == (0, 399 * (FEWEST_SYMBOLS - 1))
    assert found.hit_rate == found.base_rate


def test_a_prediction_that_is_the_same_for_all_has_no_order() -> None:
    became = market(7)
    assert skill(np.full(became.shape, 0.7), became, became > 9, horizon=1).sessions == 0
