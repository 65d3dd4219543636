"""An hourly book over real hours, in memory: over an early close and a change of daylight saving time."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.hourly_book import (
    EARLY_CLOSE,
    FIRST,
    LAST,
    ORIGIN,
    SYMBOLS,
    LastTwoHours,
    hourly_book,
    hourly_panel,
)

from nightdesk import factors
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.core.schedule import schedule_of
from nightdesk.engine.exits import Cause
from nightdesk.orders.fills import expected_price
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.simulation import Decided
from nightdesk.risk import RiskEvent
from nightdesk.strategies.strategy import ExitPlan
from nightdesk.testing.factor_contract import assert_truncation_changes_nothing

XNYS = get_calendar()


@pytest.fixture(scope="module")
def panel(market: Path) -> Panel:
    return hourly_panel(market)


@pytest.fixture(scope="module")
def result(panel: Panel) -> Result:
    return run(panel)


def run(panel: Panel, first: date = FIRST, last: date = LAST, **changed: Any) -> Result:
    return backtest(hourly_book(**changed), panel, first, last)


def by_session(result: Result) -> dict[date, list[Decided]]:
    return {day: list(rows) for day, rows in groupby(result.decided, lambda one: one.state.mark.session)}


def test_every_hour_is_decided_once_at_its_instant(result: Result) -> None:
    instants = [result.market.closes[one.t] for one in result.decided]
    schedule = schedule_of(result.desk.book)
    assert instants[0] == schedule.first_of(FIRST)
    assert all(schedule.after(one) == other for one, other in pairwise(instants))
    counts = {day: len(rows) for day, rows in by_session(result).items()}
    assert counts.pop(EARLY_CLOSE) == 4
    assert set(counts.values()) == {7}
    assert len(counts) == len(XNYS.between(FIRST, LAST)) - 1


def test_decisions_of_one_session_send_orders_of_their_own(result: Result) -> None:
    days = by_session(result).values()
    assert sum(sum(bool(one.orders) for one in rows) >= 2 for rows in days) > 15
    names = [order.client_order_id for one in result.decided for order in one.orders]
    assert len(names) == len(set(names)) > 100
    for one in result.decided:
        assert {order.as_of for order in one.orders} <= {result.market.closes[one.t]}


@pytest.mark.parametrize("fill", ["mean", "open"])
def test_an_order_fills_in_the_next_hour_at_its_mean_and_at_the_open_of_a_session(
    panel: Panel, fill: str
) -> None:
    found = run(panel, schedule={"rhythm": "hourly", "fill": fill})
    seen = {True: 0, False: 0}
    assert panel.hours is not None
    for before, after in pairwise(found.decided):
        orders = {order.client_order_id: order for order in before.orders}
        opens = bool(panel.hours.opens[after.t])
        for one in after.fills:
            n = panel.column(one.symbol)
            bar = [float(getattr(panel, name)[after.t, n]) for name in ("open", "high", "low", "close")]
            price = bar[0] if opens or fill == "open" else round(sum(bar) / 4, 6)
            order, slippage = orders[one.client_order_id], found.desk.fill_terms.terms[one.symbol].slippage
            assert one.price == expected_price(order.side, Decimal(str(price)), slippage, None)
            seen[opens] += 1
    assert min(seen.values()) > 20


def test_the_volume_bound_is_that_of_the_hour(panel: Panel) -> None:
    share = 0.00002
    broker = {"kind": "paper", "account": "paper-hours", "max_volume_share": share}
    found = run(panel, broker=broker)
    taken = [
        (float(fill.quantity), float(panel.volume[one.t, panel.column(fill.symbol)]))
        for one in found.decided
        for fill in one.fills
    ]
    assert all(quantity <= volume * share for quantity, volume in taken)
    assert any(quantity == np.floor(volume * share) for quantity, volume in taken)
    assert any("of the bar's volume" in gone.reason for one in found.decided for gone in one.expired)


def test_nav_is_cash_and_positions_at_the_closes_of_hours(result: Result, panel: Panel) -> None:
    for one in result.decided:
        worth = sum(
            round(Decimal(str(float(panel.last_close[one.t, panel.column(at.symbol)]))) * at.quantity, 2)
            for at in one.state.ledger.held()
        )
        assert one.state.mark.nav == one.state.ledger.cash + worth


def test_the_day_s_return_is_measured_from_the_last_closing_mark(result: Result) -> None:
    closing = None
    for rows in by_session(result).values():
        for one in rows:
            expected = 0.0 if closing is None else float(one.state.mark.nav / closing - 1)
            assert one.state.mark.day_return == expected
        closing = rows[-1].state.mark.nav


def executed(rows: list[Decided]) -> int:
    """Orders of a session that filled in it: those of the close before and of its own hours."""
    return len({fill.client_order_id for one in rows for fill in one.fills})


def test_trades_a_day_add_up_over_the_hours_of_a_session(panel: Panel, result: Result) -> None:
    assert max(executed(rows) for rows in by_session(result).values()) > 6
    limited = run(panel, limits={"max_weight": {}, "trades_per_day": {"limit": 3}})
    counts = [executed(rows) for rows in by_session(limited).values()]
    assert max(counts) == 3
    verdicts = [one.gated.verdicts(SYMBOLS) for one in limited.decided]
    assert any(one.rule == "trades_per_day" and one.action != "approve" for rows in verdicts for one in rows)


def test_turnover_a_day_adds_up_over_the_hours_of_a_session(panel: Panel) -> None:
    limit = 0.5
    limited = run(panel, limits={"max_weight": {}, "turnover_per_day": {"limit": limit}})
    most = 0.0
    for rows in by_session(limited).values():
        traded = sum(float(fill.notional) for one in rows for fill in one.fills)
        most = max(most, traded / float(rows[0].state.mark.nav))
    # prices move between the decision and the fill
    assert 0.9 * limit < most < 1.05 * limit


def test_a_loss_of_the_day_blocks_entries_until_the_next_session(panel: Panel) -> None:
    limit = -0.002
    limited = run(panel, limits={"max_weight": {}, "daily_loss": {"limit": limit}})
    blocked = recovered = 0
    for rows in by_session(limited).values():
        tripped = False
        for one in rows:
            tripped |= one.state.mark.day_return < limit
            added = (one.gated.quantity > one.targets.held).any()
            assert not (tripped and added)
            blocked += bool(tripped and (one.targets.quantity > one.targets.held).any())
            recovered += bool(tripped and one.state.mark.day_return > limit)
    assert blocked > 5
    assert recovered > 0


def test_a_kill_by_the_day_s_loss_stops_the_book_from_the_next_hour_on(panel: Panel) -> None:
    killed = run(panel, limits={"max_weight": {}, "daily_loss": {"limit": -0.002, "kills": True}})
    at = next(n for n, one in enumerate(killed.decided) if one.state.mark.day_return < -0.002)
    assert not killed.decided[at].state.facts.kill_switch
    assert all(one.state.facts.kill_switch for one in killed.decided[at + 1 :])
    assert [event.kind for event in killed.events] == ["kill"]
    assert not any((one.gated.quantity > one.targets.held).any() for one in killed.decided[at:])


def test_the_sessions_of_a_drawdown_level_are_counted_at_closes(panel: Panel) -> None:
    session = XNYS.shift(FIRST, 3)
    forced = RiskEvent(session, "level", "to see it", "ann", 2)
    levels = {"calm_sessions": 2, "low_sessions": 3, "average_correlation": 1.0, "every_correlation": 1.0}
    found = backtest(hourly_book(levels=levels), panel, FIRST, LAST, [forced])
    entered = [one for one in found.decided if one.gated.judged.change is not None]
    assert [one.gated.judged.change.after for one in entered[:1] if one.gated.judged.change] == [2]
    begun = entered[0].state.mark.session
    assert begun == session
    for one in found.decided:
        risk = one.gated.judged.risk
        if risk.level == 2:
            at_close = found.market.closes_session(one.t)
            passed = XNYS.index(one.state.mark.session) - XNYS.index(begun)
            assert risk.sessions == passed + at_close
    back = next(
        one for one in entered if one.gated.judged.change and one.gated.judged.change.cause == "way back"
    )
    assert XNYS.index(back.state.mark.session) - XNYS.index(begun) in range(2, 8)


def test_stops_are_looked_at_within_a_session(panel: Panel) -> None:
    stop = {"halve": 0.004, "leave": 0.006}
    found = run(panel, limits={"max_weight": {}, "stop_loss": stop})
    acted = [one.t for one in found.decided if one.gated.judged.risk.stop_caps]
    assert panel.hours is not None
    assert any(not panel.hours.closes[t] for t in acted)


def test_volatility_of_hours_is_annualised_by_the_hours_of_a_year(result: Result, panel: Panel) -> None:
    one = result.decided[40]
    n = panel.column("BAC")
    returns = panel.returns[one.t - 19 : one.t + 1, n]
    expected = returns.std(ddof=1) * np.sqrt(252 * 7)
    assert result.market.factors["h:volatility_20"][one.t, n] == pytest.approx(expected, rel=1e-9)


def test_a_factor_of_sessions_is_that_of_the_last_closed_one_within_a_session(
    result: Result, panel: Panel
) -> None:
    days = factors.compute(panel.days, ("momentum_5",), benchmark="SPY", universe=3)["momentum_5"]
    for rows in by_session(result).values():
        day = int(np.searchsorted(panel.days.sessions, np.datetime64(rows[0].state.mark.session)))
        for one in rows:
            expected = days[day if one is rows[-1] else day - 1, :3]
            assert np.array_equal(result.market.factors["momentum_5"][one.t], expected)
            assert np.array_equal(
                result.market.day(one.t).returns[-1],
                panel.days.returns[day - (one is not rows[-1]), :3],
                equal_nan=True,
            )


def test_no_hourly_factor_looks_ahead_on_real_hours(panel: Panel) -> None:
    names = (*LastTwoHours.factors, "h:rsi_14", "h:sma_50", "h:atr_14", "h:rank_momentum_12", "beta_60")
    names = tuple(name for name in names if name != "h:rank_momentum_12")

    def compute(cut: Panel) -> dict[str, np.ndarray]:
        return factors.compute(cut, names, benchmark="SPY", universe=3)

    early = int(np.searchsorted(panel.sessions, np.datetime64(EARLY_CLOSE)))
    assert_truncation_changes_nothing(
        compute, panel, (1, 7, 8, 200, early + 1, early + 3, early + 4, early + 5)
    )


def test_no_decision_looks_ahead(panel: Panel, result: Result) -> None:
    cut = run(panel.until(len(panel) - 7), last=XNYS.shift(LAST, -1))
    for one, other in zip(cut.decided, result.decided, strict=False):
        assert [order.quantity for order in one.orders] == [order.quantity for order in other.orders]
        assert one.state.mark == other.state.mark


def test_an_hour_that_is_not_there_makes_its_symbol_stale_for_that_decision_alone(panel: Panel) -> None:
    t, n = len(panel) - 30, panel.column("AAPL")
    arrays = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
    fills = {
        f"fill_{name}": getattr(panel, f"fill_{name}").copy() for name in ("open", "high", "low", "volume")
    }
    assert panel.hours is not None
    mean = panel.hours.mean.copy()
    for one in (*arrays.values(), *fills.values(), mean):
        one[t, n] = np.nan
    holed = replace(panel, **arrays, **fills, hours=replace(panel.hours, mean=mean))
    found = run(holed)
    row = next(at for at, one in enumerate(found.decided) if one.t == t)
    assert found.market.day(t).age[n] == 1
    assert found.market.day(t + 1).age[n] == 0
    assert not any(fill.symbol == "AAPL" for fill in found.decided[row].fills)
    at, added = found.desk.column["AAPL"], found.decided[row]
    assert not (added.gated.quantity[:, at] > added.targets.held[:, at]).any()


def test_a_plan_of_sessions_ends_a_position_at_a_close(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LastTwoHours, "exit_plan", ExitPlan(sessions=2))
    found = run(panel)
    name = LastTwoHours.name
    aged = 0
    for one in found.decided:
        for n in np.flatnonzero(one.targets.cause[0] == Cause.AGE):
            position = one.state.ledger.positions[name, SYMBOLS[n]]
            assert position.entry_session is not None
            held = XNYS.index(one.state.mark.session) - XNYS.index(position.entry_session) + 1
            assert held - (not found.market.closes_session(one.t)) >= 2
            aged += 1
    assert aged > 0


def test_day_trades_of_a_session_are_counted_while_it_runs(panel: Panel) -> None:
    rule = {"limit": 1, "equity": 1e9, "in_force": "always"}
    found = run(panel, limits={"max_weight": {}, "pattern_day_trader": rule})
    made = [len(one.state.tax.opened) for one in found.decided]
    closes = [found.market.closes_session(one.t) for one in found.decided]
    assert any(made)
    assert not any(count for count, close in zip(made, closes, strict=True) if close)
    verdicts = [one for decided in found.decided for one in decided.gated.verdicts(SYMBOLS)]
    assert any(one.rule == "pattern_day_trader" and one.action != "approve" for one in verdicts)


def test_figures_are_of_sessions_from_close_to_close(result: Result) -> None:
    figures = metrics(result)
    days = by_session(result)
    nav = np.array([float(rows[-1].state.mark.nav) for rows in days.values()])
    assert figures["sessions"] == len(days)
    returns = nav[1:] / nav[:-1] - 1
    assert figures["annual_volatility"] == pytest.approx(returns.std(ddof=1) * np.sqrt(252))
    traded = sum(float(fill.notional) for one in result.decided for fill in one.fills)
    assert result.traded.sum() == pytest.approx(traded)
    assert len(result.traded) == len(days)


def test_the_words_of_a_signal_name_the_hours(result: Result) -> None:
    one, name = result.decided[50], LastTwoHours.name
    said = result.desk.strategies[name].explain(result.view, result.market.signals[name], one.t, 0)
    assert "in two hours" in said


def test_a_panel_of_another_rhythm_is_refused(panel: Panel) -> None:
    with pytest.raises(Refused, match="decides hourly, and these bars were read for one that decides daily"):
        backtest(hourly_book(), panel.days, FIRST, LAST)
    daily = hourly_book(schedule="daily", strategies={"rsi_mean_reversion": {}})
    with pytest.raises(Refused, match="decides daily, and these bars were read for one that decides hourly"):
        backtest(daily, panel, FIRST, LAST)


def test_the_span_of_the_test_holds_what_it_is_meant_to_hold(panel: Panel) -> None:
    assert panel.hours is not None
    opens = panel.hours.instants[panel.hours.opens].astype("datetime64[s]").astype(object)
    days = panel.sessions[panel.hours.opens]
    hour = {day: one.hour for day, one in zip(days.astype(object), opens, strict=True)}
    assert (hour[date(2019, 11, 1)], hour[date(2019, 11, 4)]) == (14, 15)
    assert XNYS.close_at(EARLY_CLOSE) - XNYS.open_at(EARLY_CLOSE) == timedelta(hours=3.5)
    assert panel.sessions[0] == np.datetime64(ORIGIN)
