"""Limits on whole books in a decision: leverage, margin, stops, groups, periods and the largest drawdown."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.engine.desks import PRICES, SESSION, book, day, desk, state, two_strategies
from tests.research.backtest.panels import seeded_panel

from nightdesk.accounting import Entry, capital, fold, mark
from nightdesk.core.book import parse_book
from nightdesk.core.errors import Refused
from nightdesk.engine import Facts, Gated, State, gate, kill_reason, risk_report, targets
from nightdesk.engine.rule_inputs import protection
from nightdesk.portfolio.sizing import BOTH_SIDES
from nightdesk.research.backtest.run import backtest
from nightdesk.risk import Answer, PeriodLows, Protection, begin
from nightdesk.risk.rule import reason_in_words
from nightdesk.strategies import Direction
from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum

HOLD, BUY, STRONG_BUY, STRONG_SELL = (
    Direction.HOLD,
    Direction.BUY,
    Direction.STRONG_BUY,
    Direction.STRONG_SELL,
)
TREND = "time_series_momentum"
FINANCED: dict[str, Any] = {
    "margin": {"kind": "portfolio"},
    "financing": {"debit_rate": 0.06, "borrow_rate": 0.005},
}
LEVERED = desk(
    limits={
        "gross_leverage": {"limit": 3.0},
        "net_leverage": {"limit": 1.5},
        "leverage_reduction": {},
        "maintenance_margin": {},
        "turnover_per_day": {"limit": 0.01},
    },
    **FINANCED,
)


def marked(now: State, prices: dict[str, float]) -> State:
    """The same book at other prices."""
    return replace(now, mark=mark(now.ledger, SESSION, prices))


def decide(of: Any, now: State, *direction: Direction, **changed: Any) -> Gated:
    today = day(list(direction), **changed)
    return gate(of, now, today, targets(of, now, today))


def held_after(of: Any, now: State, *direction: Direction, **changed: Any) -> dict[str, float]:
    quantity = decide(of, now, *direction, **changed).quantity.sum(axis=0)
    return dict(zip(of.symbols, quantity.tolist(), strict=True))


def test_a_strategy_that_sells_short_asks_for_a_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TimeSeriesMomentum, "sides", BOTH_SIDES)
    for cash in ({}, {"margin": {"kind": "cash"}}):
        with pytest.raises(Refused) as caught:
            desk(**cash)
        assert str(caught.value).startswith(
            f"strategies.{TREND}: it sells short, and the book's margin, cash,"
        )
        assert "add margin: {kind: reg_t}, financing:" in str(caught.value)
    # As the words ask.
    lent = {"margin": {"kind": "reg_t"}, "financing": {"debit_rate": 0.06, "borrow_rate": 0.005}}
    desk(**lent, limits={"gross_leverage": {"limit": 1.0}})


def test_the_words_of_a_stop_are_right_of_a_short_too() -> None:
    """A short loses above its average entry: what is told is the loss."""
    said = reason_in_words("stop_loss", 0.2, 0.18)
    assert said == "a loss of 20.00% since its average entry, 18.00% is where it is cut"
    assert "below" not in said


def test_a_gap_of_a_fifth_brings_a_levered_book_back_in_one_session_whatever_its_turnover() -> None:
    """Long 1,700 GLD at 100, short 600 SPY at 200: gross 2.9 of NAV; then SPY rises by a fifth."""
    now = marked(state((TREND, "GLD", 1_700), (TREND, "SPY", -600)), {"GLD": 100.0, "SPY": 240.0})
    nav = float(now.mark.nav)
    assert nav == 76_000.0
    left = held_after(LEVERED, now, HOLD, HOLD, price=np.array([100.0, 240.0]))
    worth = np.array([left["GLD"] * 100.0, left["SPY"] * 240.0])
    assert np.abs(worth).sum() <= 3.0 * nav
    assert np.abs(worth).sum() > 2.98 * nav
    assert left["GLD"] / left["SPY"] == pytest.approx(1_700 / -600, rel=0.01), "pro rata"


def test_the_sales_of_a_reduction_are_not_counted_among_the_trades() -> None:
    now = state((TREND, "GLD", 2_000), (TREND, "SPY", -900))
    today = day([HOLD, HOLD])
    gated = gate(LEVERED, now, today, targets(LEVERED, now, today))
    told = {one.rule: one for one in risk_report(LEVERED, now, today, gated).distances}
    assert told["turnover_per_day"].value == 0.0
    assert told["net_leverage"].value == pytest.approx(0.2)
    assert told["gross_leverage"].state == "beyond"


def test_a_book_whose_limits_have_nothing_to_bring_it_under_is_refused() -> None:
    with pytest.raises(Refused, match=r"limits\.leverage_reduction: the book has no limit to bring"):
        desk(limits={"leverage_reduction": {}})
    with pytest.raises(Refused, match=r"limits\.maintenance_margin: the book's margin is cash"):
        desk(limits={"maintenance_margin": {}})
    with pytest.raises(Refused, match=r"limits\.net_leverage\.limit: net 1\.20 cannot be reached"):
        desk(limits={"net_leverage": {"limit": 1.2}})


def test_a_breach_of_the_maintenance_margin_is_critical_and_kills_nothing() -> None:
    gated = decide(LEVERED, state((TREND, "GLD", 7_000)), HOLD, HOLD)
    assert [(one.rule, one.level) for one in gated.breaches] == [("maintenance_margin", "CRITICAL")]
    assert kill_reason(state(), gated) is None


# --- stops

STOPPED = desk(
    limits={"stop_loss": {"halve": 0.12, "leave": 0.18}, "stop_required": {}, "stop_heat": {"limit": 0.06}}
)
BARE = desk(limits={"stop_required": {}, "stop_heat": {"limit": 0.06}})


def risks(of: Any, now: State, *direction: Direction, **changed: Any) -> Protection:
    today = day(list(direction), **changed)
    return protection(of, now, today, targets(of, now, today))


@pytest.mark.parametrize(
    ("quantity", "price", "risk"),
    [
        (100, 100.0, 18.0),
        (100, 95.0, 13.0),
        (100, 120.0, 38.0),
        (100, 80.0, 0.0),  # beyond its stop it loses nothing more
        (-100, 100.0, 18.0),
        (-100, 105.0, 13.0),
        (-100, 120.0, 0.0),
    ],
)
def test_what_a_unit_loses_up_to_its_stop(quantity: int, price: float, risk: float) -> None:
    """GLD was bought, or sold short, at 100; its stop lies 18 % away."""
    now = marked(state((TREND, "GLD", quantity)), {"GLD": price, "SPY": 200.0})
    found = risks(STOPPED, now, HOLD, HOLD, price=np.array([price, 200.0]))
    assert found.held_risk.tolist() == pytest.approx([risk, 0.0])
    assert not found.bare.any()


def test_a_position_without_a_stop_counts_whole_and_nothing_is_opened_without_one() -> None:
    now = state((TREND, "GLD", 10))
    found = risks(BARE, now, BUY, BUY)
    assert found.held_risk.tolist() == [100.0, 0.0]
    assert found.added_risk.tolist() == [100.0, 200.0]
    assert (found.bare.tolist(), found.bare_entry.tolist()) == ([True, False], [True, True])
    assert held_after(BARE, now, STRONG_BUY, STRONG_BUY) == {"GLD": 10, "SPY": 0}
    assert held_after(STOPPED, now, STRONG_BUY, HOLD)["GLD"] > 10


def test_the_heat_of_stops_bounds_what_is_opened_and_is_reported() -> None:
    """18 dollars a unit of GLD and 36 of SPY: 6,000 dollars carry so much of both."""
    now, today = state(), day([STRONG_BUY, STRONG_BUY])
    gated = gate(STOPPED, now, today, targets(STOPPED, now, today))
    gold, equity = gated.passage.quantity.tolist()
    assert gold * 18 + equity * 36 <= 6_000
    assert gold * 18 + equity * 36 > 5_900
    held = state((TREND, "GLD", 200))
    told = {
        one.rule: one
        for one in risk_report(STOPPED, held, today, decide(STOPPED, held, HOLD, HOLD)).distances
    }
    assert told["stop_heat"].value == pytest.approx(200 * 18 / 100_000)
    assert told["stop_required"].value == 0


def test_of_several_strategies_the_risk_of_a_symbol_is_that_of_all() -> None:
    of = two_strategies(STOPPED)
    today = day([HOLD, HOLD], [HOLD, HOLD])
    now = state(("trend", "GLD", 100), ("carry", "GLD", 50))
    found = protection(of, now, today, targets(of, now, today))
    assert found.held_risk.tolist() == [18.0, 0.0]


def test_of_strategies_on_opposite_sides_those_on_the_side_of_the_net_position_count() -> None:
    """300 long less 200 short; the long one sells 250: the net turns to 150 short, risk of the short one."""
    of = two_strategies(STOPPED)
    now = state(("trend", "GLD", 300), ("carry", "GLD", -200))
    now = marked(now, {"GLD": 95.0, "SPY": 200.0})
    today = day([HOLD, HOLD], [HOLD, HOLD], price=np.array([95.0, 200.0]))
    wanted = replace(targets(of, now, today), quantity=np.array([[50.0, 0.0], [-200.0, 0.0]]))
    found = protection(of, now, today, wanted)
    assert found.held_risk.tolist() == [13.0, 0.0]
    assert found.added_risk.tolist() == [23.0, 0.0]


# --- groups, periods, drawdown


def test_positions_of_a_group_are_counted_over_its_symbols() -> None:
    universe = {name: {"max_weight": 0.4, "volatility_target": 0.1, "group": "fund"} for name in PRICES}
    of = desk(universe=universe, limits={"group_count": {"limit": 1}})
    assert list(held_after(of, state(), BUY, BUY).values()).count(0.0) == 1
    apart = desk(
        limits={"group_count": {"limit": 1}},
        universe={name: {"max_weight": 0.4, "volatility_target": 0.1, "group": name} for name in PRICES},
    )
    assert 0.0 not in held_after(apart, state(), BUY, BUY).values()


def test_a_lost_week_opens_nothing_and_is_told_once_a_week() -> None:
    of = desk(limits={"period_loss": {"week": -0.05, "month": -0.10}})
    now = replace(state((TREND, "GLD", 10)), periods=PeriodLows(week=-0.06))
    assert held_after(of, now, STRONG_BUY, STRONG_BUY) == {"GLD": 10, "SPY": 0}
    assert held_after(of, now, STRONG_SELL, HOLD)["GLD"] == 0
    (breach,) = decide(of, now, HOLD, HOLD).breaches
    assert (breach.level, breach.key) == ("CRITICAL", "week 2020-03-16")


def test_a_backtest_measures_weeks_and_months_from_its_own_marks() -> None:
    of = book(limits={"max_weight": {}, "period_loss": {"week": -0.004, "month": -0.02}})
    result = backtest(of, seeded_panel(of), date(2019, 1, 2), date(2019, 6, 28))
    sessions = [one.state.mark.session for one in result.decided]
    nav = [float(one.state.mark.nav) for one in result.decided]
    lost = 0
    for n, one in enumerate(result.decided):
        for start, found in (
            (sessions[n] - timedelta(days=sessions[n].weekday()), one.state.periods.week),
            (sessions[n].replace(day=1), one.state.periods.month),
        ):
            before = [value for day, value in zip(sessions, nav, strict=True) if day < start]
            within = [
                value for day, value in zip(sessions[: n + 1], nav[: n + 1], strict=True) if day >= start
            ]
            base = before[-1] if before else within[0]
            assert found == pytest.approx(min(0.0, min(within) / base - 1), abs=1e-12)
        if one.state.periods.week < -0.004:
            lost += 1
            assert all(order.signed_quantity < 0 for order in one.orders)
            assert [breach.rule for breach in one.gated.breaches] == ["period_loss"]
    assert lost > 3
    assert any(order.signed_quantity > 0 for one in result.decided for order in one.orders)


DRAWDOWN = {"max_drawdown": {"limit": 0.15, "calm_sessions": 2, "low_sessions": 3, "ramp_sessions": 2}}


def test_a_largest_drawdown_is_the_deepest_level_and_sells_nothing() -> None:
    of = desk(limits=DRAWDOWN)
    assert of.book.levels is not None
    assert of.book.levels.beyond(0) == ((4, 0.15),)
    names = {rule.name for rule in of.rules}
    assert {"max_drawdown", "recovery", "recovery_leverage"} <= names
    assert not {"drawdown_level", "level_cut"} & names
    again = parse_book(of.book.model_dump(mode="json"), "again.yaml")
    assert again.config_hash == of.book.config_hash
    with pytest.raises(Refused, match=r"limits\.max_drawdown is a drawdown level of its own"):
        book(limits=DRAWDOWN, levels={})


def test_the_way_back_from_a_largest_drawdown_waits_for_a_person_and_ramps() -> None:
    """15.0007 % below its peak a book only reduces; a confirmed calm brings it back to a part of its size."""
    of = desk(limits=DRAWDOWN)
    now = replace(state((TREND, "GLD", 100)), risk=begin(Decimal(117_648)))
    gated = decide(of, now, STRONG_BUY, STRONG_BUY)
    assert gated.quantity.tolist() == [[100, 0]], "held whole, and nothing is opened"
    assert gated.judged.risk.level == 4
    facts = Facts(simulates=False)
    for _ in range(30):
        now = replace(now, risk=gated.judged.risk, facts=facts)
        gated = decide(of, now, STRONG_BUY, STRONG_BUY)
        assert gated.quantity.tolist() == [[100, 0]]
    assert gated.judged.risk.waits()
    facts = Facts(simulates=False, answer=Answer(SESSION, "confirm", "ann"))
    now = replace(now, risk=gated.judged.risk, facts=facts)
    gated = decide(of, now, STRONG_BUY, STRONG_BUY)
    risk = gated.judged.risk
    assert (risk.level, risk.recovery, risk.drawdown, risk.peak) == (0, 0, 0, 100_000)
    free = targets(of, now, day([STRONG_BUY, STRONG_BUY])).quantity.sum(axis=0)
    assert 0 < gated.quantity.sum(axis=0)[1] <= 0.25 * free[1]
    for _ in range(7):
        now = replace(now, risk=gated.judged.risk)
        gated = decide(of, now, STRONG_BUY, STRONG_BUY)
    assert gated.judged.risk.recovery is None
    np.testing.assert_array_equal(gated.quantity.sum(axis=0), free)


def test_a_short_is_an_entry_in_every_new_rule() -> None:
    """A short that a strategy wants is cut like a purchase; covering it never is."""
    entries = [capital(SESSION, Decimal(100_000))]
    price = Decimal(100)
    entries.append(
        Entry(SESSION, "fill", TREND, "GLD", Decimal(-400), price, price * 400, Decimal(0), "short")
    )
    ledger = fold(entries)
    now = State(ledger, mark(ledger, SESSION, PRICES))
    of = desk(limits={"net_leverage": {"limit": 0.5}})
    today = day([HOLD, HOLD])
    for wish, left in ((-900.0, -500.0), (-100.0, -100.0), (0.0, 0.0)):
        wanted = targets(of, now, today)
        wanted = replace(wanted, quantity=np.array([[wish, 0.0]]))
        assert gate(of, now, today, wanted).quantity.tolist() == [[left, 0.0]]
