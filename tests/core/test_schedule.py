"""Decision instants: hours of the exchange's clock, early closes, daylight saving time, holidays."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.core.calendar import Calendar, as_date, as_instant, get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import Schedule, daily, hourly

XNYS = get_calendar("XNYS")
DAILY, HOURLY = daily(XNYS), hourly(XNYS)
NEW_YORK = ZoneInfo("America/New_York")
FULL = ["09:30-10:00", *(f"{hour}:00-{hour + 1}:00" for hour in range(10, 16))]

schedules = st.sampled_from([DAILY, HOURLY])
sessions = st.integers(1, len(XNYS.sessions) - 5).map(lambda at: as_date(XNYS.sessions[at]))


def bars(session: date) -> list[str]:
    """Hours of a session as an exchange's clock shows them."""
    instants = zip(HOURLY.begins(session, session), HOURLY.instants(session, session), strict=True)
    local = [[as_instant(one).astimezone(NEW_YORK) for one in bar] for bar in instants]
    assert all(one.date() == session for bar in local for one in bar)
    return [f"{start:%H:%M}-{end:%H:%M}" for start, end in local]


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (date(2024, 6, 12), FULL),
        (date(2024, 3, 8), FULL),  # the Friday before clocks go forward, and the Monday after
        (date(2024, 3, 11), FULL),
        (date(2024, 11, 1), FULL),  # the Friday before clocks go back, and the Monday after
        (date(2024, 11, 4), FULL),
        (date(2024, 7, 3), FULL[:4]),  # closes at 13:00
        (date(2024, 11, 29), FULL[:4]),
        (date(2024, 7, 4), []),
        (date(2024, 7, 6), []),
    ],
)
def test_the_hours_of_a_session_are_those_of_the_exchange_s_clock(session: date, expected: list[str]) -> None:
    assert bars(session) == expected


def test_an_hour_is_another_utc_instant_after_each_change_of_daylight_saving_time() -> None:
    first = [as_instant(HOURLY.instants(day, day)[0]).time() for day in (date(2024, 3, 8), date(2024, 3, 11))]
    assert first == [time(15), time(14)]
    assert HOURLY.after(XNYS.close_at(date(2024, 11, 1))) == datetime(2024, 11, 4, 15, tzinfo=UTC)


@settings(deadline=None)
@given(sessions)
def test_any_session_is_cut_at_its_full_hours_and_nowhere_else(session: date) -> None:
    opens, closes = (one.astimezone(NEW_YORK) for one in (XNYS.open_at(session), XNYS.close_at(session)))
    hours = [datetime.combine(session, time(hour), NEW_YORK) for hour in range(24)]
    edges = [opens, *(hour for hour in hours if opens < hour < closes), closes]
    assert bars(session) == [f"{start:%H:%M}-{end:%H:%M}" for start, end in pairwise(edges)]


@settings(deadline=None)
@given(schedules, sessions)
def test_decisions_are_a_chain_within_and_over_sessions(schedule: Schedule, session: date) -> None:
    instants = [as_instant(one) for one in schedule.instants(session, session)]
    assert (schedule.first_of(session), schedule.last_of(session)) == (instants[0], instants[-1])
    assert instants[-1] == XNYS.close_at(session)
    assert schedule.last_of(XNYS.shift(session, -1)) == schedule.before(instants[0])
    assert schedule.first_of(XNYS.shift(session, 1)) == schedule.after(instants[-1])
    for earlier, later in pairwise(instants):
        assert (schedule.after(earlier), schedule.before(later)) == (later, earlier)
    assert [schedule.is_last(one) for one in instants] == [False] * (len(instants) - 1) + [True]
    assert {schedule.session_of(one) for one in instants} == {session}


@settings(deadline=None)
@given(schedules, sessions)
def test_windows_follow_one_another_and_never_overlap(schedule: Schedule, session: date) -> None:
    for as_of in map(as_instant, schedule.instants(session, session)):
        begins, ends = schedule.window(as_of)
        following, _ = schedule.window(schedule.after(as_of))
        assert as_of < begins == schedule.known_from(as_of) < ends < following
        assert begins <= schedule.waited_until(as_of) < ends


def test_the_order_of_an_hour_has_until_the_next_one_and_that_of_a_close_until_the_next_open() -> None:
    session, close = date(2024, 7, 3), datetime(2024, 7, 3, 17, tzinfo=UTC)
    opens = datetime(2024, 7, 5, 13, 30, tzinfo=UTC)  # after Independence Day
    assert HOURLY.window(HOURLY.before(close)) == (close - timedelta(minutes=55), close)
    assert HOURLY.window(close) == (close + timedelta(minutes=5), opens)
    assert DAILY.window(close) == (close + timedelta(minutes=30), opens)
    assert HOURLY.last_of(session) == DAILY.last_of(session) == close
    assert HOURLY.deadline_of(HOURLY.before(close)) == "2024-07-03 13:00"
    assert HOURLY.deadline_of(close) == DAILY.deadline_of(close) == "the open of 2024-07-05"


