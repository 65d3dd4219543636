"""Order identity and netting."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.core.errors import Refused
from nightdesk.orders import Intent, Order, allocate, client_order_id, cross, net
from nightdesk.orders.order import (
    OrderType,
    adds_risk,
    earlier_client_order_id,
    entry_id,
    exits_id,
    limit_price,
    limited,
    marked,
    read_client_order_id,
)

CLOSE = datetime(2020, 3, 16, 20, tzinfo=UTC)
ONE = Decimal(1)


def test_the_same_decision_has_the_same_id() -> None:
    first = client_order_id("multi_asset", CLOSE, "BTC-USD", "buy", "rebalance")
    assert first == client_order_id("multi_asset", CLOSE, "BTC-USD", "buy", "rebalance", 0)
    assert re.fullmatch("mul_[0-9a-f]{2}-200316-btc_[0-9a-f]{2}-b[0-9a-f]{14}", first)


def test_an_id_does_not_depend_on_the_time_zone_it_is_asked_in() -> None:
    from zoneinfo import ZoneInfo

    local = CLOSE.astimezone(ZoneInfo("America/New_York"))
    assert client_order_id("b", local, "SPY", "buy", "x") == client_order_id("b", CLOSE, "SPY", "buy", "x")


@pytest.mark.parametrize(
    "other",
    [
        ("multi_assets", CLOSE, "GLD", "buy", "rebalance", 0),
        ("multi_asset", CLOSE.replace(day=17), "GLD", "buy", "rebalance", 0),
        ("multi_asset", CLOSE, "SLV", "buy", "rebalance", 0),
        ("multi_asset", CLOSE, "GLD", "sell", "rebalance", 0),
        ("multi_asset", CLOSE, "GLD", "buy", "stop", 0),
        ("multi_asset", CLOSE, "GLD", "buy", "rebalance", 1),
    ],
)
def test_another_decision_has_another_id(other: tuple[str, datetime, str, str, str, int]) -> None:
    assert client_order_id(*other) != client_order_id("multi_asset", CLOSE, "GLD", "buy", "rebalance")


@given(
    st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
    st.from_regex(r"[A-Z0-9^][A-Z0-9.^=-]{0,19}", fullmatch=True),
)
def test_an_id_is_short_and_plain(book: str, symbol: str) -> None:
    for mark in ("", "k3f9qz"):
        made = client_order_id(book, CLOSE, symbol, "sell", "rebalance", mark=mark)
        assert re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", made), "what Binance takes"


@given(
    st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
    st.from_regex(r"[A-Z0-9^][A-Z0-9.^=-]{0,19}", fullmatch=True),
    st.sampled_from(["buy", "sell"]),
    st.from_regex(r"([a-z0-9]{6})?", fullmatch=True),
)
def test_an_id_is_read_back(book: str, symbol: str, side: str, mark: str) -> None:
    made = client_order_id(book, CLOSE, symbol, side, "rebalance", mark=mark)
    read = read_client_order_id(made)
    assert read is not None
    assert (read.mark, read.side, read.session) == (mark, side, CLOSE.date())
    assert read.book[:3] == re.sub("_+", "-", book).strip("-")[:3]
    assert made.endswith(read.digest)


@pytest.mark.parametrize("mark", ["", "k3f9qz"])
def test_an_id_of_before_is_read_as_it_was_and_is_another_one_than_today(mark: str) -> None:
    decision = ("multi_asset", CLOSE, "BTC-USD", "sell", "rebalance")
    old = earlier_client_order_id(*decision, mark=mark)
    assert old.startswith("multi-asset-20200316-btc-usd-s-"), "as databases hold it"
    read, now = read_client_order_id(old), read_client_order_id(client_order_id(*decision, mark=mark))
    assert read is not None
    assert now is not None
    assert (read.mark, read.side, read.session) == (mark, "sell", CLOSE.date())
    assert (read.book, read.symbol) == ("multi-asset", "btc-usd")
    assert read.digest == now.digest, "both are of the same decision"


def test_ids_that_databases_of_before_hold_are_made_again_to_find_their_decisions() -> None:
    gld = ("two", CLOSE, "GLD", "buy", "rebalance", 0, "k3f9qz")
    assert earlier_client_order_id(*gld) == "two-20200316-gld-b-k3f9qz-1ae48bd9"
    coin = ("multi_asset", CLOSE, "BTC-USD", "sell", "rebalance")
    assert earlier_client_order_id(*coin) == "multi-asset-20200316-btc-usd-s-8131ed40d5906d"


def test_long_names_that_begin_alike_are_told_apart_in_an_id() -> None:
    ids = {client_order_id("b", CLOSE, one, "buy", "x")[:16] for one in ("BTC-USD", "BTC-EUR", "BTC-GBP")}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5b5d3d67-06ad-4ffa-af65-a117d0fc5a59",
        "my-own-order",
        "two-20201399-gld-b-k3f9qz-0123abcd",
        "two-20200316-gld-x-k3f9qz-0123abcd",
        "two-20200316-gld-b-k3f9qz-0123abcg",
        "two-201399-gld-b0123456789abcd",
        "two-200316-gld-x0123456789abcd",
        "two-200316-gld-Bk3f9qz0123abcg",
    ],
)
def test_an_id_that_no_desk_has_made_is_not_read(text: str) -> None:
    assert read_client_order_id(text) is None


def test_the_exits_of_an_entry_are_an_order_by_themselves_and_of_the_same_desk() -> None:
    entry = client_order_id("multi_asset", CLOSE, "GLD", "buy", "rebalance", mark="k3f9qz")
    exits = exits_id(entry)
    assert (entry_id(exits), entry_id(entry)) == (entry, None)
    assert read_client_order_id(exits) == read_client_order_id(entry)


@pytest.mark.parametrize(("order_type", "side"), [("market", "buy"), ("bracket", "sell"), ("oco", "buy")])
def test_a_bracket_exits_on_the_other_side_and_an_exit_on_its_own(order_type: OrderType, side: str) -> None:
    (order,) = _net(Intent("trend", "GLD", Decimal(10)))
    assert replace(order, order_type=order_type).exit_side == side


def test_a_mark_makes_another_id_of_the_same_order() -> None:
    (order,) = _net(Intent("trend", "GLD", Decimal(10)))
    one, other = marked(order, "k3f9qz"), marked(order, "aaaaaa")
    assert len({order.client_order_id, one.client_order_id, other.client_order_id}) == 3
    assert marked(one, "") == order
    assert one.client_order_id.startswith("two-200316-gld-Bk3f9qz")


def _net(*intents: Intent) -> tuple[Order, ...]:
    return net(intents, {"GLD": 170.5, "SPY": 300.0}, book="two", session=date(2020, 3, 16), as_of=CLOSE)


def test_intents_net_to_one_order_a_symbol() -> None:
    orders = _net(
        Intent("trend", "GLD", Decimal(10)),
        Intent("carry", "GLD", Decimal(-4)),
        Intent("trend", "SPY", Decimal(-3)),
    )
    assert [(one.symbol, one.side, one.quantity) for one in orders] == [("GLD", "buy", 6), ("SPY", "sell", 3)]
    assert orders[0].reference_price == Decimal("170.5")
    assert sum(intent.quantity for intent in orders[0].intents) == orders[0].signed_quantity


def test_intents_that_cancel_out_send_nothing_and_change_hands_inside_the_book() -> None:
    intents = [
        Intent("trend", "GLD", Decimal(4)),
        Intent("trend", "SPY", Decimal(1)),
        Intent("carry", "GLD", Decimal(-4)),
    ]
    assert [one.symbol for one in _net(*intents)] == ["SPY"]
    (made,) = cross(intents, {"GLD": 170.5, "SPY": 300.0}, session=date(2020, 3, 16))
    assert (made.symbol, made.price, made.session) == ("GLD", Decimal("170.5"), date(2020, 3, 16))
    assert [(one.strategy, one.quantity) for one in made.intents] == [("carry", -4), ("trend", 4)]


@pytest.mark.parametrize(
    ("side", "reference", "offset", "tick", "limit"),
    [
        ("buy", "100", "0", "0.01", "100.000000"),
        ("buy", "100", "25", "0.01", "100.250000"),
        ("sell", "100", "25", "0.01", "99.750000"),
        # rounded so that the limit is never worse than the offset says
        ("buy", "33.333333", "10", "0.01", "33.360000"),
        ("sell", "33.333333", "10", "0.01", "33.300000"),
        ("sell", "33.333333", "11", "0.01", "33.300000"),
        ("buy", "9000.123456", "50", "0.5", "9045.000000"),
        ("sell", "9000.123456", "50", "0.5", "8955.500000"),
        # a better price than that of the decision
        ("buy", "100", "-25", "0.01", "99.750000"),
        ("sell", "100", "-25", "0.01", "100.250000"),
        ("sell", "0.004", "0", "0.01", "0.010000"),
    ],
)
def test_a_limit_lies_at_its_distance_on_a_tick(
    side: str, reference: str, offset: str, tick: str, limit: str
) -> None:
    made = limit_price(side, Decimal(reference), Decimal(offset), Decimal(tick))  # type: ignore[arg-type]
    assert str(made) == limit


def test_a_limited_order_is_the_same_decision() -> None:
    (order,) = _net(Intent("trend", "GLD", Decimal(10)))
    made = limited(order, Decimal(10), Decimal("0.01"))
    assert (made.order_type, made.limit_price) == ("limit", Decimal("170.67"))
    assert made.client_order_id == order.client_order_id


def test_a_tick_that_leaves_a_purchase_no_price_is_refused() -> None:
    (order,) = _net(Intent("trend", "GLD", Decimal(10)))
    with pytest.raises(
        Refused, match=r"two 2020-03-16: buy GLD: .* is less than a tick of 500: give the symbol"
    ):
        limited(order, Decimal(10), Decimal(500))


@given(st.lists(st.integers(-500, 500).filter(bool), min_size=1, max_size=4), st.data())
def test_fills_are_shared_exactly_however_the_broker_cuts_them(
    wanted: list[int], data: st.DataObject
) -> None:
    intents = tuple(Intent(f"s{at}", "GLD", Decimal(quantity)) for at, quantity in enumerate(wanted))
    orders = _net(*intents)
    if not orders:
        return
    order = orders[0]
    at = data.draw(st.integers(0, int(order.quantity)))
    shares = allocate(order, Decimal(at), ONE)
    assert sum(shares.values()) == (at if order.side == "buy" else -at)
    assert allocate(order, order.quantity, ONE) == {one.strategy: one.quantity for one in intents}


@pytest.mark.parametrize(
    ("held", "change", "adds"),
    [
        (0, 1, True),
        (5, 1, True),
        (5, -5, False),
        (5, -6, True),
        (5, -11, True),
        (-5, -1, True),
        (-5, 5, False),
        (-5, 6, True),
    ],
)
def test_a_trade_adds_risk_when_it_leads_further_from_flat_or_beyond_it(
    held: int, change: int, adds: bool
) -> None:
    assert adds_risk(Decimal(held), Decimal(change)) == adds
