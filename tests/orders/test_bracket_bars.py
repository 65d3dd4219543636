"""A bracket on paper: its entry at the open, and what the same bar makes of the exits that it brings."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.accounting.ledger import Ledger
from nightdesk.accounting.period import AccrualTerms, Period
from nightdesk.accounting.settlement import Opening, at_the_open, settle, still_resting
from nightdesk.orders import FillBars, FillTerms, Intent, Order, Terms, open_session
from nightdesk.orders.bracket_exits import exits_of

SESSION = date(2020, 3, 17)
TERMS = FillTerms(
    {"GLD": Terms(commission=Decimal("0.0010"), slippage=Decimal("0.0005"), unit=Decimal(1))},
    max_volume_share=Decimal("0.10"),
)


def bracket(side: str, stop: str, target: str | None = None) -> Order:
    signed = Decimal(10) if side == "buy" else Decimal(-10)
    return Order(
        client_order_id="entry",
        book="one",
        session=date(2020, 3, 16),
        as_of=datetime(2020, 3, 16, 20, tzinfo=UTC),
        symbol="GLD",
        side=side,  # type: ignore[arg-type]
        quantity=Decimal(10),
        purpose="rebalance",
        reference_price=Decimal(100),
        intents=(Intent("trend", "GLD", signed),),
        order_type="bracket",
        stop_price=Decimal(stop),
        target_price=None if target is None else Decimal(target),
    )


def with_exits(entry: Order) -> list[Order]:
    return [exits_of(entry, "protect trend"), entry]


def bar(opened: float, low: float, high: float, volume: float = 1e6) -> FillBars:
    return FillBars(SESSION, {"GLD": opened}, {"GLD": volume}, {"GLD": low}, {"GLD": high})


@pytest.mark.parametrize(
    ("entry", "met", "entered", "left"),
    [
        (bracket("buy", "98"), bar(100, 98.01, 110), "100.050000", None),
        (bracket("buy", "98"), bar(100, 98, 110), "100.050000", "97.951000"),
        (bracket("buy", "98"), bar(95, 94, 99), "95.047500", "94.952500"),  # opens past its stop: out at once
        (bracket("buy", "98", "110"), bar(100, 99, 110), "100.050000", "110.000000"),
        (bracket("buy", "98", "110"), bar(100, 97, 112), "100.050000", "97.951000"),  # both: the stop
        (bracket("buy", "98", "110"), bar(112, 111, 113), "112.056000", "111.944000"),
        (bracket("sell", "102"), bar(100, 99, 101.99), "99.950000", None),
        (bracket("sell", "102"), bar(100, 99, 102), "99.950000", "102.051000"),
        (bracket("sell", "102", "90"), bar(100, 89, 101), "99.950000", "90.000000"),
        (bracket("sell", "102", "90"), bar(100, 89, 103), "99.950000", "102.051000"),
    ],
)
def test_exits_meet_the_bar_whose_open_has_filled_their_entry(
    entry: Order, met: FillBars, entered: str, left: str | None
) -> None:
    fills, expired = open_session(with_exits(entry), met, TERMS)
    assert expired == ()
    prices = [entered] if left is None else [entered, left]
    assert [(one.client_order_id, one.price) for one in fills] == [
        (name, Decimal(price)) for name, price in zip(("entry", "entry/exits"), prices, strict=False)
    ]
    assert {one.quantity for one in fills} == {Decimal(10)}


@pytest.mark.parametrize(
    ("met", "filled"),
    [
        (bar(100, 90, 110, volume=60), 6),
        (bar(100, 90, 110, volume=0), 0),
        (FillBars(SESSION, {}, {}), 0),
        (replace(bar(100, 90, 110), bad={"GLD": "its open is no price"}), 0),
    ],
)
def test_exits_end_with_an_entry_that_is_not_filled_whole(met: FillBars, filled: int) -> None:
    fills, expired = open_session(with_exits(bracket("buy", "98")), met, TERMS)
    assert [(one.client_order_id, one.quantity) for one in fills] == [("entry", filled)] * bool(filled)
    ends = {one.client_order_id: (one.quantity, one.reason) for one in expired}
    assert ends["entry"][0] == 10 - filled
    assert ends["entry/exits"] == (10, f"{10 - filled} of its entry were not filled")


def test_exits_that_find_no_volume_after_their_entry_rest_on() -> None:
    fills, expired = open_session(with_exits(bracket("buy", "98")), bar(100, 90, 110, volume=130), TERMS)
    assert [(one.client_order_id, one.quantity) for one in fills] == [("entry", 10), ("entry/exits", 3)]
    assert expired == ()


@pytest.mark.parametrize("volume", [1e6, 60.0])
def test_a_split_on_the_morning_of_an_entry_restates_both_and_ends_the_exits_once(volume: float) -> None:
    period = Period(
        datetime(2020, 3, 17, 20, tzinfo=UTC),
        SESSION,
        date(2020, 3, 16),
        bar(50, 49.5, 51, volume),
        AccrualTerms({"GLD": Decimal(1)}),
        splits={"GLD": 2.0},
        restated={"GLD": 50.0},
    )
    settled = settle(
        Opening(Ledger(Decimal(10_000))),
        with_exits(bracket("buy", "98")),
        period,
        at_the_open(period, TERMS),
    )
    assert [(one.client_order_id, one.quantity) for one in settled.fills] == [("entry", min(20, volume / 10))]
    ended = [one.client_order_id for one in settled.expired]
    assert ended.count("entry/exits") == 1
    assert still_resting(settled) == ()


@given(
    st.sampled_from(["buy", "sell"]),
    st.booleans(),
    st.integers(90, 110),
    st.integers(0, 12),
    st.integers(0, 12),
    st.sampled_from([0.0, 40.0, 120.0, 1e6]),
)
def test_whatever_the_bar_no_more_is_left_than_was_entered(
    side: str, target: bool, opened: int, down: int, up: int, volume: float
) -> None:
    far = ("98", "104") if side == "buy" else ("102", "96")
    entry = bracket(side, far[0], far[1] if target else None)
    met = bar(opened, opened - down, opened + up, volume)
    fills, expired = open_session(with_exits(entry), met, TERMS)
    filled = {one.client_order_id: one.quantity for one in fills}
    assert filled.get("entry/exits", 0) <= filled.get("entry", 0)
    # What was entered whole is left or rests; nothing rests for what was not.
    ends = {one.client_order_id for one in expired}
    assert ("entry/exits" in ends) == (filled.get("entry", 0) < 10)
    assert [one.client_order_id for one in fills] == [
        one for one in ("entry", "entry/exits") if one in filled
    ]
