"""Drawdown levels in the daily run: kept after each decision, read before the next, told to people."""

from datetime import timedelta

import pytest
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.session.kept_desk import DeskAfter
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.operations.replay import rewind
from nightdesk.risk import RiskEvent, RiskState
from nightdesk.session.risk_state import session_facts
from nightdesk.store.risk_state_rows import (
    level_changes,
    read_risk_events,
    read_risk_state,
    save_risk_event,
)


def level_of(desk: SmallDesk, number: int) -> RiskState:
    with open_connection(desk.url) as conn:
        found = read_risk_state(conn, "small", instant(number))
    assert found is not None
    return found


def say(desk: SmallDesk, number: int, kind: str, level: int = 0) -> None:
    with open_connection(desk.url) as conn:
        save_risk_event(conn, "small", RiskEvent(session(number), kind, "drill", "ann", level))  # type: ignore[arg-type]


def alerts(desk: SmallDesk, key: str) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT level, subject, body FROM nightdesk.alerts WHERE alert_key LIKE %s ORDER BY alert_id",
        f"{key}%",
    )


def traded(desk_after: DeskAfter) -> SmallDesk:
    """A desk that has decided three sessions and holds something."""
    desk = desk_after(3)
    assert desk.rows("SELECT symbol FROM nightdesk.positions WHERE session = %s", session(2))
    return desk


def watch(desk: SmallDesk, number: int) -> None:
    """Let the session be the newest one on the database's clock, so that a person can see it."""
    known = get_calendar().known_from(session(number))
    set_clock(desk.url, known + timedelta(hours=1))


def test_level_four_sells_everything_until_nothing_is_left_and_opens_nothing(desk_after: DeskAfter) -> None:
    """The sale of bitcoin meets no bar over the weekend and is asked again."""
    desk = traded(desk_after)
    say(desk, 3, "level", 4)
    desk.run(3)
    entered = level_of(desk, 3)
    assert (entered.level, entered.since, set(entered.level_caps.values())) == (4, session(3), {0.0})
    for number, left in ((4, {"BTC-USD": 0.0}), (5, {}), (6, {})):
        desk.run(number)
        held = desk.rows(
            "SELECT symbol FROM nightdesk.positions WHERE session = %s AND quantity <> 0", session(number)
        )
        assert {symbol for (symbol,) in held} == left.keys()
        assert level_of(desk, number).level_caps == left
        orders = desk.rows("SELECT symbol, side FROM nightdesk.orders WHERE session = %s", session(number))
        assert orders == [(symbol, "sell") for symbol in left]


def test_a_move_is_stored_with_its_numbers_and_told_once(desk_after: DeskAfter) -> None:
    desk = traded(desk_after)
    say(desk, 3, "level", 2)
    for _ in range(2):
        desk.run_steps(3, "ingest", "gate")
    with open_connection(desk.url) as conn:
        (move,) = level_changes(conn, "small")
    assert (move.before, move.after, move.cause, move.who) == (0, 2, "person", "ann")
    ((loudness, subject, body),) = alerts(desk, "level small")
    assert (loudness, subject) == ("CRITICAL", "small: drawdown level 2")
    assert "a person has set it (ann)" in str(body)


def test_running_a_session_again_computes_the_same_state(desk_after: DeskAfter) -> None:
    desk = traded(desk_after)
    say(desk, 3, "level", 3)
    desk.run(3)
    first = level_of(desk, 3)
    done = desk.run(3)
    assert level_of(desk, 3) == first
    assert done["gate"]["differs"] == 0


def test_a_person_is_asked_once_and_only_of_a_session_that_can_be_seen(desk_after: DeskAfter) -> None:
    desk = traded(desk_after)
    say(desk, 3, "level", 4)
    desk.run(3)
    assert alerts(desk, "waits") == []
    [(loudness, subject, _)] = alerts(desk, "level small")
    assert (loudness, subject) == ("CRITICAL", "small: drawdown level 4"), "nobody can be asked of the past"
    watch(desk, 5)
    desk.run(4)
    assert alerts(desk, "waits") == [], "session 4 is past on this clock"
    for _ in range(2):
        desk.run(5)
    ((loudness, subject, body),) = alerts(desk, "waits")
    assert (loudness, subject) == ("EMERGENCY", "small waits for a person: confirm of level 4")
    assert "resume__small" in str(body)
    with open_connection(desk.url) as conn:
        asked = [one for one in read_risk_events(conn, "small", session(5)) if one.kind == "ask"]
    assert [one.session for one in asked] == [session(5)]


