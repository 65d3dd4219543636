"""Executions hour by hour, corrected ones, and commissions that come later."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.accounting.snapshots import (
    TUESDAY,
    WEDNESDAY,
    XNYS,
    after,
    broker,
    differing,
    fill,
    held,
    in_session,
    ours,
    plan,
    sent,
)

from nightdesk.accounting.disputes import disputes
from nightdesk.accounting.ledger import Position
from nightdesk.accounting.repairs import (
    BookCommission,
    BookFill,
    CorrectFill,
    LackCommission,
    LedgerSnapshot,
    MoveOrder,
    RefuseFill,
    Repair,
    booked_entries,
)
from nightdesk.accounting.told_executions import with_late_commissions
from nightdesk.core.schedule import hourly
from nightdesk.orders import Fill
from nightdesk.orders.broker_account import BrokerSnapshot
from nightdesk.orders.order import TimeInForce

HOURLY = hourly(XNYS)


def utc(words: str) -> datetime:
    """An instant of Tuesday, by New York's clock (it is four hours behind UTC)."""
    hour, minute, second = (int(one) for one in f"{words}:00".split(":")[:3])
    return datetime(2020, 3, 17, hour + 4, minute, second, tzinfo=UTC)


def kinds(repairs: Sequence[Repair]) -> list[str]:
    return [type(one).__name__ for one in repairs if not isinstance(one, MoveOrder)]


def position(side: LedgerSnapshot) -> Position:
    return side.ledger.positions["trend", "GLD"]


@pytest.mark.parametrize(
    ("executed", "booked_at"),
    [
        # executed     booked by the decision at
        ("9:30:01",    "11:00"),  # told late
        ("10:00",      "11:00"),  # told late, of the very end of the hour before
        ("10:06",      "11:00"),
        ("11:00",      "11:00"),
        ("11:00:01",   "12:00"),
        ("15:59:59",   "16:00"),
        ("16:00:03",   "16:00"),  # written down after the bell
        (None,         "11:00"),  # nobody says when: the decision that hears of it
    ],
)  # fmt: skip
def test_an_execution_is_booked_by_the_decision_of_its_hour_and_counted_in_every_comparison(
    executed: str | None, booked_at: str
) -> None:
    at = None if executed is None else utc(executed)
    told = [replace(fill("x1 a buy 10 GLD 100"), executed_at=at)]
    side = ours(sent("a"), as_of=utc("11:00"), schedule=HOURLY)
    decisions = [f"{hour}:00" for hour in range(11, 17)]
    found = []
    for name in decisions:
        side = replace(side, as_of=utc(name))
        repairs = plan(replace(broker(ours(sent("a")), told=told), fills=tuple(told)), side)
        assert differing(repairs) == {}
        found += [name for one in repairs if isinstance(one, BookFill)]
        side = after(side, repairs)
    assert found == [booked_at]


FIRST = "e.01 a buy 10 GLD 100"


def corrected(words: str, of: str = "e.01", **more: object) -> Fill:
    return replace(fill(words), corrects=of, **more)  # type: ignore[arg-type]


def settled(
    side: LedgerSnapshot, told: Sequence[Fill], happened: Sequence[Fill], begun: LedgerSnapshot
) -> tuple[tuple[Repair, ...], BrokerSnapshot]:
    """What is repaired where the broker tells this, and its account began as ours `begun`."""
    said = replace(broker(begun, happened=happened), fills=tuple(told))
    return plan(said, side), said