@settings(deadline=None)
@given(schedules, sessions, st.integers(0, 24 * 3600 - 1))
def test_the_newest_decision_is_the_last_one_whose_bars_are_known(
    schedule: Schedule, session: date, seconds: int
) -> None:
    now = XNYS.close_at(session) + timedelta(seconds=seconds)
    newest = schedule.latest_completed(now)
    assert schedule.known_from(newest) <= now < schedule.known_from(schedule.after(newest))


@settings(deadline=None)
@given(sessions)
def test_of_a_session_the_bar_that_opens_it_is_known(session: date) -> None:
    instants = HOURLY.instants(XNYS.shift(session, -1), session)
    first = [as_instant(one) for one in instants[HOURLY.opens_session(instants)]]
    assert first == [HOURLY.first_of(XNYS.shift(session, -1)), HOURLY.first_of(session)]
    assert DAILY.opens_session(DAILY.instants(session, session)).all()


def at(hour: int, minute: int = 0, second: int = 0, day: int = 5) -> datetime:
    """An instant of New York in November 2024."""
    return datetime(2024, 11, day, hour, minute, second, tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("happened", "hourly_decision"),
    [
        (at(8), at(10)),  # before the open: a coin
        (at(9, 30, 1), at(10)),
        (at(10), at(10)),
        (at(10, 0, 1), at(11)),
        (at(10, 5, 12), at(11)),
        (at(15, 59, 59), at(16)),
        (at(16, 0, 3), at(16)),  # the closing auction is written down after the bell
        (None, at(16)),
    ],
)
def test_what_happened_is_settled_by_the_first_decision_that_is_not_before_it(
    happened: datetime | None, hourly_decision: datetime
) -> None:
    session = date(2024, 11, 5)
    assert HOURLY.settling_of(session, happened) == hourly_decision
    assert DAILY.settling_of(session, happened) == at(16)


def test_what_happened_over_a_weekend_is_settled_by_the_first_decision_after_it() -> None:
    assert HOURLY.settling_of(date(2024, 11, 4), at(12, day=2)) == at(10, day=4)


@settings(deadline=None)
@given(sessions, sessions)
def test_a_span_holds_the_sessions_of_its_dates(one: date, other: date) -> None:
    first, last = sorted((one, other))
    for schedule in (DAILY, HOURLY):
        instants = schedule.instants(first, last)
        days = schedule.sessions_of(instants)
        assert np.array_equal(np.unique(days), XNYS.between(first, last))
        assert (np.diff(instants) > np.timedelta64(0, "s")).all()


def test_a_daily_schedule_decides_at_the_closes() -> None:
    assert np.array_equal(DAILY.ends, XNYS.closes)
    assert np.array_equal(DAILY.starts, XNYS.opens)


def test_periods_a_year_are_those_of_full_sessions() -> None:
    assert (DAILY.periods_a_year, HOURLY.periods_a_year) == (252.0, 252.0 * 7)
    assert hourly(get_calendar("24/7")).periods_a_year == 252.0 * 24


def test_full_hours_are_those_of_a_zone_that_is_off_by_half_an_hour() -> None:
    day = np.array(["2024-06-12"], dtype="datetime64[D]")
    opens, closes = (day + np.timedelta64(minutes, "m") for minutes in (225, 600))  # 9:15 and 15:30, UTC+5:30
    bombay = Calendar(
        "Bombay", day, opens.astype("datetime64[s]"), closes.astype("datetime64[s]"), "Asia/Kolkata"
    )
    local = [as_instant(one).astimezone(ZoneInfo(bombay.zone)).time() for one in hourly(bombay).ends]
    assert local == [*(time(hour) for hour in range(10, 16)), time(15, 30)]


@pytest.mark.parametrize("schedule", [DAILY, HOURLY])
def test_an_instant_at_which_nothing_is_decided_is_refused_with_its_neighbours(schedule: Schedule) -> None:
    close = XNYS.close_at(date(2024, 6, 12))
    with pytest.raises(Refused, match=r"nothing is decided at .*: .* beside it are at 2024-06-12 .* and "):
        schedule.before(close + timedelta(microseconds=1))
    with pytest.raises(Refused, match=r"outside the \w+ decisions on XNYS, which reach from 1990-01-02"):
        schedule.after(datetime(1980, 1, 2, 21, tzinfo=UTC))


@pytest.mark.parametrize("schedule", [DAILY, HOURLY])
def test_what_lies_beyond_the_calendar_is_refused(schedule: Schedule) -> None:
    first, last = as_instant(schedule.ends[0]), as_instant(schedule.ends[-1])
    with pytest.raises(Refused, match="is known before"):
        schedule.before(first)
    for ask in (schedule.after, schedule.window):
        with pytest.raises(Refused, match="is known after"):
            ask(last)
    for moment in (first, last + timedelta(days=1)):
        with pytest.raises(Refused, match=r"outside the XNYS calendar, .* is the clock right"):
            schedule.latest_completed(moment)
    with pytest.raises(Refused, match="outside the XNYS calendar"):
        schedule.sessions_of(np.array([schedule.ends[-1] + 1]))
