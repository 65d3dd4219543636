"""Every rule alone, as tables of what is held and wanted and what it leaves (units of GLD, SPY, BTC-USD)."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nightdesk.core.errors import Refused
from nightdesk.core.margin import Margin
from nightdesk.core.portfolio_terms import Band
from nightdesk.risk import Entering, make_rules, pass_gate, rule_names, verdicts, words
from nightdesk.testing.situations import SYMBOLS, situation

EXTREME = Band(name="EXTREME", entries=False)

BAD = {
    "kill_switch": ({}, {"kill_switch": True}),
    "daily_loss": ({"limit": -0.02}, {"day_return": -0.0201}),
    "regime": ({}, {"band": EXTREME, "vix": 45.0}),
    "references": ({}, {"entries_allowed": False}),
    "member": ({}, {"member": np.zeros(3, dtype=bool)}),
    "regime, index unknown": ({}, {"band": None, "vix": float("nan")}),
}


def leaves(
    name: str, params: dict[str, Any], held: list[float], wanted: list[float], **changed: Any
) -> list[float]:
    """What one rule leaves."""
    (rule,) = (one for one in make_rules({name: params}) if one.name == name)
    return rule.apply(np.array(wanted, float), np.array(held, float), situation(**changed)).after.tolist()


@pytest.mark.parametrize("case", BAD)
def test_a_condition_stops_entries_and_leaves_reductions(case: str) -> None:
    params, changed = BAD[case]
    name = case.split(",")[0]
    assert leaves(name, params, [10, 20, 0.5], [30, 5, 0.5], **changed) == [10, 5, 0.5]
    assert leaves(name, params, [0, -20, 0.5], [-30, -5, -0.5], **changed) == [0, -5, 0]


@pytest.mark.parametrize(("loss", "left"), [(-0.0199, 30), (-0.02, 30), (-0.0201, 10)])
def test_the_breaker_trips_under_its_limit_not_at_it(loss: float, left: float) -> None:
    assert leaves("daily_loss", {"limit": -0.02}, [10, 0, 0], [30, 0, 0], day_return=loss)[0] == left


def test_quarantine_and_staleness_stop_entries_of_their_symbol_alone() -> None:
    bad = {"quarantined": np.array([True, False, False])}
    assert leaves("quarantine", {}, [10, 10, 0], [30, 30, 0], **bad) == [10, 30, 0]
    old = {"age": np.array([0, 1, -1])}
    assert leaves("staleness", {}, [10, 10, 0], [30, 30, 0.1], **old) == [30, 10, 0]


def test_a_verdict_without_a_number_says_why_there_is_none() -> None:
    """BTC-USD never had a bar: it is not "-1 sessions old"."""
    old = situation(age=np.array([0, 1, -1]), band=None, vix=float("nan"))
    rules = make_rules({"stop_loss": {}, "correlation": {}})
    wanted = np.array([30.0, 30.0, 0.1])
    told = {
        (one.rule, one.symbol): words(one)
        for one in verdicts(pass_gate(rules, wanted, np.zeros(3), old), SYMBOLS)
    }
    assert told["staleness", "SPY"].endswith("its newest bar is 1 sessions old, at most 0 is allowed")
    assert told["staleness", "BTC-USD"].endswith("rejected by staleness: it has never had a bar")
    assert told["regime", "GLD"].endswith("the volatility index is not known, so neither is its band")
    assert not any("nan" in one or "inf" in one for one in told.values())


@pytest.mark.parametrize(
    ("held", "wanted", "left"),
    [
        ([0, 0, 0], [501, 800, 0.15], [500, 800, 0.15]),
        ([0, 0, 0], [-501, -801, -1.6], [-500, -800, -1.5]),
        ([600, 0, 0], [600, 0, 0], [500, 0, 0]),
    ],
)
def test_positions_above_their_cap_are_cut_to_it(
    held: list[float], wanted: list[float], left: list[float]
) -> None:
    assert leaves("max_weight", {}, held, wanted) == left


@pytest.mark.parametrize(
    ("held", "wanted", "left"),
    [
        ([0, 0, 0], [501, 0, 0], [500, 0, 0]),  # nothing is bought above the cap
        ([450, 0, 0], [515, 0, 0], [500, 0, 0]),
        ([501, 0, 0], [501, 0, 0], [501, 0, 0]),  # what rose above it stays within the band
        ([520, 0, 0], [520, 0, 0], [520, 0, 0]),
        ([510, 0, 0], [530, 0, 0], [510, 0, 0]),  # and is not added to
        ([510, 0, 0], [505, 0, 0], [505, 0, 0]),  # a smaller reduction is the strategy's own
        ([521, 0, 0], [521, 0, 0], [500, 0, 0]),  # beyond the band it is cut to the cap
        ([521, 0, 0], [510, 0, 0], [500, 0, 0]),
        ([-510, -830, 0], [-510, -850, 0], [-510, -830, 0]),
        ([-530, 0, 0], [-530, 0, 0], [-500, 0, 0]),
        ([-510, 0, 0], [510, 0, 0], [500, 0, 0]),  # a turn to the other side is a purchase
    ],
)
def test_a_position_may_drift_above_its_cap_as_far_as_the_book_says(
    held: list[float], wanted: list[float], left: list[float]
) -> None:
    assert leaves("max_weight", {"drift": 0.02}, held, wanted) == left


def test_a_symbol_that_may_not_be_held_has_no_band() -> None:
    caps = np.array([0.0, 0.4, 0.15])
    left = leaves("max_weight", {"drift": 0.02}, [10, 0, 0], [10, 0, 0], max_weight=caps)
    assert left == [0, 0, 0]


@pytest.mark.parametrize(
    ("held", "wanted", "left"),
    [
        ([0, 0, 0], [500, 800, 0], [500, 800, 0]),  # 90 %
        ([0, 0, 0], [500, 1000, 0], [475, 950, 0]),  # 100 %: both purchases alike
        ([500, 0, 0], [500, 1000, 0], [500, 900, 0]),  # what is held stays, the purchase is cut
        ([960, 0, 0], [960, 100, 0], [960, 0, 0]),  # drifted above: nothing is bought, nothing is forced out
        ([900, 100, 0], [500, 1100, 0], [500, 900, 0]),  # a sale makes room
    ],
)
def test_the_cash_buffer_cuts_purchases(held: list[float], wanted: list[float], left: list[float]) -> None:
    assert leaves("cash_buffer", {"limit": 0.05}, held, wanted) == left


@pytest.mark.parametrize(
    ("params", "kind", "left"),
    [
        ({"limit": 1.5}, "cash", [400, 800, 2.0]),
        ({"limit": 1.5}, "reg_t", [600, 1200, 3.0]),
        ({"limit": 1.5, "margin": False}, "reg_t", [400, 800, 2.0]),
        ({"limit": 0.5}, "cash", [200, 400, 1.0]),
    ],
)
def test_gross_is_one_without_margin_and_the_limit_with_it(
    params: dict[str, Any], kind: str, left: list[float]
) -> None:
    margin = Margin.model_validate({"kind": kind})
    assert leaves("gross_leverage", params, [0, 0, 0], [800, 1600, 4.0], margin=margin) == left


def test_on_margin_the_buffer_is_of_excess_equity() -> None:
    params, margin = {"limit": 0.05}, Margin(kind="reg_t")
    assert leaves("cash_buffer", params, [0, 0, 0], [1000, 1800, 0], margin=margin) == [1000, 1800, 0]
    assert leaves("cash_buffer", params, [0, 0, 0], [1000, 2000, 0], margin=margin) == [950, 1900, 0]
    assert leaves("cash_buffer", params | {"margin": False}, [0, 0, 0], [500, 1000, 0], margin=margin) == [
        475,
        950,
        0,
    ]


@pytest.mark.parametrize(
    ("limit", "wanted", "left"),
    [
        (3, [10, 20, 0.1], [10, 20, 0.1]),
        (1, [20, 20, 0.1], [20, 0, 0]),
        (1, [10, 20, 0.1], [0, 0, 0.1]),  # all 1 %: the alphabet settles it
        (2, [10, 20, 0.1], [10, 0, 0.1]),
        (0, [10, 20, 0.1], [0, 0, 0]),
    ],
)
def test_the_largest_trades_are_made_then_the_alphabet(
    limit: int, wanted: list[float], left: list[float]
) -> None:
    assert leaves("trades_per_day", {"limit": limit}, [0, 0, 0], wanted) == left


@pytest.mark.parametrize(
    ("held", "wanted", "left"),
    [
        ([0, 0, 0], [200, 200, 0], [200, 200, 0]),  # 30 %
        ([0, 0, 0], [200, 300, 0], [200, 200, 0]),  # the second crosses and is cut
        ([0, 0, 0], [350, 300, 0.5], [300, 0, 0]),  # the largest crosses, those after it wait
        ([500, 0, 0], [100, 0, 0], [200, 0, 0]),  # a sale is cut to its share too
        ([0, 0, 0], [200, 0, 1.23456], [200, 0, 1.0]),
    ],
)
def test_turnover_cuts_the_trade_that_crosses(
    held: list[float], wanted: list[float], left: list[float]
) -> None:
    assert leaves("turnover_per_day", {"limit": 0.30}, held, wanted) == left


@pytest.mark.parametrize(
    ("rule", "limit", "held", "wanted", "left"),
    [
        ("smallest_trade", 100, [10, 0, 0], [11, 1, 0.01], [11, 0, 0.01]),
        ("smallest_trade", 100, [0, 1, 0], [0, 0, 0], [0, 0, 0]),
        ("rebalance_threshold", 0.02, [100, 0, 0], [119, 40, 0.19], [100, 40, 0]),
        ("rebalance_threshold", 0.02, [100, 0, 0], [81, 0, 0], [100, 0, 0]),
        ("rebalance_threshold", 0.02, [10, 0, 0], [0, 0, 0], [0, 0, 0]),
    ],
)
def test_small_trades_are_left_out_but_a_position_can_be_closed(
    rule: str, limit: float, held: list[float], wanted: list[float], left: list[float]
) -> None:
    assert leaves(rule, {"limit": limit}, held, wanted) == left


@pytest.mark.parametrize("rule", ["smallest_trade", "rebalance_threshold"])
def test_a_strategy_can_close_a_small_position_beside_that_of_another(rule: str) -> None:
    limit = {"limit": 500 if rule == "smallest_trade" else 0.02}
    ends = replace(Entering.nothing(3), ends=np.array([1, 0, 0]))
    assert leaves(rule, limit, [100, 40, 0], [97, 41, 0], entering=ends) == [97, 40, 0]
    assert leaves(rule, limit, [100, 40, 0], [97, 41, 0]) == [100, 40, 0]


def test_the_rules_stand_in_their_written_order() -> None:
    assert rule_names() == (
        "overrides",
        "override_size",
        "member",
        "kill_switch",
        "daily_loss",
        "period_loss",
        "quarantine",
        "staleness",
        "references",
        "regime",
        "drawdown_level",
        "level_cut",
        "recovery",
        "max_drawdown",
        "stop_loss",
        "leverage_reduction",
        "maintenance_margin",
        "stop_required",
        "strategy_stop",
        "correlation",
        "liquidity",
        "max_weight",
        "position_count",
        "group_count",
        "heat",
        "stop_heat",
        "gross_leverage",
        "recovery_leverage",
        "net_leverage",
        "cash_buffer",
        "cash",
        "trades_per_day",
        "turnover_per_day",
        "smallest_trade",
        "rebalance_threshold",
        "wash_sale",
        "pattern_day_trader",
    )


def test_rules_that_are_always_on_need_not_be_named() -> None:
    by_hand, checked = ["overrides", "override_size"], ["quarantine", "staleness", "references", "regime"]
    always = [*by_hand, "kill_switch", *checked, "strategy_stop"]
    assert [rule.name for rule in make_rules({})] == always


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_wieght": {}}, r"limits\.max_wieght: there is no rule 'max_wieght'; did you mean max_weight\?"),
        ({"trades_per_day": {"limit": -1}}, r"limits\.trades_per_day\.limit: found -1; "),
        ({"trades_per_day": {}}, r"limits\.trades_per_day\.limit: missing"),
        ({"daily_loss": {"limit": 0.02}}, r"limits\.daily_loss\.limit: found 0\.02; "),
        (
            {"max_weight": {"limit": 1}},
            r"limits\.max_weight\.limit: unknown key; max_weight knows drift",
        ),
    ],
)
def test_a_wrong_rule_is_refused_with_the_path_of_its_key(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        make_rules(limits)
