"""What a strategy carries on of a symbol goes over to the symbol that it becomes."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
from numpy.testing import assert_array_equal
from tests.decision.desks import PRICES, SESSION, day, desk

from nightdesk.decision import State
from nightdesk.decision.exits import allocation_before, stop_distance_before
from nightdesk.execution import capital, fold, mark
from nightdesk.strategies import Direction

BOOK = desk()
LEDGER = fold([capital(SESSION, Decimal(100_000))])
STATE = State(
    LEDGER,
    mark(LEDGER, SESSION, PRICES),
    allocation=np.array([[0.25, 0.125]]),
    stop_distance=np.array([[6.0, 0.0]]),
)


def test_allocation_and_stop_distance_follow_a_change_of_symbol() -> None:
    changed = day([Direction.HOLD, Direction.HOLD], successors={"GLD": ("SPY", 2.0)})
    assert_array_equal(allocation_before(BOOK, STATE, changed), [[0.0, 0.375]])
    assert_array_equal(stop_distance_before(BOOK, STATE, changed), [[0.0, 3.0]])


def test_a_position_that_is_there_keeps_its_own_stop() -> None:
    changed = day([Direction.HOLD, Direction.HOLD], successors={"GLD": ("SPY", 2.0)})
    both = replace(STATE, stop_distance=np.array([[6.0, 5.0]]))
    assert_array_equal(stop_distance_before(BOOK, both, changed), [[0.0, 5.0]])


def test_without_a_change_both_stay_as_they_are() -> None:
    quiet = day([Direction.HOLD, Direction.HOLD])
    assert allocation_before(BOOK, STATE, quiet) is STATE.allocation
    assert_array_equal(stop_distance_before(BOOK, STATE, quiet), [[6.0, 0.0]])
