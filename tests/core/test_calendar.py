"""Sessions, closes and the instants from which bars are known."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused

XNYS = get_calendar("XNYS")


@pytest.mark.parametrize(
    ("session", "close"),
    [
        (date(2024, 1, 2), datetime(2024, 1, 2, 21, 0, tzinfo=UTC)),  # winter time
        (date(2024, 7, 2), datetime(2024, 7, 2, 20, 0, tzinfo=UTC)),  # summer time
        (date(2024, 7, 3), datetime(2024, 7, 3, 17, 0, tzinfo=UTC)),  # early close before Independence Day
        (date(2024, 11, 29), datetime(2024, 11, 29, 18, 0, tzinfo=UTC)),  # early close after Thanksgiving
    ],
)
def test_a_session_closes_at_its_own_instant(session: date, close: datetime) -> None:
    assert XNYS.close_at(session) == close


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2024, 7, 3, 17, 29, 59, tzinfo=UTC), date(2024, 7, 2)),
        (datetime(2024, 7, 3, 17, 30, tzinfo=UTC), date(2024, 7, 3)),
        (datetime(2024, 7, 4, 23, 0, tzinfo=UTC), date(2024, 7, 3)),
        (datetime(2024, 7, 7, 12, 0, tzinfo=UTC), date(2024, 7, 5)),
    ],
)
def test_a_session_is_completed_half_an_hour_after_its_close(now: datetime, expected: date) -> None:
    assert XNYS.latest_completed(now) == expected


@pytest.mark.parametrize("day", [date(2024, 7, 4), date(2025, 1, 9), date(2012, 10, 29), date(2024, 7, 6)])
def test_a_holiday_a_closure_and_a_weekend_are_refused_with_their_neighbours(day: date) -> None:
    assert not XNYS.is_session(day)
    with pytest.raises(
        Refused, match=rf"{day} is not a session of XNYS .*: the sessions beside it are .* and .*"
    ):
        XNYS.index(day)


def test_a_day_outside_the_calendar_is_refused_with_its_reach() -> None:
    with pytest.raises(Refused, match="outside the XNYS calendar, which reaches from 1990"):
        XNYS.index(date(1890, 1, 2))


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1990, 1, 2, 21, 29, 59, tzinfo=UTC),
        datetime(2099, 1, 1, tzinfo=UTC),
    ],
)
def test_no_session_is_the_newest_at_an_instant_that_the_calendar_does_not_reach(moment: datetime) -> None:
    with pytest.raises(Refused, match=r"outside the XNYS calendar, which reaches from 1990-01-02 .* clock"):
        XNYS.latest_completed(moment)
    assert XNYS.latest_completed(datetime(1990, 1, 2, 21, 30, tzinfo=UTC)) == date(1990, 1, 2)


def test_an_instant_before_the_calendar_counts_in_no_session() -> None:
    with pytest.raises(Refused, match="outside the XNYS calendar"):
        XNYS.session_of(datetime(1970, 1, 1, tzinfo=UTC))
    assert XNYS.session_of(datetime(1990, 1, 2, 12, tzinfo=UTC)) == date(1990, 1, 2)


def test_shifting_counts_sessions() -> None:
    assert XNYS.shift(date(2024, 7, 5), -1) == date(2024, 7, 3)
    assert XNYS.shift(date(2024, 7, 3), 2) == date(2024, 7, 8)


def test_between_includes_both_ends() -> None:
    days = XNYS.between(date(2024, 7, 3), date(2024, 7, 8))
    assert [str(day) for day in days] == ["2024-07-03", "2024-07-05", "2024-07-08"]
    assert days.dtype == np.dtype("datetime64[D]")


def test_an_unknown_calendar_is_refused() -> None:
    with pytest.raises(Refused, match="'XNOPE' is not known"):
        get_calendar("XNOPE")


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        (datetime(2024, 7, 3, 17, 0, tzinfo=UTC), date(2024, 7, 3)),  # the early close itself
        (datetime(2024, 7, 3, 17, 0, 0, 1, tzinfo=UTC), date(2024, 7, 5)),  # a holiday lies between
        (datetime(2024, 7, 6, 12, 0, tzinfo=UTC), date(2024, 7, 8)),  # a Saturday
    ],
)
def test_a_moment_counts_in_the_first_session_that_closes_not_before_it(
    moment: datetime, session: date
) -> None:
    assert get_calendar().session_of(moment) == session


def test_a_moment_after_the_last_close_is_refused() -> None:
    with pytest.raises(Refused, match="outside the XNYS calendar, which reaches from 1990"):
        get_calendar().session_of(datetime(2099, 1, 1, tzinfo=UTC))
