"""The timetable of the daily DAGs: one run per session of an exchange, 30 minutes after its close."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

if TYPE_CHECKING:
    from nightdesk.calendar import Calendar


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


class SessionTimetable(Timetable):
    """Runs once per session, when its bars are known; never on a weekend or a holiday.

    The data interval of a session reaches from 00:00 UTC of its date to its close, so the logical date
    names the session and a backfill from one date to another holds both. (With the opening as its start,
    a backfill *up to* a date would leave that date out.)

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
        earliest = [calendar.latest_completed(self._now())] if not restriction.catchup else []
        if last_automated_data_interval is not None:
            earliest.append(self._on_or_after(last_automated_data_interval.start.add(days=1)))
        if restriction.earliest is not None:
            earliest.append(self._on_or_after(restriction.earliest))
        session = max((one for one in earliest if one is not None), default=None)
        if session is None or None in earliest:
            return None
        interval = self._interval(session)
        if restriction.latest is not None and restriction.latest < interval.start:
            return None
        return DagRunInfo(run_after=pendulum.instance(calendar.known_from(session)), data_interval=interval)

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        return self._interval(self._sessions().latest_completed(run_after))

    def _sessions(self) -> Calendar:
        # pandas comes with the calendar: a DAG file that only names this timetable does not pay for it.
        from nightdesk.calendar import get_calendar

        return get_calendar(self.calendar)

    def _on_or_after(self, instant: datetime) -> date | None:
        """The first session whose date begins at or after `instant`; None past the calendar's end."""
        calendar = self._sessions()
        day = instant.astimezone(UTC)
        first = day.date() if day == _midnight(day.date()) else _midnight(day.date()).add(days=1).date()
        found = calendar.between(first, calendar.sessions[-1].item())
        return found[0].item() if len(found) else None

    def _interval(self, session: date) -> DataInterval:
        return DataInterval(_midnight(session), pendulum.instance(self._sessions().close_at(session)))


def _midnight(day: date) -> pendulum.DateTime:
    return pendulum.datetime(day.year, day.month, day.day, tz="UTC")


class SessionTimetablePlugin(AirflowPlugin):
    """Registers the timetable, so that the scheduler can rebuild it from a stored DAG."""

    name = "nightdesk_session_timetable"
    timetables = [SessionTimetable]  # noqa: RUF012 (Airflow reads a list)
