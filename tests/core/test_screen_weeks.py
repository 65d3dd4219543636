"""When a universe is screened, which screen a decision uses, and the spans that screens make."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.members import MemberSpan, PairSpan
from nightdesk.core.screen_weeks import (
    ScreenedWeek,
    checked_at,
    membership_of,
    screened_before,
    screens_of,
    sessions_beside,
)

XNYS = get_calendar()


@pytest.mark.parametrize(
    ("moment", "screened"),
    [
        # Sunday 2026-11-29, 18:00 in New York is 23:00 UTC in winter, 22:00 in summer.
        (datetime(2026, 11, 29, 22, 59, tzinfo=UTC), datetime(2026, 11, 22, 23, tzinfo=UTC)),
        (datetime(2026, 11, 29, 23, 0, tzinfo=UTC), datetime(2026, 11, 29, 23, tzinfo=UTC)),
        (datetime(2026, 11, 30, 21, 0, tzinfo=UTC), datetime(2026, 11, 29, 23, tzinfo=UTC)),
        (datetime(2026, 12, 5, 12, 0, tzinfo=UTC), datetime(2026, 11, 29, 23, tzinfo=UTC)),
        # The clocks went back on Sunday 2026-11-01 at 2 o'clock, and forward on 2026-03-08.
        (datetime(2026, 11, 2, 21, 0, tzinfo=UTC), datetime(2026, 11, 1, 23, tzinfo=UTC)),
        (datetime(2026, 10, 31, 12, 0, tzinfo=UTC), datetime(2026, 10, 25, 22, tzinfo=UTC)),
        (datetime(2026, 3, 8, 22, 0, tzinfo=UTC), datetime(2026, 3, 8, 22, tzinfo=UTC)),
        # Monday 00:30 UTC is Sunday evening in New York.
        (datetime(2026, 7, 6, 0, 30, tzinfo=UTC), datetime(2026, 7, 5, 22, tzinfo=UTC)),
    ],
)
def test_a_screen_is_of_the_newest_sunday_at_six_in_new_york(moment: datetime, screened: datetime) -> None:
    assert screened_before(moment) == screened


def test_a_screen_knows_the_closes_before_it_and_counts_from_the_first_close_after_it() -> None:
    sunday = datetime(2026, 9, 6, 22, tzinfo=UTC)  # Monday is Labor Day
    assert sessions_beside(XNYS, sunday) == (date(2026, 9, 4), date(2026, 9, 8))
    of_week = screens_of(XNYS, date(2026, 9, 4), date(2026, 9, 9))
    assert of_week == (sunday - timedelta(days=7), sunday)
    assert checked_at(XNYS, date(2026, 9, 8)) == datetime(2026, 9, 8, 13, 0, tzinfo=UTC)


MONDAYS = (date(2026, 8, 24), date(2026, 8, 31), date(2026, 9, 8))
WEEKS = (
    ScreenedWeek(MONDAYS[0], {"A": "tech", "B": ""}, (("A", "B", ""),)),
    ScreenedWeek(MONDAYS[1], {"A": "energy", "C": "tech"}, ()),
    ScreenedWeek(MONDAYS[2], {"A": "energy", "B": "x", "C": "tech"}, (("A", "B", ""), ("C", "A", "tech"))),
)


def test_spans_go_on_over_screens_that_name_a_symbol_and_end_before_one_that_does_not() -> None:
    found = membership_of(WEEKS[::-1], XNYS)
    assert found.spans == (
        MemberSpan("A", MONDAYS[0], None, "tech"),
        MemberSpan("B", MONDAYS[0], date(2026, 8, 28), ""),
        MemberSpan("B", MONDAYS[2], None, ""),
        MemberSpan("C", MONDAYS[1], None, "tech"),
    )
    assert found.pairs == (
        PairSpan("A", "B", MONDAYS[0], date(2026, 8, 28), ""),
        PairSpan("A", "B", MONDAYS[2], None, ""),
        PairSpan("C", "A", MONDAYS[2], None, "tech"),
    )


def test_the_members_of_a_session_are_those_of_its_screen_and_later_screens_change_nothing_before() -> None:
    whole, before = membership_of(WEEKS, XNYS), membership_of(WEEKS[:2], XNYS)
    for session in map(as_date, XNYS.between(date(2026, 8, 20), date(2026, 9, 20))):
        week = next((one for one in reversed(WEEKS) if one.first_session <= session), None)
        assert whole.at(session) == (() if week is None else tuple(sorted(week.members)))
        if session < MONDAYS[2]:
            assert (before.at(session), before.pairs_at(session)) == (
                whole.at(session),
                whole.pairs_at(session),
            )
    days = np.array(MONDAYS, dtype="datetime64[D]")
    assert whole.mask(days, ("A", "B", "C")).astype(int).tolist() == [[1, 1, 0], [1, 0, 1], [1, 1, 1]]
