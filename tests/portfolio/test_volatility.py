"""Portfolio volatility."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nightdesk.portfolio import portfolio_volatility, volatility_contributions


def seeded_returns() -> np.ndarray:
    random = np.random.default_rng(3)
    return (
        random.standard_normal((60, 4)) * [0.01, 0.02, 0.005, 0.03] + random.standard_normal((60, 1)) * 0.01
    )


def test_it_is_the_covariance_form_annualised() -> None:
    returns, weights = seeded_returns(), np.array([0.4, 0.2, -0.1, 0.0])
    expected = math.sqrt(weights @ np.cov(returns, rowvar=False, ddof=1) @ weights * 252)
    assert portfolio_volatility(weights, returns) == pytest.approx(expected, rel=1e-12)


def test_nothing_held_moves_nothing_whatever_is_missing() -> None:
    assert portfolio_volatility(np.zeros(4), np.full((60, 4), np.nan)) == 0.0


def test_missing_returns_of_a_symbol_that_is_not_held_do_not_matter() -> None:
    returns, weights = seeded_returns(), np.array([0.4, 0.2, 0.0, 0.0])
    holed = returns.copy()
    holed[5:40, 3] = np.nan
    assert portfolio_volatility(weights, holed) == portfolio_volatility(weights, returns)


@pytest.mark.parametrize("gap", [1, 20, 59])
def test_a_gap_in_a_held_symbol_never_makes_the_book_look_calmer_than_what_is_known(gap: int) -> None:
    returns, weights = seeded_returns(), np.array([0.4, 0.2, 0.3, 0.1])
    holed = returns.copy()
    holed[:gap, 3] = np.nan
    rest = portfolio_volatility(np.array([0.4, 0.2, 0.3, 0.0]), returns)
    alone = np.nanstd(holed[:, 3], ddof=1) * math.sqrt(252) if gap < 59 else 0.0
    assert portfolio_volatility(weights, holed) >= rest + 0.1 * alone - 1e-12


def test_a_held_symbol_without_returns_counts_with_the_largest_volatility_of_the_others() -> None:
    returns, weights = seeded_returns(), np.array([0.5, 0.0, 0.0, 0.5])
    holed = returns.copy()
    holed[:, 3] = np.nan
    own = returns[:, 0].std(ddof=1) * math.sqrt(252)
    assert portfolio_volatility(weights, holed) == pytest.approx(0.5 * own + 0.5 * own, rel=1e-12)


def test_without_any_return_it_is_not_known() -> None:
    assert math.isnan(portfolio_volatility(np.array([1.0]), np.full((60, 1), np.nan)))


def test_it_does_not_depend_on_how_the_window_lies_in_memory() -> None:
    returns, weights = seeded_returns(), np.array([0.4, 0.2, -0.1, 0.3])
    wide = np.hstack([np.zeros((60, 3)), returns])[:, 3:]
    for other in (wide, np.asfortranarray(returns), np.vstack([returns, returns])[60:]):
        assert portfolio_volatility(weights, other) == portfolio_volatility(weights, returns)


def test_contributions_are_weight_times_marginal_volatility() -> None:
    returns, weights = seeded_returns(), np.array([0.4, 0.2, -0.1, 0.0])
    covariance = np.cov(returns, rowvar=False, ddof=1) * 252
    expected = weights * (covariance @ weights) / math.sqrt(weights @ covariance @ weights)
    assert volatility_contributions(weights, returns) == pytest.approx(expected, rel=1e-12)


def test_two_contributions_worked_by_hand() -> None:
    # deviations of 1 and 2 % with a correlation of 0: variances of half of each are 0.25 and 1, of both 1.25
    returns = np.array([[1.0, 2.0], [1.0, -2.0], [-1.0, 2.0], [-1.0, -2.0]]) * math.sqrt(3) / 200
    year = math.sqrt(252) / 100
    found = volatility_contributions(np.array([0.5, 0.5]), returns)
    assert found == pytest.approx([0.25 / math.sqrt(1.25) * year, 1.0 / math.sqrt(1.25) * year], rel=1e-12)


def test_a_hedge_takes_away_from_the_volatility() -> None:
    one = seeded_returns()[:, :1]
    found = volatility_contributions(np.array([0.5, 0.2]), np.hstack([one, -one]))
    assert found[0] > 0 > found[1]
    assert found.sum() == pytest.approx(portfolio_volatility(np.array([0.3]), one))


def test_a_position_with_a_gap_contributes_its_own_volatility() -> None:
    returns, weights = seeded_returns(), np.array([0.4, 0.2, 0.0, -0.3])
    returns[4, 3] = np.nan
    found = volatility_contributions(weights, returns)
    assert found[3] == pytest.approx(0.3 * np.nanstd(returns[:, 3], ddof=1) * math.sqrt(252))
    assert found[:3] == pytest.approx(
        volatility_contributions(np.array([0.4, 0.2, 0.0, 0.0]), returns)[:3], rel=1e-12
    )


def test_prices_that_do_not_move_contribute_nothing() -> None:
    assert volatility_contributions(np.array([0.5, 0.5]), np.zeros((60, 2))).tolist() == [0.0, 0.0]


def test_contributions_are_nothing_where_nothing_is_held_and_unknown_where_nothing_is_known() -> None:
    assert volatility_contributions(np.zeros(2), np.full((60, 2), np.nan)).tolist() == [0.0, 0.0]
    for sessions in (1, 60):
        found = volatility_contributions(np.array([0.5, 0.0]), np.full((sessions, 2), np.nan))
        assert np.isnan(found).tolist() == [True, False]
    assert np.isnan(volatility_contributions(np.array([0.5]), np.zeros((1, 1)))).all()


holed = hnp.arrays(np.float64, (12, 4), elements=st.one_of(st.floats(-0.2, 0.2), st.just(math.nan)))
books = hnp.arrays(np.float64, 4, elements=st.one_of(st.floats(-1.0, 1.0), st.just(0.0)))


def adds_up(returns: np.ndarray, weights: np.ndarray) -> None:
    whole = portfolio_volatility(weights, returns)
    parts = volatility_contributions(weights, returns)
    assert (parts[weights == 0.0] == 0.0).all()
    if math.isnan(whole):
        assert np.isnan(parts[weights != 0.0]).all()
    else:
        assert parts.sum() == pytest.approx(whole, rel=1e-9, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(holed, books)
def test_contributions_add_up_to_the_volatility_whatever_is_missing(
    returns: np.ndarray, weights: np.ndarray
) -> None:
    adds_up(returns, weights)


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@given(holed, books)
def test_contributions_add_up_over_many_books(returns: np.ndarray, weights: np.ndarray) -> None:
    adds_up(returns, weights)
