"""What the timetables of daily and hourly DAGs have in common: names of runs, dates of a backfill."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.timetables.base import DataInterval, TimeRestriction, Timetable

if TYPE_CHECKING:
    import pendulum
    from airflow.utils.types import DagRunType

#: The form of a backfill sends the first and the last instant of the days that were picked, in the zone of
#: the browser. At this time, UTC, it is the same date everywhere from Honolulu to Auckland.
SAME_DATE = time(10, 30)


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


class DecisionTimetable(Timetable):
    """A run for each decision of a book on an exchange, when its bars are known.

    A scheduled run is named by its decision. A backfill holds the decisions of the sessions whose dates were
    asked for, as far as their bars are known, whatever the zone in which the bounds are midnights:
    `first_date` and `last_date` say which dates those are.

    Parameters
    ----------
    calendar : str
        A name known to `exchange_calendars`.
    now : callable
        The clock; a test brings its own. It is not serialized.
    """

    def __init__(self, calendar: str, now: Callable[[], datetime]) -> None:
        self.calendar = calendar
        self._now = now

    @abstractmethod
    def name_of(self, data_interval: DataInterval) -> str:
        """The decision as the id of its scheduled run says it, after ``scheduled__``."""

    def generate_run_id(
        self,
        *,
        run_type: DagRunType,
        run_after: pendulum.DateTime,
        data_interval: DataInterval | None,
        **extra: Any,
    ) -> str:
        """The id of a scheduled run names its decision."""
        # A run by hand is given an interval too, which is not the one that it decides.
        if run_type == "scheduled" and data_interval is not None:
            return run_type.generate_run_id(suffix=self.name_of(data_interval))
        return super().generate_run_id(
            run_type=run_type, run_after=run_after, data_interval=data_interval, **extra
        )

    def is_beyond(self, restriction: TimeRestriction, session: date, known: datetime, zone: str) -> bool:
        """Whether a decision of a session, whose bars are known from an instant on, ends a span of runs.

        Only a backfill has a span, and it has no run of what is not known yet.
        """
        if restriction.catchup and known > self._now():
            return True
        return restriction.latest is not None and session > last_date(restriction.latest, zone)


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
