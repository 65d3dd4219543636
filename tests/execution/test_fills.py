"""The paper fill: scenarios of an order and the bar that it meets."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from nightdesk.execution import FillBars, FillTerms, Intent, Order, Terms, open_session, restate

SESSION = date(2020, 3, 17)
ETF = Terms(commission=Decimal("0.0010"), slippage=Decimal("0.0005"), unit=Decimal(1))
COIN = Terms(commission=Decimal("0.0010"), slippage=Decimal("0.0015"), unit=Decimal("0.0001"))
TERMS = FillTerms({"GLD": ETF, "BTC-USD": COIN}, max_volume_share=Decimal("0.10"))


def order(side: str, quantity: str, symbol: str = "GLD") -> Order:
    signed = Decimal(quantity) if side == "buy" else -Decimal(quantity)
    return Order(
        client_order_id=f"id-{symbol.lower()}-{side}",
        book="one",
        session=date(2020, 3, 16),
        as_of=datetime(2020, 3, 16, 20, tzinfo=UTC),
        symbol=symbol,
        side=side,  # type: ignore[arg-type]
        quantity=Decimal(quantity),
        purpose="rebalance",
        reference_price=Decimal(100),
        intents=(Intent("trend", symbol, signed),),
    )


def bars(open_: float, volume: float, symbol: str = "GLD") -> FillBars:
    return FillBars(SESSION, {symbol: open_}, {symbol: volume})


@pytest.mark.parametrize(
    ("sent", "bar", "price", "commission"),
    [
        (order("buy", "10"), bars(100.0, 1e6), "100.050000", "1.00"),
        (order("sell", "10"), bars(100.0, 1e6), "99.950000", "1.00"),
        (order("buy", "3"), bars(33.333333, 1e6), "33.350000", "0.10"),
        (order("buy", "0.0123", "BTC-USD"), bars(9000.01, 1e9, "BTC-USD"), "9013.510015", "0.11"),
    ],
)
def test_a_fill_is_the_open_moved_against_the_order_with_commission(
    sent: Order, bar: FillBars, price: str, commission: str
) -> None:
    fills, expired = open_session([sent], bar, TERMS)
    assert [(str(one.price), str(one.commission), one.quantity) for one in fills] == [
        (price, commission, sent.quantity)
    ]
    assert expired == ()


@pytest.mark.parametrize(
    ("sent", "bar", "filled", "left", "reason"),
    [
        (
            order("buy", "150"),
            bars(100.0, 1000),
            "100",
            "50",
            "only 0.1 of the bar's volume of 1000 may be taken",
        ),
        (
            order("buy", "150"),
            bars(100.0, 1009),
            "100",
            "50",
            "only 0.1 of the bar's volume of 1009 may be taken",
        ),
        (order("sell", "1"), bars(100.0, 5), "0", "1", "only 0.1 of the bar's volume of 5 may be taken"),
        (order("buy", "10"), bars(math.nan, 1000), "0", "10", "no bar to fill at"),
        (order("buy", "10"), FillBars(SESSION, {}, {}), "0", "10", "no bar to fill at"),
        (order("buy", "10"), bars(100.0, math.nan), "0", "10", "the bar has no volume"),
        (order("buy", "10"), bars(100.0, 0.0), "0", "10", "the bar has no volume"),
    ],
)
def test_what_a_session_cannot_fill_expires_with_its_reason(
    sent: Order, bar: FillBars, filled: str, left: str, reason: str
) -> None:
    fills, expired = open_session([sent], bar, TERMS)
    assert sum((one.quantity for one in fills), Decimal(0)) == Decimal(filled)
    assert [(one.quantity, one.reason) for one in expired] == [(Decimal(left), reason)]


def test_two_orders_of_a_symbol_share_the_volume_that_may_be_taken() -> None:
    first, second = order("buy", "80"), order("sell", "80")
    fills, expired = open_session([first, second], bars(100.0, 1000), TERMS)
    assert [one.quantity for one in fills] == [80, 20]
    assert [one.quantity for one in expired] == [60]


def test_filling_the_same_session_again_gives_the_same_execution_ids() -> None:
    again = [open_session([order("buy", "10")], bars(100.0, 1e6), TERMS) for _ in range(2)]
    assert again[0] == again[1]
    assert again[0][0][0].execution_id == "id-gld-buy-20200317"


def test_an_order_of_which_a_reverse_split_left_nothing_expires() -> None:
    rest = restate(order("buy", "7"), 0.1, Decimal(1))
    fills, expired = open_session([rest], bars(1000.0, 1e6), TERMS)
    assert fills == ()
    assert [(one.quantity, one.reason) for one in expired] == [(0, "a split left nothing of it")]
