"""What is kept of a task that failed for good: one alert an event, and a session that is not closed.

Three speak of failures, and none can be relied on alone: the task's callback, which knows the try and the
error; the last task of the run and the sweep, which read states and know only that it failed. Whoever comes
first raises the alert; `is_told` says of the others that they mean the same failure. Tasks of one run that
fail for the same reason are one event, and so are the runs of a backfill that fail, or are refused, for one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import NoReturn

from nightdesk.core.calendar import USUAL_CALENDAR
from nightdesk.core.errors import NightdeskError, Refused
from nightdesk.session.auto_stop import stop_by_rule
from nightdesk.session.context import Context, ensure_started
from nightdesk.store.db import Connection, transaction
from nightdesk.store.failure_rows import (
    Attempt,
    Told,
    attempts_of,
    failures_told,
    keep_failure,
    lock_failures,
    told_for_the_same_reason,
)
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.run_rows import begin_step, end_step

#: What talks to a broker: when it fails in a way that nobody foresaw, nobody knows what is at the broker.
TRADING_STEPS = ("settle", "gate", "submit")
RULE = "unexpected error"

#: The task that asks a person where the gate has found that one is needed.
ASK = "ask"
KILLED = "its process ended without a word: killed, or out of memory"
#: The tasks of strategies begin with it: a session goes on without one of them.
_SIGNALS = "signals."
_NUMBER = re.compile(r"\d[\d.,:%-]*")
_SUCCESS = "success"
_FAILED = "failed"


class FollowUpFailure(Refused):
    """A task fails because others did, which were told: it is no news."""


@dataclass(frozen=True)
class Failure:
    """A task of Airflow that failed for good.

    Parameters
    ----------
    book : str
        Whose it is.
    session : date or None
        What the task worked on, or the session of that; None where its form named none.
    dag_id, run_id, task_id : str
        The task.
    attempt : int or None
        The try that failed; None where only the failure is known.
    reason : str or None
        The error; None where it is not known, which then is what the attempt itself has recorded.
    foreseen : bool
        Whether the error is one of the desk's own, which say what to do.
    link : str or None
        Where its log is read.
    dry_run : bool
        Whether the run keeps nothing and sends nothing.
    calendar : str
        The book's exchange calendar.
    asked_by : str or None
        Who has asked for what cannot be done, empty where that is not known; None for any other failure.
    of_backfill : bool
        Whether the run is one of a backfill.
    decision : str or None
        What people call the decision that it worked on, where a session has several; None: the session.
    """

    book: str
    session: date | None
    dag_id: str
    run_id: str
    task_id: str
    attempt: int | None = None
    reason: str | None = None
    foreseen: bool = False
    link: str | None = None
    dry_run: bool = False
    calendar: str = USUAL_CALENDAR
    asked_by: str | None = None
    of_backfill: bool = False
    decision: str | None = None

    @property
    def name(self) -> str | None:
        """What the task worked on, in words; None where its form named none."""
        return None if self.session is None else self.decision or f"{self.session}"

    @property
    def scope(self) -> str:
        """Whose failures for one reason are one event: the run's, or the DAG's in a backfill."""
        return f"{self.dag_id}/" if self.of_backfill else f"{self.dag_id}/{self.run_id}/"

    def cause(self, error: str) -> str:
        """A digest of the reason within its scope, the same for all decisions that it is given for.

        That a strategy failed says less than that a step did, so the one never stands for the other. The
        decisions of a backfill meet one fault with numbers of their own, which do not count.
        """
        of_strategy = self.task_id.startswith(_SIGNALS)
        reason = error.replace(f"{self.name}", "").replace(f"{self.session}", "")
        if self.of_backfill:
            reason = _NUMBER.sub("#", reason)
        return hashlib.sha256(f"{self.scope} {of_strategy} {reason}".encode()).hexdigest()

    @property
    def task(self) -> str:
        """What its tries have in common: ``DAG/run/task/``."""
        return f"{self.dag_id}/{self.run_id}/{self.task_id}/"

    @property
    def subject(self) -> str:
        """What it is about: the book, and what the task worked on where that is known."""
        return self.book if self.name is None else f"{self.book} {self.name}"


def record_failure(conn: Connection, failure: Failure) -> bool:
    """Raise the alert of a failed task, once; stop the book where it may have left something at its broker.

    A failure for a reason that was told of another task of the same event is noted, and raises none.

    Returns
    -------
    bool
        Whether the alert was raised now.

    Raises
    ------
    Transient
        When PostgreSQL cannot be reached.
    """
    with transaction(conn):
        lock_failures(conn, failure.scope)
        attempts = attempts_of(conn, failure.book, failure.task)
        told = failures_told(conn, failure.task)
        if is_told(failure.attempt, told, attempts, spoke=failure.reason is not None):
            return False
        newest = attempts[-1] if attempts else None
        known = failure.attempt or (newest.number if newest else None)
        # The mark of a try that is only the newest known one: the next may have failed unrecorded.
        key = f"task:{failure.task}{known or ''}{'' if failure.attempt else '+'}"
        error = failure.reason or _recorded_error(failure, newest) or KILLED
        cause = failure.cause(error)
        if _stops_the_book(failure, error):
            told_as = _sentence(failure, known, error)
            with suppress(NightdeskError), transaction(conn):
                if stop_by_rule(
                    conn, failure.book, rule=RULE, reason=told_as, key=key, calendar=failure.calendar
                ):
                    keep_failure(conn, key, key, cause)
                    return True
        told_by = told_for_the_same_reason(conn, failure.task, cause)
        keep_failure(conn, key, told_by or key, cause)
        if told_by is not None:
            return False
        of_request = failure.asked_by is not None
        what = "what was asked for is refused" if of_request else f"{failure.task_id} failed"
        return raise_alert(
            conn,
            key,
            "WARNING" if of_request else "CRITICAL",
            f"{failure.subject}: {what}",
            _of_request(failure, error) if of_request else _body(failure, known, error),
            book=failure.book,
            session=failure.session,
        )


def is_told(attempt: int | None, told: Sequence[Told], attempts: Sequence[Attempt], *, spoke: bool) -> bool:
    """Whether the failure of a task was told before.

    Parameters
    ----------
    attempt : int or None
        The try that failed; None when only the failure is known.
    told : sequence of Told
        What was told of the task: of which try, or of the newest known one, and when.
    attempts : sequence of Attempt
        The tries that are recorded, in their order. One that was killed at once is not.
    spoke : bool
        Whether the try itself says so, with its error.
    """
    began = {one.number: one.started_at for one in attempts}
    meant = max(began, default=0) if attempt is None else attempt

    def tells_of_it(one: Told) -> bool:
        if one.exact:
            return one.number == meant or (attempt is None and one.number > meant)
        # Who knew only that it failed meant this try, unless that began later. One that is not recorded and
        # speaks is news: a try tells its error before anybody can see that it failed.
        return began[meant] <= one.told_at if meant in began else not spoke

    return any(map(tells_of_it, told))


def is_of_backfill(run_id: str) -> bool:
    """Whether a run is one of a backfill, as Airflow names these."""
    return run_id.startswith("backfill__")


def failed_tasks(states: Mapping[str, str | None], last: str = "close") -> tuple[str, ...]:
    """The tasks of a run that a person must hear of, by their states.

    The last task fails where a step before it is missing, which is no news then. A strategy's task is no
    such step, nor is the one that asks a person: a session is closed without them.
    """
    failed = sorted(task for task, state in states.items() if state == _FAILED)
    steps = {
        task: state
        for task, state in states.items()
        if task not in (last, ASK) and not task.startswith(_SIGNALS)
    }
    if any(state != _SUCCESS for state in steps.values()):
        failed = [task for task in failed if task != last]
    return tuple(failed)


def leave_open(context: Context, missing: Mapping[str, str | None], *, told: bool = True) -> NoReturn:
    """Record that a session cannot be closed, so that those after it do not hold their slots waiting.

    Parameters
    ----------
    context : Context
        The session.
    missing : mapping of task to state
        The tasks without which it is not complete; None for one that did not run.
    told : bool
        Whether people were told why.

    Raises
    ------
    FollowUpFailure
        When they were, with what is missing.
    Refused
        When they were not.
    """
    reason = not_closed(context.book.name, context.name, missing)
    if not context.dry_run:
        ensure_started(context)
        number = begin_step(context.conn, context.new_run(), "close", context.task)
        end_step(context.conn, number, "failed", error=reason)
    raise FollowUpFailure(reason) if told else Refused(reason)


def not_closed(book: str, name: str, missing: Mapping[str, str | None]) -> str:
    """That a decision is not closed, for lack of which tasks, in words."""
    lacking = ", ".join(f"{task} {state or 'did not run'}" for task, state in missing.items())
    return f"{book} {name} is not closed: {lacking}. Put right what the first failed task says, then clear it"


def told_since_closing(conn: Connection, book: str, dag_id: str, run_id: str) -> bool:
    """Whether people were told of a failed task of a run since its last task was last at its end.

    A task that was told, cleared, and killed before it could record its try looks as if it was told.
    """
    closings = attempts_of(conn, book, f"{dag_id}/{run_id}/close/")
    before = max((one.started_at for one in closings if one.status == "failed"), default=None)
    told = failures_told(conn, f"{dag_id}/{run_id}/")
    return any(before is None or one.told_at > before for one in told)


def _stops_the_book(failure: Failure, error: str) -> bool:
    """Whether it is not known what the task has left at the broker."""
    foreseen = failure.foreseen if failure.reason is not None else _is_foreseen(error)
    return failure.task_id in TRADING_STEPS and not foreseen and not failure.dry_run


def _is_foreseen(error: str) -> bool:
    """Whether a recorded error, which begins with its class, is one of the desk's own."""
    known, more = set[str](), [NightdeskError]
    while more:
        one = more.pop()
        known.add(one.__name__)
        more += one.__subclasses__()
    return error.partition(":")[0] in known


