"""Scenarios of a settling: what the broker tells, and what is made of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from tests.accounting.snapshots import (
    TUESDAY,
    WEDNESDAY,
    XNYS,
    after,
    broker,
    differing,
    fill,
    in_session,
    ours,
    plan,
    sent,
)

from nightdesk.accounting.repairs import BookFill, CancelOrder, MoveOrder, RefuseFill, Repair, SentOrder
from nightdesk.core.schedule import hourly

ONCE = "x1 a buy 10 GLD 100"
TWO_CUTS = ["x1 a buy 4 GLD 100", "x2 a buy 6 GLD 101"]


def booked(repairs: Sequence[Repair]) -> list[str]:
    return [one.fill.execution_id for one in repairs if isinstance(one, BookFill)]


def refused(repairs: Sequence[Repair]) -> dict[str, str]:
    return {one.fill.execution_id: one.reason for one in repairs if isinstance(one, RefuseFill)}


def moved(repairs: Sequence[Repair]) -> dict[str, str]:
    return {
        one.client_order_id: f"{one.status} {one.filled}" for one in repairs if isinstance(one, MoveOrder)
    }


@pytest.mark.parametrize(
    ("told", "is_booked"),
    [
        # what the broker tells                            booked
        ([ONCE],                                           ["x1"]),
        ([ONCE, ONCE],                                     ["x1"]),
        (TWO_CUTS,                                         ["x1", "x2"]),
        ([*TWO_CUTS[::-1], *TWO_CUTS],                     ["x1", "x2"]),
        (["x1 a buy 10 GLD 100 16"],                       ["x1"]),
        (["x1 a buy 10 GLD 100 18"],                       []),
        (["x1 a buy 4 GLD 100", "x2 a buy 6 GLD 101 18"],  ["x1"]),
        ([],                                               []),
    ],
)  # fmt: skip
def test_executions_are_booked_once_in_the_session_that_they_belong_to(
    told: list[str], is_booked: list[str]
) -> None:
    side = ours(sent("a"))
    repairs = plan(broker(side, told=[fill(one) for one in told]), side)
    assert (booked(repairs), refused(repairs), differing(repairs)) == (is_booked, {}, {})


@pytest.mark.parametrize(
    ("told", "is_booked", "reason"),
    [
        # what the broker tells                            booked   why the rest is refused
        (["x1 - buy 10 GLD 100"],                          [],      "it fits no open order of this book"),
        (["x1 b buy 10 GLD 100"],                          [],      "it fits no open order of this book"),
        (["x1 new buy 10 GLD 100"],                        [],      "its order was never sent"),
        (["x1 a buy 10 SPY 100"],                          [],      "its order is to buy GLD"),
        (["x1 a sell 10 GLD 100"],                         [],      "its order is to buy GLD"),
        (["x1 a buy -4 GLD 100"],                          [],      "its quantity is no positive number"),
        (["x1 a buy 0 GLD 100"],                           [],      "its quantity is no positive number"),
        (["x1 a buy 0.000000001 GLD 100"],                 [],      "of at most eight places"),
        (["x1 a buy 4 GLD 0"],                             [],      "its price is not positive"),
        (["x1 a buy 4 GLD -3"],                            [],      "its price is not positive"),
        (["x1 a buy 11 GLD 100"],                          [],      "with it 11 of 10 would be filled"),
        (["x1 a buy 6 GLD 100", "x2 a buy 5 GLD 100"],     ["x1"],  "with it 11 of 10 would be filled"),
        (["x2 a buy 6 GLD 100 16", "x1 a buy 5 GLD 100"],  ["x2"],  "with it 11 of 10 would be filled"),
        (["x1 a buy 4 GLD 100", "x1 a buy 5 GLD 100"],     [],      "was told twice, differently"),
        (["x1 a buy 4 GLD 100", "x1 - buy 4 GLD 100"],     [],      "was told twice, differently"),
        (["known a buy 2 GLD 99"],                         [],      "was booked as buy 2 GLD at 98.5 for a"),
        (["known a buy 3 GLD 98.5"],                       [],      "was booked as buy 2 GLD at 98.5 for a"),
    ],
)  # fmt: skip
def test_an_execution_that_cannot_be_true_moves_nothing_and_says_why(
    told: list[str], is_booked: list[str], reason: str
) -> None:
    side = ours(
        sent("a"), sent("new", attempts=0, status="planned"), booked={"known": fill("known a buy 2 GLD 98.5")}
    )
    fills = [fill(one) for one in told]
    repairs = plan(
        broker(side, told=fills, happened=[one for one in fills if one.execution_id in is_booked]), side
    )
    assert booked(repairs) == is_booked
    assert set(refused(repairs)) == {one.execution_id for one in fills} - set(is_booked)
    assert all(reason in one for one in refused(repairs).values())
    assert differing(repairs) == {}


def test_what_was_booked_and_is_told_again_is_nothing_new() -> None:
    side = ours(sent("a"), booked={"known": fill("known a buy 2 GLD 98.5 16")})
    repairs = plan(broker(side, told=[fill("known a buy 2 GLD 98.5 16")], happened=()), side)
    assert (booked(repairs), refused(repairs)) == ([], {})


def test_an_execution_told_late_counts_in_the_session_that_books_it() -> None:
    side = ours(sent("a"))
    (one, *_) = plan(broker(side, told=[fill("x1 a buy 10 GLD 100 16")]), side)
    assert isinstance(one, BookFill)
    assert (one.fill.session, one.fill.reference_price) == (TUESDAY, 150)


def test_the_executions_of_an_order_over_several_sessions_add_up_to_it() -> None:
    side = ours(sent("a", time_in_force="gtc", intents={"trend": "7", "carry": "3"}))
    story = [
        ("accepted 4", "x1 a buy 4 GLD 100 17", "partially_filled 4"),
        ("filled 10", "x2 a buy 6 GLD 110 18", "filled 10"),
    ]
    told = []
    for session, (state, words, stands) in zip((TUESDAY, WEDNESDAY), story, strict=True):
        side, told = in_session(side, session), [*told, fill(words)]
        said = broker(side, {"a": state}, told, happened=told[-1:])
        repairs = plan(said, side)
        assert (moved(repairs), differing(repairs)) == ({"a": stands}, {})
        side = after(side, repairs)
    held_now = {name: one.quantity for (name, _), one in side.ledger.positions.items()}
    assert (held_now, side.ledger.cash) == ({"trend": 7, "carry": 3}, 100_000 - 400 - 660)


SENT, PLANNED, NEVER_SENT = sent("a"), sent("a", status="planned"), sent("a", status="planned", attempts=0)
LASTING, LONG_AGO = sent("a", time_in_force="gtc"), sent("a", decided=date(2020, 3, 5))
IN_PART = sent("a", status="partially_filled", filled=Decimal(4))
CANCELLED, FILLED = sent("a", status="cancelled"), sent("a", status="filled", filled=Decimal(10))
EXPIRED = sent("a", status="expired")

ALL, PART = ["x1 a buy 10 GLD 100"], ["x1 a buy 4 GLD 100"]
ALL_LATER, REST_LATER = ["x1 a buy 10 GLD 100 18"], ["x1 a buy 4 GLD 100", "x2 a buy 6 GLD 100 18"]


@pytest.mark.parametrize(
    ("here", "there", "told", "becomes"),
    [
        # here       at the broker           executions   becomes
        (SENT,       "filled 10",            ALL,         "filled 10"),
        (SENT,       "expired",              [],          "expired 0"),
        (SENT,       "expired 4",            PART,        "expired 4"),
        (SENT,       "cancelled 4",          PART,        "cancelled 4"),
        (SENT,       "rejected",             [],          "rejected 0"),
        (SENT,       "unknown",              [],          None),
        (SENT,       "unknown",              PART,        "partially_filled 4"),
        (SENT,       "unknown",              ALL,         "filled 10"),
        (LONG_AGO,   "unknown",              [],          "expired 0"),
        (SENT,       "accepted",             ALL,         "filled 10"),
        (PLANNED,    "unknown",              [],          "expired 0"),
        (PLANNED,    "accepted",             [],          "submitted 0"),
        (NEVER_SENT, "unknown",              [],          "expired 0"),
        (LASTING,    "accepted",             [],          None),
        (LASTING,    "partially_filled 4",   PART,        "partially_filled 4"),
        # it has ended there, and executions of it are still to be told, or to be booked by the next session
        (SENT,       "cancelled 4",          [],          None),
        (LONG_AGO,   "cancelled 4",          [],          "cancelled 0"),
        (SENT,       "filled 10",            ALL_LATER,   None),
        (LONG_AGO,   "filled 10",            ALL_LATER,   None),
        (SENT,       "filled 10",            REST_LATER,  "partially_filled 4"),
        (IN_PART,    "filled 10",            PART,        None),
        # between the sessions it was found to have ended
        (FILLED,     "filled 10",            ALL,         None),
        (FILLED,     "filled 10",            ALL_LATER,   None),
        (CANCELLED,  "cancelled 4",          PART,        "cancelled 4"),
        (EXPIRED,    "accepted",             [],          None),
        (EXPIRED,    "filled 10",            ALL,         "expired 10"),
    ],
)  # fmt: skip
def test_an_order_comes_to_where_it_stands(
    here: SentOrder, there: str, told: list[str], becomes: str | None
) -> None:
    side = ours(here)
    repairs = plan(broker(side, {"a": there}, [fill(one) for one in told]), side)
    assert moved(repairs) == ({} if becomes is None else {"a": becomes})


@pytest.mark.parametrize(
    ("here", "there", "told", "is_cancelled"),
    [
        (SENT,       "accepted",             [],          True),
        (SENT,       "partially_filled 4",   PART,        True),
        (PLANNED,    "accepted",             [],          True),
        (LASTING,    "partially_filled 4",   PART,        False),
        (SENT,       "expired 4",            PART,        False),
        (SENT,       "accepted",             ALL,         False),
        (SENT,       "unknown",              [],          False),
    ],
)  # fmt: skip
def test_an_order_that_works_past_its_time_is_cancelled(
    here: SentOrder, there: str, told: list[str], is_cancelled: bool
) -> None:
    side = ours(here)
    repairs = plan(broker(side, {"a": there}, [fill(one) for one in told]), side)
    assert (CancelOrder("a") in repairs) is is_cancelled


def test_an_execution_without_an_instant_is_settled_by_the_hour_that_hears_of_it() -> None:
    schedule = hourly(XNYS)
    first = schedule.first_of(TUESDAY)
    side = replace(ours(sent()), schedule=schedule, as_of=first)
    repairs = plan(broker(side, told=[fill(ONCE)]), side)
    assert (booked(repairs), moved(repairs)) == (["x1"], {"a": "filled 10"})
    later = replace(fill(ONCE), executed_at=schedule.last_of(TUESDAY))
    assert booked(plan(broker(side, told=[later]), side)) == []
