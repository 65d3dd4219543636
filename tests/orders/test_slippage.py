"""Slippage as a cost: expected, realised, of one fill and of several."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from nightdesk.orders import Fill, FillTerms, Intent, Order, Slippage, Terms, expected_price, slippage_of
from nightdesk.orders.slippage import expected_prices, total

DAY = date(2020, 3, 17)


def fill(side: str, price: str, quantity: str = "10", reference: str | None = "100") -> Fill:
    return Fill(
        execution_id=f"{side}-{price}",
        client_order_id=f"order-{side}",
        symbol="GLD",
        side=side,  # type: ignore[arg-type]
        quantity=Decimal(quantity),
        price=Decimal(price),
        commission=Decimal(0),
        session=DAY,
        reference_price=None if reference is None else Decimal(reference),
    )


@pytest.mark.parametrize(
    ("side", "limit", "price"),
    [
        ("buy", None, "100.050000"),
        ("sell", None, "99.950000"),
        ("buy", "100.20", "100.050000"),
        ("buy", "100.02", "100.02"),
        ("sell", "99.98", "99.98"),
        ("buy", "99.00", "99.00"),
        ("sell", "101.00", "101.00"),
    ],
)
def test_a_book_expects_the_modelled_slippage_and_never_more_than_the_limit(
    side: str, limit: str | None, price: str
) -> None:
    bound = None if limit is None else Decimal(limit)
    expected = expected_price(side, Decimal(100), Decimal("0.0005"), bound)  # type: ignore[arg-type]
    assert str(expected) == price


@pytest.mark.parametrize(
    ("side", "price", "bps"),
    [("buy", "100.05", 5.0), ("sell", "99.95", 5.0), ("buy", "99.90", -10.0), ("sell", "100.10", -10.0)],
)
def test_slippage_is_positive_where_it_costs(side: str, price: str, bps: float) -> None:
    found = slippage_of(fill(side, price), Decimal("100.05") if side == "buy" else Decimal("99.95"))
    assert (found.expected_bps, found.realised_bps) == (5.0, bps)
    assert found.realised == Decimal(1000) * Decimal(bps) / 10_000
    assert found.notional == 1000


def test_slippage_of_several_fills_is_weighted_by_what_they_traded() -> None:
    dear = slippage_of(fill("buy", "100.30", "30"), Decimal("100.05"))
    cheap = slippage_of(fill("sell", "100.10", "10"), Decimal("99.95"))
    together = total([dear, cheap])
    assert (together.notional, together.expected, together.realised) == (4000, 2, 8)
    assert (together.expected_bps, together.realised_bps) == (5.0, 20.0)


def test_a_fill_without_a_reference_price_tells_nothing() -> None:
    assert slippage_of(fill("buy", "100", reference=None), None) == Slippage()
    assert math.isnan(Slippage().realised_bps)


def test_what_was_expected_of_a_fill_follows_from_its_order_and_the_books_terms() -> None:
    order = Order(
        client_order_id="order-buy",
        book="one",
        session=date(2020, 3, 16),
        as_of=datetime(2020, 3, 16, 20, tzinfo=UTC),
        symbol="GLD",
        side="buy",
        quantity=Decimal(20),
        purpose="rebalance",
        reference_price=Decimal(99),
        intents=(Intent("trend", "GLD", Decimal(20)),),
        order_type="limit",
        limit_price=Decimal("100.04"),
    )
    terms = FillTerms({"GLD": Terms(Decimal(0), Decimal("0.0005"), Decimal(1))}, Decimal("0.1"))
    told = [fill("buy", "100.01"), fill("buy", "100.02", reference="99"), fill("buy", "1", reference=None)]
    expected = expected_prices(told, {"order-buy": order}, terms)
    assert expected == {
        "buy-100.01": Decimal("100.04"),
        "buy-100.02": Decimal("99.0495"),
        "buy-1": None,
    }
