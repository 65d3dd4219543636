"""Quantities in whole units."""

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.portfolio import Units

UNITS = Units.of([Decimal(1), Decimal("0.0001"), Decimal(100)])


def test_quantities_are_cut_toward_zero_to_their_units() -> None:
    got = UNITS.toward_zero(np.array([7.9, 0.00037, 250.0]))
    np.testing.assert_array_equal(got, [7.0, 0.0003, 200.0])
    np.testing.assert_array_equal(
        UNITS.toward_zero(np.array([-7.9, -0.00037, -250.0])), [-7.0, -0.0003, -200.0]
    )


@given(st.integers(-(10**9), 10**9))
def test_a_quantity_is_the_float_next_to_its_decimal(count: int) -> None:
    quantity = float(Decimal(count) * Decimal("0.0001"))
    assert UNITS.toward_zero(np.array([0.0, quantity, 0.0]))[1] == quantity


def test_missing_quantities_stay_missing() -> None:
    assert np.isnan(UNITS.toward_zero(np.full(3, np.nan))).all()


def test_a_sum_of_units_that_cancel_is_the_float_next_to_its_decimal() -> None:
    units = Units.of([Decimal("0.0001")])
    parts = np.array([[-1573.2023], [317.6791], [1233.7696]])
    assert units.toward_zero(parts.sum(axis=0)) == -21.7535, "the error of the sum is that of its parts"
    assert units.of_sums(parts.sum(axis=0)) == -21.7536
