"""What stops an hourly book between two hours counts from the next hour on, and never in one before it."""

import pytest
from tests.conftest import open_connection
from tests.hourly import HOURLY
from tests.session.hourly_desk import SESSION, HourlyDesk, at

from nightdesk.core.errors import Refused
from nightdesk.operations.book_concerns import concerns_of
from nightdesk.operations.kill_switch import kill, release
from nightdesk.operations.recover import recover
from nightdesk.operations.replay import rewind
from nightdesk.risk import RiskEvent
from nightdesk.session.auto_stop import Counts, stop_by_rule
from nightdesk.session.risk_state import session_facts
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.risk_state_rows import save_risk_event

BOOK = "hours_of_tests"


@pytest.fixture
def stopped(hourly_desk: HourlyDesk) -> HourlyDesk:
    """A desk whose second hour was decided under the kill switch, the first and the third without it."""
    hourly_desk.run(0)
    with open_connection(hourly_desk.url) as conn:
        turned = kill(conn, BOOK, reason="prices look wrong", who="ann", file=hourly_desk.book)
        assert (turned.session, turned.decision) == (SESSION, "2019-12-02 11:00")
        (one,) = concerns_of(conn, BOOK, HOURLY)
        assert one.line == "STOPPED since 2019-12-02 11:00 by ann: prices look wrong"
        with pytest.raises(Refused, match="stopped since 2019-12-02 11:00 by ann"):
            kill(conn, BOOK, reason="again", who="bob", file=hourly_desk.book)
    hourly_desk.run(1)
    with open_connection(hourly_desk.url) as conn:
        assert release(conn, BOOK, reason="they were right", who="ann").decision == "2019-12-02 12:00"
    hourly_desk.run(2)
    return hourly_desk


def read_in(desk: HourlyDesk) -> list[bool]:
    """Whether the kill switch is on in each of the first three hours of the session."""
    on = []
    for number in range(3):
        with desk.at(number) as context:
            on.append(session_facts(context).kill_switch)
    return on


def test_each_hour_reads_the_switch_as_it_stood_then(stopped: HourlyDesk) -> None:
    assert read_in(stopped) == [False, True, False]
    for number in range(3):
        counts = stopped.run(number)
        assert counts["gate"]["sealed"], number
        assert {step: one["differs"] for step, one in counts.items() if one.get("differs")} == {}


def test_a_rebuild_reads_the_switch_in_the_hours_where_it_stood(stopped: HourlyDesk) -> None:
    with stopped.at(0) as context:
        assert rewind(context) == (at(0), at(1), at(2))
    stopped.run(0, 1, 2)
    assert read_in(stopped) == [False, True, False]


def test_a_breaker_of_an_hour_is_taken_back_with_it(hourly_desk: HourlyDesk) -> None:
    hourly_desk.run(0)
    with open_connection(hourly_desk.url) as conn:
        stop_by_rule(
            conn,
            BOOK,
            rule="breaker",
            reason="it fell",
            key=f"breaker {BOOK} x",
            counts=Counts(SESSION, at(0)),
        )
        assert [kill_switch(conn, BOOK, SESSION, at(number)).on for number in range(3)] == [False, True, True]
    assert hourly_desk.rows("SELECT body FROM nightdesk.alerts WHERE level = 'EMERGENCY'") == [
        (
            "it fell. The book only reduces from the decision of 2019-12-02 11:00 on, until a person "
            f'releases it: find the cause, then `nightdesk resume {BOOK} --reason "..."`.',
        )
    ]
    with hourly_desk.at(0) as context:
        rewind(context)
    assert hourly_desk.rows("SELECT kind FROM nightdesk.risk_events") == []


def test_a_level_that_is_set_between_two_hours_is_not_of_the_hour_before(hourly_desk: HourlyDesk) -> None:
    hourly_desk.run(0)
    with open_connection(hourly_desk.url) as conn:
        save_risk_event(conn, BOOK, RiskEvent(SESSION, "level", "drill", "ann", 2, at(0)))
    hourly_desk.run(1, last="ingest")
    with hourly_desk.at(0) as before, hourly_desk.at(1) as later:
        assert (session_facts(before).forced, session_facts(later).forced) == (0, 2)


def test_a_step_that_was_cut_off_is_told_by_its_hour(hourly_desk: HourlyDesk) -> None:
    hourly_desk.run(0)
    with open_connection(hourly_desk.url) as conn, conn.cursor() as cursor:
        cursor.execute("UPDATE nightdesk.run_steps SET status = 'running' WHERE step = 'targets'")
        conn.commit()
    with hourly_desk.at(0) as context:
        assert recover(context).cut_off == (("2019-12-02 10:00", "targets"),)
