"""The operator that runs one step of a session, and what Airflow must know of its outcome.

A step is a function of `nightdesk.session`; here it only gets its book and session, and its errors
become the task states that they mean: a passing fault is retried, a final one fails at once, a turn that
has not come frees the slot and asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from desk_connections import desk_environment, without_secrets
from desk_note import RunNote, note_refusal
from desk_operator import BookOperator
from desk_sending import send_emergencies
from nightdesk.core.errors import BadRequest, NotYet, Refused

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from airflow.sdk import Context

    from nightdesk.core.schedule import Schedule
    from nightdesk.session.context import Context as Desk

log = logging.getLogger("nightdesk.dag")

#: Where the note of a run is written, and where it is brought up to date.
FIRST_STEP, LAST_STEP = "ingest", "close"

#: A run whose turn has not come gives its slot back for this long.
TURN_PAUSE = timedelta(seconds=10)

#: The longest pause before what is due at a known instant is asked for again: it may come before, and vendors
#: count their requests.
DUE_PAUSE = timedelta(minutes=5)
#: After this long the session before is not late but broken, and a person must look.
TURN_DEADLINE = timedelta(hours=6)

#: Trying a final answer again only delays the alert; all else may be a passing fault.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=Refused, action=RetryAction.FAIL, reason="final: trying again gives the same"),
    ]
)


def session_of(params: Mapping[str, Any], dag_run: Any, calendar: str) -> date:
    """The session that a run decides, the same for each of its tasks and attempts.

    It is the `session` of the form, else the date of a logical date at midnight, UTC (scheduled and
    backfilled runs have one) or of the exchange, else the newest session that was completed when the run was
    asked for. The data interval is never read: a run triggered for a past date gets today's. Nor is the run's
    type: reprocessing rewrites it.

    Raises
    ------
    BadRequest
        When the form's `session` is not a date, or is not that of the logical date: one form serves all runs
        of a backfill. When the logical date is an hour of which it is not clear what session is meant.
    """
    asked, logical = _asked(params), dag_run.logical_date
    if logical is None and asked is not None:
        return asked
    named = None if logical is None else _named(logical, calendar)
    if named is not None and asked is not None and asked != named:
        raise BadRequest(
            f"the form says session {asked}, and this is the run of {named}. All runs of a backfill have one "
            "form: leave its session empty and choose its dates, or trigger the DAG for one session"
        )
    if asked is not None or named is not None:
        return asked or named

    from nightdesk.core.calendar import get_calendar

    sessions = get_calendar(calendar)
    newest = sessions.latest_completed(dag_run.run_after)
    if logical is not None and sessions.latest_completed(logical) != newest:
        raise BadRequest(
            f"the logical date {logical:%Y-%m-%d %H:%M} UTC names no session: write the session that you "
            "mean into the form's `session`, and leave the logical date as it is"
        )
    return newest


def instant_of(params: Mapping[str, Any], dag_run: Any, schedule: Schedule) -> datetime:
    """The decision of a run of an hourly DAG, the same for each of its tasks and attempts.

    It is the `as_of` of the form, else the end of the bar that begins at the logical date (scheduled and
    backfilled runs have one), else the newest decision whose bar was known when the run was asked for.

    Raises
    ------
    BadRequest
        When the form's `as_of` is no decision's instant, or is not that of the logical date: one form serves
        all runs of a backfill. When no bar begins at a logical date.
    """
    asked, logical = _asked_instant(params), dag_run.logical_date
    named = None if logical is None else schedule.ending_of(logical)
    if named is not None and asked is not None and asked != named:
        raise BadRequest(
            f"the form says {asked:%Y-%m-%d %H:%M} UTC, and this is the run of {named:%Y-%m-%d %H:%M} UTC. "
            "All runs of a backfill have one form: leave its instant empty and choose its dates, or trigger "
            "the DAG for one decision"
        )
    chosen = asked or named or schedule.latest_completed(dag_run.run_after)
    if asked is None and named is None and logical is not None:
        newest = schedule.latest_completed(logical)
        if newest != chosen:
            raise BadRequest(
                f"no bar begins at the logical date {logical:%Y-%m-%d %H:%M} UTC: write the instant that you "
                "mean into the form's `as_of`, and leave the logical date as it is"
            )
    try:
        schedule.index(chosen)
    except Refused as error:
        raise BadRequest(str(error)) from None
    return chosen


def _asked_instant(params: Mapping[str, Any]) -> datetime | None:
    """The instant of a form, UTC where it names no zone; None where it is empty."""
    text = params.get("as_of")
    if text is None or text == "":
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        expected = "an instant such as 2025-01-08T15:00:00Z, or nothing"
        raise BadRequest(f"as_of: found {text!r}; expected {expected}") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _asked(params: Mapping[str, Any]) -> date | None:
    """The session of a form; None where it is empty."""
    text = params.get("session")
    if text is None or text == "":
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise BadRequest(f"session: found {text!r}; expected a date such as 2025-01-08, or nothing") from None


def _named(logical: datetime, calendar: str) -> date | None:
    """The date that a logical date at midnight names; None for another hour."""
    if logical.astimezone(UTC).time() == time():
        # The usual run does not pay for the calendar.
        return logical.astimezone(UTC).date()

    from desk_timetable import midnight_of
    from nightdesk.core.calendar import get_calendar

    return midnight_of(logical, get_calendar(calendar).zone)


def schedule_of(task: Any) -> Schedule | None:
    """The schedule of a task of an hourly book; None for a daily one, which does not pay for it."""
    delay = getattr(task, "hours_delay", None)
    if delay is None:
        return None
    from hour_timetable import schedule_of_hours

    return schedule_of_hours(task.calendar, delay)


def decision_of(context: Mapping[str, Any], task: Any) -> date | datetime:
    """What a run decides: the session of a daily book, the instant of an hourly one."""
    schedule, run = schedule_of(task), context["dag_run"]
    if schedule is None:
        return session_of(context["params"], run, task.calendar)
    return instant_of(context["params"], run, schedule)


def session_in(task: Any, when: date | datetime) -> date:
    """The session that a decision lies in."""
    schedule = schedule_of(task)
    return when if schedule is None or not isinstance(when, datetime) else schedule.session_of(when)


def close_of(task: Any, when: date | datetime) -> datetime | None:
    """The instant of a decision; None for a session that its calendar does not have."""
    if isinstance(when, datetime):
        return when
    from nightdesk.core.calendar import get_calendar

    calendar = get_calendar(task.calendar)
    return calendar.close_at(when) if calendar.is_session(when) else None


def name_of(task: Any, when: date | datetime) -> str:
    """A decision in people's words."""
    schedule = schedule_of(task)
    return f"{when}" if schedule is None or not isinstance(when, datetime) else schedule.name_of(when)


