"""Screens in the store: stored once and whole, and the members and pairs that follow, as they were known."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from psycopg2 import errors
from tests.conftest import open_connection

from nightdesk.core.calendar import get_calendar
from nightdesk.core.members import MemberSpan, OffSpan, PairSpan
from nightdesk.core.screen_weeks import sessions_beside
from nightdesk.store.db import Connection, now
from nightdesk.store.member_rows import read_stored_members
from nightdesk.store.screen_rows import (
    newest_good,
    newest_screens,
    open_check_of,
    pairs_of,
    results_of,
    save_open_check,
    save_screen,
    screens_changed,
    with_screened,
)

XNYS = get_calendar()
#: Sundays at 18:00 in New York, in summer.
SUNDAYS = [datetime(2026, 8, 23, 22, tzinfo=UTC) + timedelta(weeks=n) for n in range(3)]
FIRSTS = [sessions_beside(XNYS, one)[1] for one in SUNDAYS]


def save(
    conn: Connection,
    week: int,
    members: dict[str, str],
    pairs: tuple[tuple[str, str], ...] = (),
    legs: tuple[str, ...] = (),
    reason: str = "",
) -> bool:
    last, first = sessions_beside(XNYS, SUNDAYS[week])
    known = {*members, *legs}
    screen = {
        "screened_at": SUNDAYS[week],
        "known_by": now(conn),
        "outcome": "failed" if reason else "good",
        "reason": reason,
        "last_session": last,
        "first_session": first,
        "terms": {"size": 3},
        "criteria": ["exchanges", "price"],
        "limits": ["NYSE", "5 to 500 $"],
        "failures": [0, 1],
        "pool": len(known) + 1,
        "passed": len(members),
        "members": len(known),
        "tests": 4,
        "expected_false": 0.2,
        "pairs": len(pairs),
        "admitted": len(pairs),
    }
    results: list[dict[str, Any]] = [
        {
            "symbol": symbol,
            "sector": members.get(symbol, "odd"),
            "passed": symbol in members,
            "member": symbol in members,
            "leg": symbol in legs,
            "measured": [float("nan"), 3.5 if symbol == "OUT" else 50.0],
            "words": ["NYSE", ""],
            "outcomes": ["passed", "failed" if symbol == "OUT" else "passed"],
        }
        for symbol in (*sorted(known), "OUT")
    ]
    found = [
        {
            "a": a,
            "b": b,
            "place": place,
            **dict.fromkeys(("correlation", "p", "q", "alpha", "beta", "spread_volatility"), 0.01),
            "half_life": float("inf"),
            "same_sector": True,
            "sector": "tech",
            "cap_a": 1e9,
            "cap_b": float("nan"),
            "admitted": True,
            "reason": "",
        }
        for place, (a, b) in enumerate(pairs, 1)
    ]
    return save_screen(conn, "weekly", XNYS, screen, results, found)


def test_members_follow_from_all_screens_in_whatever_order_they_were_made(database: str) -> None:
    with open_connection(database) as conn:
        assert save(conn, 2, {"A": "tech", "B": "energy"}, (("A", "B"),))
        between = now(conn)
        assert save(conn, 0, {"A": "tech"}, (("A", "C"),), legs=("C",))
        assert save(conn, 1, {"A": "tech", "B": "energy"}, (("A", "B"),))
        listed = read_stored_members(conn, "weekly", now(conn))
        assert listed.spans == (
            MemberSpan("A", FIRSTS[0], None, "tech"),
            MemberSpan("B", FIRSTS[1], None, "energy"),
            MemberSpan("C", FIRSTS[0], XNYS.shift(FIRSTS[1], -1), "odd"),
        )
        whole = with_screened(conn, "weekly", XNYS, now(conn), listed)
        assert whole.spans == listed.spans
        assert whole.pairs == (
            PairSpan("A", "C", FIRSTS[0], XNYS.shift(FIRSTS[1], -1), "tech"),
            PairSpan("A", "B", FIRSTS[1], None, "tech"),
        )
        assert whole.legs == (MemberSpan("C", FIRSTS[0], XNYS.shift(FIRSTS[1], -1), "odd"),)
        then = with_screened(conn, "weekly", XNYS, between, read_stored_members(conn, "weekly", between))
        assert [one.first for one in then.spans] == [FIRSTS[2], FIRSTS[2]]
        assert then.pairs == (PairSpan("A", "B", FIRSTS[2], None, "tech"),)
        assert read_stored_members(conn, "another", now(conn)).spans == ()


def test_a_good_screen_stands_and_a_failed_one_is_an_attempt_that_another_may_follow(database: str) -> None:
    with open_connection(database) as conn:
        assert save(conn, 0, {"A": "tech"})
        assert save(conn, 1, {}, reason="no stock passes")
        assert save(conn, 1, {}, reason="no stock passes")
        found = newest_screens(conn, "weekly")
        assert [(one.screened_at, one.good) for one in found] == [
            (SUNDAYS[1], False),
            (SUNDAYS[1], False),
            (SUNDAYS[0], True),
        ]
        good = newest_good(conn, "weekly")
        assert good is not None
        assert (good.screened_at, good.terms, good.failures) == (SUNDAYS[0], {"size": 3}, [0, 1])
        assert save(conn, 1, {"B": "tech"})
        assert not save(conn, 1, {"C": "tech"}), "the one that stands is not replaced"
        assert [one.good for one in newest_screens(conn, "weekly")] == [True]
        assert read_stored_members(conn, "weekly", now(conn)).at(FIRSTS[1]) == ("B",)


def test_a_screen_is_read_as_it_was_found(database: str) -> None:
    with open_connection(database) as conn:
        save(conn, 0, {"A": "tech", "B": "tech"}, (("B", "A"),))
        good = newest_good(conn, "weekly")
        assert good is not None
        by_symbol = {row["symbol"]: row for row in results_of(conn, "weekly", good)}
        assert sorted(by_symbol) == ["A", "B", "OUT"]
        assert by_symbol["OUT"]["measured"][1] == 3.5
        assert by_symbol["OUT"]["words"] == ["NYSE", ""]
        assert by_symbol["OUT"]["outcomes"] == ["passed", "failed"]
        (pair,) = pairs_of(conn, "weekly", good)
        assert (pair["a"], pair["b"], pair["half_life"]) == ("B", "A", float("inf"))
        assert newest_good(conn, "weekly", SUNDAYS[0] - timedelta(days=1)) is None
        assert newest_good(conn, "weekly", known_by=good.stored_at - timedelta(seconds=1)) is None


def test_a_screen_that_cannot_be_stored_whole_leaves_nothing(database: str) -> None:
    with open_connection(database) as conn:
        with pytest.raises(errors.CheckViolation):
            save(conn, 0, {"A": "tech"}, (("A", "A"),))
        assert newest_screens(conn, "weekly") == ()
        assert read_stored_members(conn, "weekly", now(conn)).spans == ()


def test_the_first_check_before_an_open_stands_and_says_what_is_off_from_when_it_was_stored(
    database: str,
) -> None:
    session = date(2026, 8, 26)
    with open_connection(database) as conn:
        save(conn, 0, {"A": "tech"})
        before = now(conn)
        assert open_check_of(conn, "weekly", session) is None
        assert save_open_check(conn, "weekly", session, before, 2, {"A": "price 4.1 $"})
        assert not save_open_check(conn, "weekly", session, before, 2, {})
        check = open_check_of(conn, "weekly", session)
        assert check is not None
        assert (check.checked, check.off) == (2, 1)
        listed = read_stored_members(conn, "weekly", now(conn))
        assert with_screened(conn, "weekly", XNYS, before, listed).off == ()
        assert with_screened(conn, "weekly", XNYS, now(conn), listed).off == (
            OffSpan("A", session, "price 4.1 $"),
        )
        assert screens_changed(conn, "weekly", session, before)
        assert not screens_changed(conn, "weekly", session, now(conn))
        assert not screens_changed(conn, "weekly", date(2026, 8, 25), before), "it is of a later session"
