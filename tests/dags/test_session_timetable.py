"""The timetable that runs a DAG once per session."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.models.dagrun import DagRunType
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction

from session_timetable import SessionTimetable

ANY_TIME = TimeRestriction(earliest=None, latest=None, catchup=False)


def utc(text: str) -> pendulum.DateTime:
    moment = datetime.fromisoformat(text)
    return pendulum.instance(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).in_tz("UTC")


def at(moment: str) -> SessionTimetable:
    return SessionTimetable("XNYS", now=lambda: utc(moment))


def interval(start: str, end: str) -> DataInterval:
    return DataInterval(utc(start), utc(end))


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


@pytest.mark.parametrize(
    ("session", "close", "run_after"),
    [
        ("2024-11-27", "2024-11-27 21:00", "2024-11-27 21:30"),  # winter time
        ("2024-11-29", "2024-11-29 18:00", "2024-11-29 18:30"),  # 13:00 in New York after Thanksgiving
        ("2024-07-03", "2024-07-03 17:00", "2024-07-03 17:30"),  # early close in summer time
        ("2025-03-07", "2025-03-07 21:00", "2025-03-07 21:30"),  # the Friday before the clocks go forward
        ("2025-03-10", "2025-03-10 20:00", "2025-03-10 20:30"),  # the Monday after
        ("2024-12-31", "2024-12-31 21:00", "2024-12-31 21:30"),
    ],
)
def test_a_session_runs_half_an_hour_after_its_own_close(session: str, close: str, run_after: str) -> None:
    (run,) = span(session, session)
    assert run.data_interval == interval(session, close)
    assert run.logical_date == utc(session)
    assert run.run_after == utc(run_after)


@pytest.mark.parametrize(
    ("first", "last", "sessions"),
    [
        ("2024-11-27", "2024-12-02", ["2024-11-27", "2024-11-29", "2024-12-02"]),  # Thanksgiving, a weekend
        ("2024-12-24", "2024-12-27", ["2024-12-24", "2024-12-26", "2024-12-27"]),
        ("2024-12-31", "2025-01-02", ["2024-12-31", "2025-01-02"]),
        ("2025-01-08", "2025-01-10", ["2025-01-08", "2025-01-10"]),  # day of mourning, announced days before
        ("2024-11-30", "2024-12-01", []),
    ],
)
def test_a_backfill_holds_every_session_from_its_first_date_to_its_last(
    first: str, last: str, sessions: list[str]
) -> None:
    assert [run.logical_date.date().isoformat() for run in span(first, last)] == sessions


def picked(zone: str, first: str, last: str) -> tuple[str, str]:
    """What the web UI sends for two days that were picked: the first and the last instant of them."""
    begins = datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(zone))
    ends = datetime.fromisoformat(last).replace(hour=23, minute=59, second=59, microsecond=999_000)
    return begins.isoformat(), ends.replace(tzinfo=ZoneInfo(zone)).isoformat()


ZONES = ["America/Los_Angeles", "America/New_York", "Europe/Berlin", "Asia/Tokyo", "UTC"]
FAR_ZONES = ["Pacific/Honolulu", "Pacific/Auckland"]


@pytest.mark.parametrize("zone", ZONES + FAR_ZONES)
@pytest.mark.parametrize(
    ("first", "last", "sessions"),
    [
        ("2026-11-16", "2026-11-20", ["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"]),
        ("2026-11-16", "2026-11-19", ["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19"]),
        ("2026-07-07", "2026-07-07", ["2026-07-07"]),
        ("2025-03-07", "2025-03-10", ["2025-03-07", "2025-03-10"]),  # New York's clocks go forward between
        ("2026-11-21", "2026-11-22", []),
    ],
)
def test_the_days_that_a_browser_picks_are_the_sessions_of_a_backfill_in_whatever_zone(
    zone: str, first: str, last: str, sessions: list[str]
) -> None:
    assert [str(run.logical_date.date()) for run in span(*picked(zone, first, last))] == sessions


@pytest.mark.parametrize("bound", ["2026-11-20T00:00:00+00:00", "2026-11-20T00:00:00-05:00"])
def test_a_backfill_up_to_a_date_as_commands_write_it_holds_that_date(bound: str) -> None:
    assert [str(run.logical_date.date()) for run in span("2026-11-19", bound)] == ["2026-11-19", "2026-11-20"]


@pytest.mark.parametrize(
    ("now", "session"),
    [
        ("2025-01-08 21:29", "2025-01-07"),  # the bars of the 8th are not known yet
        ("2025-01-08 21:30", "2025-01-08"),
        ("2025-01-09 23:00", "2025-01-08"),
        ("2025-01-12 12:00", "2025-01-10"),
    ],
)
def test_a_dag_that_is_switched_on_begins_with_the_newest_completed_session(now: str, session: str) -> None:
    run = at(now).next_dagrun_info(last_automated_data_interval=None, restriction=ANY_TIME)
    assert run is not None
    assert run.logical_date == utc(session)


def test_after_a_run_comes_the_next_session_even_before_it_has_closed() -> None:
    last = interval("2025-01-08", "2025-01-08 21:00")
    run = at("2025-01-08 21:31").next_dagrun_info(last_automated_data_interval=last, restriction=ANY_TIME)
    assert run is not None
    assert (run.logical_date, run.run_after) == (utc("2025-01-10"), utc("2025-01-10 21:30"))


def test_sessions_missed_while_the_dag_was_off_are_left_to_a_backfill() -> None:
    last = interval("2024-11-27", "2024-11-27 21:00")
    run = at("2025-01-14 12:00").next_dagrun_info(last_automated_data_interval=last, restriction=ANY_TIME)
    assert run is not None
    assert run.logical_date == utc("2025-01-13")


def test_nothing_runs_before_the_start_or_after_the_end_of_a_dag() -> None:
    ended = TimeRestriction(earliest=None, latest=utc("2025-01-07"), catchup=False)
    begins = TimeRestriction(earliest=utc("2025-02-01"), latest=None, catchup=False)
    timetable = at("2025-01-14 12:00")
    assert timetable.next_dagrun_info(last_automated_data_interval=None, restriction=ended) is None
    first = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=begins)
    assert first is not None
    assert first.logical_date == utc("2025-02-03")


def test_a_backfill_up_to_today_has_no_run_of_a_session_whose_bars_are_not_known() -> None:
    restriction = TimeRestriction(utc("2025-01-08"), utc("2025-01-08"), catchup=True)
    for now, there in (("2025-01-08 21:29", False), ("2025-01-08 21:30", True)):
        run = at(now).next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
        assert (run is not None) == there


def test_past_the_end_of_the_calendar_no_run_is_planned() -> None:
    restriction = TimeRestriction(earliest=utc("2199-01-01"), latest=None, catchup=True)
    run = at("2025-01-14").next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert run is None


def test_a_manual_run_covers_the_newest_completed_session() -> None:
    timetable = at("2030-01-01")
    found = timetable.infer_manual_data_interval(run_after=utc("2024-11-29 18:29"))
    assert found == interval("2024-11-27", "2024-11-27 21:00")


def test_a_stored_timetable_comes_back_the_same() -> None:
    stored = SessionTimetable("XLON").serialize()
    assert stored == {"calendar": "XLON"}
    rebuilt = SessionTimetable.deserialize(stored)
    assert rebuilt.summary == "XLON close + 30 min"
    boxing_day = rebuilt.infer_manual_data_interval(run_after=utc("2024-12-27 10:00"))
    assert boxing_day.start.date() == date(2024, 12, 24)


@pytest.mark.parametrize(
    ("kind", "with_interval", "run_id"),
    [
        (DagRunType.SCHEDULED, True, "scheduled__2025-01-08"),
        (DagRunType.MANUAL, True, "manual__2025-01-08T21:30:00+00:00"),
        (DagRunType.MANUAL, False, "manual__2025-01-08T21:30:00+00:00"),
    ],
)
def test_the_id_of_a_scheduled_run_names_its_session(
    kind: DagRunType, with_interval: bool, run_id: str
) -> None:
    given = interval("2025-01-08", "2025-01-08 21:00") if with_interval else None
    made = at("2025-01-09").generate_run_id(
        run_type=kind, run_after=utc("2025-01-08 21:30"), data_interval=given
    )
    assert made == run_id
