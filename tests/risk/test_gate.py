"""The gate as a whole: its promises under random books, and its words."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.core.portfolio_terms import Band
from nightdesk.risk import (
    Correlations,
    Rule,
    Ruling,
    Situation,
    Standing,
    make_rules,
    pass_gate,
    verdicts,
    words,
)
from nightdesk.testing.situations import SYMBOLS, situation

LIMITS = {
    "daily_loss": {"limit": -0.02},
    "max_weight": {},
    "cash_buffer": {"limit": 0.05},
    "gross_leverage": {"limit": 1.5},
    "trades_per_day": {"limit": 2},
    "turnover_per_day": {"limit": 0.30},
    "smallest_trade": {"limit": 100},
    "rebalance_threshold": {"limit": 0.02},
}
RULES = make_rules(LIMITS)

weights = st.lists(st.floats(0.0, 0.9), min_size=3, max_size=3)
flags = st.lists(st.booleans(), min_size=3, max_size=3)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Floats, Floats, Situation]:
    """Quantities held and wanted, and a situation in which anything may be wrong."""
    prices = np.array(
        [draw(st.floats(1.0, 900.0)), draw(st.floats(1.0, 900.0)), draw(st.floats(500.0, 60_000.0))]
    )
    nav = draw(st.floats(5_000.0, 2_000_000.0))
    calm = st.sampled_from([False, False, False, True])
    now = situation(
        price=prices,
        nav=nav,
        day_return=draw(st.floats(-0.03, 0.05)),
        quarantined=np.array(draw(st.lists(calm, min_size=3, max_size=3))),
        age=np.array(draw(st.lists(st.sampled_from([0, 0, 0, 1]), min_size=3, max_size=3))),
        band=draw(
            st.sampled_from([Band(name="NORMAL", below=20)] * 3 + [Band(name="EXTREME", entries=False)])
        ),
        kill_switch=draw(calm),
        entries_allowed=not draw(calm),
    )
    held, wanted = (now.units.toward_zero(np.array(draw(weights)) * nav / prices) for _ in range(2))
    return held, wanted, now


def gate(wanted: Floats, held: Floats, now: Situation) -> Floats:
    return pass_gate(RULES, wanted, held, now).quantity


@settings(max_examples=200, deadline=None)
@given(cases())
def test_the_gate_never_adds_risk(case: tuple[Floats, Floats, Situation]) -> None:
    held, wanted, now = case
    left = gate(wanted, held, now)
    assert (left <= np.maximum(wanted, held)).all()
    assert (left >= 0).all()


@settings(max_examples=200, deadline=None)
@given(cases())
def test_gating_what_was_gated_changes_nothing(case: tuple[Floats, Floats, Situation]) -> None:
    held, wanted, now = case
    left = gate(wanted, held, now)
    np.testing.assert_array_equal(gate(left, held, now), left)


@settings(max_examples=200, deadline=None)
@given(cases())
def test_no_limit_is_exceeded_by_what_is_traded(case: tuple[Floats, Floats, Situation]) -> None:
    held, wanted, now = case
    left = gate(wanted, held, now)
    bought, traded = left > held, left != held
    weight = left * now.price / now.nav
    size = np.abs(left - held) * now.price
    assert (weight[bought] <= now.max_weight[bought] + 1e-12).all()
    if bought.any():
        assert weight.sum() <= 0.95 + 1e-9
        assert now.day_return >= -0.02
        assert now.band is not None
        assert now.band.entries
        assert not now.kill_switch
        assert now.entries_allowed
    assert not (bought & (now.quarantined | (now.age != 0))).any()
    assert traded.sum() <= 2
    assert size.sum() / now.nav <= 0.30 + 1e-9
    resized = traded & (left != 0)
    assert (size[resized] >= 100).all()
    assert (size[resized] / now.nav >= 0.02).all()


@settings(max_examples=200, deadline=None)
@given(cases())
def test_a_reduction_is_never_blocked_by_a_rule_meant_for_entries(
    case: tuple[Floats, Floats, Situation],
) -> None:
    held, wanted, now = case
    rules = make_rules(
        {name: LIMITS[name] for name in ("daily_loss", "max_weight", "cash_buffer", "gross_leverage")}
    )
    left = pass_gate(rules, wanted, held, now).quantity
    reduces = wanted < held
    assert (left[reduces] <= wanted[reduces]).all()


@settings(max_examples=200, deadline=None)
@given(cases())
def test_every_change_has_its_verdict_and_every_trade_an_approval(
    case: tuple[Floats, Floats, Situation],
) -> None:
    held, wanted, now = case
    passage = pass_gate(RULES, wanted, held, now)
    spoken = verdicts(passage, SYMBOLS)
    changed = {one.symbol for one in spoken if one.action != "approve"}
    assert {SYMBOLS[n] for n in np.flatnonzero(passage.quantity != wanted)} <= changed
    approved = {one.symbol for one in spoken if one.action == "approve"}
    assert approved == {SYMBOLS[n] for n in np.flatnonzero(passage.quantity != held)}
    assert len({(one.step, one.symbol) for one in spoken}) == len(spoken)


def test_a_sale_that_was_stopped_does_not_pay_for_a_purchase() -> None:
    """Of a sale of 1 % and a purchase of 1.5 times that, the count lets only the purchase through."""
    rules = make_rules({"cash_buffer": {"limit": 0.05}, "trades_per_day": {"limit": 1}})
    held, wanted = np.array([400.0, 1000.0, 0.0]), np.array([300.0, 1300.0, 0.0])
    passage = pass_gate(rules, wanted, held, situation())
    assert passage.quantity.tolist() == [400.0, 1100.0, 0.0]


class Generous(Rule):
    """A wrong rule that wants more than it was asked."""

    name = "generous"
    order = 75
    subject = "entries"
    sentence = ""

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        return Ruling(wanted + 1.0, 0.0, 0.0)


class Stubborn(Rule):
    """A wrong rule for entries that undoes reductions."""

    name = "stubborn"
    order = 76
    subject = "entries"
    sentence = ""

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        return Ruling(held, 0.0, 0.0)


@pytest.mark.parametrize("wrong", [Generous, Stubborn])
def test_a_rule_that_adds_risk_or_holds_a_reduction_back_is_refused(wrong: type[Rule]) -> None:
    held, wanted = np.array([10.0, 10.0, 0.0]), np.array([20.0, 5.0, 0.0])
    with pytest.raises(Refused, match=f"rule {wrong.name} is wrong"):
        pass_gate([wrong(None)], wanted, held, situation())


def test_a_cap_that_could_not_sell_does_not_pay_for_a_purchase() -> None:
    """SPY and bitcoin stand above their caps and turnover keeps them there: gold gets what cash allows."""
    held, wanted = np.array([0.0, 1000.0, 2.5]), np.array([500.0, 0.0, 0.0])
    left = pass_gate(RULES, wanted, held, situation()).quantity
    assert float((left * situation().price).sum()) <= 95_000.0
    assert left[0] > 0


def test_what_a_pair_sells_beside_a_leg_that_cannot_be_sold_is_found_in_few_rounds() -> None:
    """SPY's cut is the second trade of a day of one: bitcoin makes room for all of SPY, and no more."""
    held, wanted = np.array([0.0, 800.0, 6.0]), np.array([0.0, 800.0, 1.0])
    together = np.eye(3)
    together[1, 2] = together[2, 1] = 0.9
    found = replace(Standing.calm(3), correlations=Correlations.given(together))
    rules = make_rules({"correlation": {"limit": 0.7, "joint_cap": 0.75}, "trades_per_day": {"limit": 1}})
    now = situation(standing=found)
    passage = pass_gate(rules, wanted, held, now)
    assert passage.quantity.tolist() == [0.0, 800.0, pytest.approx(0.125, abs=2e-4)]
    assert passage.quantity[2] <= 0.125
    assert len(passage.records) < 30 * len(passage.rules)
    assert pass_gate(rules, passage.quantity, held, now).quantity.tolist() == passage.quantity.tolist()


