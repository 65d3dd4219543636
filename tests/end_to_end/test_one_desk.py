"""A book goes from bars to orders under a real scheduler, the same whatever befalls its tasks."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from tests.end_to_end.desk import DAG, Desk, sessions, wait_for

from nightdesk.calendar import get_calendar
from nightdesk.store.messages import alerts_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(400)]

FIRST, SECOND, THIRD = sessions(3)
NEXT = get_calendar().shift(get_calendar().latest_completed(datetime.now(UTC)), 1)


def states(desk: Desk, session: date) -> dict[str, str | None]:
    (run,) = (run for run in desk.airflow.runs(DAG) if run.session == session)
    return desk.airflow.task_states(DAG, run.run_id)


def run_of(desk: Desk, session: date) -> str:
    (run,) = (run.run_id for run in desk.airflow.runs(DAG) if run.session == session)
    return run


def test_a_session_goes_from_bars_to_a_closed_row_and_stores_what_one_clean_pass_stores(desk: Desk) -> None:
    assert desk.decide(FIRST) == ["success"]
    assert set(states(desk, FIRST).values()) == {"success"}
    stored = desk.stored()
    assert stored == desk.reference([FIRST])
    assert all(
        stored[table]
        for table in ("bars", "factors", "regimes", "signals", "targets", "portfolio", "reports")
    )
    assert (desk.home.state / "reports").is_dir()


def test_a_session_that_is_cleared_and_run_again_writes_nothing(desk: Desk) -> None:
    before = desk.stored()
    run = run_of(desk, FIRST)
    desk.airflow.clear(DAG, run)
    (ended,) = desk.airflow.wait(DAG, [run])
    assert ended.state == "success"
    assert desk.stored() == before
    assert desk.attempts(FIRST, "orders") == ["done", "compared"]


def test_a_task_that_is_killed_while_it_sends_an_order_is_tried_again_and_sends_it_once(desk: Desk) -> None:
    with desk.sending(SECOND) as (run, task):
        task.kill()
        wait_for(lambda: None if task.is_running() else True, 30, "the task lives on")
    (ended,) = desk.airflow.wait(DAG, [run], timeout=180)
    assert ended.state == "success"
    assert desk.attempts(SECOND, "submit") == ["running", "done"]
    assert desk.stored() == desk.reference([FIRST, SECOND])


def test_two_attempts_that_are_alive_at_once_send_each_order_once(desk: Desk) -> None:
    with desk.sending(THIRD) as (run, orphan):
        orphan.parent().kill()
        desk.await_blocked(THIRD, "submit", processes=2)
        assert orphan.is_running()
    (ended,) = desk.airflow.wait(DAG, [run], timeout=180)
    assert ended.state == "success"
    assert len(desk.attempts(THIRD, "submit")) >= 2
    assert desk.stored() == desk.reference([FIRST, SECOND, THIRD])


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (date(2025, 1, 9), "2025-01-09 is not a session of XNYS"),
        (date(2025, 1, 2), "lies before 2025-01-03, the first session of book multi_asset"),
        (NEXT, "is not over: its bars are known from"),
    ],
    ids=["a holiday", "before the inception", "not over"],
)
def test_a_day_that_cannot_be_decided_fails_at_once_with_the_reason_and_an_alert(
    desk: Desk, session: date, said: str
) -> None:
    run = desk.airflow.trigger(DAG, session)
    (ended,) = desk.airflow.wait(DAG, [run], timeout=90)
    assert ended.state == "failed"
    assert said in desk.airflow.task_log(DAG, run, "ingest")
    with desk.database() as connection:
        alerts = {alert["alert_key"]: alert["body"] for alert in alerts_of(connection)}
    assert said in alerts[f"task:{DAG}/{run}/ingest/1"]
