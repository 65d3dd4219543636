"""The rules of the law alone and in the gate (units of GLD, SPY, BTC-USD; NAV of 100,000 dollars)."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.risk import Passage, Rule, Ruling, Situation, make_rules, pass_gate, verdicts, words
from nightdesk.testing.situations import SYMBOLS, situation

#: GLD was sold at a loss of 120 dollars.
LOST = {"wash_loss": np.array([120.0, 0.0, 0.0])}


def gated(limits: dict[str, Any], held: list[float], wanted: list[float], **changed: Any) -> Passage:
    """What the gate leaves with some rules."""
    return pass_gate(make_rules(limits), np.array(wanted, float), np.array(held, float), situation(**changed))


def said(limits: dict[str, Any], held: list[float], wanted: list[float], **changed: Any) -> list[str]:
    """What those rules have to say."""
    spoken = verdicts(gated(limits, held, wanted, **changed), SYMBOLS)
    return [words(one) for one in spoken if one.rule in limits]


@pytest.mark.parametrize(
    ("held", "wanted", "left"),
    [
        ([0, 0, 0], [10, 10, 0], [0, 10, 0]),  # nothing of the symbol is bought, others are free
        ([5, 0, 0], [10, 0, 0], [5, 0, 0]),  # nor is a position added to
        ([10, 0, 0], [4, 0, 0], [4, 0, 0]),  # a reduction passes
        ([-5, 0, 0], [0, 0, 0], [0, 0, 0]),  # a short sale may be closed
        ([-5, 0, 0], [10, 0, 0], [0, 0, 0]),  # and no more
        ([0, 0, 0], [-10, 0, 0], [-10, 0, 0]),  # selling short is no purchase
    ],
)
def test_purchases_after_a_loss_are_refused_where_the_book_says_so(
    held: list[float], wanted: list[float], left: list[float]
) -> None:
    refuse = {"wash_sale": {"purchases": "refuse"}}
    assert gated(refuse, held, wanted, **LOST).quantity.tolist() == left
    assert gated({"wash_sale": {}}, held, wanted, **LOST).quantity.tolist() == wanted


def test_a_flagged_purchase_passes_and_its_verdict_tells_the_loss() -> None:
    told = said({"wash_sale": {"purchases": "flag"}}, [0, 0, 0], [10, 10, 0], **LOST)
    reason = "a purchase now disallows up to {} dollars of losses of the last 30 days (wash sale)"
    assert told == [
        f"GLD: buy 10 passes by wash_sale: {reason.format('120.00')}",
        f"SPY: buy 10 passes by wash_sale: {reason.format('0.00')}",
    ]


def test_a_refused_purchase_tells_the_loss() -> None:
    (told,) = said({"wash_sale": {"purchases": "refuse"}}, [0, 0, 0], [10, 0, 0], **LOST)
    assert told.startswith("GLD: buy 10 rejected by wash_sale: a purchase now disallows up to 120.00 dollars")


def test_without_a_loss_there_is_nothing_to_say() -> None:
    assert said({"wash_sale": {"purchases": "refuse"}}, [0, 0, 0], [10, 10, 0]) == []


#: 20 GLD and 40 SPY were bought in the session that orders are filled in; the account is small.
SMALL = {
    "nav": 20_000.0,
    "opened_today": np.array([20.0, 40.0, 0.0]),
    "session": date(2026, 6, 3),
    "day_trades": 2,
}


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        # selling both would be the third and the fourth; SPY is first by size (1,000 dollars, GLD has 500)
        ({}, [20, 20, 0]),
        ({"day_trades": 3}, [20, 40, 0]),
        ({"day_trades": 1}, [15, 20, 0]),
        ({"nav": 25_000.0}, [15, 20, 0]),  # not under 25,000 dollars
        ({"nav": 24_999.0}, [20, 20, 0]),
        ({"session": date(2026, 6, 4)}, [15, 20, 0]),  # the rule has ended
        ({"session": None}, [20, 20, 0]),  # not known to have ended
        ({"opened_today": np.array([0.0, 40.0, 0.0])}, [15, 20, 0]),  # GLD was held overnight
        ({"opened_today": np.array([-20.0, 40.0, 0.0])}, [15, 20, 0]),  # sold short: a sale adds to it
    ],
)
def test_a_fourth_day_trade_of_a_small_account_is_refused(changed: dict[str, Any], left: list[float]) -> None:
    passage = gated({"pattern_day_trader": {}}, [20, 40, 0], [15, 20, 0], **{**SMALL, **changed})
    assert passage.quantity.tolist() == left


@pytest.mark.parametrize(
    ("in_force", "session", "left"),
    [
        ("always", date(2030, 1, 2), [20, 20, 0]),
        ("never", date(2020, 1, 2), [15, 20, 0]),
        ("until_2026_06_04", date(2020, 1, 2), [20, 20, 0]),
    ],
)
def test_a_book_says_whether_the_day_trade_rule_is_in_force(
    in_force: str, session: date, left: list[float]
) -> None:
    limits = {"pattern_day_trader": {"in_force": in_force}}
    assert gated(limits, [20, 40, 0], [15, 20, 0], **{**SMALL, "session": session}).quantity.tolist() == left


def test_a_refused_day_trade_tells_its_number() -> None:
    assert said({"pattern_day_trader": {}}, [20, 40, 0], [15, 20, 0], **SMALL) == [
        "GLD: sell 5 rejected by pattern_day_trader: day trade number 4 within the sessions that count, "
        "at most 3 are allowed",
        "SPY: sell 20 passes by pattern_day_trader: day trade number 3 within the sessions that count, "
        "at most 3 are allowed",
    ]


class Stop(Rule):
    """Everything leaves, whatever rules of trades say."""

    name = "stop_of_this_test"
    order = 39
    subject = "positions"
    sentence = "out"

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Nothing is left."""
        return Ruling(np.zeros_like(wanted), 0.0, 0.0, exempt=held != 0.0)


def test_a_stop_is_a_day_trade_that_is_made() -> None:
    rules = sorted([Stop(None), *make_rules({"pattern_day_trader": {}})], key=lambda rule: rule.order)
    held = np.array([20.0, 40.0, 0.0])
    passage = pass_gate(rules, held, held, situation(**{**SMALL, "day_trades": 9}))
    assert passage.quantity.tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", ["wash_sale", "pattern_day_trader"])
def test_an_unknown_word_is_refused(name: str) -> None:
    key = {"wash_sale": "purchases", "pattern_day_trader": "in_force"}[name]
    with pytest.raises(Refused, match=f"limits.{name}.{key}: found 'perhaps'"):
        make_rules({name: {key: "perhaps"}})