def test_a_quantity_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(Refused, match="a quantity is not a number"):
        pass_gate(RULES, np.array([np.nan, 0.0, 0.0]), np.zeros(3), situation())


class HalveGold(Rule):
    """Stands for a stop: sells half of the first symbol, whatever comes after."""

    name = "halve_gold"
    order = 31
    subject = "positions"
    sentence = ""
    exempt: ClassVar = np.array([True, False, False])

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        return Ruling(np.minimum(wanted, held * [0.5, 1.0, 1.0] + [0.0, 1e9, 1e9]), 0.0, 0.0, self.exempt)


def test_an_exempt_reduction_passes_the_counts_and_is_not_counted() -> None:
    rules = [
        HalveGold(None),
        *make_rules({"trades_per_day": {"limit": 1}, "turnover_per_day": {"limit": 0.05}}),
    ]
    rules.sort(key=lambda rule: rule.order)
    held, wanted = np.array([400.0, 0.0, 0.0]), np.array([400.0, 90.0, 0.0])
    passage = pass_gate(rules, wanted, held, situation())
    assert passage.quantity.tolist() == [200.0, 90.0, 0.0]


def test_a_verdict_is_told_in_words_with_its_numbers() -> None:
    held, wanted = np.array([0.0, 300.0, 0.0]), np.array([510.0, 100.0, 0.0])
    spoken = verdicts(pass_gate(RULES, wanted, held, situation()), SYMBOLS)
    told = [words(one) for one in spoken if one.action != "approve"]
    assert told == [
        "GLD: buy 510 cut to a purchase of 500 by max_weight: weight of 51.00%, at most 50.00%",
        "GLD: buy 500 cut to a purchase of 300 by turnover_per_day: turnover up to this trade 50.00% of NAV, "
        "at most 30.00%",
        "SPY: sell 200 rejected by turnover_per_day: turnover up to this trade 60.00% of NAV, at most 30.00%",
    ]
