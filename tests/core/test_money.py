"""Rounding and exact sharing."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.core.money import CENT, apportion, exact, to_cents, to_price, to_unit


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("0.005", "0.00"), ("0.015", "0.02"), ("0.025", "0.02"), ("-0.015", "-0.02"), ("1.0051", "1.01")],
)
def test_money_is_rounded_half_even_to_the_cent(amount: str, rounded: str) -> None:
    assert to_cents(Decimal(amount)) == Decimal(rounded)


def test_a_price_has_six_places() -> None:
    assert str(to_price(Decimal("1.00000050"))) == "1.000000"
    assert str(to_price(Decimal("1.00000150"))) == "1.000002"


def test_a_float_becomes_the_decimal_it_is_written_as() -> None:
    assert exact(0.1) == Decimal("0.1")
    assert exact(320.434998) == Decimal("320.434998")


@pytest.mark.parametrize(
    ("quantity", "unit", "whole"),
    [("7.9", "1", "7"), ("-7.9", "1", "-7"), ("0.00037", "0.0001", "0.0003"), ("250", "100", "200")],
)
def test_quantities_are_cut_toward_zero(quantity: str, unit: str, whole: str) -> None:
    assert to_unit(Decimal(quantity), Decimal(unit)) == Decimal(whole)


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        ("10", ["1", "1", "1"], ["4", "3", "3"]),
        ("-10", ["-1", "-1", "-1"], ["-3", "-3", "-4"]),
        ("5", ["6", "-1"], ["6", "-1"]),
        ("7", ["2", "5"], ["2", "5"]),
        ("0", ["3", "4"], ["0", "0"]),
    ],
)
def test_shares_go_to_the_largest_remainders(total: str, weights: list[str], shares: list[str]) -> None:
    got = apportion(Decimal(total), [Decimal(one) for one in weights], Decimal(1))
    assert got == [Decimal(one) for one in shares]


@given(
    st.integers(-10_000_000, 10_000_000),
    st.lists(st.integers(1, 10_000), min_size=1, max_size=6),
)
def test_shares_add_up_to_the_cent_and_lie_within_a_cent_of_their_ideal(
    cents: int, weights: list[int]
) -> None:
    total = Decimal(cents) * CENT
    shares = apportion(total, [Decimal(one) for one in weights], CENT)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - total * weight / sum(weights)) < CENT
