"""Figures of the tear sheet against empyrical and quantstats, on real closes and on a random NAV."""

import math
import warnings
from datetime import date

import numpy as np
import pandas as pd
import pytest

from nightdesk.performance import drawdowns, nav_figures, rolling_sharpe, simple_returns
from nightdesk.research.tear_sheet.sheet_figures import (
    drawdown_spells,
    excess_kurtosis,
    period_returns,
    rolling_volatility,
    skewness,
)


def random_nav() -> pd.Series:
    random = np.random.default_rng(17)
    days = pd.bdate_range("2011-03-07", periods=1_300)
    return pd.Series(1e5 * np.cumprod(1.0 + random.standard_t(4, len(days)) * 0.006 + 0.0003), index=days)


@pytest.fixture(scope="module", params=["random", "SPY", "BTC-USD"])
def nav(request: pytest.FixtureRequest) -> pd.Series:
    if request.param == "random":
        return random_nav()
    bars = pd.read_csv(request.getfixturevalue("market") / "multi_asset_daily.csv.gz", parse_dates=["date"])
    mine = bars[bars.symbol == request.param].set_index("date")["adj_close"].dropna()
    return mine[mine.index.dayofweek < 5]


@pytest.fixture(scope="module")
def returns(nav: pd.Series) -> pd.Series:
    return nav.pct_change().dropna()


@pytest.fixture(scope="module", autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_figures_that_empyrical_defines_alike(nav: pd.Series, returns: pd.Series) -> None:
    import empyrical

    mine = nav_figures(nav.to_numpy())
    theirs = {
        "total_return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns),
        "annual_volatility": empyrical.annual_volatility(returns),
        "sharpe": empyrical.sharpe_ratio(returns),
        "calmar": empyrical.calmar_ratio(returns),
        "max_drawdown": -empyrical.max_drawdown(returns),
        "var_95": -empyrical.value_at_risk(returns, 0.05),
    }
    for name, value in theirs.items():
        assert getattr(mine, name) == pytest.approx(value, rel=1e-9), name


def test_figures_that_quantstats_defines_alike(nav: pd.Series, returns: pd.Series) -> None:
    from quantstats import stats

    values, mine = nav.to_numpy(), nav_figures(nav.to_numpy())
    steps = simple_returns(values)
    pairs = {
        "sharpe": (mine.sharpe, stats.sharpe(returns)),
        "sortino": (mine.sortino, stats.sortino(returns)),
        "calmar": (mine.calmar, stats.calmar(returns)),
        "volatility": (mine.annual_volatility, stats.volatility(returns)),
        "a year": (mine.annual_return, stats.cagr(returns)),
        "drawdown": (mine.max_drawdown, -stats.max_drawdown(returns)),
        "skewness": (skewness(steps), stats.skew(returns)),
        "kurtosis": (excess_kurtosis(steps), stats.kurtosis(returns)),
    }
    for name, (own, theirs) in pairs.items():
        assert own == pytest.approx(float(theirs), rel=1e-8), name
    for window in (30, 252):
        ratios = stats.rolling_sharpe(returns, rolling_period=window).to_numpy()
        np.testing.assert_allclose(rolling_sharpe(values, window)[-len(ratios) :], ratios, rtol=1e-7)
        deviations = stats.rolling_volatility(returns, rolling_period=window).dropna().to_numpy()
        np.testing.assert_allclose(rolling_volatility(values, window)[window:], deviations, rtol=1e-7)


def test_drawdowns_are_those_of_quantstats_but_for_the_day_at_the_peak(
    nav: pd.Series, returns: pd.Series
) -> None:
    """quantstats names the first day below the peak and the last one below it."""
    from quantstats import stats

    told = stats.drawdown_details(stats.to_drawdown_series(returns)).sort_values("max drawdown")
    days = [str(day.date()) for day in nav.index]
    spells = drawdown_spells(nav.to_numpy())
    for one, (_, theirs) in zip(spells[:10], told.head(10).iterrows(), strict=True):
        assert days[one.peak + 1] == str(theirs["start"])[:10]
        assert days[one.trough] == str(theirs["valley"])[:10]
        last = len(days) - 1 if one.recovered is None else one.recovered - 1
        assert days[last] == str(theirs["end"])[:10]
        assert one.depth * 100 == pytest.approx(-theirs["max drawdown"], rel=1e-7)


def test_months_and_years_are_those_of_empyrical(nav: pd.Series, returns: pd.Series) -> None:
    import empyrical

    sessions = [day.date() for day in nav.index]
    for letters, period in ((7, "monthly"), (4, "yearly")):
        mine = period_returns(sessions, nav.to_numpy(), letters)
        theirs = empyrical.aggregate_returns(returns, period)
        # its series begins with the first return; a first session that ends its month is one of no return
        assert list(mine.values())[-len(theirs) :] == pytest.approx(theirs.tolist(), rel=1e-9, abs=1e-12)
        assert math.prod(1 + one for one in mine.values()) == pytest.approx(nav.iloc[-1] / nav.iloc[0])


def test_what_quantstats_defines_otherwise_is_really_otherwise(returns: pd.Series, nav: pd.Series) -> None:
    """The differences that the docs name: a normal VaR, and a win rate of days that are not flat."""
    from quantstats import stats

    mine = nav_figures(nav.to_numpy())
    normal = -float(stats.value_at_risk(returns))
    assert normal == pytest.approx(1.6448536 * returns.std() - returns.mean(), rel=1e-6)
    assert normal != pytest.approx(mine.var_95, rel=1e-3)
    told = float(stats.win_rate(returns))
    assert told == pytest.approx((returns > 0).sum() / (returns != 0).sum())


def test_spells_by_hand() -> None:
    nav = np.array([100.0, 90.0, 95.0, 100.0, 110.0, 88.0, 99.0, 77.0, 80.0])
    first, second = drawdown_spells(nav)
    assert (first.peak, first.trough, first.recovered) == (4, 7, None)
    assert first.depth == pytest.approx(1 - 77 / 110)
    assert (second.peak, second.trough, second.recovered) == (0, 1, 3)
    assert second.depth == pytest.approx(drawdowns(nav)[1])
    assert drawdown_spells(np.array([1.0, 2.0, 3.0])) == []
    assert drawdown_spells(np.array([1.0])) == []


def test_a_period_without_a_value_has_no_return() -> None:
    sessions = [date(2021, 1, 29), date(2021, 2, 1), date(2021, 2, 26), date(2021, 3, 31)]
    told = period_returns(sessions, np.array([math.nan, 100.0, 110.0, 99.0]), 7)
    assert list(told) == ["2021-01", "2021-02", "2021-03"]
    assert math.isnan(told["2021-01"])
    assert math.isnan(told["2021-02"])
    assert told["2021-03"] == pytest.approx(-0.1)


def test_too_few_or_equal_returns_have_no_shape() -> None:
    assert math.isnan(skewness(np.array([0.1, 0.2])))
    assert math.isnan(excess_kurtosis(np.array([0.1, 0.2, 0.3])))
    assert math.isnan(skewness(np.zeros(10)))
    assert np.isnan(rolling_volatility(np.array([1.0, 2.0]), 30)).all()
