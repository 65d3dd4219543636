"""Netting is exact: what strategies get adds up to what the broker tells, however it tells it."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.accounting import Entry, Ledger, cross_entries, fill_entries, fold
from nightdesk.orders import Cross, Fill, Intent, Order, cross, net

DECIDED, DAY, LATER = date(2020, 3, 16), date(2020, 3, 17), date(2020, 3, 18)
CLOSE = datetime(2020, 3, 16, 20, tzinfo=UTC)
CENT = Decimal("0.01")
UNITS = (Decimal(1), Decimal("0.0001"))

Sums = dict[str, tuple[Decimal, Decimal, Decimal]]


@st.composite
def intents(draw: st.DrawFn, unit: Decimal) -> list[Intent]:
    """What up to four strategies want of one symbol, also against each other."""
    wanted = draw(st.lists(st.integers(-900, 900).filter(bool), min_size=1, max_size=4))
    return [Intent(f"s{at}", "GLD", quantity * unit) for at, quantity in enumerate(wanted)]


def orders_of(wanted: list[Intent]) -> tuple[Order, ...]:
    return net(wanted, {"GLD": 100.0}, book="two", session=DECIDED, as_of=CLOSE)


@st.composite
def filled_orders(draw: st.DrawFn) -> tuple[Order, list[Fill], Decimal]:
    """An order and executions of it, whole or in part, in pieces of any size at any price; its unit."""
    unit = draw(st.sampled_from(UNITS))
    order = draw(intents(unit).map(orders_of).filter(bool))[0]
    size = int(order.quantity / unit)
    edges = draw(st.sets(st.integers(1, size), min_size=1, max_size=6))
    cuts = sorted(edges)
    pieces = [stop - start for start, stop in zip([0, *cuts], cuts, strict=False)]
    fills = [
        Fill(
            execution_id=f"execution-{at}",
            client_order_id=order.client_order_id,
            symbol="GLD",
            side=order.side,
            quantity=piece * unit,
            price=Decimal(draw(st.integers(90_000_000, 110_000_000))).scaleb(-6),
            commission=draw(st.integers(0, 500)) * CENT,
            session=DAY,
            reference_price=Decimal(100),
        )
        for at, piece in enumerate(pieces)
    ]
    return order, fills, unit


def sums(entries: tuple[Entry, ...]) -> Sums:
    """Quantity, cash and commission that each strategy was booked."""
    out: Sums = defaultdict(lambda: (Decimal(0), Decimal(0), Decimal(0)))
    for one in entries:
        quantity, cash, commission = out[one.strategy]
        out[one.strategy] = (quantity + one.quantity, cash + one.cash, commission + one.commission)
    return dict(out)


@given(filled_orders())
def test_what_strategies_are_booked_adds_up_to_what_the_broker_tells(
    case: tuple[Order, list[Fill], Decimal],
) -> None:
    order, fills, unit = case
    booked = fill_entries(order, fills, unit)
    assert sum(one.quantity for one in booked) == sum(fill.signed_quantity for fill in fills)
    assert sum(one.cash for one in booked) == sum(fill.cash for fill in fills)
    assert sum(one.commission for one in booked) == sum(fill.commission for fill in fills)
    assert fold(booked).cash == sum(fill.cash for fill in fills)
    assert all(one.commission >= 0 and one.cash == one.cash.quantize(CENT) for one in booked)


@given(filled_orders(), st.randoms(use_true_random=False))
def test_what_strategies_are_booked_does_not_depend_on_the_order_in_which_fills_are_told(
    case: tuple[Order, list[Fill], Decimal], random: object
) -> None:
    order, fills, unit = case
    shuffled = list(fills)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    told = {one.execution_id: one for one in [*shuffled, *fills]}  # twice, and booked once
    assert fill_entries(order, list(told.values()), unit) == fill_entries(order, fills, unit)


@given(filled_orders(), st.data())
def test_what_strategies_are_booked_does_not_depend_on_how_the_broker_cuts_an_order(
    case: tuple[Order, list[Fill], Decimal], data: st.DataObject
) -> None:
    order, fills, unit = case
    # At 100 dollars a unit no cent is lost to rounding, so that every cut has the same sums.
    same = [replace(fill, price=Decimal(100)) for fill in fills]
    filled = sum((fill.quantity for fill in same), Decimal(0))
    fees = sum((fill.commission for fill in same), Decimal(0))
    whole = replace(same[0], execution_id="whole", quantity=filled, commission=fees)
    in_one = fill_entries(order, [whole], unit)
    at = data.draw(st.integers(1, len(same)))
    in_pieces = fill_entries(order, same, unit)
    assert sums(in_pieces) == sums(in_one)
    # over two sessions: the units are the same, and the sums of each session are the broker's
    tomorrow = [replace(fill, session=LATER) for fill in same[at:]]
    split = fill_entries(order, [*same[:at], *tomorrow], unit)
    assert {name: one[0] for name, one in sums(split).items() if one[0]} == {
        name: one[0] for name, one in sums(in_one).items()
    }
    for session, told in ((DAY, same[:at]), (LATER, tomorrow)):
        mine = [one for one in split if one.session == session]
        assert sum(one.cash for one in mine) == sum(fill.cash for fill in told)
        assert sum(one.commission for one in mine) == sum(fill.commission for fill in told)


@given(filled_orders(), st.data())
def test_settling_in_two_goes_books_what_settling_at_once_does(
    case: tuple[Order, list[Fill], Decimal], data: st.DataObject
) -> None:
    order, fills, unit = case
    at = data.draw(st.integers(0, len(fills)))
    early, late = fills[:at], [replace(fill, session=LATER) for fill in fills[at:]]
    before = sum((fill.quantity for fill in early), Decimal(0))
    in_goes = fill_entries(order, early, unit) + fill_entries(order, late, unit, before)
    assert in_goes == fill_entries(order, [*early, *late], unit)


@given(filled_orders())
def test_an_order_that_is_filled_whole_gives_each_strategy_what_it_wanted(
    case: tuple[Order, list[Fill], Decimal],
) -> None:
    order, fills, unit = case
    whole = replace(fills[0], quantity=order.quantity)
    booked = sums(fill_entries(order, [whole], unit))
    assert {name: one[0] for name, one in booked.items()} == {
        intent.strategy: intent.quantity for intent in order.intents
    }


@st.composite
def crossed(draw: st.DrawFn) -> Cross:
    """Intents of up to five strategies that add up to nothing, at a price of six places."""
    unit = draw(st.sampled_from(UNITS))
    wanted = draw(intents(unit))
    left = sum((one.quantity for one in wanted), Decimal(0))
    if left:
        wanted.append(Intent("last", "GLD", -left))
    price = draw(st.integers(1, 10**9)) / 1e6
    made = cross(wanted, {"GLD": price}, session=DECIDED)
    assert len(made) == 1
    return made[0]


@given(crossed())
def test_what_changes_hands_inside_a_book_leaves_the_book_as_it_was(made: Cross) -> None:
    entries = cross_entries([made], DAY)
    ledger = Ledger(Decimal(1000)).apply(entries)
    assert ledger.cash == 1000
    assert ledger.net() == {}
    assert {one.strategy: one.quantity for one in entries} == {
        one.strategy: one.quantity for one in made.intents
    }
    for one in entries:
        assert abs(one.cash + one.quantity * made.price) < 2 * CENT
        assert one.commission == 0


@given(st.sampled_from(UNITS).flatmap(intents))
def test_every_intent_is_part_of_an_order_or_of_a_cross_and_never_of_both(wanted: list[Intent]) -> None:
    sent = [one for order in orders_of(wanted) for one in order.intents]
    inside = [one for made in cross(wanted, {"GLD": 100.0}, session=DECIDED) for one in made.intents]
    assert sorted([*sent, *inside], key=str) == sorted(wanted, key=str)
    assert not sent or not inside
