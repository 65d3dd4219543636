"""The timetable of the daily DAGs: one run per session of an exchange, 30 minutes after its close."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction

from desk_timetable import DecisionTimetable, first_date, utc_now

if TYPE_CHECKING:
    from nightdesk.core.calendar import Calendar


class SessionTimetable(DecisionTimetable):
    """Runs once per session, when its bars are known; never on a weekend or a holiday.

    The data interval of a session reaches from 00:00 UTC of its date to its close, so the logical date
    names the session, and so does the id of a scheduled run: `scheduled__2025-01-08`.

    Parameters
    ----------
    calendar : str
        A name known to `exchange_calendars`.
    now : callable
        The clock; a test brings its own. It is not serialized.
    """

    def __init__(self, calendar: str = "XNYS", now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(calendar, now)
        self.description = f"Each session of {calendar}, 30 minutes after its close (early closes included)"

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
        known = calendar.known_from(session)
        if self.is_beyond(restriction, session, known, calendar.zone):
            return None
        return DagRunInfo(run_after=pendulum.instance(known), data_interval=self._interval(session))

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        return self._interval(self._sessions().latest_completed(run_after))

    def name_of(self, data_interval: DataInterval) -> str:
        return f"{data_interval.start.astimezone(UTC):%Y-%m-%d}"

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


def _midnight(day: date) -> pendulum.DateTime:
    return pendulum.datetime(day.year, day.month, day.day, tz="UTC")


class SessionTimetablePlugin(AirflowPlugin):
    """Registers the timetable, so that the scheduler can rebuild it from a stored DAG."""

    name = "nightdesk_session_timetable"
    timetables = [SessionTimetable]  # noqa: RUF012 (Airflow reads a list)
