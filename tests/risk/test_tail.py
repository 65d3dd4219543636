"""Value at risk: samples whose losses are worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nightdesk.performance import nav_figures
from nightdesk.portfolio import portfolio_volatility
from nightdesk.risk import Loss, tail_risk
from nightdesk.risk.tail import historical_loss, normal_loss

#: -10 % to +10 % in steps of one: of 21 values in order, the 5 % quantile is exactly the second.
LADDER = np.arange(-10, 11) / 100
#: The same values, so that where one ladder is low this one is somewhere else.
SHUFFLED = np.roll(LADDER, 7)


def column(*columns: np.ndarray) -> np.ndarray:
    return np.stack(columns, axis=1)


def test_the_losses_of_a_known_sample() -> None:
    # the second lowest is -9 %; the mean of -10 % and -9 % is -9.5 %
    loss = historical_loss(LADDER)
    assert (loss.var, loss.cvar) == (pytest.approx(0.09), pytest.approx(0.095))


def test_between_two_returns_the_quantile_is_interpolated() -> None:
    # 11 values from -5 % to +5 %: 0.05 x 10 = half way from the lowest, -5 %, to the next, -4 %
    loss = historical_loss(np.arange(-5, 6) / 100)
    assert (loss.var, loss.cvar) == (pytest.approx(0.045), pytest.approx(0.05))


def test_a_book_that_only_gained_has_a_loss_below_zero() -> None:
    assert historical_loss(np.full(30, 0.01)).var == -0.01


def test_the_figures_of_a_backtest_are_of_the_same_definition() -> None:
    nav = 100.0 * np.cumprod(np.concatenate([[1.0], 1.0 + LADDER]))
    figures = nav_figures(nav)
    assert (figures.var_95, figures.cvar_95) == (pytest.approx(0.09), pytest.approx(0.095))


def test_the_normal_loss_is_that_of_the_tables() -> None:
    # z(95 %) = 1.644854 and phi(z) / 5 % = 2.062713, of a deviation of 1 % a day
    loss = normal_loss(0.01 * math.sqrt(252))
    assert loss.var == pytest.approx(0.01644854, abs=5e-9)
    assert loss.cvar == pytest.approx(0.02062713, abs=5e-9)


@pytest.mark.parametrize("weight", [1.0, 0.5, 0.03])
def test_a_single_position_loses_its_weight_of_what_the_symbol_loses(weight: float) -> None:
    told = tail_risk(np.array([weight, 0.0]), column(LADDER, SHUFFLED))
    assert told.historical.var == pytest.approx(0.09 * weight)
    assert told.historical.cvar == pytest.approx(0.095 * weight)
    deviation = LADDER.std(ddof=1) * weight
    assert told.normal.var == pytest.approx(1.6448536 * deviation)
    assert told.sessions == 21


def test_a_short_position_loses_where_the_symbol_gains() -> None:
    lopsided = np.where(LADDER > 0, 2 * LADDER, LADDER)  # up to +20 %, down to -10 %
    told = tail_risk(np.array([-1.0]), column(lopsided))
    assert (told.historical.var, told.historical.cvar) == (pytest.approx(0.18), pytest.approx(0.19))


def test_positions_that_offset_each_other_lose_nothing() -> None:
    told = tail_risk(np.array([0.5, -0.5]), column(LADDER, LADDER))
    assert told.historical == Loss(0.0, 0.0)
    assert told.normal.var == pytest.approx(0.0, abs=1e-12)


def test_nothing_held_loses_nothing_whatever_is_missing() -> None:
    told = tail_risk(np.zeros(2), np.full((21, 2), np.nan))
    assert told.historical == told.normal == Loss(0.0, 0.0)
    assert told.sessions == 0


def test_the_loss_of_a_symbol_with_a_missing_return_is_added_to_that_of_the_others() -> None:
    # over the 21 sessions the first symbol loses 9 %; the second, over the 20 that it has, is interpolated
    holed = SHUFFLED.copy()
    holed[0] = np.nan
    own = historical_loss(holed[1:])
    told = tail_risk(np.array([0.6, 0.2]), column(LADDER, holed))
    assert told.historical.var == pytest.approx(0.6 * 0.09 + 0.2 * own.var)
    assert told.historical.cvar == pytest.approx(0.6 * 0.095 + 0.2 * own.cvar)
    weights = np.array([0.6, 0.2])
    volatility = portfolio_volatility(weights, column(LADDER, holed))
    assert told.normal.var == pytest.approx(1.6448536 * volatility / math.sqrt(252))


def test_a_symbol_with_too_few_returns_loses_as_much_as_the_worst_of_the_others() -> None:
    young = np.full(21, np.nan)
    young[-5:] = 0.0
    told = tail_risk(np.array([0.3, 0.1, 0.2]), column(LADDER, 2 * LADDER, young))
    # both ladders fall together: 0.3 x 9 % + 0.1 x 18 %; the young one as the second, 0.2 x 18 %
    assert told.historical.var == pytest.approx(0.027 + 0.018 + 0.036)
    assert told.historical.cvar == pytest.approx((0.03 + 0.02 + 0.04) * 0.95)


def test_sessions_before_anything_held_had_a_return_are_left_out() -> None:
    early = np.full((100, 2), np.nan)
    early[:, 1] = 0.5
    told = tail_risk(np.array([1.0, 0.0]), np.vstack([early, column(LADDER, SHUFFLED)]))
    assert told.sessions == 21
    assert told.historical.var == pytest.approx(0.09)


@pytest.mark.parametrize("sessions", [0, 1, 19])
def test_with_too_few_returns_the_loss_is_not_known(sessions: int) -> None:
    told = tail_risk(np.array([1.0]), column(LADDER[:sessions]))
    assert math.isnan(told.historical.var)
    assert math.isnan(told.historical.cvar)
    assert math.isnan(told.normal.var) == (sessions < 2)


returns_of_three = hnp.arrays(
    np.float64, (25, 3), elements=st.one_of(st.floats(-0.2, 0.2, allow_subnormal=False), st.just(math.nan))
)
books_of_three = hnp.arrays(
    np.float64, 3, elements=st.one_of(st.floats(0.01, 1.0), st.floats(-1.0, -0.01), st.just(0.0))
)


@settings(max_examples=200, deadline=None)
@given(returns_of_three, books_of_three)
def test_the_average_beyond_is_no_less_and_twice_the_book_loses_twice(
    returns: np.ndarray, weights: np.ndarray
) -> None:
    one, two = tail_risk(weights, returns), tail_risk(2 * weights, returns)
    for single, double in ((one.historical, two.historical), (one.normal, two.normal)):
        if not math.isnan(single.var):
            assert single.cvar >= single.var - 1e-12
            assert double.var == pytest.approx(2 * single.var, abs=1e-12)
            assert double.cvar == pytest.approx(2 * single.cvar, abs=1e-12)