@pytest.mark.parametrize(
    ("correction", "units", "cost", "realised"),
    [
        # as it stands                      units  cost    realised
        ("e.02 a buy 10 GLD 101",           10,    1010,   0),
        ("e.02 a buy 10 GLD 99.5",          10,    995,    0),
        ("e.02 a buy 8 GLD 100",            8,     800,    0),
        ("e.02 a buy 0 GLD 0",              0,     0,      0),
    ],
)  # fmt: skip
def test_a_corrected_execution_is_one_and_the_difference_is_booked(
    correction: str, units: int, cost: int, realised: int
) -> None:
    begun = ours(sent("a"))
    repairs, _ = settled(begun, [fill(FIRST)], [fill(FIRST)], begun)
    side = after(begun, repairs, WEDNESDAY)
    side = replace(
        side,
        orders={"a": replace(begun.orders["a"], status="filled", booked=Decimal(10), filled=Decimal(10))},
    )
    now = corrected(correction)
    repairs, said = settled(side, [fill(FIRST), now], [now] if now.quantity else [], begun)
    assert (kinds(repairs), differing(repairs)) == (["CorrectFill"], {})
    assert disputes(said, side, repairs) == ()
    moved = {one.filled for one in repairs if isinstance(one, MoveOrder)}
    assert moved == ({Decimal(units)} if units != 10 else set())
    following = after(side, repairs)
    held_now = position(following)
    assert (held_now.quantity, held_now.cost, held_now.realised) == (units, cost, realised)
    assert following.ledger.cash == said.cash
    again, _ = settled(following, [fill(FIRST), now], [now] if now.quantity else [], begun)
    assert kinds(again) == []


def test_what_is_corrected_of_a_closed_position_is_its_profit() -> None:
    sold = ours(sent("b", "sell", "10"), entries=held(GLD="10"))
    first = fill("e.01 b sell 10 GLD 120")
    side = after(sold, settled(sold, [first], [first], sold)[0], WEDNESDAY)
    assert position(side).realised == 200
    side = replace(
        side, orders={"b": replace(sold.orders["b"], status="filled", booked=Decimal(10), filled=Decimal(10))}
    )
    now = corrected("e.02 b sell 10 GLD 119")
    repairs, said = settled(side, [first, now], [now], sold)
    assert kinds(repairs) == ["CorrectFill"]
    following = after(side, repairs)
    flat = position(following)
    assert (flat.quantity, flat.cost, flat.realised) == (0, 0, 190)
    assert following.ledger.cash == said.cash


def test_a_correction_that_comes_with_its_execution_or_without_it_is_booked_as_it_stands() -> None:
    side, now = ours(sent("a")), corrected("e.02 a buy 10 GLD 101")
    for told in ([fill(FIRST), now], [now, fill(FIRST)], [now]):
        repairs, _ = settled(side, told, [now], side)
        assert next(one.fill for one in repairs if isinstance(one, BookFill)).price == 101
        assert (kinds(repairs), differing(repairs)) == (["BookFill"], {})


def test_what_was_taken_back_before_it_was_booked_is_nothing() -> None:
    side = ours(sent("a"))
    repairs, _ = settled(side, [fill(FIRST), corrected("e.02 a buy 0 GLD 0")], [], side)
    assert (kinds(repairs), differing(repairs)) == ([], {})


def test_a_correction_beyond_the_order_is_refused_and_moves_nothing() -> None:
    begun = ours(sent("a"))
    side = after(begun, settled(begun, [fill(FIRST)], [fill(FIRST)], begun)[0])
    repairs, _ = settled(side, [fill(FIRST), corrected("e.02 a buy 11 GLD 100")], [fill(FIRST)], begun)
    assert kinds(repairs) == ["RefuseFill"]
    assert [one.reason for one in repairs if isinstance(one, RefuseFill)] == [
        "with it 11 of 10 would be filled"
    ]


@given(st.permutations([1, 2, 3]), st.permutations([1, 2, 3]), st.integers(0, 3))
def test_however_versions_come_the_ledger_ends_where_the_newest_says(
    first: list[int], second: list[int], known: int
) -> None:
    """Some versions are told in one settling, all of them in the next."""
    versions = {
        1: fill(FIRST),
        2: corrected("e.02 a buy 9 GLD 101"),
        3: corrected("e.03 a buy 10 GLD 98"),
    }
    begun = side = ours(sent("a", intents={"trend": "7", "carry": "3"}))
    for numbers in (first[:known], second):
        told = [versions[number] for number in numbers]
        repairs = plan(replace(broker(begun, happened=[]), fills=tuple(told)), side)
        before = side.ledger.cash
        side = replace(
            after(side, repairs), orders={"a": replace(side.orders["a"], booked=units_booked(side, repairs))}
        )
        assert (
            sum((one.cash for one in booked_entries(repairs, side)), Decimal(0)) == side.ledger.cash - before
        )
    assert side.ledger.cash == 100_000 - 980
    assert side.ledger.net() == {"GLD": 10}
    assert {name: one.quantity for (name, _), one in side.ledger.positions.items()} == {
        "trend": 7,
        "carry": 3,
    }


