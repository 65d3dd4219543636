"""Rules that admit entries by confidence, as tables of what is held and wanted and what they leave.

Symbols are GLD at 100, SPY at 50 and BTC-USD at 10,000 dollars in a book of 100,000.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nightdesk.core.portfolio_terms import Band
from nightdesk.risk import Entering, make_rules, pass_gate, verdicts, words
from nightdesk.risk.rule import Ruling
from nightdesk.testing.situations import SYMBOLS, situation


def entering(**changed: Any) -> Entering:
    """GLD is the most confident, then SPY, then BTC-USD; 50,000 dollars of cash and no costs."""
    calm = replace(Entering.nothing(3), confidence=np.array([0.9, 0.8, 0.7]), cash=50_000.0)
    return replace(calm, **changed)


def rule_on(
    name: str, params: dict[str, Any], held: list[float], wanted: list[float], **changed: Any
) -> Ruling:
    (rule,) = (one for one in make_rules({name: params}) if one.name == name)
    now = situation(**{"entering": entering(), **changed})
    ruling = rule.apply(np.array(wanted, float), np.array(held, float), now)
    again = rule.apply(ruling.after, np.array(held, float), now)
    np.testing.assert_array_equal(again.after, ruling.after)
    return ruling


def leaves(*args: Any, **changed: Any) -> list[float]:
    return rule_on(*args, **changed).after.tolist()


@pytest.mark.parametrize(
    ("stay", "opens", "here", "left"),
    [
        (7, [1, 1, 1], [0, 0, 0], [10, 10, 1]),
        (8, [1, 1, 1], [0, 0, 0], [10, 10, 0]),
        (9, [1, 1, 1], [0, 0, 0], [10, 0, 0]),
        (10, [1, 1, 1], [0, 0, 0], [0, 0, 0]),
        (11, [1, 1, 1], [0, 0, 0], [0, 0, 0]),
        (8, [2, 1, 0], [0, 0, 0], [10, 0, 1]),
        (9, [2, 1, 0], [0, 0, 0], [0, 10, 1]),
        (3, [1, 1, 1], [1, 2, 0], [10, 0, 1]),
        (3, [3, 1, 1], [0, 0, 0], [0, 10, 1]),
    ],
)
def test_ten_positions_and_two_in_a_symbol(
    stay: int, opens: list[int], here: list[int], left: list[float]
) -> None:
    now = entering(opens=np.array(opens), open_here=np.array(here), open_positions=stay)
    assert leaves("position_count", {"limit": 10}, [0, 0, 0], [10, 10, 1], entering=now) == left


def test_adding_to_a_position_takes_no_place() -> None:
    now = entering(opens=np.array([0, 1, 0]), open_here=np.array([1, 0, 0]), open_positions=10)
    assert leaves("position_count", {"limit": 10}, [5, 0, 0], [10, 10, 0], entering=now) == [10, 0, 0]


def test_a_position_that_another_strategy_takes_over_takes_its_place() -> None:
    """GLD goes from one strategy to another: nothing is bought, and its place is not free for SPY."""
    now = entering(opens=np.array([1, 1, 0]), open_positions=9)
    assert leaves("position_count", {"limit": 10}, [10, 0, 0], [8, 10, 0], entering=now) == [8, 0, 0]
    now = entering(opens=np.array([1, 1, 0]), open_positions=8)
    assert leaves("position_count", {"limit": 10}, [10, 0, 0], [8, 10, 0], entering=now) == [8, 10, 0]


def test_a_count_is_told_with_what_it_counted() -> None:
    """Eight stay, GLD is let in as the ninth; a later rule takes it away again, and SPY was the tenth."""
    rules = make_rules({"position_count": {"limit": 9}, "cash": {}})
    now = situation(
        entering=entering(
            opens=np.array([1, 1, 1]), open_here=np.array([0, 0, 2]), open_positions=8, cash=50.0
        )
    )
    passage = pass_gate(rules, np.array([10.0, 10.0, 1.0]), np.zeros(3), now)
    told = {one.symbol: one for one in verdicts(passage, SYMBOLS) if one.rule.startswith("position_count")}
    assert told["SPY"].rule == "position_count"
    assert words(told["SPY"]).endswith(
        "rejected by position_count: with it 10 positions would be open, of those that stay and the entries "
        "that were let through before it, which later rules may still cut; at most 9 are allowed"
    )
    assert words(told["BTC-USD"]).endswith(
        "rejected by position_count.per_symbol: with it 3 positions in this symbol would be open, one a "
        "strategy; at most 2 are allowed"
    )


def test_the_more_confident_comes_first_and_of_equals_the_first_in_the_alphabet() -> None:
    now = entering(opens=np.array([1, 1, 1]), open_positions=9, confidence=np.array([0.6, 0.7, 0.6]))
    assert leaves("position_count", {"limit": 10}, [0, 0, 0], [1, 1, 1], entering=now) == [0, 1, 0]
    now = replace(now, confidence=np.full(3, 0.6))
    assert leaves("position_count", {"limit": 10}, [0, 0, 0], [1, 1, 1], entering=now) == [0, 0, 1]


@pytest.mark.parametrize(
    ("heat", "left"),
    [
        (0.40, [100, 400, 1]),
        (0.30, [100, 400, 0]),
        (0.25, [100, 300, 0]),
        (0.20, [100, 200, 0]),
        (0.1234, [100, 46, 0]),
        (0.05, [50, 0, 0]),
        (None, [100, 400, 1]),
    ],
)
def test_heat_by_regime_cuts_the_entry_that_crosses_and_undoes_the_rest(
    heat: float | None, left: list[float]
) -> None:
    band = Band(name="NORMAL", heat=heat)
    assert leaves("heat", {}, [0, 0, 0], [100, 400, 1], band=band) == left


def test_heat_counts_what_stays_and_not_what_is_sold_and_sells_nothing() -> None:
    band = Band(name="HIGH", heat=0.20)
    assert leaves("heat", {}, [0, 400, 0], [100, 400, 0], band=band) == [0, 400, 0]
    assert leaves("heat", {}, [0, 400, 0], [100, 0, 0], band=band) == [100, 0, 0]
    assert leaves("heat", {}, [0, 800, 0], [0, 800, 0], band=band) == [0, 800, 0]
    ruling = rule_on("heat", {}, [0, 200, 0], [100, 200, 0.1], band=band)
    assert np.asarray(ruling.value)[[0, 2]].tolist() == pytest.approx([0.20, 0.21])
    assert ruling.limit == 0.20


@pytest.mark.parametrize(
    ("cash", "reserve", "costs", "held", "wanted", "left"),
    [
        (20_000, 0.0, 0.0, [0, 0, 0], [100, 200, 1], [100, 200, 0]),
        (15_000, 0.0, 0.0, [0, 0, 0], [100, 200, 1], [100, 100, 0]),
        (15_000, 0.0, 0.01, [0, 0, 0], [100, 200, 1], [100, 97, 0]),
        (20_000, 0.05, 0.0, [0, 0, 0], [100, 200, 1], [100, 100, 0]),
        (0, 0.0, 0.0, [0, 200, 0], [100, 0, 0], [100, 0, 0]),
        (0, 0.0, 0.01, [0, 200, 0], [100, 0, 0], [98, 0, 0]),
        (-500, 0.0, 0.0, [0, 200, 0], [100, 200, 0], [0, 200, 0]),
        (1_000, 0.05, 0.0, [50, 0, 0], [20, 0, 0], [20, 0, 0]),
    ],
)
def test_cash_covers_trades_with_their_costs_and_sales_pay_for_purchases(
    cash: float, reserve: float, costs: float, held: list[float], wanted: list[float], left: list[float]
) -> None:
    now = entering(cash=float(cash), costs=np.full(3, costs))
    assert leaves("cash", {"reserve": reserve}, held, wanted, entering=now) == left


def test_a_short_sale_brings_nothing_that_may_be_spent() -> None:
    now = entering(cash=0.0)
    assert leaves("cash", {}, [0, 0, 0], [10, -100, 0], entering=now) == [0, 0, 0]


def test_what_a_later_rule_holds_back_pays_for_nothing() -> None:
    """SPY is sold for GLD, but the sale is too small to be worth it: GLD finds no cash."""
    rules = make_rules({"cash": {}, "smallest_trade": {"limit": 2_000}})
    now = situation(entering=entering(cash=1_500.0))
    left = pass_gate(rules, np.array([30.0, 80.0, 0.0]), np.array([0.0, 110.0, 0.0]), now).quantity
    assert left.tolist() == [0.0, 110.0, 0.0]
    free = pass_gate(rules[:-1], np.array([30.0, 80.0, 0.0]), np.array([0.0, 110.0, 0.0]), now).quantity
    assert free.tolist() == [30.0, 80.0, 0.0]
