"""The risk report of a decision: what is held at the mark, and the trades that the gate let through."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.engine.desks import day, desk, state

from nightdesk.engine import Day, Desk, State, gate, risk_report, targets
from nightdesk.portfolio import portfolio_volatility
from nightdesk.risk import Distance, RiskReport, begin
from nightdesk.strategies import Direction

HOLD, BUY, STRONG_SELL = Direction.HOLD, Direction.BUY, Direction.STRONG_SELL
TREND = "time_series_momentum"
LIMITS: dict[str, Any] = {
    "max_weight": {},
    "cash_buffer": {"limit": 0.05},
    "stop_loss": {},
    "trades_per_day": {"limit": 5},
    "turnover_per_day": {"limit": 0.5},
}
DESK = desk(limits=LIMITS, levels={"havens": ["GLD"]})


def told(now: State, today: Day, of: Desk = DESK) -> RiskReport:
    return risk_report(of, now, today, gate(of, now, today, targets(of, now, today)))


def limit(report: RiskReport, rule: str) -> Distance:
    (one,) = [one for one in report.distances if one.rule == rule]
    return one


def test_it_is_of_the_positions_at_the_mark_and_not_of_those_that_are_wanted() -> None:
    # 200 GLD at 100 and 50 SPY at 200 dollars in a book of 100,000; GLD is wanted at more
    now, today = state((TREND, "GLD", 200), (TREND, "SPY", 50)), day([BUY, HOLD])
    report = told(now, today)
    assert [(one.symbol, one.weight) for one in report.contributions] == [("GLD", 0.2), ("SPY", 0.1)]
    assert report.nav == 100_000.0
    assert report.volatility == portfolio_volatility(np.array([0.2, 0.1]), today.returns)
    assert limit(report, "cash_buffer").value == pytest.approx(0.7)
    assert limit(report, "max_weight").subject == "GLD"


def test_the_value_at_risk_is_of_the_longer_window() -> None:
    fall = np.full((252, 2), 0.001)
    fall[:40] = -0.05
    now = state((TREND, "GLD", 500))
    report = told(now, day([HOLD, HOLD], history=fall))
    assert report.tail.sessions == 252
    assert report.tail.historical.var == pytest.approx(0.5 * 0.05)
    assert limit(report, "volatility").value < 0.01


def test_the_trades_of_the_decision_are_counted_against_their_limits() -> None:
    report = told(state((TREND, "GLD", 100)), day([STRONG_SELL, HOLD]))
    assert limit(report, "trades_per_day").value == 1
    assert limit(report, "turnover_per_day").value == pytest.approx(0.1)


def test_a_sale_that_a_level_asks_for_is_not_counted() -> None:
    now = replace(state((TREND, "GLD", 200)), risk=begin(Decimal(108_696)))
    report = told(now, day([HOLD, HOLD]))
    assert limit(report, "trades_per_day").value == 0
    assert limit(report, "drawdown_level").subject == "level 3"
    assert limit(report, "drawdown_level").value == pytest.approx(1 - 100_000 / 108_696)


def test_a_stop_counts_from_the_average_entry() -> None:
    report = told(state((TREND, "GLD", 100)), day([HOLD, HOLD], price=np.array([94.0, 200.0])))
    assert limit(report, "stop_loss").subject == "GLD"
    assert limit(report, "stop_loss").value == pytest.approx(0.06)
    assert limit(report, "stop_loss").room == pytest.approx(0.06)


def test_symbols_without_a_group_are_counted_with_their_class() -> None:
    universe = {
        "GLD": {"max_weight": 0.5, "group": "metal"},
        "SPY": {"max_weight": 0.4, "asset_class": "equity"},
    }
    of = desk(limits=LIMITS, universe=universe)
    assert told(state((TREND, "GLD", 10)), day([HOLD, HOLD]), of).concentration.largest_group == "metal"
    assert told(state((TREND, "SPY", 10)), day([HOLD, HOLD]), of).concentration.largest_group == "equity"


def test_a_book_that_holds_cash_alone_has_a_report_too() -> None:
    report = told(state(), day([HOLD, HOLD], price=np.array([np.nan, 200.0])))
    assert (report.volatility, report.contributions, report.concentration.largest) == (0.0, (), "")
    assert limit(report, "cash_buffer").value == 1.0
