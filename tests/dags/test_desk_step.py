"""A step's session and what its errors mean to Airflow."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from desk_failure import missing_steps
from desk_step import RETRY_POLICY, TURN_DEADLINE, StepOperator, await_turn_again, session_of
from nightdesk.core.errors import NotYet, Refused, Transient
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.db import Connection, cursor
from nightdesk.store.message_rows import alerts_of

NOW = datetime(2025, 1, 13, 12, tzinfo=UTC)


def run(logical_date: str | None, asked_at: str) -> Any:
    moment = None if logical_date is None else datetime.fromisoformat(logical_date).replace(tzinfo=UTC)
    return SimpleNamespace(
        logical_date=moment, run_after=datetime.fromisoformat(asked_at).replace(tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("form", "logical_date", "asked_at", "session"),
    [
        ("2024-11-29", None, "2025-01-08 21:30", "2024-11-29"),  # the form wins
        ("2024-11-29", "2025-01-08 20:12:09", "2025-01-08 21:30", "2024-11-29"),
        ("2025-01-08", "2025-01-08 00:00", "2025-01-08 21:30", "2025-01-08"),
        (None, "2025-01-08 00:00", "2025-01-08 21:30", "2025-01-08"),  # scheduled or backfilled
        (None, "2024-11-29 00:00", "2025-01-13 12:00", "2024-11-29"),  # asked for a past date by hand
        (None, "2025-01-13 11:59:31", "2025-01-13 12:00", "2025-01-10"),  # the present moment is no session
        (None, "2025-01-08 05:00", "2025-01-13 12:00", "2025-01-08"),  # midnight in New York
        (None, "2025-07-08 04:00", "2025-07-13 12:00", "2025-07-08"),  # and in its summer
        (None, None, "2025-01-13 12:00", "2025-01-10"),
        (None, None, "2025-01-13 21:30", "2025-01-13"),
        ("", None, "2025-01-09 23:00", "2025-01-08"),  # an unscheduled closure
    ],
)
def test_a_run_decides_the_session_that_its_form_or_its_date_says_or_the_newest_completed(
    form: str | None, logical_date: str | None, asked_at: str, session: str
) -> None:
    found = session_of({"session": form}, run(logical_date, asked_at), "XNYS")
    assert found == date.fromisoformat(session)


@pytest.mark.parametrize("logical_date", ["2025-01-07 15:00", "2025-01-07 23:00", "2025-01-20 15:00"])
def test_a_logical_date_that_may_mean_another_session_than_the_newest_is_refused(logical_date: str) -> None:
    with pytest.raises(Refused, match=f"logical date {logical_date} UTC names no session: write the session"):
        session_of({"session": None}, run(logical_date, "2025-01-13 12:00"), "XNYS")


def test_one_session_in_the_form_of_a_backfill_is_refused_by_the_runs_of_the_others() -> None:
    with pytest.raises(Refused, match=r"says session 2025-01-10, and this is the run of 2025-01-08"):
        session_of({"session": "2025-01-10"}, run("2025-01-08 00:00", "2025-01-08 21:30"), "XNYS")


def test_a_form_that_holds_no_date_is_refused_with_what_it_holds() -> None:
    with pytest.raises(Refused, match=r"session: found 'yesterday'; expected a date"):
        session_of({"session": "yesterday"}, run(None, "2025-01-13 12:00"), "XNYS")


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (Refused("no such symbol"), RetryAction.FAIL),
        (Transient("the vendor is busy"), RetryAction.DEFAULT),
        (ConnectionResetError(), RetryAction.DEFAULT),
    ],
)
def test_a_final_answer_fails_at_once_and_anything_else_is_tried_again(
    error: Exception, action: RetryAction
) -> None:
    assert RETRY_POLICY.evaluate(error, try_number=1, max_tries=4).action is action


@pytest.mark.parametrize("first_asked", [None, NOW - TURN_DEADLINE])
def test_a_turn_that_has_not_come_frees_the_slot_for_a_while(first_asked: datetime | None) -> None:
    with pytest.raises(AirflowRescheduleException) as again:
        await_turn_again(first_asked, NOW, NotYet("2025-01-10 is not closed"))
    assert again.value.reschedule_date == NOW + timedelta(seconds=10)


@pytest.mark.parametrize(("minutes", "pause"), [(25, 300), (2, 120), (0, 10), (-3, 10)])
def test_what_is_due_at_a_known_instant_is_not_asked_for_every_few_seconds(minutes: int, pause: int) -> None:
    reason = NotYet("its bar has not come", due=NOW + timedelta(minutes=minutes))
    with pytest.raises(AirflowRescheduleException) as again:
        await_turn_again(None, NOW, reason)
    assert again.value.reschedule_date == NOW + timedelta(seconds=pause)


def test_a_turn_that_never_comes_fails_with_what_it_waited_for() -> None:
    with pytest.raises(AirflowFailException, match=r"2025-01-10 is not closed; waited 6 hours"):
        await_turn_again(NOW - TURN_DEADLINE - timedelta(seconds=1), NOW, NotYet("2025-01-10 is not closed"))


@pytest.mark.parametrize(
    ("states", "missing"),
    [
        ({"gate": "success", "signals.a": "success"}, {}),
        ({"gate": "success", "signals.a": "failed", "signals.b": "success"}, {}),
        ({"gate": "failed", "orders": "upstream_failed"}, {"gate": "failed", "orders": "upstream_failed"}),
        ({"gate": "success", "report": None}, {"report": None}),
        ({"gate": "skipped"}, {"gate": "skipped"}),
    ],
)
def test_a_session_is_closed_without_a_strategy_but_not_without_a_step(
    states: dict[str, str | None], missing: dict[str, str | None]
) -> None:
    assert missing_steps(states, ("signals.a", "signals.b")) == missing


class Waits(StepOperator):
    """A step whose turn does not come."""

    due: datetime | None = None

    def run_step(self, context: Any, session: date, *, dry_run: bool) -> dict[str, int | str]:
        raise NotYet("the first of them, 2025-01-06, was not begun", self.due)


@pytest.mark.parametrize(
    ("minutes", "due_in", "alerts"),
    [
        (4, None, []),
        (6, None, ["WARNING multi_asset 2025-01-10 waits"]),
        (6, 5, []),
        (6, -1, ["WARNING multi_asset 2025-01-10 waits"]),
    ],
    ids=["a while", "long", "long, and due later", "long, and overdue"],
)
def test_a_run_that_waits_for_minutes_is_told_once_with_what_it_waits_for(
    conn: Connection, minutes: int, due_in: int | None, alerts: list[str]
) -> None:
    record = BookRecord("multi_asset", date(2025, 1, 3), date(2023, 1, 3), Decimal("1e5"), "paper", "paper")
    start_book(conn, record)
    with cursor(conn) as cur:
        cur.execute("UPDATE nightdesk.books SET created_at = created_at - interval '1 hour'")
    asked = datetime.now(UTC) - timedelta(minutes=minutes)
    ti = SimpleNamespace(
        dag_id="daily__multi_asset", run_id="manual__1", get_first_reschedule_date=lambda context: asked
    )
    form = {"session": "2025-01-10", "dry_run": False}
    context: Any = {"ti": ti, "params": form, "dag_run": run(None, "2025-01-13 12:00")}
    step = Waits(task_id="settle", step="settle", book="multi_asset", calendar="XNYS")
    step.due = None if due_in is None else datetime.now(UTC) + timedelta(minutes=due_in)
    for _ in range(2):
        with pytest.raises(AirflowRescheduleException):
            step.execute(context)
    told = alerts_of(conn)
    assert [f"{one['level']} {one['subject']}" for one in told] == alerts
    assert all("the first of them, 2025-01-06, was not begun" in one["body"] for one in told)
