"""One session's decision: from signals and positions to orders."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.engine.desks import SESSION, book, day, desk, state, two_strategies

from nightdesk.accounting import Ledger, mark
from nightdesk.core.errors import Refused
from nightdesk.engine import Desk, State, facts_at, gate, plan, plan_crosses, resolve, targets
from nightdesk.engine.inputs import Day, Facts
from nightdesk.orders import Order
from nightdesk.risk import RiskEvent, words
from nightdesk.strategies import Direction

BUY, STRONG_BUY, HOLD = Direction.BUY, Direction.STRONG_BUY, Direction.HOLD
SELL, STRONG_SELL = Direction.SELL, Direction.STRONG_SELL
MOMENTUM = "time_series_momentum"


def decide(made: Desk, now: State, today: Day) -> tuple[Order, ...]:
    return plan(made, now, today, gate(made, now, today, targets(made, now, today)).quantity)


def said(orders: tuple[Order, ...]) -> list[tuple[str, str, int]]:
    return [(one.side, one.symbol, int(one.quantity)) for one in orders]


@pytest.mark.parametrize(
    ("directions", "held", "orders"),
    [
        ([STRONG_BUY, HOLD], [], [("buy", "GLD", 200)]),
        ([BUY, STRONG_BUY], [], [("buy", "GLD", 120), ("buy", "SPY", 80)]),
        ([HOLD, HOLD], [("GLD", 100)], []),
        ([STRONG_SELL, HOLD], [("GLD", 100), ("SPY", 10)], [("sell", "GLD", 100)]),
        ([SELL, HOLD], [("GLD", 101)], [("sell", "GLD", 51)]),
        ([BUY, HOLD], [("GLD", 100)], [("buy", "GLD", 20)]),
    ],
)
def test_signals_become_orders(
    directions: list[Direction], held: list[tuple[str, int]], orders: list[tuple[str, str, int]]
) -> None:
    now = state(*[(MOMENTUM, symbol, quantity) for symbol, quantity in held])
    assert said(decide(desk(), now, day(directions))) == orders


def test_the_whole_is_scaled_down_to_the_volatility_target_and_never_up() -> None:
    made, calm = desk(), day([STRONG_BUY, STRONG_BUY])
    wild = day([STRONG_BUY, STRONG_BUY], returns=calm.returns * 50)
    quiet, tamed = targets(made, state(), calm), targets(made, state(), wild)
    assert quiet.scale == 1.0
    assert tamed.scale == pytest.approx(0.15 / tamed.volatility)
    np.testing.assert_array_equal(tamed.quantity, np.floor(quiet.quantity * tamed.scale))


def test_high_volatility_halves_entries_and_leaves_reductions() -> None:
    made, tense = desk(), day([STRONG_BUY, STRONG_SELL], vix=35.0)
    assert said(decide(made, state((MOMENTUM, "SPY", 10)), tense)) == [
        ("buy", "GLD", 100),
        ("sell", "SPY", 10),
    ]


def test_extreme_volatility_allows_no_entries_and_says_so() -> None:
    made, now, today = desk(), state((MOMENTUM, "SPY", 10)), day([STRONG_BUY, STRONG_SELL], vix=45.0)
    gated = gate(made, now, today, targets(made, now, today))
    assert said(plan(made, now, today, gated.quantity)) == [("sell", "SPY", 10)]
    rejected = [one for one in gated.verdicts(made.symbols) if one.action == "reject"]
    assert [(one.rule, one.symbol, one.value, one.limit) for one in rejected] == [
        ("regime", "GLD", 45.0, 40.0)
    ]


@pytest.mark.parametrize("falls", [STRONG_SELL, SELL, BUY])
def test_a_position_in_quarantine_is_kept_whatever_its_signal_says_and_nothing_is_added(
    falls: Direction,
) -> None:
    now = state((MOMENTUM, "GLD", 200), (MOMENTUM, "SPY", 10))
    bad = np.array([True, False])
    today = day([falls, STRONG_SELL], quarantined=bad)
    assert said(decide(desk(), now, today)) == [("sell", "SPY", 10)]
    assert decide(desk(), state(), day([STRONG_BUY, HOLD], quarantined=bad)) == ()


def test_scaling_to_the_volatility_target_sells_nothing_in_quarantine() -> None:
    made, now = desk(), state((MOMENTUM, "GLD", 400), (MOMENTUM, "SPY", 200))
    calm = day([HOLD, HOLD], quarantined=np.array([True, False]))
    wild = targets(made, now, replace(calm, returns=calm.returns * 50))
    assert wild.scale < 1.0
    assert wild.quantity.tolist() == [[400.0, np.floor(200.0 * wild.scale)]]


def test_without_a_bar_of_a_reference_nothing_is_opened_and_the_verdict_says_so() -> None:
    made, now = desk(), state((MOMENTUM, "SPY", 10))
    today = day([STRONG_BUY, STRONG_SELL], entries_allowed=False)
    gated = gate(made, now, today, targets(made, now, today))
    assert said(plan(made, now, today, gated.quantity)) == [("sell", "SPY", 10)]
    rejected = [one for one in gated.verdicts(made.symbols) if one.action == "reject"]
    assert [words(one) for one in rejected] == [
        "GLD: buy 200 rejected by references: "
        "benchmark or volatility index without its newest bar at 1 (1 is so)"
    ]


def test_a_killed_book_buys_nothing_and_still_sells() -> None:
    killed = state((MOMENTUM, "SPY", 10), facts=Facts(kill_switch=True, kill_reason="drill"))
    assert said(decide(desk(), killed, day([STRONG_BUY, STRONG_SELL]))) == [("sell", "SPY", 10)]


def test_a_strategy_that_is_off_in_a_band_opens_nothing() -> None:
    off = [{"name": "CALM", "below": 30, "strategies_off": [MOMENTUM]}, {"name": "REST"}]
    made = desk(regime=off)
    assert said(decide(made, state((MOMENTUM, "SPY", 10)), day([STRONG_BUY, STRONG_SELL]))) == [
        ("sell", "SPY", 10)
    ]


def test_a_band_scales_the_capital_that_a_strategy_sizes_by() -> None:
    halved = [{"name": "CALM", "below": 30, "capital": {MOMENTUM: 0.5}}, {"name": "REST"}]
    made = desk(regime=halved)
    assert said(decide(made, state(), day([STRONG_BUY, HOLD]))) == [("buy", "GLD", 100)]
    assert said(decide(made, state(), day([STRONG_BUY, HOLD], vix=35.0))) == [("buy", "GLD", 200)]
    held = state((MOMENTUM, "GLD", 200))
    assert said(decide(made, held, day([STRONG_BUY, HOLD]))) == [("sell", "GLD", 100)]
    assert decide(made, held, day([HOLD, HOLD])) == ()
    unknown = day([STRONG_BUY, HOLD], band=-1, vix=float("nan"))
    assert decide(made, held, unknown) == (), "an unknown regime scales nothing"


def test_what_a_band_takes_from_one_strategy_it_may_give_to_another() -> None:
    def bands(**factors: float) -> list[dict[str, Any]]:
        return [{"name": "CALM", "below": 30, "capital": factors}, {"name": "REST"}]

    both = {MOMENTUM: {"share": 0.5}, "cross_sectional_momentum": {"share": 0.5}}
    moved = book(strategies=both, regime=bands(time_series_momentum=1.5, cross_sectional_momentum=0.5))
    assert '"capital"' in moved.configuration
    with pytest.raises(Refused, match=r"CALM\.capital: the capital shares of this band add up to 1\.25"):
        book(strategies=both, regime=bands(time_series_momentum=1.5))
    shared = {"capital": "shared"}
    book(strategies=both, regime=bands(time_series_momentum=1.5), portfolio=shared)
    with pytest.raises(Refused, match=r"would have 1\.25 of the capital \(0\.5 × 2\.5\)"):
        book(strategies=both, regime=bands(time_series_momentum=2.5), portfolio=shared)


def test_without_a_known_regime_nothing_is_opened() -> None:
    assert decide(desk(), state(), day([STRONG_BUY, HOLD], band=-1, vix=float("nan"))) == ()


def test_a_symbol_that_never_had_a_bar_is_no_obstacle() -> None:
    unlisted = day(
        [STRONG_BUY, HOLD], price=np.array([100.0, np.nan]), returns=np.tile([0.001, np.nan], (60, 1)),
        age=np.array([0, -1]), has_bar=np.array([True, False]), confidence=np.array([[0.8, 0.0]]),
    )  # fmt: skip
    assert said(decide(desk(), state(), unlisted)) == [("buy", "GLD", 200)]


def test_a_book_that_is_worth_nothing_is_refused() -> None:
    empty = Ledger()
    with pytest.raises(Refused, match=r"two has a NAV of 0\.00 dollars on 2020-03-16"):
        targets(desk(), State(empty, mark(empty, SESSION, {})), day([HOLD, HOLD]))


def test_a_position_that_the_book_no_longer_names_is_refused() -> None:
    orphan = state(("retired", "GLD", 5))
    with pytest.raises(Refused, match="two holds 5 GLD for retired, which the book no longer names"):
        targets(desk(), orphan, day([HOLD, HOLD]))


def test_two_strategies_share_the_capital_and_one_order_a_symbol() -> None:
    made = two_strategies(desk())
    orders = decide(made, state(), day([STRONG_BUY, HOLD], [BUY, STRONG_BUY]))
    assert said(orders) == [("buy", "GLD", 160), ("buy", "SPY", 40)]
    assert {one.strategy: one.quantity for one in orders[0].intents} == {"trend": 100, "carry": 60}


def test_a_cut_is_shared_pro_rata_in_whole_units() -> None:
    limits = {"max_weight": {}, "turnover_per_day": {"limit": 0.0911}}
    made = two_strategies(desk(limits=limits))
    (order,) = decide(made, state(), day([STRONG_BUY, HOLD], [BUY, HOLD]))
    assert order.quantity == 91
    assert {one.strategy: one.quantity for one in order.intents} == {
        "trend": Decimal(57),
        "carry": Decimal(34),
    }


def test_a_cap_shrinks_what_every_strategy_holds() -> None:
    made = two_strategies(desk())
    now = state(("trend", "GLD", 400), ("carry", "GLD", 200))
    (order,) = decide(made, now, day([HOLD, HOLD], [HOLD, HOLD]))
    assert (order.side, order.quantity) == ("sell", 100)
    assert {one.strategy: one.quantity for one in order.intents} == {
        "trend": Decimal(-67),
        "carry": Decimal(-33),
    }


def test_deciding_twice_gives_the_same_orders() -> None:
    made, now, today = desk(), state(), day([STRONG_BUY, BUY])
    assert decide(made, now, today) == decide(made, now, today)


@pytest.mark.parametrize(
    ("on", "killed", "reason"),
    [(15, False, ""), (16, True, "drill"), (18, True, "drill"), (19, False, ""), (25, True, "again")],
)
def test_a_kill_counts_from_its_session_until_its_release(on: int, killed: bool, reason: str) -> None:
    events = [
        RiskEvent(date(2020, 3, 16), "kill", "drill"),
        RiskEvent(date(2020, 3, 19), "release", "looked at"),
        RiskEvent(date(2020, 3, 24), "kill", "again"),
    ]
    assert facts_at(events, date(2020, 3, on)) == Facts(killed, reason)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"strategies": {"time_series_momentun": {}}},
            r"strategies\.time_series_momentun: there is no strategy",
        ),
        (
            {"strategies": {MOMENTUM: {"params": {"windw": 3}}}},
            r"strategies\.time_series_momentum\.params\.windw",
        ),
        (
            {"strategies": {MOMENTUM: {"sizing": "wight"}}},
            r"strategies\.time_series_momentum\.sizing: there is no",
        ),
        ({"limits": {"hoard": {}}}, r"limits\.hoard: there is no rule 'hoard'"),
    ],
)
def test_a_book_that_names_what_does_not_exist_is_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(Refused, match=message):
        resolve(book(**changed))


def test_a_desk_knows_the_factors_and_the_history_that_it_needs() -> None:
    made = desk()
    assert made.factor_names == ("momentum_60", "sma_20", "sma_200", "sma_50", "volatility_60")
    assert made.look_back == 200


def test_a_book_of_limit_orders_limits_exits_as_well_as_entries() -> None:
    made = desk(orders={"type": "limit", "limit_offset_bps": 20})
    orders = decide(made, state((MOMENTUM, "SPY", 10)), day([STRONG_BUY, STRONG_SELL]))
    assert [(one.side, one.order_type, one.limit_price) for one in orders] == [
        ("buy", "limit", Decimal("100.20")),
        ("sell", "limit", Decimal("199.60")),
    ]
    plain = decide(desk(), state((MOMENTUM, "SPY", 10)), day([STRONG_BUY, STRONG_SELL]))
    assert [one.client_order_id for one in orders] == [one.client_order_id for one in plain]
    assert all(one.order_type == "market" and one.limit_price is None for one in plain)


def test_a_limit_is_a_multiple_of_the_tick_of_its_symbol() -> None:
    universe = {
        "GLD": {"max_weight": 0.5, "volatility_target": 0.10, "tick": 0.25},
        "SPY": {"max_weight": 0.4},
    }
    made = desk(orders={"type": "limit", "limit_offset_bps": 20}, universe=universe)
    (order,) = decide(made, state(), day([STRONG_BUY, HOLD]))
    assert order.limit_price == Decimal("100.00")


def test_wishes_that_cancel_out_change_hands_between_the_strategies_at_the_close() -> None:
    made = two_strategies(desk())
    now, today = state(("trend", "GLD", 50), ("carry", "SPY", 10)), day([HOLD, HOLD], [HOLD, HOLD])
    wanted = np.array([[30.0, 0.0], [20.0, 0.0]])
    orders = plan(made, now, today, wanted)
    crosses = plan_crosses(made, now, today, wanted)
    assert said(orders) == [("sell", "SPY", 10)]
    assert [(one.symbol, one.price, one.session) for one in crosses] == [("GLD", Decimal(100), SESSION)]
    assert [(one.strategy, one.quantity) for one in crosses[0].intents] == [("carry", 20), ("trend", -20)]
