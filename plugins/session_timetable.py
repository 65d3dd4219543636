"""The timetable of the daily DAGs: one run per session of an exchange, 30 minutes after its close."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pendulum
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

if TYPE_CHECKING:
    from airflow.utils.types import DagRunType

    from nightdesk.core.calendar import Calendar

#: The form of a backfill sends the first and the last instant of the days that were picked, in the zone of
#: the browser. At this time, UTC, it is the same date everywhere from Honolulu to Auckland.
SAME_DATE = time(10, 30)


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


class SessionTimetable(Timetable):
    """Runs once per session, when its bars are known; never on a weekend or a holiday.

    The data interval of a session reaches from 00:00 UTC of its date to its close, so the logical date
    names the session. A backfill holds the sessions whose dates were asked for, whatever the zone in which
    the bounds are midnights: `first_date` and `last_date` say which dates those are.

    Parameters
    ----------
    calendar : str
        A name known to `exchange_calendars`.
    now : callable
        The clock; a test brings its own. It is not serialized.
    """

    def __init__(self, calendar: str = "XNYS", now: Callable[[], datetime] = utc_now) -> None:
        self.calendar = calendar
        self.description = f"Each session of {calendar}, 30 minutes after its close (early closes included)"
        self._now = now

    def serialize(self) -> dict[str, Any]:
        return {"calendar": self.calendar}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SessionTimetable:
        return cls(data["calendar"])

    @property
    def summary(self) -> str:
        return f"{self.calendar} close + 30 min"

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        calendar = self._sessions()
        earliest = [] if restriction.catchup else [calendar.latest_completed(self._now())]
        if last_automated_data_interval is not None:
            earliest.append(last_automated_data_interval.start.astimezone(UTC).date() + timedelta(days=1))
        if restriction.earliest is not None:
            earliest.append(first_date(restriction.earliest))
        if not earliest:
            return None
        session = self._on_or_after(max(earliest))
        if session is None:
            return None
        if restriction.latest is not None and session > last_date(restriction.latest, calendar.zone):
            return None
        return DagRunInfo(
            run_after=pendulum.instance(calendar.known_from(session)), data_interval=self._interval(session)
        )

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        return self._interval(self._sessions().latest_completed(run_after))

    def generate_run_id(
        self,
        *,
        run_type: DagRunType,
        run_after: pendulum.DateTime,
        data_interval: DataInterval | None,
        **extra: Any,
    ) -> str:
        """The id of a scheduled run names its session: `scheduled__2025-01-08`."""
        # A run by hand is given an interval too, which is not the session that it decides.
        if run_type == "scheduled" and data_interval is not None:
            return run_type.generate_run_id(suffix=f"{data_interval.start.astimezone(UTC):%Y-%m-%d}")
        return super().generate_run_id(
            run_type=run_type, run_after=run_after, data_interval=data_interval, **extra
        )

    def _sessions(self) -> Calendar:
        # pandas comes with the calendar: a DAG file that only names this timetable does not pay for it.
        from nightdesk.core.calendar import get_calendar

        return get_calendar(self.calendar)

    def _on_or_after(self, day: date) -> date | None:
        """The first session on `day` or after it; None past the calendar's end."""
        calendar = self._sessions()
        found = calendar.between(day, calendar.sessions[-1].item())
        return found[0].item() if len(found) else None

    def _interval(self, session: date) -> DataInterval:
        return DataInterval(_midnight(session), pendulum.instance(self._sessions().close_at(session)))


def first_date(bound: datetime) -> date:
    """The first date of a span that begins at an instant, which is the midnight of somebody's day."""
    moment = bound.astimezone(UTC)
    return moment.date() if moment.time() <= SAME_DATE else moment.date() + timedelta(days=1)


def last_date(bound: datetime, zone: str) -> date:
    """The last date of a span that ends at an instant.

    That is the end of somebody's day, or a date as commands write it: midnight, UTC or of the exchange's
    `zone`, means the whole day that begins then.
    """
    midnight = midnight_of(bound, zone)
    if midnight is not None:
        return midnight
    moment = bound.astimezone(UTC)
    return moment.date() if moment.time() >= SAME_DATE else moment.date() - timedelta(days=1)


def midnight_of(moment: datetime, zone: str) -> date | None:
    """The date whose midnight an instant is, UTC or in a zone; None for any other instant."""
    local = (moment.astimezone(UTC), moment.astimezone(ZoneInfo(zone)))
    return next((one.date() for one in local if one.time() == time()), None)


def _midnight(day: date) -> pendulum.DateTime:
    return pendulum.datetime(day.year, day.month, day.day, tz="UTC")


class SessionTimetablePlugin(AirflowPlugin):
    """Registers the timetable, so that the scheduler can rebuild it from a stored DAG."""

    name = "nightdesk_session_timetable"
    timetables = [SessionTimetable]  # noqa: RUF012 (Airflow reads a list)
