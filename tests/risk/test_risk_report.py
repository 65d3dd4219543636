"""The risk report of a book, put together from what is held and how it moved."""

import math

import numpy as np
import pytest
from tests.risk.test_distances import SYMBOLS, measured

from nightdesk.portfolio import portfolio_volatility
from nightdesk.risk import Pair, RiskReport, correlations, risk_report
from nightdesk.risk.risk_report import picture_of

GROUPS = ("metal", "equity", "equity")
RETURNS = np.random.default_rng(5).normal(0.0, 0.01, (60, 3))


def report(*held: float, returns: np.ndarray = RETURNS) -> RiskReport:
    weights = np.array(held)
    what = measured(
        *held,
        volatility=portfolio_volatility(weights, returns),
        correlations=correlations(returns, weights != 0.0),
    )
    return risk_report((), what, 200_000.0, GROUPS, returns, returns)


def test_contributions_are_of_what_is_held_and_add_up_to_the_volatility() -> None:
    told = report(0.5, 0.0, -0.2)
    assert [one.symbol for one in told.contributions] == ["GLD", "QQQ"]
    assert [one.weight for one in told.contributions] == [0.5, -0.2]
    assert sum(one.contribution for one in told.contributions) == pytest.approx(told.volatility, rel=1e-12)
    assert not any(one.gaps for one in told.contributions)


def test_a_position_whose_returns_are_missing_is_marked() -> None:
    holed = RETURNS.copy()
    holed[7, 1] = np.nan
    told = report(0.5, 0.3, 0.0, returns=holed)
    assert [one.gaps for one in told.contributions] == [False, True]
    assert sum(one.contribution for one in told.contributions) == pytest.approx(told.volatility, rel=1e-12)


def test_nothing_held_has_no_risk() -> None:
    told = report(0.0, 0.0, 0.0)
    assert (told.volatility, told.contributions, told.tail.historical.var) == (0.0, (), 0.0)
    assert (told.picture.symbols, told.picture.highest, told.picture.lowest) == ((), None, None)
    assert told.picture.matrix.shape == (0, 0)
    assert [one.state for one in told.distances] == ["within"]


def test_without_any_return_nothing_is_known_and_nothing_is_calm() -> None:
    told = report(0.5, 0.3, 0.0, returns=np.full((60, 3), np.nan))
    assert math.isnan(told.volatility)
    assert all(math.isnan(one.contribution) and one.gaps for one in told.contributions)
    assert math.isnan(told.tail.historical.var)
    assert math.isnan(told.picture.average)
    assert [one.state for one in told.distances] == ["unknown"]


def test_a_single_position_carries_all_of_the_risk() -> None:
    told = report(0.0, 0.4, 0.0)
    (only,) = told.contributions
    assert only.contribution == pytest.approx(0.4 * RETURNS[:, 1].std(ddof=1) * math.sqrt(252))
    assert told.concentration.effective_positions == pytest.approx(1.0)
    assert (told.concentration.largest, told.concentration.largest_group) == ("SPY", "equity")
    assert told.picture.highest is None


def test_the_picture_names_its_closest_and_its_furthest_pair() -> None:
    matrix = np.array([[1.0, 0.25, -0.5], [0.25, 1.0, 0.75], [-0.5, 0.75, 1.0]])
    seen = picture_of(SYMBOLS, matrix)
    assert seen.highest == Pair("SPY", "QQQ", 0.75)
    assert seen.lowest == Pair("GLD", "QQQ", -0.5)
    assert seen.average == pytest.approx(0.5 / 3)


def test_a_pair_of_which_too_little_is_known_is_left_out_of_the_picture() -> None:
    matrix = np.array([[1.0, np.nan, 0.5], [np.nan, 1.0, np.nan], [0.5, np.nan, 1.0]])
    seen = picture_of(SYMBOLS, matrix)
    assert seen.average == 0.5
    assert seen.highest == seen.lowest == Pair("GLD", "QQQ", 0.5)
