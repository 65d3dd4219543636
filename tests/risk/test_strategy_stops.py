"""A strategy's own stop is as exempt from limits on trades as what a level cuts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nightdesk.risk import Entering, make_rules, pass_gate, verdicts
from nightdesk.testing.situations import situation

LIMITS: dict[str, dict[str, Any]] = {
    "trades_per_day": {"limit": 1},
    "turnover_per_day": {"limit": 0.01},
    "smallest_trade": {"limit": 1e6},
}


def left(held: list[float], wanted: list[float], stopped: list[bool], **limits: Any) -> list[float]:
    """What the gate leaves of the three symbols of `situation`."""
    entering = replace(Entering.nothing(3), stopped=np.array(stopped))
    now = situation(entering=entering)
    passage = pass_gate(make_rules(limits), np.array(wanted, dtype=float), np.array(held, dtype=float), now)
    return passage.quantity.tolist()


@pytest.mark.parametrize("limit", LIMITS)
def test_what_a_stop_sells_is_held_back_by_no_limit_on_trades(limit: str) -> None:
    held, wanted = [300.0, 100.0, 0.0], [200.0, 50.0, 0.0]
    assert left(held, wanted, [False, False, False], **{limit: LIMITS[limit]}) != wanted
    assert left(held, wanted, [True, True, False], **{limit: LIMITS[limit]}) == wanted


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_it_takes_no_place_among_the_trades_of_the_session(side: float) -> None:
    held, wanted = [300.0 * side, 100.0 * side, 0.0], [0.0, 60.0 * side, 0.0]
    assert left(held, wanted, [True, False, False], trades_per_day={"limit": 1}) == wanted


def test_a_net_purchase_beside_a_stop_is_judged_as_any_other() -> None:
    assert left(
        [10.0, 0.0, 0.0], [90.0, 0.0, 0.0], [True, False, False], turnover_per_day={"limit": 0.02}
    ) == [*(30.0, 0.0, 0.0)]


def test_its_word_on_the_sale_is_kept_and_without_a_stop_it_says_nothing() -> None:
    for stopped in (True, False):
        now = situation(entering=replace(Entering.nothing(3), stopped=np.array([stopped, False, False])))
        held = np.array([300.0, 0.0, 0.0])
        passage = pass_gate(make_rules({}), np.zeros(3), held, now)
        said = [one for one in verdicts(passage, ("A", "B", "C")) if one.rule == "strategy_stop"]
        assert [(one.symbol, one.action, one.value) for one in said] == [("A", "approve", 1.0)] * stopped
