"""What a backfill will run is said beforehand, in a sentence for each kind of session."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import daily, hourly
from nightdesk.machine.backfilling import BackfillPlan, decidable

DAYS = daily(get_calendar())
SIXTH, SEVENTH, TENTH = (date(2025, 1, day) for day in (6, 7, 10))
MONDAY, TUESDAY, WEDNESDAY, FRIDAY = (DAYS.last_of(date(2025, 1, day)) for day in (6, 7, 8, 10))
HOURS = hourly(get_calendar())
TEN, ELEVEN, NOON, ONE = (datetime(2024, 11, 29, hour, tzinfo=UTC) for hour in (15, 16, 17, 18))


def test_a_span_is_parted_into_what_is_too_early_what_can_be_decided_and_what_is_not_over() -> None:
    parts = decidable(DAYS, date(2025, 1, 4), date(2025, 1, 12), SEVENTH, WEDNESDAY)
    assert parts == ((MONDAY,), (TUESDAY, WEDNESDAY), (FRIDAY,))


def test_a_span_wholly_before_the_inception_holds_nothing_to_decide() -> None:
    assert decidable(DAYS, SIXTH, SEVENTH, TENTH, FRIDAY) == ((MONDAY, TUESDAY), (), ())


def test_a_span_of_an_hourly_book_holds_all_decisions_of_its_sessions() -> None:
    parts = decidable(HOURS, date(2024, 11, 28), date(2024, 11, 30), date(2024, 11, 29), NOON)
    assert parts == ((), (TEN, ELEVEN, NOON), (ONE,))


def test_a_span_without_a_session_is_refused() -> None:
    with pytest.raises(Refused, match="no session of XNYS from 2025-01-11 to 2025-01-12: widen the span"):
        decidable(DAYS, date(2025, 1, 11), date(2025, 1, 12), SIXTH, FRIDAY)


@pytest.mark.parametrize(
    ("plan", "lines"),
    [
        (
            BackfillPlan("swing", DAYS, SIXTH, (MONDAY, TUESDAY), (), (), (), ()),
            ["2 sessions from 2025-01-06 to 2025-01-07 of swing will run, in order"],
        ),
        (
            BackfillPlan(
                "swing", DAYS, SEVENTH, (WEDNESDAY,), (WEDNESDAY,), (TUESDAY,), (MONDAY,), (FRIDAY,)
            ),
            [
                "2025-01-08 of swing will run, in order; 2025-01-08 decided before: compared, and "
                "nothing is written",
                "2025-01-07 left alone: Airflow has a run (--again runs them too)",
                "2025-01-06 left out: before the book's first, 2025-01-07",
                "2025-01-10 left out: not over yet",
            ],
        ),
        (
            BackfillPlan("swing", DAYS, TENTH, (), (), (), (MONDAY, TUESDAY), ()),
            [
                "no session of swing will run",
                "2 sessions from 2025-01-06 to 2025-01-07 left out: before the book's first, 2025-01-10",
            ],
        ),
        (
            BackfillPlan("hours", HOURS, date(2024, 11, 29), (TEN, ELEVEN), (TEN,), (NOON,), (), (ONE,)),
            [
                "2 decisions from 2024-11-29 10:00 to 2024-11-29 11:00 of hours will run, in order; "
                "2024-11-29 10:00 decided before: compared, and nothing is written",
                "2024-11-29 12:00 left alone: Airflow has a run (--again runs them too)",
                "2024-11-29 13:00 left out: not over yet",
            ],
        ),
    ],
)
def test_a_plan_is_told_in_a_sentence_for_each_kind_of_session(plan: BackfillPlan, lines: list[str]) -> None:
    assert list(plan.sentences()) == lines


def test_the_document_of_a_plan_names_sessions_of_a_daily_book_and_instants_of_an_hourly_one() -> None:
    day = BackfillPlan("swing", DAYS, SIXTH, (MONDAY, TUESDAY), (), (), (), ())
    assert (day.document()["runs"], day.sessions) == ((SIXTH, SEVENTH), (SIXTH, SEVENTH))
    friday = date(2024, 11, 29)
    hour = BackfillPlan("hours", HOURS, friday, (TEN, ELEVEN), (), (), (), (ONE,))
    assert (hour.document()["runs"], hour.document()["not_over"]) == ((TEN, ELEVEN), (ONE,))
    assert hour.sessions == (friday, friday)
