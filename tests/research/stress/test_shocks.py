"""Shocks: each formula on bars, and what a book does when its feed or its broker is away."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from tests.engine.desks import book
from tests.hourly import random_hours
from tests.research.backtest.panels import seeded_panel

from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date
from nightdesk.core.panel import Action, Panel
from nightdesk.research.backtest.rejected_orders import REJECTED
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.stress.comparison_of_levels import measured
from nightdesk.research.stress.scenarios import SHOCKS, Scenario
from nightdesk.research.stress.shocks import (
    MEASURED,
    Fall,
    LostFeed,
    OneMarket,
    RejectingBroker,
    Shock,
    WilderMarket,
)

SMALL = book(quality={"failed_share": 0.6})
START, LAST = date(2019, 1, 2), date(2020, 3, 31)
AFTER = 20
PRICES = ("open", "high", "low", "close", "fill_open", "fill_low", "fill_high")
SPLIT = Action("GLD", np.datetime64("2019-03-15"), "split", 2.0)
PAID = Action("SPY", np.datetime64("2019-04-05"), "dividend", 1.5)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return seeded_panel(SMALL, [SPLIT, PAID])


def begins(panel: Panel) -> int:
    return int(np.searchsorted(panel.sessions, np.datetime64(START))) + AFTER


def log_returns(panel: Panel, symbol: str, part: slice) -> np.ndarray:
    return np.diff(np.log(panel.adjusted_close[part, panel.column(symbol)]))


@pytest.mark.parametrize(
    "shock",
    [Fall(0.1, 1, AFTER), OneMarket(AFTER), WilderMarket(2.0, AFTER), LostFeed(5, AFTER)],
)
def test_nothing_changes_before_a_shock_and_bars_stay_bars(panel: Panel, shock: Shock) -> None:
    after, at = shock.over(panel, SMALL, START), begins(panel)
    for name in (*PRICES, "dividend", "volume"):
        assert np.array_equal(getattr(after, name)[:at], getattr(panel, name)[:at], equal_nan=True), name
    there = np.isfinite(after.close)
    highest = np.fmax(after.open, after.close)
    assert (after.high[there] >= highest[there] * (1 - 1e-12)).all()
    assert (after.low[there] <= np.fmin(after.open, after.close)[there] * (1 + 1e-12)).all()
    again = shock.over(panel, SMALL, START)
    assert all(np.array_equal(getattr(after, name), getattr(again, name), equal_nan=True) for name in PRICES)
    assert shock.rejects(panel, START) == frozenset()


def test_a_gap_takes_its_share_of_every_price_in_one_night(panel: Panel) -> None:
    after, at = Fall(0.1, 1, AFTER).over(panel, SMALL, START), begins(panel)
    columns = [panel.column(one) for one in SMALL.symbols]
    for name in PRICES:
        ratio = getattr(after, name)[at:, columns] / getattr(panel, name)[at:, columns]
        np.testing.assert_allclose(ratio, 0.9)


def test_in_one_market_all_returns_are_the_benchmarks_at_each_symbols_own_volatility(panel: Panel) -> None:
    after, at = OneMarket(AFTER).over(panel, SMALL, START), begins(panel)
    here, before = slice(at - 1, None), slice(at - 1 - MEASURED, at)
    market = log_returns(after, SMALL.benchmark, here)
    np.testing.assert_allclose(market, log_returns(panel, SMALL.benchmark, here), atol=1e-12)
    of_market = log_returns(panel, SMALL.benchmark, before).std(ddof=1)
    for symbol in SMALL.symbols:
        share = log_returns(panel, symbol, before).std(ddof=1) / of_market
        np.testing.assert_allclose(log_returns(after, symbol, here), share * market, atol=1e-12)
    index = panel.column(SMALL.volatility_index)
    assert np.array_equal(after.close[:, index], panel.close[:, index])


def test_a_wilder_market_doubles_what_is_around_the_drift_and_ends_where_the_real_one_did(
    panel: Panel,
) -> None:
    after, at = WilderMarket(2.0, AFTER).over(panel, SMALL, START), begins(panel)
    split = panel.split[at:]
    for symbol in SMALL.symbols:
        n = panel.column(symbol)
        real, wild = (
            np.log(one.close[at:, n] * split[:, n] / one.close[at - 1 : -1, n]) for one in (panel, after)
        )
        np.testing.assert_allclose(wild - real.mean(), 2.0 * (real - real.mean()), atol=1e-12)
        assert after.close[-1, n] == pytest.approx(panel.close[-1, n])
        night, wild_night = (
            np.log(one.open[at:, n] * split[:, n] / one.close[at - 1 : -1, n]) for one in (panel, after)
        )
        np.testing.assert_allclose(wild_night, 2.0 * night - real.mean(), atol=1e-12)
    t, n = int(np.searchsorted(panel.sessions, PAID.day)), panel.column("SPY")
    yields = [one.dividend[t, n] / one.close[t - 1, n] for one in (panel, after)]
    assert yields[1] == pytest.approx(yields[0])
    index = panel.column(SMALL.volatility_index)
    np.testing.assert_allclose(after.close[at:, index], 2.0 * panel.close[at:, index])


@pytest.mark.parametrize("shock", [Fall(0.1, 3, AFTER), WilderMarket(2.0, AFTER), LostFeed(5, AFTER)])
def test_of_hours_the_days_behind_them_are_moved_alike(shock: Shock) -> None:
    hours = random_hours(3)
    small = SimpleNamespace(symbols=("AAA", "BBB"), benchmark="SPY", volatility_index="SPY")
    first = as_date(hours.hours.days.sessions[0])
    after = shock.over(hours, small, first)
    closing = hours.hours.closes
    for n in range(2):
        at_close = after.close[closing, n], after.hours.days.close[:, n]
        both = np.isfinite(at_close[0])
        np.testing.assert_allclose(at_close[0][both], at_close[1][both])
    lost = int(np.isnan(after.hours.days.close[:, 0]).sum())
    assert lost == (5 if isinstance(shock, LostFeed) else 0)
    mean = (after.open + after.high + after.low + after.close) / 4
    both = np.isfinite(after.hours.mean) & np.isfinite(mean)
    assert both.sum() > 500
    np.testing.assert_allclose(after.hours.mean[both], mean[both], rtol=1e-7)


def checked(result: Result, settled: Book) -> None:
    """NAV is cash plus value at every mark, and no order was executed twice."""
    for one in result.decided:
        prices = result.market.prices(one.t)
        held = one.state.ledger.held()
        value = sum(float(at.quantity) * prices[at.symbol] for at in held)
        assert float(one.state.mark.nav) == pytest.approx(float(one.state.ledger.cash) + value, abs=0.02)
    sent = [order.client_order_id for one in result.decided for order in one.orders]
    assert len(sent) == len(set(sent)), settled.name
    filled = [fill.execution_id for one in result.decided for fill in one.fills]
    assert len(filled) == len(set(filled))


def test_a_book_keeps_its_positions_while_no_bar_comes_and_decides_nothing(panel: Panel) -> None:
    shock = LostFeed(5, AFTER)
    lost_sessions = shock.loses(panel, START)
    assert len(lost_sessions) == 5
    after = shock.over(panel, SMALL, START)
    result = backtest(SMALL, after, START, LAST, without_bars=lost_sessions)
    checked(result, SMALL)
    at = begins(panel)
    lost = [one for one in result.decided if at <= one.t < at + 5]
    assert set(result.stopped) == lost_sessions
    assert all(one.state.ledger.held() for one in lost), "there was something to keep"
    before = result.decided[at - result.decided[0].t - 1]
    kept = {(one.strategy, one.symbol): one.quantity for one in lost[0].state.ledger.held()}
    for one in lost:
        assert not one.orders
        assert not one.fills
        assert {(at.strategy, at.symbol): at.quantity for at in one.state.ledger.held()} == kept
        assert len(one.stale) == len({at.symbol for at in one.state.ledger.held()})
    assert {one.reason for one in lost[0].expired} <= {"no bar to fill at"}
    assert len(lost[0].expired) == len(before.orders), "the order that waited is told of"
    spells = {one.symbol for one in result.quarantines}
    assert spells >= set(SMALL.symbols)
    assert any(one.orders for one in result.decided if one.t >= at + 5), "the book goes on"


def test_sessions_without_bars_are_refused_where_nobody_said_that_they_are_lost(panel: Panel) -> None:
    from nightdesk.core.errors import Refused

    shock = LostFeed(5, AFTER)
    after, lost = shock.over(panel, SMALL, START), shock.loses(panel, START)
    for some in (frozenset[date](), lost - {max(lost)}):
        with pytest.raises(Refused, match="the data is too bad to decide on"):
            backtest(SMALL, after, START, LAST, without_bars=some)


def test_what_a_broker_rejects_is_told_and_decided_anew_and_never_twice(panel: Panel) -> None:
    calm = backtest(SMALL, panel, START, LAST)
    begun = next(n for n, one in enumerate(calm.decided) if one.fills)
    shock = RejectingBroker(5, after=begun)
    rejected = shock.rejects(panel, START)
    result = backtest(SMALL, shock.over(panel, SMALL, START), START, LAST, rejects=rejected)
    checked(result, SMALL)
    days = [one.state.mark.session for one in result.decided]
    told = [(day, end) for day, one in zip(days, result.decided, strict=True) for end in one.expired]
    refused = [day for day, end in told if end.reason == REJECTED]
    assert refused
    assert set(refused) <= rejected
    for earlier, one in pairwise(result.decided[: begun + 5]):
        ended = {end.client_order_id: end.quantity for end in one.expired if end.reason == REJECTED}
        asked = {order.client_order_id: order.quantity for order in earlier.orders}
        if one.state.mark.session in rejected:
            assert ended == asked
            assert not one.fills
            assert one.state.ledger.cash == Decimal(100_000)
    bought = [fill for one in result.decided for fill in one.fills]
    assert bought, "the book buys once it can"
    run = measured(Scenario("by_hand", "by hand", START, LAST, 0.5, shock), result, levels=False)
    assert run.refused_orders == len(refused)
    assert run.cash_sessions >= 5


def test_after_a_week_of_rejections_the_book_holds_what_it_wants_and_no_more(panel: Panel) -> None:
    shock = RejectingBroker(5, after=AFTER)
    result = backtest(SMALL, panel, START, LAST, rejects=shock.rejects(panel, START))
    checked(result, SMALL)
    for earlier, one in pairwise(result.decided):
        wanted = earlier.gated.quantity
        held = one.targets.held
        most = np.fmax(np.abs(wanted), np.abs(earlier.targets.held))
        split = result.market.splits(one.t)
        if not split:
            assert (np.abs(held) <= most + 1e-9).all()


def test_the_shocks_of_the_house_begin_within_their_spans() -> None:
    for one in SHOCKS:
        assert one.shock is not None
        assert not one.counts
        days = (one.last - one.first).days * 252 // 365
        assert one.shock.after < days - 20  # type: ignore[attr-defined]
    assert len({one.name for one in SHOCKS}) == 5


def test_a_shock_after_the_end_of_a_panel_changes_nothing(panel: Panel) -> None:
    for shock in (OneMarket(5_000), WilderMarket(2.0, 5_000), LostFeed(5, 5_000), Fall(0.1, 1, 5_000)):
        after = shock.over(panel, SMALL, START)
        assert np.array_equal(after.close, panel.close, equal_nan=True)
    assert RejectingBroker(5, 5_000).rejects(panel, START) == frozenset()
