"""What a backfill will run is said beforehand, in a sentence for each kind of session."""

from __future__ import annotations

from datetime import date

import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.machine.backfilling import BackfillPlan, decidable

MONDAY, TUESDAY, WEDNESDAY, FRIDAY = (date(2025, 1, day) for day in (6, 7, 8, 10))


def test_a_span_is_parted_into_what_is_too_early_what_can_be_decided_and_what_is_not_over() -> None:
    parts = decidable(get_calendar(), date(2025, 1, 4), date(2025, 1, 12), TUESDAY, WEDNESDAY)
    assert parts == ((MONDAY,), (TUESDAY, WEDNESDAY), (FRIDAY,))


def test_a_span_wholly_before_the_inception_holds_nothing_to_decide() -> None:
    assert decidable(get_calendar(), MONDAY, TUESDAY, FRIDAY, FRIDAY) == ((MONDAY, TUESDAY), (), ())


def test_a_span_without_a_session_is_refused() -> None:
    with pytest.raises(Refused, match="no session of XNYS from 2025-01-11 to 2025-01-12: widen the span"):
        decidable(get_calendar(), date(2025, 1, 11), date(2025, 1, 12), MONDAY, FRIDAY)


@pytest.mark.parametrize(
    ("plan", "lines"),
    [
        (
            BackfillPlan("swing", MONDAY, (MONDAY, TUESDAY), (), (), (), ()),
            ["2 sessions from 2025-01-06 to 2025-01-07 of swing will run, in order"],
        ),
        (
            BackfillPlan("swing", TUESDAY, (WEDNESDAY,), (WEDNESDAY,), (TUESDAY,), (MONDAY,), (FRIDAY,)),
            [
                "2025-01-08 of swing will run, in order; 2025-01-08 decided before: compared, and "
                "nothing is written",
                "2025-01-07 left alone: Airflow has a run (--again runs them too)",
                "2025-01-06 left out: before the book's first, 2025-01-07",
                "2025-01-10 left out: not over yet",
            ],
        ),
        (
            BackfillPlan("swing", FRIDAY, (), (), (), (MONDAY, TUESDAY), ()),
            [
                "no session of swing will run",
                "2 sessions from 2025-01-06 to 2025-01-07 left out: before the book's first, 2025-01-10",
            ],
        ),
    ],
)
def test_a_plan_is_told_in_a_sentence_for_each_kind_of_session(plan: BackfillPlan, lines: list[str]) -> None:
    assert list(plan.sentences()) == lines
