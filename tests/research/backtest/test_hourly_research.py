"""What research does beside the backtest, for an hourly book over real hours."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.hourly_book import FIRST, LAST, ORIGIN, LastTwoHours, hourly_book, hourly_panel

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.engine import resolve
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.result_windows import result_bands
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.stress.comparison_of_levels import measured
from nightdesk.research.stress.scenarios import Scenario
from nightdesk.research.stress.shocks import Fall
from nightdesk.research.sweep.trials import SweepSpan, sweep


@pytest.fixture(scope="module")
def panel(market: Path) -> Panel:
    return hourly_panel(market)


@pytest.fixture(scope="module")
def result(panel: Panel) -> Result:
    return backtest(hourly_book(), panel, FIRST, LAST)


def test_the_hours_of_a_market_come_from_the_feeds_that_have_them(market: Path) -> None:
    book = hourly_book(feeds={"daily": ["sample"], "hourly": [f"files:{market}"]})
    found = read_market(book, FIRST, LAST)
    assert found.sources["files hours"] == 3 * len(found.panel)
    assert set(found.sources) == {"sample", "files hours"}
    with pytest.raises(
        Refused,
        match=r"no feed has hours \(asked: yahoo\): name one of alpaca, binance, files:PATH",
    ):
        read_market(hourly_book(feeds={"daily": ["sample"], "hourly": ["yahoo"]}), FIRST, LAST)


def test_a_file_of_hours_that_was_read_is_not_told_as_passed_over(market: Path) -> None:
    found = read_market(hourly_book(), FIRST, LAST, [f"files:{market}"])
    assert not any("equities_hourly" in name for name in found.passed_over)
    daily = read_market(hourly_book(schedule="daily"), FIRST, LAST, [f"files:{market}"])
    assert any("its bars are hours" in why for why in daily.passed_over.values())


def test_a_fall_is_that_of_sessions_in_hours_too(panel: Panel) -> None:
    fall = Fall(depth=0.2, sessions=4, after=3)
    hours = fall.over(panel, hourly_book(), FIRST)
    days = fall.over(panel.days, hourly_book(), FIRST)
    assert_array_equal(hours.days.close, days.close)
    before = (
        panel.sessions < panel.days.sessions[np.searchsorted(panel.days.sessions, np.datetime64(FIRST)) + 3]
    )
    assert_array_equal(hours.close[before], panel.close[before])
    assert_allclose(hours.close[-1, :3], panel.close[-1, :3] * 0.8)
    for session in np.unique(panel.sessions):
        rows = panel.sessions == session
        ratio = hours.close[rows, 0] / panel.close[rows, 0]
        assert_allclose(ratio, ratio[0])
    assert hours.hours is not None
    assert panel.hours is not None
    assert_allclose(hours.hours.mean[-1, 0], panel.hours.mean[-1, 0] * 0.8)


def test_a_stress_counts_sessions(panel: Panel, result: Result) -> None:
    scenario = Scenario("weeks", "some weeks", FIRST, LAST, 0.5)
    told = measured(scenario, result, levels=False)
    assert told.sessions == len(result.closing) == 24
    assert told.max_drawdown < 0.5
    assert told.benchmark_return == pytest.approx(
        float(panel.days.adjusted_close[-1, 0] / panel.days.adjusted_close[-24, 0]) - 1
    )


def test_bands_are_of_windows_of_sessions(result: Result) -> None:
    band = result_bands(result, 5)[LastTwoHours.name]
    assert band.sessions == 5
    assert band.windows == len(result.closing) - 5


def test_a_sweep_gives_what_single_backtests_give(panel: Panel) -> None:
    book = hourly_book()

    def load(settings):
        changed = {"rhythm": "hourly", "fill": settings["schedule.fill"]}
        return hourly_book(schedule=changed)

    grid = [{"schedule.fill": one} for one in ("mean", "open")]
    mean, opens = sweep(book, grid, load, SweepSpan(panel, ORIGIN, FIRST, LAST))
    alone = backtest(hourly_book(), panel, FIRST, LAST)
    assert mean.refused == opens.refused == ""
    assert mean.figures["total_return"] == pytest.approx(float(alone.nav[-1] / alone.closing_nav[0]) - 1)
    assert mean.figures["total_return"] != opens.figures["total_return"]


def test_factors_over_hours_in_a_daily_book_and_learning_in_an_hourly_one_are_refused() -> None:
    with pytest.raises(Refused, match=r"schedule: found daily, .* \(h:momentum_2, h:volatility_20\)"):
        resolve(hourly_book(schedule="daily"))
    with pytest.raises(Refused, match=r"strategies\.ml_momentum: it learns from sessions"):
        resolve(hourly_book(strategies={"ml_momentum": {}}))
    assert resolve(hourly_book()).look_back == 61
    assert date(2019, 7, 1) == ORIGIN