def await_turn_again(first_asked: datetime | None, now: datetime, reason: NotYet) -> None:
    """Give the slot back and ask again soon; fail once the deadline has passed.

    Parameters
    ----------
    first_asked : datetime or None
        When this task first found that its turn had not come; None the first time.
    now : datetime
        The present instant.
    reason : NotYet
        What the step waits for.

    Raises
    ------
    AirflowRescheduleException
        While the deadline has not passed.
    AirflowFailException
        After it.
    """
    if first_asked is not None and now - first_asked > TURN_DEADLINE:
        hours = TURN_DEADLINE.total_seconds() / 3600
        raise AirflowFailException(
            f"{reason}; waited {hours:.0f} hours: bring the session before to its end, then clear this task"
        ) from reason
    pause = TURN_PAUSE if reason.due is None else max(TURN_PAUSE, min(reason.due - now, DUE_PAUSE))
    raise AirflowRescheduleException(now + pause) from reason


class StepOperator(BookOperator):
    """Runs one step of the pipeline for the run's decision.

    Parameters
    ----------
    step : str
        Name of the step.
    strategy : str, optional
        For the `signals` step: which strategy speaks.
    hours_delay : int, optional
        Of an hourly book: a bar is known so many minutes after its end. By default the book is daily.
    """

    ui_color = "#eef3f8"

    def __init__(
        self,
        *,
        step: str,
        strategy: str | None = None,
        hours_delay: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.strategy = strategy
        self.hours_delay = hours_delay

    def execute(self, context: Context) -> dict[str, int | str]:
        try:
            when = decision_of(context, self)
        except Refused as reason:
            self._note_refusal(context, reason)
            raise
        dry_run = bool(context["params"]["dry_run"])
        note = RunNote(
            context["ti"], self.book, name_of(self, when), partial(close_of, self, when), dry_run=dry_run
        )
        if self.step == FIRST_STEP:
            note.begin()
        began = monotonic()
        try:
            with without_secrets():
                counts = self.run_step(context, when, dry_run=dry_run)
        except NotYet as reason:
            log.info(
                "turn_not_come book=%s session=%s step=%s %s",
                self.book,
                name_of(self, when),
                self.step,
                reason,
            )
            asked, now = context["ti"].get_first_reschedule_date(context), datetime.now(UTC)
            self._tell_waiting(asked, now, when, reason)
            await_turn_again(asked, now, reason)
            raise
        except Exception as error:
            if isinstance(error, Refused):
                self._note_refusal(context, error)
            if self.step == LAST_STEP:
                note.end(failed=True)
            raise
        if self.step == LAST_STEP:
            note.end(failed=False)
        seconds = monotonic() - began
        told = " ".join(f"{key}={value}" for key, value in counts.items())
        log.info(
            "step_done book=%s session=%s step=%s seconds=%.2f %s",
            self.book, name_of(self, when), self.step, seconds, told,
        )  # fmt: skip
        return counts

    def run_step(self, context: Context, when: date | datetime, *, dry_run: bool) -> dict[str, int | str]:
        """Run the step and return its small counts."""
        from nightdesk.session import steps

        with self.opened(context, when, dry_run=dry_run) as desk:
            if self.strategy is not None:
                counts = steps.signals(desk, self.strategy)
            else:
                counts = getattr(steps, self.step)(desk)
            send_emergencies(desk.conn)
        return counts

    def opened(
        self, context: Context, when: date | datetime, *, dry_run: bool
    ) -> AbstractContextManager[Desk]:
        """What the steps of the decision need; credentials may come from connections of Airflow."""
        from nightdesk.session.entry import open_context

        ti = context["ti"]
        return open_context(
            self.book,
            when,
            dry_run=dry_run,
            environ=desk_environment(),
            task=f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.try_number}",
        )

    def _note_refusal(self, context: Context, reason: Refused) -> None:
        if self.step == FIRST_STEP:
            note_refusal(context["ti"], reason)

    def _tell_waiting(
        self, asked: datetime | None, now: datetime, when: date | datetime, reason: NotYet
    ) -> None:
        """Tell a person of a wait that is no short one."""
        from nightdesk.session.gaps import PATIENCE, tell_waiting

        if asked is None or now - asked < PATIENCE or (reason.due is not None and now < reason.due):
            return
        from desk_failure import tell

        session, name = session_in(self, when), name_of(self, when)
        tell(
            lambda conn: tell_waiting(conn, self.book, session, name, f"{reason}"),
            f"book={self.book} session={name}",
        )
