"""What is measured once of what the rules are asked, and what is worked out only where somebody reads it."""

import numpy as np
import pytest

from nightdesk.risk import Asked, Correlations, correlations, make_rules, pass_gate
from nightdesk.testing.situations import situation

HELD, WANTED = np.array([10.0, -4.0, 0.0]), np.array([12.0, 2.0, 0.0])


def test_the_measures_are_those_of_wanted_and_held() -> None:
    now = situation()
    asked = Asked(WANTED, HELD, now)
    traded = np.abs(WANTED - HELD) * now.price
    assert asked.gross == float((np.abs(WANTED) * now.price).sum())
    np.testing.assert_array_equal(asked.weight, np.abs(WANTED) * now.price / now.nav)
    np.testing.assert_array_equal(asked.kept, [10.0, 0.0, 0.0])
    np.testing.assert_array_equal(asked.notional, traded)
    assert (asked.turnover, asked.trades, asked.adds) == (float(traded.sum()), 2, True)


@pytest.mark.parametrize(
    ("wanted", "adds"), [([5.0, -1.0, 0.0], False), ([0.0, 1.0, 0.0], True), ([10.0, -4.0, 1.0], True)]
)
def test_only_more_of_a_position_or_its_other_side_is_an_addition(wanted: list[float], adds: bool) -> None:
    assert Asked(np.array(wanted), HELD, situation()).adds is adds


def test_correlations_are_worked_out_only_where_somebody_reads_them() -> None:
    returns = np.random.default_rng(7).normal(size=(60, 3))
    found = correlations(returns, np.ones(3, dtype=np.bool_))
    assert not {"matrix", "pairs", "average"} & set(vars(found))
    given = Correlations.given(found.matrix)
    assert (given.average, given.lowest, given.symbols) == (found.average, found.lowest, 3)


def test_a_rule_that_is_seen_to_pass_tells_its_numbers_when_they_are_read() -> None:
    passage = pass_gate(make_rules({"smallest_trade": {"limit": 1.0}}), WANTED, HELD, situation())
    (record,) = (one for one in passage.records if one.rule == "smallest_trade")
    assert record.ruling is None
    np.testing.assert_array_equal(passage.ruling(record).value, np.abs(WANTED - HELD) * situation().price)
