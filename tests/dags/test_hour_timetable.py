"""The timetable that runs a DAG once per hour's bar."""

from __future__ import annotations

from datetime import UTC, datetime

import pendulum
import pytest
from airflow.models.dagrun import DagRunType
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction

from hour_timetable import HourTimetable

ANY_TIME = TimeRestriction(earliest=None, latest=None, catchup=False)


def utc(text: str) -> pendulum.DateTime:
    return pendulum.instance(datetime.fromisoformat(text).replace(tzinfo=UTC)).in_tz("UTC")


def at(moment: str) -> HourTimetable:
    return HourTimetable("XNYS", 5, now=lambda: utc(moment))


def span(first: str, last: str) -> list[DagRunInfo]:
    """The runs of a backfill, walked as Airflow walks them."""
    restriction = TimeRestriction(earliest=utc(first), latest=utc(last), catchup=True)
    timetable, runs, info = at("2030-01-01"), [], None
    while (
        info := timetable.next_dagrun_info(
            last_automated_data_interval=info and info.data_interval, restriction=restriction
        )
    ) is not None:
        runs.append(info)
    return runs


def ends(first: str, last: str) -> list[str]:
    return [f"{run.data_interval.end:%m-%d %H:%M}" for run in span(first, last)]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        # 10:00 to 16:00 New York: the clocks go forward on Sunday, 2025-03-09.
        ("2025-03-07", "2025-03-07", [f"03-07 {hour}:00" for hour in range(15, 22)]),
        ("2025-03-10", "2025-03-10", [f"03-10 {hour}:00" for hour in range(14, 21)]),
        # An early close at 13:00, between a holiday and a weekend.
        ("2024-11-28", "2024-12-01", [f"11-29 {hour}:00" for hour in range(15, 19)]),
    ],
)
def test_every_bar_of_a_session_has_a_run_over_early_closes_and_changes_of_the_clock(
    first: str, last: str, expected: list[str]
) -> None:
    assert ends(first, last) == expected


def test_a_backfill_of_a_day_that_goes_on_ends_with_the_newest_bar_that_is_known() -> None:
    restriction = TimeRestriction(utc("2025-01-08"), utc("2025-01-08"), catchup=True)
    second = DataInterval(utc("2025-01-08 15:00"), utc("2025-01-08 16:00"))
    for now, goes_on in (("2025-01-08 17:04", False), ("2025-01-08 17:05", True)):
        found = at(now).next_dagrun_info(last_automated_data_interval=second, restriction=restriction)
        assert (found is not None) == goes_on


def test_a_run_begins_a_delay_after_its_bar_and_is_named_by_its_end() -> None:
    first, second, *_ = span("2025-01-08", "2025-01-08")
    assert first.data_interval == DataInterval(utc("2025-01-08 14:30"), utc("2025-01-08 15:00"))
    assert second.data_interval == DataInterval(utc("2025-01-08 15:00"), utc("2025-01-08 16:00"))
    assert [run.run_after for run in (first, second)] == [utc("2025-01-08 15:05"), utc("2025-01-08 16:05")]
    name = at("2030-01-01").generate_run_id(
        run_type=DagRunType.SCHEDULED, run_after=first.run_after, data_interval=first.data_interval
    )
    assert name == "scheduled__2025-01-08T15:00Z"


def after(end: str, now: str) -> DagRunInfo | None:
    """The run that follows one whose bar ended at `end`."""
    last = DataInterval(utc(end).subtract(hours=1), utc(end))
    return at(now).next_dagrun_info(last_automated_data_interval=last, restriction=ANY_TIME)


@pytest.mark.parametrize(
    ("end", "now", "following"),
    [
        ("2025-01-08 15:00", "2025-01-08 15:06", "2025-01-08 16:00"),
        ("2025-01-08 21:00", "2025-01-08 21:06", "2025-01-10 15:00"),  # a day of mourning between
        ("2025-01-08 15:00", "2025-01-10 15:06", "2025-01-08 16:00"),  # hours that were missed are made up
        (
            "2024-01-08 15:00",
            "2025-01-10 15:06",
            "2024-12-23 19:00",
        ),  # of as many as ten sessions have, no more
    ],
)
def test_the_next_decision_follows_and_missed_hours_are_made_up_in_order(
    end: str, now: str, following: str
) -> None:
    run = after(end, now)
    assert run is not None
    assert run.data_interval.end == utc(following)


def test_a_dag_that_is_switched_on_begins_with_the_newest_bar_that_is_known() -> None:
    for now, expected in (("2025-01-08 16:04", "2025-01-08 15:00"), ("2025-01-08 16:05", "2025-01-08 16:00")):
        run = at(now).next_dagrun_info(last_automated_data_interval=None, restriction=ANY_TIME)
        assert run is not None
        assert run.data_interval.end == utc(expected)


def test_it_comes_back_from_a_stored_dag_as_it_was() -> None:
    again = HourTimetable.deserialize(HourTimetable("XNYS", 7).serialize())
    assert (again.calendar, again.delay_minutes, again.summary) == ("XNYS", 7, "XNYS bars + 7 min")
