"""The floor keeps what every rule must keep, and refuses what is cheap."""

import numpy as np

from nightdesk.risk import make_rules, pass_gate, verdicts, words
from nightdesk.testing import RuleContract
from nightdesk.testing.situations import SYMBOLS, situation


class TestPriceFloor(RuleContract):
    """With a floor between the prices of the situations."""

    name = "price_floor"
    params = {"limit": 75.0}  # noqa: RUF012


def test_an_entry_below_the_floor_is_refused_and_a_sale_is_not() -> None:
    rules = make_rules({"price_floor": {"limit": 75.0}})
    passage = pass_gate(rules, np.array([100.0, 100.0, 0.0]), np.zeros(3), situation())
    assert passage.quantity.tolist() == [100.0, 0.0, 0.0]
    said = {one.symbol: words(one) for one in verdicts(passage, SYMBOLS) if one.rule == "price_floor"}
    assert said["SPY"].endswith("rejected by price_floor: its price of 50.00 dollars is below 75.00")
    passage = pass_gate(rules, np.zeros(3), np.array([0.0, 100.0, 0.0]), situation())
    assert passage.quantity.tolist() == [0.0, 0.0, 0.0]
