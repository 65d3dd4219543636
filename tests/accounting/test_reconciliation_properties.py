"""Settling with any list of executions: shuffled, repeated, with holes that later ones fill, with rubbish."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.accounting.snapshots import (
    MONDAY,
    PRICES,
    TUESDAY,
    WEDNESDAY,
    after,
    broker,
    differing,
    in_session,
    ours,
    plan,
    sent,
)

from nightdesk.accounting.repairs import (
    BookFill,
    LedgerSnapshot,
    RefuseFill,
    Repair,
    SentOrder,
    booked_entries,
)
from nightdesk.orders import Fill
from nightdesk.orders.broker_account import BrokerSnapshot

THURSDAY, FRIDAY_AFTER = date(2020, 3, 19), date(2020, 3, 20)
SESSIONS = (TUESDAY, WEDNESDAY, THURSDAY, FRIDAY_AFTER)


@dataclass(frozen=True)
class Story:
    """Orders, and what was executed of them."""

    orders: tuple[SentOrder, ...]
    fills: tuple[Fill, ...]

    @property
    def side(self) -> LedgerSnapshot:
        """The ledger before any of it."""
        return ours(*self.orders)


def units_of(name: str, fills: Iterable[Fill]) -> Decimal:
    """What the executions of an order add up to."""
    return sum((one.quantity for one in fills if one.client_order_id == name), Decimal(0))


def cash_of(fills: Iterable[Fill]) -> Decimal:
    return sum((one.cash for one in fills), Decimal(0))


@st.composite
def stories(draw: st.DrawFn, sessions: Sequence[date] = (MONDAY, TUESDAY, WEDNESDAY)) -> Story:
    """Orders of one to three strategies, good until they are cancelled, cut into executions anyhow."""
    orders, fills = [], []
    for number in range(draw(st.integers(1, 3))):
        name, symbol = f"o{number}", draw(st.sampled_from(("GLD", "SPY")))
        side = draw(st.sampled_from(("buy", "sell")))
        parts = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
        sign = 1 if side == "buy" else -1
        intents = {f"s{at}": str(sign * part) for at, part in enumerate(parts)}
        orders.append(sent(name, side, str(sum(parts)), symbol, intents=intents, time_in_force="gtc"))
        left = draw(st.integers(0, sum(parts)))
        while left:
            units = draw(st.integers(1, left))
            left -= units
            price = PRICES[symbol] + Decimal(draw(st.integers(-9_999_999, 9_999_999))) / 1_000_000
            execution, session = f"x{len(fills)}", draw(st.sampled_from(sessions))
            commission = Decimal(draw(st.integers(0, 99))) / 100
            fills.append(Fill(execution, name, symbol, side, Decimal(units), price, commission, session))
    return Story(tuple(orders), tuple(fills))


def told(story: Story, fills: Sequence[Fill], session: date = TUESDAY) -> BrokerSnapshot:
    """What the broker says in the evening of a session, with this list of executions."""
    done = [one for one in story.fills if session >= TUESDAY and one.session <= max(session, WEDNESDAY)]
    states = {}
    for name, one in story.side.orders.items():
        filled = units_of(name, done)
        ended = "filled" if filled == one.order.quantity else "expired"
        working = session < FRIDAY_AFTER and ended == "expired"
        states[name] = f"{'accepted' if working else ended} {filled}"
    return broker(story.side, states, fills, happened=done)


def booked(repairs: Sequence[Repair]) -> list[Fill]:
    return [one.fill for one in repairs if isinstance(one, BookFill)]


@given(stories(), st.data())
def test_the_order_and_the_repetition_of_executions_make_no_difference(
    story: Story, data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(story.fills), max_size=5)) if story.fills else []
    shuffled = data.draw(st.permutations([*story.fills, *again]))
    first, second = (plan(told(story, fills), story.side) for fills in (story.fills, shuffled))
    assert first == second
    assert booked_entries(first, story.side) == booked_entries(second, story.side)


@given(stories())
def test_after_its_repairs_a_session_needs_no_more_of_them(story: Story) -> None:
    said = told(story, story.fills)
    assert plan(said, after(story.side, plan(said, story.side))) == ()


@given(stories())
def test_cash_and_units_add_up_to_what_was_executed(story: Story) -> None:
    repairs = plan(told(story, story.fills), story.side)
    due = [one for one in story.fills if one.session <= TUESDAY]
    settled = after(story.side, repairs).ledger
    assert {one.execution_id for one in booked(repairs)} == {one.execution_id for one in due}
    assert settled.cash - story.side.ledger.cash == cash_of(due)
    for symbol in ("GLD", "SPY"):
        moved = sum((one.signed_quantity for one in due if one.symbol == symbol), Decimal(0))
        assert settled.net().get(symbol, Decimal(0)) == moved
    assert differing(repairs) == {}


@given(stories(SESSIONS), st.data())
def test_executions_that_a_list_lacks_are_booked_when_another_tells_them(
    story: Story, data: st.DataObject
) -> None:
    side, books, repairs = story.side, [], ()
    for session in SESSIONS:
        side = after(side, repairs, session)
        happened = [one for one in story.fills if one.session <= max(session, WEDNESDAY)]
        lacks = (
            data.draw(st.sets(st.sampled_from(happened))) if happened and session < FRIDAY_AFTER else set()
        )
        list_of_now = data.draw(st.permutations([one for one in happened if one not in lacks]))
        repairs = plan(told(story, list_of_now, session), side)
        books += booked(repairs)
        assert not any(isinstance(one, RefuseFill) for one in repairs)
        if not lacks - {one for one in story.fills if one.execution_id in side.booked}:
            assert differing(repairs) == {}
    side = after(side, repairs)
    assert sorted(one.execution_id for one in books) == sorted(one.execution_id for one in story.fills)
    for name, order in side.orders.items():
        assert order.booked == units_of(name, story.fills)
        assert order.status not in ("submitted", "partially_filled")
    assert side.ledger.cash == told(story, story.fills, FRIDAY_AFTER).cash
    assert side.ledger.net() == told(story, story.fills, FRIDAY_AFTER).positions


#: An execution that need not be true.
RUBBISH = st.builds(
    Fill,
    execution_id=st.sampled_from(("x0", "x1", "x9", "x99")),
    client_order_id=st.sampled_from(("o0", "o1", "o9", "")),
    symbol=st.sampled_from(("GLD", "SPY", "TSLA")),
    side=st.sampled_from(("buy", "sell")),
    quantity=st.integers(-30, 30).map(Decimal),
    price=st.integers(-1, 300).map(Decimal),
    commission=st.just(Decimal(0)),
    session=st.sampled_from((MONDAY, TUESDAY, WEDNESDAY)),
)


@given(stories(), st.lists(RUBBISH, min_size=1, max_size=5), st.data())
def test_whatever_the_broker_tells_no_order_is_booked_beyond_its_quantity(
    story: Story, wrong: list[Fill], data: st.DataObject
) -> None:
    side = story.side
    for session in (TUESDAY, WEDNESDAY):
        side = in_session(side, session)
        fills = data.draw(st.permutations([*story.fills, *wrong]))
        repairs = plan(replace(told(story, story.fills), fills=tuple(fills)), side)
        assert all(one.quantity > 0 and one.price > 0 for one in booked(repairs))
        following = after(side, repairs)
        assert following.ledger.cash - side.ledger.cash == cash_of(booked(repairs))
        side = following
        for order in side.orders.values():
            assert 0 <= order.booked <= order.order.quantity
            assert order.filled <= order.order.quantity