def units_booked(side: LedgerSnapshot, repairs: Sequence[Repair]) -> Decimal:
    units = side.orders["a"].booked
    for one in repairs:
        units += (
            one.fill.quantity
            if isinstance(one, BookFill)
            else one.units
            if isinstance(one, CorrectFill)
            else 0
        )
    return units


PENDING = replace(fill(FIRST), commission_pending=True)
COMPLETE = replace(fill(FIRST), commission=Decimal("1.35"))


def test_a_commission_that_comes_later_is_booked_once_and_its_want_is_no_difference() -> None:
    begun = ours(sent("a", intents={"trend": "7", "carry": "3"}))
    repairs, said = settled(begun, [PENDING], [COMPLETE], begun)
    assert (kinds(repairs), differing(repairs)) == (["BookFill"], {})
    side = replace(after(begun, repairs), orders={})
    assert side.ledger.cash - said.cash == Decimal("1.35")
    side = replace(
        in_session(side, WEDNESDAY),
        orders={"a": replace(begun.orders["a"], status="filled", booked=Decimal(10))},
    )
    repairs, said = settled(side, [PENDING], [COMPLETE], begun)
    assert (kinds(repairs), differing(repairs)) == (["LackCommission"], {})
    repairs, said = settled(side, [COMPLETE], [COMPLETE], begun)
    assert (kinds(repairs), differing(repairs)) == (["BookCommission"], {})
    entries = booked_entries(repairs, side)
    assert [(one.strategy, one.quantity, one.cash, one.commission) for one in entries] == [
        ("trend", 0, Decimal("-0.95"), Decimal("0.95")),
        ("carry", 0, Decimal("-0.40"), Decimal("0.40")),
    ]
    late = {"a e.01 commission": sum((one.commission for one in entries), Decimal(0))}
    assert {one.reference for one in entries} == {*late}
    booked = with_late_commissions(side.booked.values(), late)
    side = replace(side, ledger=side.ledger.apply(entries), booked=booked)
    assert side.ledger.cash == said.cash
    assert position(side).commission == Decimal("0.95")
    assert position(side).cost == 700
    assert kinds(settled(side, [COMPLETE], [COMPLETE], begun)[0]) == []


@pytest.mark.parametrize(
    ("commission", "differs"),
    [
        ("0", {}),
        ("10.00", {}),  # one percent of 1,000 dollars
        ("10.01", {"cash": "-10.01"}),
        ("-0.01", {"cash": "+0.01"}),
    ],
)
def test_a_pending_commission_explains_no_more_than_brokers_take(
    commission: str, differs: dict[str, str]
) -> None:
    side = ours(sent("a"))
    real = replace(fill(FIRST), commission=Decimal(commission))
    repairs, _ = settled(side, [PENDING], [real], side)
    assert differing(repairs) == differs


def test_a_correction_whose_commission_is_pending_keeps_the_one_that_was_booked_until_it_is_told() -> None:
    begun = ours(sent("a"))
    side = after(begun, settled(begun, [COMPLETE], [COMPLETE], begun)[0])
    side = replace(side, orders={"a": replace(begun.orders["a"], status="filled", booked=Decimal(10))})
    waiting = corrected("e.02 a buy 10 GLD 101", commission_pending=True)
    told = replace(waiting, commission=Decimal("1.36"), commission_pending=False)
    repairs, said = settled(side, [COMPLETE, waiting], [told], begun)
    assert (kinds(repairs), differing(repairs)) == (["CorrectFill"], {})
    side = after(side, repairs)
    assert side.ledger.cash == 100_000 - 1010 - Decimal("1.35")
    side = replace(side, orders={"a": replace(begun.orders["a"], status="filled", booked=Decimal(10))})
    repairs, said = settled(side, [COMPLETE, told], [told], begun)
    assert [one.commission for one in repairs if isinstance(one, BookCommission)] == [Decimal("0.01")]
    assert after(side, repairs).ledger.cash == said.cash


