"""Concentration of positions."""

import math

import numpy as np
import pytest

from nightdesk.risk.concentration import concentration

SYMBOLS, GROUPS = ("GLD", "SLV", "SPY", "QQQ"), ("metal", "metal", "equity", "growth")


def test_three_positions_worked_by_hand() -> None:
    # gross 80 %: shares 1/2, 1/4 and 1/4, squares 1/4 + 1/16 + 1/16 = 3/8, so 8/3 equal positions
    found = concentration(np.array([0.2, 0.2, -0.4, 0.0]), SYMBOLS, GROUPS)
    assert found.herfindahl == pytest.approx(0.375)
    assert found.effective_positions == pytest.approx(8 / 3)
    assert (found.largest, found.largest_weight) == ("SPY", -0.4)
    assert (found.largest_group, found.largest_group_weight) == ("metal", 0.4)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_equal_positions_count_one_each(count: int) -> None:
    weights = np.where(np.arange(4) < count, 0.1, 0.0)
    assert concentration(weights, SYMBOLS, GROUPS).effective_positions == pytest.approx(count)


def test_a_single_position_is_as_concentrated_as_can_be_however_small_it_is() -> None:
    found = concentration(np.array([0.0, 0.01, 0.0, 0.0]), SYMBOLS, GROUPS)
    assert (found.herfindahl, found.effective_positions) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (found.largest, found.largest_group) == ("SLV", "metal")


def test_cash_alone_has_no_concentration() -> None:
    found = concentration(np.zeros(4), SYMBOLS, GROUPS)
    assert math.isnan(found.herfindahl)
    assert (found.effective_positions, found.largest, found.largest_group) == (0.0, "", "")
    assert (found.largest_weight, found.largest_group_weight) == (0.0, 0.0)
