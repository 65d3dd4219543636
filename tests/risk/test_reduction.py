"""What is held above leverage or margin is brought back, on either side, and nothing holds that back.

Symbols are GLD at 100, SPY at 50 and BTC-USD at 10,000 dollars in a book of 100,000.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nightdesk.core.margin import Margin
from nightdesk.risk import Passage, make_rules, pass_gate, verdicts, words
from nightdesk.risk.distances import distances
from nightdesk.testing.situations import SYMBOLS, measured, situation

LIMITS: dict[str, Any] = {
    "gross_leverage": {"limit": 1.5},
    "net_leverage": {"limit": 0.5},
    "leverage_reduction": {},
}
REG_T = Margin(kind="reg_t")


def gated(limits: dict[str, Any], held: list[float], wanted: list[float], **changed: Any) -> Passage:
    """What the rules leave in a book on margin."""
    rules = make_rules(limits)
    now = situation(
        margin=REG_T,
        most_gross=min(rule.most_gross(REG_T) for rule in rules),
        most_net=min(rule.most_net(REG_T) for rule in rules),
        **changed,
    )
    return pass_gate(rules, np.array(wanted, float), np.array(held, float), now)


def leaves(limits: dict[str, Any], held: list[float], wanted: list[float]) -> list[float]:
    return gated(limits, held, wanted).quantity.tolist()


@pytest.mark.parametrize(
    ("held", "wanted", "left"),
    [
        ([400, -1000, 2.0], [400, -1000, 2.0], [400, -1000, 2.0]),  # gross 1.1, net 0.1
        # gross 2.0, net 0.4: everything to three quarters
        ([800, -1600, 4.0], [800, -1600, 4.0], [600, -1200, 3.0]),
        # gross 1.3, net 0.9: longs 1.1 to 0.7, shorts stay
        ([900, -400, 2.0], [900, -400, 2.0], [572, -400, 1.2727]),
        # gross 1.3, net -0.9: shorts 1.1 to 0.7
        ([-900, 400, -2.0], [-900, 400, -2.0], [-572, 400, -1.2727]),
        # the strategy itself sells enough
        ([800, -1600, 4.0], [400, -800, 4.0], [400, -800, 4.0]),
        # a turn to the other side is only closed while what is held is above
        ([800, -1600, 4.0], [-100, -1600, 4.0], [0, -1600, 4.0]),
    ],
)
def test_what_is_held_is_brought_under_gross_and_net(
    held: list[float], wanted: list[float], left: list[float]
) -> None:
    assert leaves(LIMITS, held, wanted) == pytest.approx(left, abs=0.5)


def test_after_it_no_limit_is_exceeded_and_it_says_what_it_measured() -> None:
    passage = gated(LIMITS, [800, -1600, 4.0], [800, -1600, 4.0])
    gross = np.abs(passage.quantity * [100, 50, 10_000]).sum() / 100_000
    assert gross <= 1.5
    told = {one.symbol: words(one) for one in verdicts(passage, SYMBOLS)}
    assert told["GLD"] == (
        "GLD: hold 800 cut to a sale of 200 by leverage_reduction: what is held has a gross exposure of "
        "200.00% of NAV, at most 150.00% may be kept"
    )
    net = gated(LIMITS, [900, -400, 2.0], [900, -400, 2.0])
    assert [(one.rule, words(one)) for one in verdicts(net, SYMBOLS) if one.symbol == "GLD"] == [
        (
            "leverage_reduction.net",
            "GLD: hold 900 cut to a sale of 328 by leverage_reduction.net: what is held has a net exposure "
            "of 90.00% of NAV, at most 50.00% may be kept",
        )
    ]


@pytest.mark.parametrize(
    "of_trades",
    [
        {"trades_per_day": {"limit": 0}},
        {"turnover_per_day": {"limit": 0.001}},
        {"smallest_trade": {"limit": 1e6}},
        {"rebalance_threshold": {"limit": 0.9}},
    ],
)
def test_no_limit_on_trades_holds_it_back_or_counts_it(of_trades: dict[str, Any]) -> None:
    held = [800.0, -1600.0, 4.0]
    assert leaves(LIMITS | of_trades, held, held) == leaves(LIMITS, held, held)


def test_within_its_tolerance_nothing_is_sold() -> None:
    tolerant = LIMITS | {"leverage_reduction": {"tolerance": 0.05}}
    held = [628.0, -1256.0, 3.14]  # gross 1.57
    assert leaves(tolerant, held, held) == held
    assert leaves(LIMITS, held, held) == pytest.approx([600, -1200, 3.0], abs=0.5)
    far = [640.0, -1280.0, 3.2]  # gross 1.6
    assert leaves(tolerant, far, far) == pytest.approx([600, -1200, 3.0], abs=0.5)


def test_what_is_bought_on_the_other_side_balances_and_is_judged_as_an_entry() -> None:
    """Net is 0.6 of 0.5: longs are cut, and a short that is opened stays a wish of its own."""
    left = leaves(LIMITS, [600, 0, 0], [600, -600, 0])
    assert left == [500, -600, 0]


@pytest.mark.parametrize(
    ("held", "wanted", "left"),
    [
        ([0, 0, 0], [800, 0, 0], [500, 0, 0]),
        ([0, 0, 0], [-800, 0, 0], [-500, 0, 0]),
        ([0, 0, 0], [400, 400, 0], [333, 333, 0]),  # both purchases alike
        ([0, 0, 0], [800, -600, 0], [800, -600, 0]),  # net 0.5
        ([0, 0, 0], [900, -600, 0], [800, -600, 0]),
        ([700, 0, 0], [700, 100, 0], [700, 0, 0]),  # what is held is not forced out by it
        ([700, 0, 0], [700, -600, 0], [700, -600, 0]),
        ([-700, 0, 0], [-300, 0, 0], [-300, 0, 0]),
    ],
)
def test_net_leverage_cuts_what_is_opened_on_the_side_that_leads(
    held: list[float], wanted: list[float], left: list[float]
) -> None:
    limits = {"net_leverage": {"limit": 0.5}}
    assert leaves(limits, held, wanted) == left


@pytest.mark.parametrize(
    ("held", "wanted", "left"),
    [
        # longs ask for 25 %, shorts for 30 %: 0.25 x 2.0 + 0.30 x 1.0 = 80 % of NAV
        ([2000, -2000, 0], [2000, -2000, 0], [2000, -2000, 0]),
        # 0.25 x 3.0 + 0.30 x 2.0 = 135 %: everything shrinks by 1 / 1.35
        ([3000, -4000, 0], [3000, -4000, 0], [2222, -2962, 0]),
        ([3000, -4000, 0], [3000, -1000, 0], [3000, -1000, 0]),  # covering the shorts is enough: 90 %
        ([0, 0, 0], [5000, 0, 0], [4000, 0, 0]),  # and nothing is bought beyond
        ([0, 0, 0], [0, -8000, 0], [0, -6666, 0]),
    ],
)
def test_positions_keep_within_their_maintenance_margin(
    held: list[float], wanted: list[float], left: list[float]
) -> None:
    assert leaves({"maintenance_margin": {}}, held, wanted) == left


def test_a_buffer_is_kept_above_the_maintenance_margin_and_its_breach_is_critical() -> None:
    limits = {"maintenance_margin": {"buffer": 0.2}, "trades_per_day": {"limit": 0}}
    assert leaves(limits, [4000, 0, 0], [4000, 0, 0]) == [3200, 0, 0]
    rule = next(one for one in make_rules(limits) if one.name == "maintenance_margin")
    breach = rule.breach(np.array([4000.0, 0, 0]), situation(margin=REG_T))
    assert breach is not None
    assert (breach.level, breach.kills, breach.value, breach.limit) == ("CRITICAL", False, 1.0, 0.8)
    assert breach.words == (
        "positions ask for a maintenance margin of 100.00% of NAV, 80.00% are there: positions are sold "
        "until they are covered"
    )
    assert rule.breach(np.array([3200.0, 0, 0]), situation(margin=REG_T)) is None


def test_the_distances_are_of_gross_net_and_margin_on_either_side() -> None:
    what = measured(0.3, -1.0, 0.0, most_gross=1.5, most_net=0.5)
    told = {
        (one.rule, one.subject): one
        for one in distances(make_rules(LIMITS | {"maintenance_margin": {}}), what)
    }
    assert told["net_leverage", ""].value == pytest.approx(0.7)
    assert told["net_leverage", ""].state == "beyond"
    assert told["leverage_reduction", "Gross"].room == pytest.approx(0.2)
    assert told["leverage_reduction", "Net"].room == pytest.approx(-0.2)
    assert told["maintenance_margin", ""].value == pytest.approx(0.25 * 0.3 + 0.30 * 1.0)
    without = replace(what, most_net=np.inf)
    subjects = [one.subject for one in distances(make_rules({"leverage_reduction": {}}), without)]
    assert subjects == ["Gross"]