def test_the_commission_of_an_earlier_version_is_not_booked_beside_that_of_its_correction() -> None:
    begun = ours(sent("a"))
    side = after(begun, settled(begun, [PENDING], [COMPLETE], begun)[0])
    side = replace(side, orders={"a": replace(begun.orders["a"], status="filled", booked=Decimal(10))})
    now = corrected("e.02 a buy 10 GLD 101", commission=Decimal("1.36"))
    repairs, said = settled(side, [COMPLETE, now], [now], begun)
    assert (kinds(repairs), differing(repairs)) == (["CorrectFill"], {})
    assert after(side, repairs).ledger.cash == said.cash
    lacks = [one for one in repairs if isinstance(one, LackCommission)]
    assert lacks == []
    assert side.session == TUESDAY


TAKEN_BACK = corrected("e.02 a buy 0 GLD 100", commission_pending=True)


@pytest.mark.parametrize(
    ("booked", "told"),
    [
        # an account without commissions: told by now, and nothing to book
        ((PENDING,), (fill(FIRST),)),
        # told no more: a later session looks back less far than at what was booked
        ((PENDING,), ()),
        # a correction took all of it back: nobody charges for it
        ((PENDING, TAKEN_BACK), (PENDING, TAKEN_BACK)),
        # the first version of what was corrected since, with its commission
        ((PENDING, corrected("e.02 a buy 10 GLD 101")), (PENDING, corrected("e.02 a buy 10 GLD 101"))),
    ],
)
def test_no_commission_is_missed_and_none_explains_lacking_cash_where_none_is_to_come(
    booked: tuple[Fill, ...], told: tuple[Fill, ...]
) -> None:
    side = ours(as_of=XNYS.close_at(WEDNESDAY), booked={one.execution_id: one for one in booked})
    said = replace(broker(side, told=told, happened=()), cash=side.ledger.cash - Decimal("0.01"))
    repairs = plan(said, side)
    assert (kinds(repairs), differing(repairs)) == (["Difference"], {"cash": "-0.01"})


@pytest.mark.parametrize(
    ("forgets", "held_there", "settled_at", "becomes"),
    [
        # what the broker is like, holds       when        the order
        (True,  "0",                           TUESDAY,    "expired"),
        (True,  "10",                          TUESDAY,    None),  # it was executed, and that was not told
        (False, "0",                           TUESDAY,    None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("time_in_force", ["day", "gtc"])
def test_an_order_that_is_not_told_any_more_has_ended_where_the_broker_forgets_and_the_position_agrees(
    time_in_force: TimeInForce, forgets: bool, held_there: str, settled_at: date, becomes: str | None
) -> None:
    order = replace(sent("a").order, time_in_force=time_in_force)
    side = in_session(ours(replace(sent("a"), order=order)), settled_at)
    there = {"GLD": Decimal(held_there)} if held_there != "0" else {}
    said = replace(broker(side, {"a": "unknown"}), forgets=forgets, positions=there)
    repairs = plan(said, side)
    assert [one.status for one in repairs if isinstance(one, MoveOrder)] == ([becomes] if becomes else [])
    assert bool(disputes(said, side, repairs)) is (becomes is None)


def test_an_hourly_order_that_is_not_told_is_lost_until_its_session_is_over() -> None:
    order = replace(sent("a").order, as_of=utc("10:00"), session=TUESDAY)
    side = ours(replace(sent("a"), order=order), schedule=HOURLY, as_of=utc("11:00"))
    for name, lost in (("11:00", True), ("15:00", True), ("16:00", False)):
        now = replace(side, as_of=utc(name))
        said = replace(broker(side, {"a": "unknown"}), forgets=True)
        assert bool(disputes(said, now, plan(said, now))) is lost
