"""A monthly allocation through the decisions of many sessions, and what several strategies hold together."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.engine.desks import day, desk, state, two_strategies
from tests.research.backtest.panels import LAST, seeded_panel

from nightdesk.engine import Carried, Market, gate, observe, targets
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.strategies import Direction

BUY, HOLD, SELL = Direction.STRONG_BUY, Direction.HOLD, Direction.STRONG_SELL
#: Two symbols change places often: more than the usual turnover is allowed, or nothing would ever change.
ROTATION = {
    "rotation": {
        "sizing": "risk_parity",
        "sizing_params": {"max_turnover": 0.9},
        "params": {"above": 0.4},
        "share": 0.8,
    }
}
#: Wide caps, and so little traded a day that an allocation takes several sessions.
LIMITS = {"max_weight": {}, "cash_buffer": {"limit": 0.05}, "turnover_per_day": {"limit": 0.15}}
UNIVERSE = {"GLD": {"max_weight": 1.0}, "SPY": {"max_weight": 1.0}}
MADE = desk(strategies=ROTATION, limits=LIMITS, universe=UNIVERSE)


def run(first: date, last: date = LAST, faults: dict[tuple[str, int], float] | None = None) -> Result:
    quality = MADE.book.quality.model_copy(update={"failed_share": 0.6, "missing_sessions": 0.5})
    book = MADE.book.model_copy(update={"quality": quality})
    return backtest(book, seeded_panel(book, faults=faults), first, last)


def allocated(*shares: float) -> Carried:
    return replace(Carried.nothing((1, 2)), allocation=np.array([shares]))


@pytest.fixture(scope="module")
def result() -> Result:
    return run(date(2019, 2, 1))


def market() -> Market:
    panel = seeded_panel(MADE.book)
    nothing = np.full((len(panel), 2), np.nan)
    return observe(MADE, panel, dict.fromkeys(MADE.factor_names, nothing))


def test_a_month_opens_on_its_first_session_whatever_its_day() -> None:
    seen = market()
    opening = [session for t, session in enumerate(seen.sessions) if seen.day(t).opens_month]
    assert opening[:9] == [
        date(2018, 1, 2), date(2018, 2, 1), date(2018, 3, 1), date(2018, 4, 2), date(2018, 5, 1),
        date(2018, 6, 1), date(2018, 7, 2), date(2018, 8, 1), date(2018, 9, 4),
    ]  # fmt: skip
    assert len(opening) == 30


def test_a_panel_that_begins_within_a_month_does_not_open_it() -> None:
    panel = seeded_panel(MADE.book)
    cut = replace(panel, **{name: getattr(panel, name)[5:] for name in ARRAYS})
    nothing = np.full((len(cut), 2), np.nan)
    seen = observe(MADE, cut, dict.fromkeys(MADE.factor_names, nothing))
    assert seen.sessions[0] == date(2018, 1, 9)
    assert not seen.day(0).opens_month
    assert [seen.sessions[t] for t in range(30) if seen.day(t).opens_month] == [date(2018, 2, 1)]


ARRAYS = (
    "sessions", "open", "high", "low", "close", "volume", "fill_open", "fill_low", "fill_high", "fill_volume",
    "adjustment", "dividend", "split",
)  # fmt: skip


def test_weights_change_on_the_first_session_of_a_month_alone(result: Result) -> None:
    changes = 0
    for before, after in zip(result.decided, result.decided[1:], strict=False):
        if not np.array_equal(before.targets.carried.allocation, after.targets.carried.allocation):
            assert result.market.opens_month[after.t]
            changes += 1
    assert changes >= 3


def test_what_the_gate_held_back_is_asked_for_again_until_it_is_held(result: Result) -> None:
    first = next(at for at, one in enumerate(result.decided) if one.targets.carried.allocation.any())
    days = result.decided[first : first + 12]
    assert all(
        np.array_equal(one.targets.carried.allocation, days[0].targets.carried.allocation) for one in days
    )
    invested = [float(one.state.mark.gross) for one in days]
    assert invested[0] == 0.0
    assert invested[1:6] == pytest.approx([0.15, 0.30, 0.45, 0.60, 0.75], abs=0.02)
    assert invested[-1] == pytest.approx(0.8, abs=0.02)


def test_a_book_that_begins_within_a_month_waits_for_the_next(result: Result) -> None:
    late = run(date(2019, 2, 4), date(2019, 3, 15))
    for one in late.decided:
        assert one.targets.carried.allocation.any() == (one.state.mark.session >= date(2019, 3, 1))


def test_the_allocation_before_is_carried_on_and_none_is_nothing() -> None:
    made = desk(strategies={"rotation": {"sizing": "risk_parity"}}, universe=UNIVERSE)
    mid_month, first = day([SELL, BUY]), day([BUY, SELL], opens_month=True)
    assert targets(made, state(), mid_month).carried.allocation.tolist() == [[0.0, 0.0]]
    assert targets(made, state(), first).carried.allocation.tolist() == [[1.0, 0.0]]
    carried = replace(state(), carried=allocated(0.25, 0.75))
    found = targets(made, carried, mid_month)
    assert found.carried.allocation.tolist() == [[0.25, 0.75]]
    assert found.quantity.tolist() == [[250.0, 375.0]]


def test_a_strategy_that_is_off_keeps_its_allocation_and_adds_nothing() -> None:
    off = [{"name": "CALM", "below": 30, "strategies_off": ["rotation"]}, {"name": "REST"}]
    made = desk(strategies={"rotation": {"sizing": "risk_parity"}}, universe=UNIVERSE, regime=off)
    now = replace(state(("rotation", "GLD", 100), ("rotation", "SPY", 400)), carried=allocated(0.5, 0.5))
    found = targets(made, now, day([BUY, BUY]))
    assert found.carried.allocation.tolist() == [[0.5, 0.5]]
    assert found.quantity.tolist() == [[100.0, 250.0]]


def test_a_symbol_that_is_halted_over_the_turn_of_a_month_is_kept_as_it_is() -> None:
    halted = {("GLD", row): np.nan for row in range(408, 425)}
    found = run(date(2019, 7, 1), date(2019, 9, 10), halted)
    without = [one for one in found.decided if not found.market.has_bar[one.t, 0]]
    assert len(without) == len(halted)
    august, september = without[0].targets.carried.allocation[0], without[-1].targets.carried.allocation[0]
    assert august.min() > 0.4
    assert september.tolist() == [august[0], 0.0]
    held = {one.targets.held[0, 0] for one in without}
    assert len(held) == 1
    assert held.pop() > 200
    assert without[-1].targets.held[0, 1] == 0.0


def test_each_symbol_is_charged_its_own_costs() -> None:
    dear = {"GLD": {"max_weight": 0.5}, "SPY": {"max_weight": 0.4, "costs": {"commission": 0.002}}}
    assert desk(universe=dear).costs.tolist() == pytest.approx([0.0015, 0.0025])


def test_what_a_unit_costs_is_more_of_a_cheap_one_and_nothing_of_one_without_a_price() -> None:
    costs = {"commission": 0.0, "commission_per_unit": 0.005, "slippage": 0.00075}
    made = desk(universe={symbol: {"max_weight": 0.5, "costs": costs} for symbol in UNIVERSE})
    assert made.costs_at(np.array([100.0, 2.0])).tolist() == pytest.approx([0.0008, 0.00325])
    assert made.costs_at(np.array([0.0, np.nan])).tolist() == [0.00075, 0.00075]


def test_parts_of_a_coin_add_up_to_a_quantity_of_the_book() -> None:
    universe = {"GLD": {"max_weight": 0.5, "unit": "0.0001"}, "SPY": {"max_weight": 0.4}}
    made = two_strategies(desk(universe=universe))
    now, today = state(), day([BUY, HOLD], [BUY, HOLD])
    wanted = targets(made, now, today)
    parts = np.array([[0.1, 0.0], [0.2, 0.0]])
    assert parts.sum(axis=0)[0] != 0.3
    asked = replace(wanted, quantity=parts)
    gated = gate(made, now, today, asked)
    assert gated.passage.wanted[0] == 0.3
    np.testing.assert_array_equal(gated.quantity, parts)
    assert gated.passage.quantity[0] == 0.3
