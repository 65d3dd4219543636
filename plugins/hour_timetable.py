"""The timetable of the hourly DAGs: one run per bar of an exchange, when it is known.

Holidays, early closes and both changes of daylight saving time are the schedule's: seven bars on a full
session in New York, four on one that closes at 13:00.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction

from desk_timetable import DecisionTimetable, first_date, utc_now

if TYPE_CHECKING:
    from nightdesk.core.schedule import Schedule

#: Sessions of which missed hours are made up: each decision waits for the one before. More is a backfill.
MADE_UP_SESSIONS = 10


class HourTimetable(DecisionTimetable):
    """Runs once for each bar of an exchange, a delay after its end.

    The data interval is the bar, so the logical date is the instant at which it begins; the id of a scheduled
    run names its end: `scheduled__2025-01-08T15:00Z`. Hours that were missed are made up in order.

    Parameters
    ----------
    calendar : str
        A name known to `exchange_calendars`.
    delay_minutes : int
        A bar is known so long after its end.
    now : callable
        The clock; a test brings its own. It is not serialized.
    """

    def __init__(
        self, calendar: str = "XNYS", delay_minutes: int = 5, now: Callable[[], datetime] = utc_now
    ) -> None:
        super().__init__(calendar, now)
        self.delay_minutes = delay_minutes
        self.description = (
            f"Each hour of {calendar}, {delay_minutes} minutes after its bar (early closes included)"
        )

    def serialize(self) -> dict[str, Any]:
        return {"calendar": self.calendar, "delay_minutes": self.delay_minutes}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> HourTimetable:
        return cls(data["calendar"], data["delay_minutes"])

    @property
    def summary(self) -> str:
        return f"{self.calendar} bars + {self.delay_minutes} min"

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        schedule = self._schedule()
        earliest = []
        if last_automated_data_interval is not None:
            earliest.append(_first_from(schedule, last_automated_data_interval.end + timedelta(seconds=1)))
        if not restriction.catchup:
            newest = schedule.index(schedule.latest_completed(self._now()))
            made_up = MADE_UP_SESSIONS * schedule.periods_a_session if earliest else 0
            earliest.append(newest - made_up)
        if restriction.earliest is not None:
            day = first_date(restriction.earliest)
            earliest.append(_first_from(schedule, datetime(day.year, day.month, day.day, tzinfo=UTC)))
        at = max(earliest, default=len(schedule.ends))
        if at >= len(schedule.ends):
            return None
        as_of = schedule.ends[at].item().replace(tzinfo=UTC)
        known = schedule.known_from(as_of)
        if self.is_beyond(restriction, schedule.session_of(as_of), known, schedule.calendar.zone):
            return None
        return DagRunInfo(run_after=pendulum.instance(known), data_interval=_interval(schedule, at))

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        schedule = self._schedule()
        return _interval(schedule, schedule.index(schedule.latest_completed(run_after)))

    def name_of(self, data_interval: DataInterval) -> str:
        return f"{data_interval.end.astimezone(UTC):%Y-%m-%dT%H:%M}Z"

    def _schedule(self) -> Schedule:
        # The calendar takes time to build: a DAG file that only names this timetable does not pay for it.
        return schedule_of_hours(self.calendar, self.delay_minutes)


def schedule_of_hours(calendar: str, delay_minutes: int) -> Schedule:
    """The decisions of an hourly book, as this process has made them before."""
    from nightdesk.core.calendar import get_calendar
    from nightdesk.core.schedule import hourly

    key = (calendar, delay_minutes)
    if key not in _MADE:
        _MADE[key] = hourly(get_calendar(calendar), timedelta(minutes=delay_minutes))
    return _MADE[key]


#: A cache of the process: laying the hours out of 37 years takes some hundredths of a second.
_MADE: dict[tuple[str, int], Schedule] = {}


def _first_from(schedule: Schedule, moment: datetime) -> int:
    """Position of the first decision at an instant or after it."""
    import numpy as np

    return int(
        np.searchsorted(schedule.ends, np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s"))
    )


def _interval(schedule: Schedule, at: int) -> DataInterval:
    """The bar of a decision."""
    start, end = (moment[at].item().replace(tzinfo=UTC) for moment in (schedule.starts, schedule.ends))
    return DataInterval(pendulum.instance(start), pendulum.instance(end))


class HourTimetablePlugin(AirflowPlugin):
    """Registers the timetable, so that the scheduler can rebuild it from a stored DAG."""

    name = "nightdesk_hour_timetable"
    timetables = [HourTimetable]  # noqa: RUF012 (Airflow reads a list)