def test_a_level_that_a_person_can_see_is_one_emergency_with_its_move_and_its_question(
    desk_after: DeskAfter,
) -> None:
    desk = traded(desk_after)
    say(desk, 3, "level", 4)
    watch(desk, 3)
    desk.run_steps(3, "ingest", "gate")
    watch(desk, 4)
    # A rerun of what has become the past has no news.
    desk.run_steps(3, "gate", "gate")
    assert alerts(desk, "level small") == []
    [(loudness, subject, body)] = alerts(desk, "waits small")
    assert (loudness, subject) == ("EMERGENCY", "small waits for a person: confirm of level 4")
    assert "Drawdown level 0 became 4" in str(body)
    assert "Everything is liquidated" in str(body)
    assert "resume__small" in str(body)


def test_the_simulated_person_answers_for_sessions_that_nobody_saw(desk_after: DeskAfter) -> None:
    desk = traded(desk_after)
    say(desk, 3, "level", 4)
    for number in range(3, 9):
        desk.run(number)
    assert level_of(desk, 7).answered_by == ""
    assert level_of(desk, 8).answered_by == "simulated person"


def test_a_book_that_a_person_was_asked_about_waits_for_the_answer_of_one(desk_after: DeskAfter) -> None:
    desk = traded(desk_after)
    say(desk, 3, "level", 4)
    say(desk, 3, "ask")
    for number in range(3, 10):
        desk.run(number)
    assert level_of(desk, 9).waits()
    say(desk, 10, "confirm")
    desk.run(10)
    assert level_of(desk, 10).answered_by == "ann"


def test_a_real_account_is_never_answered_for(desk: SmallDesk) -> None:
    desk.run(0)
    with desk.at(0) as context:
        assert session_facts(context).simulates
        broker = context.book.broker.model_copy(update={"kind": "alpaca"})
        real = context.book.model_copy(update={"broker": broker})
        object.__setattr__(context, "book", real)
        assert not session_facts(context).simulates


def test_a_state_that_got_lost_is_refused_and_not_taken_for_a_new_book(desk_after: DeskAfter) -> None:
    desk = traded(desk_after)
    say(desk, 3, "level", 4)
    desk.run(3)
    with open_connection(desk.url) as conn, conn.cursor() as cursor:
        cursor.execute("DELETE FROM nightdesk.risk_state WHERE session = %s", [session(3)])
    with pytest.raises(Refused, match=f"session {session(3)} has left no risk state"):
        desk.run(4)
    assert desk.rows("SELECT 1 FROM nightdesk.orders WHERE session = %s", session(4)) == []


def test_a_book_whose_states_were_never_kept_is_judged_from_its_highest_value(desk_after: DeskAfter) -> None:
    desk = traded(desk_after)
    with open_connection(desk.url) as conn, conn.cursor() as cursor:
        cursor.execute("DELETE FROM nightdesk.risk_state")
        cursor.execute("UPDATE nightdesk.portfolio SET peak_nav = nav * 2 WHERE session = %s", [session(2)])
    desk.run(3)
    assert level_of(desk, 3).level == 4


def test_a_replay_reads_what_people_said_and_tells_the_same_story(desk_after: DeskAfter) -> None:
    desk = traded(desk_after)
    say(desk, 3, "level", 2)
    for number in range(3, 6):
        desk.run(number)
    before = [level_of(desk, number) for number in range(6)]
    with desk.at(1) as context:
        rewind(context)
    for number in range(1, 6):
        desk.run(number)
    assert [level_of(desk, number) for number in range(6)] == before


def test_a_word_without_a_reason_or_a_person_is_refused(desk: SmallDesk) -> None:
    desk.run(0)
    with open_connection(desk.url) as conn:
        for reason, who in ((" ", "ann"), ("fine", "")):
            with pytest.raises(Refused, match="wants a reason and a person"):
                save_risk_event(conn, "small", RiskEvent(session(1), "confirm", reason, who))
