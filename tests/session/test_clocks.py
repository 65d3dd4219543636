"""No wrong clock decides a session that is not over, or lets an order leave into a session that runs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.clock import set_clock
from tests.fakes.alpaca import FakeAlpaca, Fault
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.small_desk import SmallDesk, session

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.session import steps
from nightdesk.session.sequencing import ClocksDiffer
from nightdesk.store import server_clock
from nightdesk.store.db import Connection
from nightdesk.store.server_clock import gap, read_clocks

KNOWN = get_calendar().known_from(session(0))


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca) -> AlpacaDesk:
    return at_alpaca(make_desk(), fake)


def alerts(desk: AlpacaDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT level, subject, body FROM nightdesk.alerts ORDER BY alert_id")


def statuses(desk: AlpacaDesk) -> set[object]:
    return {one for (one,) in desk.rows("SELECT DISTINCT status FROM nightdesk.orders")}


@pytest.mark.parametrize("ahead", [timedelta(minutes=90), timedelta(days=1), -timedelta(minutes=2)])
def test_no_order_leaves_while_the_database_is_not_at_the_brokers_time(
    desk: AlpacaDesk, fake: FakeAlpaca, ahead: timedelta
) -> None:
    desk.plan_first()
    set_clock(desk.url, fake.exchange.clock(fake.exchange.state) + ahead)
    for _ in range(2):
        with (
            desk.standing() as context,
            pytest.raises(ClocksDiffer, match=r"the clock of the database \(.*\) is .* that of the broker"),
        ):
            steps.submit(context)
    assert fake.asked("submit") == []
    assert statuses(desk) == {"planned"}
    [(level, subject, body)] = alerts(desk)
    assert (level, subject) == (
        "CRITICAL",
        "small: the clocks of database and broker differ, nothing is settled or sent",
    )
    assert "timedatectl" in str(body)
    assert f"nightdesk run small --session {session(0)}" in str(body)
    desk.go_to(fake.exchange.now)
    desk.run_steps(0, "submit", "close")
    assert statuses(desk) == {"submitted"}


def test_a_running_session_is_not_decided_though_the_database_says_that_it_is_over(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.go_to(get_calendar().close_at(session(0)) - timedelta(minutes=59))
    set_clock(desk.url, KNOWN + timedelta(minutes=1))
    desk.price_coins(0)
    with pytest.raises(ClocksDiffer, match="1:30:00 ahead of that of the broker"):
        desk.run(0)
    assert fake.asked("submit") == []
    for table in ("portfolio", "targets", "orders"):
        assert desk.rows(f"SELECT FROM nightdesk.{table}") == []
    desk.decide(0)
    assert statuses(desk) == {"submitted"}


def test_one_old_answer_of_the_brokers_clock_is_asked_again(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.plan_first()
    then = fake.exchange.state
    desk.go_to(fake.exchange.now + timedelta(minutes=5))
    fake.exchange.before = then
    fake.fail("clock", Fault.STALE)
    desk.run_steps(0, "submit", "submit")
    assert statuses(desk) == {"submitted"}
    assert alerts(desk) == []


def test_a_run_that_begins_seconds_early_by_the_databases_clock_waits(desk: AlpacaDesk) -> None:
    desk.go_to(KNOWN - timedelta(seconds=1.5))
    with desk.at(0) as context:
        assert context.session == session(0)
    set_clock(desk.url, KNOWN - timedelta(minutes=2))
    with pytest.raises(Refused, match="is not over"), desk.at(0):
        pass


def test_a_started_book_is_looked_after_whatever_the_databases_clock_says(desk: AlpacaDesk) -> None:
    desk.plan_first()
    set_clock(desk.url, KNOWN - timedelta(days=1))
    with desk.standing() as context:
        assert context.session == session(0)


def test_no_session_is_opened_while_the_database_is_not_at_this_machines_time(
    desk: AlpacaDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.evening(0)

    class Behind(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) - timedelta(days=1)

    monkeypatch.setattr(server_clock, "datetime", Behind)
    with pytest.raises(ClocksDiffer, match=r"1 day, 0:00:00 ahead of that of this process: no session"):
        desk.run(0)
    assert desk.rows("SELECT FROM nightdesk.runs") == []


def test_what_a_question_took_is_no_difference_of_clocks(conn: Connection) -> None:
    asked, answered = datetime(2024, 1, 2, 12, tzinfo=UTC), datetime(2024, 1, 2, 12, 0, 30, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert gap(asked + second, asked, answered) == timedelta()
    assert gap(answered + second, asked, answered) == second
    assert gap(asked - second, asked, answered) == -second
    assert abs(read_clocks(conn).ahead) < timedelta(seconds=5)