def _recorded_error(failure: Failure, newest: Attempt | None) -> str | None:
    """The error that the newest attempt has recorded; None where that was cut off, or is not the one."""
    if newest is None or newest.status == "running" or failure.attempt not in (None, newest.number):
        return None
    return newest.error


def _body(failure: Failure, number: int | None, error: str) -> str:
    lines = [
        f"Book: {failure.book}",
        f"Session: {failure.name or 'none'}",
        f"Task: {failure.task_id} of {failure.dag_id}, run {failure.run_id}",
        f"Try: {_try(failure, number)}",
        f"Error: {error}",
    ]
    if failure.link is not None:
        lines.append(f"Log: {failure.link}")
    others = "runs of the backfill" if failure.of_backfill else "tasks of the run"
    end = (
        "Put right what the error names, then clear the task: what follows it runs again by itself. Other "
        f"{others} that fail for the same reason send no mail of their own."
    )
    if failure.task_id.startswith(_SIGNALS):
        end = (
            "As long as another strategy speaks, the session goes on without this one and is degraded: it "
            "opens nothing new, and keeps its positions but for those that a stop or their age ends. "
            f"{end} A sealed session stays as it is."
        )
    return "\n".join(lines) + f"\n\n{end}"


def _of_request(failure: Failure, error: str) -> str:
    lines = [
        f"Book: {failure.book}",
        f"Session: {failure.name or 'none'}",
        f"Run: {failure.run_id} of {failure.dag_id}",
        f"Asked by: {failure.asked_by or 'not known'}",
        f"Reason: {error}",
    ]
    if failure.link is not None:
        lines.append(f"Log: {failure.link}")
    end = "Nothing was done for it."
    if failure.of_backfill:
        end += (
            " Other sessions of the backfill that are refused for the same reason send no mail of their own."
        )
    return "\n".join(lines) + f"\n\n{end}"


def _sentence(failure: Failure, number: int | None, error: str) -> str:
    link = "" if failure.link is None else f" (log: {failure.link})"
    return (
        f"{failure.task_id} of {failure.book} failed in session {failure.name}, try "
        f"{_try(failure, number)} of {failure.dag_id}, run {failure.run_id}: {error}{link}"
    )


def _try(failure: Failure, number: int | None) -> str:
    if failure.attempt is not None:
        return str(failure.attempt)
    return "not known" if number is None else f"{number}, the newest that is recorded"
