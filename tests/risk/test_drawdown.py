"""The rules that put a drawdown level into force, on GLD (haven), SPY and BTC-USD (first out)."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nightdesk.core.panel import Floats
from nightdesk.risk import LEVEL_RULES, Passage, Situation, Standing, make_rules, pass_gate
from nightdesk.testing.situations import situation

RULES = {rule.name: rule for rule in make_rules({"stop_loss": {}}, also=LEVEL_RULES)}


def stands(**changed: Any) -> Situation:
    calm = replace(
        Standing.calm(3),
        haven=np.array([True, False, False]),
        first_out=np.array([False, False, True]),
    )
    arrays = {name: np.array(value) if isinstance(value, list) else value for name, value in changed.items()}
    return situation(standing=replace(calm, **arrays))


def leaves(name: str, held: list[float], wanted: list[float], **changed: Any) -> list[float]:
    ruling = RULES[name].apply(np.array(wanted, float), np.array(held, float), stands(**changed))
    after: Floats = ruling.after
    return after.tolist()


@pytest.mark.parametrize(
    ("level", "left"),
    [
        (0, [300, 300, 2.0]),
        (1, [150, 300, 1.0]),
        (2, [100, 100, 1.0]),
        (3, [300, 100, 1.0]),
        (4, [100, 100, 1.0]),
    ],
)
def test_a_level_says_what_may_be_bought(level: int, left: list[float]) -> None:
    bought = leaves("drawdown_level", [100, 100, 1], [300, 300, 2], level=level, sure=[50, 500, 5])
    assert bought == left


@pytest.mark.parametrize("level", range(5))
def test_no_level_touches_a_reduction(level: int) -> None:
    sold = leaves("drawdown_level", [100, 100, 1], [40, 0, 0.5], level=level, sure=[0.0, 0.0, 0.0])
    assert sold == [40, 0, 0.5]


def test_a_turn_to_the_other_side_is_an_entry() -> None:
    assert leaves("drawdown_level", [100, -100, 0], [-50, 50, 0], level=2) == [0, 0, 0]


def test_what_a_level_leaves_is_cut_to_whole_units_until_no_more_is_held() -> None:
    cap = [np.inf, 37.5, 0.0]
    assert leaves("level_cut", [100, 75, 1], [100, 75, 1], level_cap=cap) == [100, 37, 0]
    assert leaves("level_cut", [100, 75, 1], [100, 20, 1], level_cap=cap) == [100, 20, 0]


def test_in_recovery_positions_grow_to_their_part_and_are_not_sold_for_it() -> None:
    cap = [75.0, 75.0, 0.0001]
    assert leaves("recovery", [0, 100, 0], [300, 300, 0.0004], size_cap=cap) == [75, 100, 0.0001]
    assert leaves("recovery", [0, 100, 0], [0, 60, 0], size_cap=cap) == [0, 60, 0]


def test_in_recovery_gross_stays_within_its_leverage() -> None:
    # 600 GLD at 100 and 800 SPY at 50 dollars are 100 % of NAV; 300 GLD more do not fit.
    assert leaves("recovery_leverage", [600, 800, 0], [900, 800, 0], leverage_limit=1.0) == [600, 800, 0]


def passed(held: list[float], wanted: list[float], limits: dict[str, Any], **changed: Any) -> Passage:
    rules = make_rules({"stop_loss": {}, **limits}, also=LEVEL_RULES)
    return pass_gate(rules, np.array(wanted, float), np.array(held, float), stands(**changed))


LIMITS = {
    "trades_per_day": {"limit": 0},
    "turnover_per_day": {"limit": 0.001},
    "smallest_trade": {"limit": 100_000},
    "rebalance_threshold": {"limit": 0.9},
}


@pytest.mark.parametrize("cap", ["level_cap", "stop_cap"])
def test_no_rule_on_trades_holds_back_what_a_level_or_a_stop_sells(cap: str) -> None:
    after = passed([100, 100, 1], [100, 100, 1], LIMITS, **{cap: [np.inf, 50.0, 0.0]}).quantity
    assert after.tolist() == [100, 50, 0]


def test_what_is_sold_for_a_level_is_not_counted_among_the_trades() -> None:
    limits = {"trades_per_day": {"limit": 1}}
    after = passed([100, 100, 0], [60, 90, 0], limits, level_cap=[np.inf, 90.0, np.inf]).quantity
    assert after.tolist() == [60, 90, 0]


def test_a_cap_is_a_pass_for_what_it_asks_for_and_not_for_a_turn_to_the_other_side() -> None:
    limits, cap = {"trades_per_day": {"limit": 0}}, [np.inf, 50.0, np.inf]
    assert passed([0, 100, 0], [0, -40, 0], limits, stop_cap=cap).quantity.tolist() == [0, 50, 0]


def test_rules_of_recovery_are_silent_outside_of_it() -> None:
    asked = {record.rule for record in passed([0, 0, 0], [10, 10, 0], {}).records}
    assert "drawdown_level" in asked
    assert not asked & {"level_cut", "recovery", "recovery_leverage"}
