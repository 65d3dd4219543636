"""Figures of NAV series and trades, against values worked out by hand or by another library."""

import math
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nightdesk.accounting import Entry
from nightdesk.performance import (
    drawdowns,
    nav_figures,
    rolling_sharpe,
    round_trips,
    simple_returns,
    trade_figures,
    turnover,
)


def seeded_nav(n: int = 500) -> np.ndarray:
    return 100.0 * np.cumprod(1.0 + np.random.default_rng(5).normal(0.0004, 0.01, n))


def test_growth_is_compounded_to_a_year() -> None:
    nav = 100.0 * 1.0005 ** np.arange(253)
    figures = nav_figures(nav)
    assert figures.annual_return == pytest.approx(1.0005**252 - 1)
    assert figures.annual_volatility == pytest.approx(0.0, abs=1e-12)
    assert figures.max_drawdown == 0.0
    assert math.isnan(figures.calmar)


def test_ratios_agree_with_pandas() -> None:
    nav = seeded_nav()
    returns = pd.Series(nav).pct_change().dropna()
    figures = nav_figures(nav)
    assert figures.annual_volatility == pytest.approx(returns.std() * math.sqrt(252))
    assert figures.sharpe == pytest.approx(returns.mean() / returns.std() * math.sqrt(252))
    downside = math.sqrt((returns.clip(upper=0) ** 2).mean())
    assert figures.sortino == pytest.approx(returns.mean() / downside * math.sqrt(252))
    assert figures.var_95 == pytest.approx(-returns.quantile(0.05))
    assert figures.cvar_95 == pytest.approx(-returns[returns <= returns.quantile(0.05)].mean())


def test_beta_is_the_slope_of_a_regression_and_leaves_gaps_out() -> None:
    nav = seeded_nav()
    benchmark = np.concatenate(([np.nan], simple_returns(nav) * 0.5))
    benchmark += np.random.default_rng(6).normal(0, 0.004, len(nav))
    benchmark[100] = np.nan
    kept = np.isfinite(benchmark[1:])
    slope = stats.linregress(benchmark[1:][kept], simple_returns(nav)[kept]).slope
    assert nav_figures(nav, benchmark).beta == pytest.approx(slope)


def test_drawdown_and_its_length() -> None:
    nav = np.array([100.0, 110.0, 99.0, 104.5, 110.0, 121.0, 120.0])
    np.testing.assert_allclose(drawdowns(nav), [0, 0, 0.1, 0.05, 0, 0, 1 / 121])
    figures = nav_figures(nav)
    assert figures.max_drawdown == pytest.approx(0.1)
    assert figures.max_drawdown_sessions == 2


def test_rolling_sharpe_looks_at_the_newest_returns_alone() -> None:
    nav = seeded_nav(100)
    rolling = rolling_sharpe(nav, 30)
    assert np.isnan(rolling[:30]).all()
    newest = simple_returns(nav)[-30:]
    assert rolling[-1] == pytest.approx(newest.mean() / newest.std(ddof=1) * math.sqrt(252))
    assert rolling[60] == pytest.approx(rolling_sharpe(nav[:61], 30)[-1])


@pytest.mark.parametrize("nav", [np.array([100.0]), np.array([100.0, 101.0])])
def test_too_short_a_history_has_no_volatility(nav: np.ndarray) -> None:
    assert math.isnan(nav_figures(nav).annual_volatility)
    assert math.isnan(nav_figures(nav).sharpe)


def entry(day: int, kind: str, quantity: int, cash: str) -> Entry:
    return Entry(
        date(2020, 3, day),
        kind,
        "trend",
        "GLD",
        Decimal(quantity),
        Decimal(1),
        Decimal(cash),
        Decimal(0),
        "x",
    )  # type: ignore[arg-type]


def test_a_round_trip_ends_flat_and_counts_dividends_and_costs() -> None:
    trips = round_trips(
        [
            entry(2, "fill", 10, "-1001"),
            entry(3, "dividend", 0, "5"),
            entry(4, "fill", -4, "440"),
            entry(5, "fill", -6, "600"),
            entry(6, "fill", 10, "-1000"),
        ]
    )
    assert [(one.opened.day, one.closed.day, one.profit) for one in trips] == [(2, 5, Decimal(44))]


def test_a_trade_through_zero_closes_one_position_and_opens_the_next() -> None:
    trips = round_trips(
        [entry(2, "fill", 10, "-1000"), entry(3, "fill", -15, "1650"), entry(4, "fill", 5, "-500")]
    )
    assert [(one.closed.day, one.profit) for one in trips] == [(3, Decimal(100)), (4, Decimal(50))]


def test_trade_figures() -> None:
    buy_and_sell = [("1000", 30), ("1000", -10), ("1000", 10), ("1000", -30)]
    entries = []
    for at, (cost, profit) in enumerate(buy_and_sell):
        entries += [
            entry(2 + at, "fill", 10, f"-{cost}"),
            entry(2 + at, "fill", -10, str(int(cost) + profit)),
        ]
    figures = trade_figures(round_trips(entries))
    assert (figures.closed, figures.win_rate) == (4, 0.5)
    assert (figures.average_win, figures.average_loss, figures.profit_factor) == (20.0, -20.0, 1.0)
    assert math.isnan(trade_figures([]).win_rate)


def test_turnover_is_what_is_bought_and_sold_in_a_year_over_nav() -> None:
    assert turnover(np.array([0.0, 10.0]), np.array([100.0, 100.0])) == pytest.approx(0.05 * 252)
