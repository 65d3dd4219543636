"""What a decision carries on is restated for corporate actions, whatever a number is of."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from nightdesk.engine import Carried

SYMBOLS = ("GLD", "SPY")
CARRIED = Carried(
    allocation=np.array([[0.25, 0.125]]),
    stop_distance=np.array([[6.0, 0.0]]),
    target_distance=np.array([[12.0, 4.0]]),
    reduce_to=np.array([[40.0, 10.0]]),
)


def test_it_follows_a_change_of_symbol() -> None:
    after = CARRIED.restated(SYMBOLS, {}, {"GLD": ("SPY", 2.0)})
    assert_array_equal(after.allocation, [[0.0, 0.375]])
    assert_array_equal(after.stop_distance, [[0.0, 3.0]])
    assert_array_equal(after.target_distance, [[0.0, 4.0]])
    assert_array_equal(after.reduce_to, [[0.0, 90.0]])
    assert_array_equal(CARRIED.allocation, [[0.25, 0.125]])


def test_a_position_that_is_there_keeps_its_own_stop() -> None:
    both = replace(CARRIED, stop_distance=np.array([[6.0, 5.0]]))
    after = both.restated(SYMBOLS, {}, {"GLD": ("SPY", 2.0)})
    assert_array_equal(after.stop_distance, [[0.0, 5.0]])


@pytest.mark.parametrize("ratio", [4.0, 0.5])
def test_a_split_restates_units_and_dollars_and_no_share(ratio: float) -> None:
    after = CARRIED.restated(SYMBOLS, {"GLD": ratio}, {})
    assert_array_equal(after.allocation, CARRIED.allocation)
    assert_array_equal(after.stop_distance, [[6.0 / ratio, 0.0]])
    assert_array_equal(after.target_distance, [[12.0 / ratio, 4.0]])
    assert_array_equal(after.reduce_to, [[40.0 * ratio, 10.0]])


def test_without_an_action_it_stays_as_it_is() -> None:
    assert CARRIED.restated(SYMBOLS, {}, {}) is CARRIED
