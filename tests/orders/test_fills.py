"""The paper fill: scenarios of an order and the bar that it meets."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.accounting import restate
from nightdesk.orders import FillBars, FillTerms, Intent, Order, Terms, open_session

SESSION = date(2020, 3, 17)
ETF = Terms(commission=Decimal("0.0010"), slippage=Decimal("0.0005"), unit=Decimal(1))
COIN = Terms(commission=Decimal("0.0010"), slippage=Decimal("0.0015"), unit=Decimal("0.0001"))
SHARE = Terms(Decimal(0), Decimal("0.00075"), Decimal(1), commission_per_unit=Decimal("0.005"))
BOTH = Terms(Decimal("0.0010"), Decimal(0), Decimal(1), commission_per_unit=Decimal("0.005"))
TERMS = FillTerms({"GLD": ETF, "BTC-USD": COIN, "AAPL": SHARE, "XOM": BOTH}, max_volume_share=Decimal("0.10"))


def order(side: str, quantity: str, symbol: str = "GLD", limit: str | None = None) -> Order:
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
        order_type="market" if limit is None else "limit",
        limit_price=None if limit is None else Decimal(limit),
    )


def bars(
    open_: float, volume: float, symbol: str = "GLD", low: float = math.nan, high: float = math.nan
) -> FillBars:
    return FillBars(SESSION, {symbol: open_}, {symbol: volume}, {symbol: low}, {symbol: high})


@pytest.mark.parametrize(
    ("sent", "bar", "price", "commission"),
    [
        (order("buy", "10"), bars(100.0, 1e6), "100.050000", "1.00"),
        (order("sell", "10"), bars(100.0, 1e6), "99.950000", "1.00"),
        (order("buy", "3"), bars(33.333333, 1e6), "33.350000", "0.10"),
        (order("buy", "0.0123", "BTC-USD"), bars(9000.01, 1e9, "BTC-USD"), "9013.510015", "0.11"),
        (order("buy", "150", "AAPL"), bars(100.0, 1e6, "AAPL"), "100.075000", "0.75"),
        (order("sell", "151", "AAPL"), bars(100.0, 1e6, "AAPL"), "99.925000", "0.76"),  # 0.755 to the even
        (
            order("buy", "3", "XOM"),
            bars(33.0, 1e6, "XOM"),
            "33.000000",
            "0.11",
        ),  # 0.099 + 0.015, rounded once
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
        (order("buy", "10"), bars(-3.0, 1000), "0", "10", "the open of -3 is no price to fill at"),
        (order("buy", "10"), bars(0.0, 1000), "0", "10", "the open of 0 is no price to fill at"),
        (
            order("sell", "10"),
            replace(bars(160.0, 1e6), bad={"GLD": "the open of 160 is 60.0% away from 100"}),
            "0",
            "10",
            "the open of 160 is 60.0% away from 100",
        ),
        (
            order("buy", "10", limit="95"),
            replace(bars(100.0, 1e6, low=-37.63, high=100.0), withheld=frozenset({"GLD"})),
            "0",
            "10",
            "the limit of 95.0 was not reached: the bar opened at 100.0, "
            "the bar failed the data checks, so its low and high reach nothing",
        ),
        (
            order("buy", "10", limit="101"),
            replace(bars(100.0, 1e6), withheld=frozenset({"GLD"})),
            "10",
            None,
            "",
        ),
        (order("buy", "10"), bars(100.0, math.nan), "0", "10", "the bar has no volume"),
        (order("buy", "10"), bars(100.0, 0.0), "0", "10", "the bar has no volume"),
    ],
)
def test_what_a_session_cannot_fill_expires_with_its_reason(
    sent: Order, bar: FillBars, filled: str, left: str | None, reason: str
) -> None:
    fills, expired = open_session([sent], bar, TERMS)
    assert sum((one.quantity for one in fills), Decimal(0)) == Decimal(filled)
    assert [(one.quantity, one.reason) for one in expired] == (
        [] if left is None else [(Decimal(left), reason)]
    )


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


#: (side, limit, open, low, high, price; None where it expires, with the reason)
LIMITS = [
    # at the open, where that is at the limit or better: slippage goes as far as the limit and no further
    ("buy", "100.50", 100.0, 99.0, 102.0, "100.050000", ""),
    ("buy", "100.02", 100.0, 99.0, 102.0, "100.02", ""),
    ("buy", "100.00", 100.0, 99.0, 102.0, "100.00", ""),
    ("sell", "99.50", 100.0, 99.0, 102.0, "99.950000", ""),
    ("sell", "99.98", 100.0, 99.0, 102.0, "99.98", ""),
    # later, at the limit itself, where the session reaches it
    ("buy", "99.00", 100.0, 99.0, 102.0, "99.00", ""),
    ("buy", "99.40", 100.0, 99.0, 102.0, "99.40", ""),
    ("sell", "102.00", 100.0, 99.0, 102.0, "102.00", ""),
    # not at all
    ("buy", "98.99", 100.0, 99.0, 102.0, None, "its low was 99.0"),
    ("sell", "102.01", 100.0, 99.0, 102.0, None, "its high was 102.0"),
    # the bar is not complete when fills come home: its open is all that is known
    ("buy", "99.40", 100.0, math.nan, math.nan, None, "no low after the decision is known at the close"),
    ("sell", "101.00", 100.0, math.nan, math.nan, None, "no high after the decision is known at the close"),
    ("buy", "100.50", 100.0, math.nan, math.nan, "100.050000", ""),
]


@pytest.mark.parametrize(("side", "limit", "opened", "low", "high", "price", "reason"), LIMITS)
def test_a_limit_order_fills_at_its_limit_or_better_or_not_at_all(
    side: str, limit: str, opened: float, low: float, high: float, price: str | None, reason: str
) -> None:
    fills, expired = open_session(
        [order(side, "10", limit=limit)], bars(opened, 1e6, low=low, high=high), TERMS
    )
    assert [str(one.price) for one in fills] == ([] if price is None else [price])
    assert [one.reference_price for one in fills] == [Decimal(100)] * len(fills)
    said = f"the limit of {float(limit)} was not reached: the bar opened at 100.0, {reason}"
    assert [(one.quantity, one.reason) for one in expired] == ([] if price else [(10, said)])


def test_a_price_is_compared_as_it_is_written_and_not_as_it_is_stored() -> None:
    # the float 0.1 is a little more than a tenth
    fills, _ = open_session([order("buy", "10", limit="0.1")], bars(0.2, 1e6, low=0.1), TERMS)
    assert [one.price for one in fills] == [Decimal("0.1")]


def test_limit_and_market_orders_share_the_volume_that_may_be_taken() -> None:
    sent = [order("buy", "80", limit="99.00"), order("sell", "80")]
    fills, expired = open_session(sent, bars(100.0, 1000, low=99.0), TERMS)
    assert [(one.side, one.quantity, one.price) for one in fills] == [
        ("buy", 80, Decimal("99.00")),
        ("sell", 20, Decimal("99.95")),
    ]
    assert [one.quantity for one in expired] == [60]


def test_a_limit_that_is_not_reached_takes_no_volume() -> None:
    sent = [order("buy", "80", limit="98.00"), order("sell", "80")]
    fills, expired = open_session(sent, bars(100.0, 1000, low=99.0), TERMS)
    assert [(one.side, one.quantity) for one in fills] == [("sell", 80)]
    assert [one.client_order_id for one in expired] == ["id-gld-buy"]


@given(
    st.sampled_from(["buy", "sell"]),
    st.integers(9_000, 11_000),
    st.integers(9_500, 10_500),
    st.integers(0, 500),
    st.integers(0, 500),
)
def test_no_limit_order_is_filled_beyond_its_limit_or_outside_the_bar(
    side: str, limit: int, opened: int, down: int, up: int
) -> None:
    low, high = opened - down, opened + up
    sent = order(side, "10", limit=str(Decimal(limit) / 100))
    offered = bars(opened / 100, 1e6, low=low / 100, high=high / 100)
    fills, expired = open_session([sent], offered, TERMS)
    reachable = low <= limit if side == "buy" else high >= limit
    assert (len(fills), len(expired)) == ((1, 0) if reachable else (0, 1))
    for one in fills:
        worst = Decimal(limit) / 100
        assert one.price <= worst if side == "buy" else one.price >= worst
        slippage = Decimal(opened) / 100 * ETF.slippage
        assert Decimal(low) / 100 - slippage <= one.price <= Decimal(high) / 100 + slippage


@pytest.mark.parametrize("volume", [math.nan, 0.0, 10.0, 1e6])
def test_without_a_volume_bound_an_order_is_filled_whole_whatever_the_volume(volume: float) -> None:
    unbounded = FillTerms(TERMS.terms, max_volume_share=None)
    fills, expired = open_session([order("buy", "1000")], bars(100.0, volume), unbounded)
    assert [one.quantity for one in fills] == [Decimal(1000)]
    assert expired == ()
    _, expired = open_session([order("buy", "1000")], bars(math.nan, volume), unbounded)
    assert [one.reason for one in expired] == ["no bar to fill at"]


def test_an_order_within_a_session_fills_at_the_mean_of_its_hour_and_is_told_so() -> None:
    at_mean = replace(bars(100.0, 1e6, low=99.0, high=101.0), at="mean")
    (fill,), expired = open_session([order("buy", "10")], at_mean, TERMS)
    assert (str(fill.price), expired) == ("100.050000", ())
    refused = replace(bars(-3.0, 1e6), at="mean")
    _, (gone,) = open_session([order("buy", "10")], refused, TERMS)
    assert gone.reason == "the mean of -3 is no price to fill at"
    _, (missed,) = open_session([order("buy", "10", limit="98.5")], at_mean, TERMS)
    assert missed.reason == (
        "the limit of 98.5 was not reached: the bar had a mean of 100.0, its low was 99.0"
    )
