"""Portfolio volatility."""

import math

import numpy as np
import pytest

from nightdesk.portfolio import portfolio_volatility


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
