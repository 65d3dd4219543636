"""Runs and DAGs as Airflow tells of them, and which decision of a book a run makes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nightdesk.core.schedule import Schedule

FINISHED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG.

    Parameters
    ----------
    session : date or None
        The session it decides, where that is told: the ``session`` of its form, else the date of a logical
        date at 00:00 UTC. The web UI gives a run by hand the present instant, which names none.
    state : str
        ``queued``, ``running``, ``success`` or ``failed``.
    conf : mapping
        What its form says.
    logical : datetime or None
        Its logical date: of a run by the hour the instant at which the bar begins.
    """

    run_id: str
    run_type: str
    state: str
    session: date | None
    conf: Mapping[str, Any] = field(default_factory=dict)
    logical: datetime | None = None

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    def decision(self, schedule: Schedule) -> datetime | None:
        """The decision that it makes for good; None for a dry run, and where nothing names one."""
        if self.conf.get("dry_run"):
            return None
        if schedule.kind == "daily":
            return _closing(schedule, self.session)
        asked = self.conf.get("as_of")
        # A form is what somebody typed: one that names no instant decides nothing.
        with suppress(ValueError):
            return in_utc(str(asked)) if asked else decision_named(self.logical, schedule)
        return None


@dataclass(frozen=True)
class DagState:
    """Whether a DAG is switched off, whether no file makes it any more, and what its timetable runs next.

    `next_logical` is the logical date of that run; None where there is none.
    """

    is_paused: bool
    is_stale: bool
    next_logical: datetime | None = None


def read_run(record: Mapping[str, Any]) -> DagRun:
    """A run as Airflow's API tells of it."""
    conf = record["conf"] or {}
    named = conf.get("session")
    logical = None if record["logical_date"] is None else in_utc(record["logical_date"])
    session = None
    if named:
        # A form is what somebody typed: one that names no day decides no session.
        with suppress(ValueError):
            session = date.fromisoformat(str(named))
    elif logical is not None:
        session = logical.date() if logical == midnight(logical.date()) else None
    return DagRun(
        run_id=record["dag_run_id"],
        run_type=record["run_type"],
        state=record["state"],
        session=session,
        conf=conf,
        logical=logical,
    )


def decision_named(logical: datetime | None, schedule: Schedule) -> datetime | None:
    """The decision of a run that a timetable or a backfill made for a logical date; None where it names none.

    A session is named by 00:00 UTC of its date, an hour by the instant at which its bar begins.
    """
    if logical is None:
        return None
    if schedule.kind != "daily":
        return schedule.ending_of(logical)
    return _closing(schedule, logical.date() if logical == midnight(logical.date()) else None)


def in_utc(text: str) -> datetime:
    """An instant of a form or an answer, in UTC; one without a zone is meant so."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def midnight(session: date) -> datetime:
    """The logical date by which the desk's timetable names a session: 00:00 UTC of its date."""
    return datetime(session.year, session.month, session.day, tzinfo=UTC)


def _closing(schedule: Schedule, session: date | None) -> datetime | None:
    if session is None or not schedule.calendar.is_session(session):
        return None
    return schedule.last_of(session)
