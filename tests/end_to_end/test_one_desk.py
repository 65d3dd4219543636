"""A book goes from bars to orders under a real scheduler, the same whatever befalls its tasks."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from tests.end_to_end.desk import DAG, Desk, sessions, wait_for
from tests.end_to_end.project import SILENT_STRATEGY, TWO_VOICES, VENDOR, WRONG
from tests.fakes.yahoo import SERVER_ERROR, UNAUTHORIZED

from nightdesk.calendar import get_calendar
from nightdesk.store.messages import alerts_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(400)]

FIRST, SECOND, THIRD = sessions(3)
NEXT = get_calendar().shift(get_calendar().latest_completed(datetime.now(UTC)), 1)


def states(desk: Desk, session: date) -> dict[str, str | None]:
    return desk.airflow.task_states(DAG, run_of(desk, session))


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
    desk.has_decided(FIRST)
    before = desk.stored()
    run = run_of(desk, FIRST)
    desk.airflow.clear(DAG, run)
    (ended,) = desk.airflow.wait(DAG, [run])
    assert ended.state == "success"
    assert desk.stored() == before
    assert desk.attempts(FIRST, "orders") == ["done", "compared"]


@pytest.mark.slow  # the kill matrix kills at every statement, without a scheduler
def test_a_task_that_is_killed_while_it_sends_an_order_is_tried_again_and_sends_it_once(desk: Desk) -> None:
    desk.has_decided(FIRST)
    with desk.sending(SECOND) as (run, task):
        task.kill()
        wait_for(lambda: None if task.is_running() else True, 30, "the task lives on")
    (ended,) = desk.airflow.wait(DAG, [run], timeout=180)
    assert ended.state == "success"
    assert desk.attempts(SECOND, "submit") == ["running", "done"]
    assert desk.stored() == desk.reference([FIRST, SECOND])


@pytest.mark.slow  # tests/matrices/test_race.py lets two processes send at once, without a scheduler
def test_two_attempts_that_are_alive_at_once_send_each_order_once(desk: Desk) -> None:
    desk.has_decided(FIRST, SECOND)
    with desk.sending(THIRD) as (run, orphan):
        orphan.parent().kill()
        desk.await_blocked(THIRD, "submit", processes=2)
        assert orphan.is_running()
    (ended,) = desk.airflow.wait(DAG, [run], timeout=180)
    assert ended.state == "success"
    assert len(desk.attempts(THIRD, "submit")) >= 2
    assert desk.stored() == desk.reference([FIRST, SECOND, THIRD])


#: Days that cannot be decided, and what is said of them.
UNDECIDABLE = {
    date(2025, 1, 9): "2025-01-09 is not a session of XNYS",
    date(2025, 1, 2): "lies before 2025-01-03, the first session of book multi_asset",
    NEXT: "is not over: its bars are known from",
}


@pytest.fixture(scope="module")
def undecidable(desk: Desk) -> dict[date, str]:
    """The runs of these days, which go on side by side."""
    return {session: desk.airflow.trigger(DAG, session) for session in UNDECIDABLE}


@pytest.mark.slow  # tests/dags/test_desk_failure.py lets the tasks refuse such days, without a scheduler
@pytest.mark.parametrize(
    ("session", "said"),
    UNDECIDABLE.items(),
    ids=["a holiday", "before the inception", "not over"],
)
def test_a_day_that_cannot_be_decided_fails_at_once_with_the_reason_and_an_alert(
    desk: Desk, undecidable: dict[date, str], session: date, said: str
) -> None:
    run = undecidable[session]
    (ended,) = desk.airflow.wait(DAG, [run], timeout=90)
    assert ended.state == "failed"
    assert said in desk.airflow.task_log(DAG, run, "ingest")
    with desk.database() as connection:
        alerts = {alert["alert_key"]: alert["body"] for alert in alerts_of(connection)}
    assert said in alerts[f"task:{DAG}/{run}/ingest/1"]


@pytest.mark.slow  # so do tests/pipeline/test_bad_input.py and tests/dags/test_retries.py
def test_a_vendor_that_fails_is_asked_again_later_and_one_that_refuses_fails_the_task_at_once(
    desk: Desk,
) -> None:
    dag = desk.switch_on(VENDOR)
    for symbol in ("SPY", "^VIX"):
        desk.vendor.always(symbol, SERVER_ERROR)
    run = desk.airflow.trigger(dag, FIRST)
    wait_for(
        lambda: desk.airflow.task_states(dag, run)["ingest"] == "up_for_retry" or None,
        90,
        "no pause for a retry",
    )
    for symbol in ("SPY", "^VIX"):
        desk.vendor.always(symbol, UNAUTHORIZED)
    (ended,) = desk.airflow.wait(dag, [run], timeout=120)
    assert ended.state == "failed"
    assert desk.attempts(FIRST, "ingest", VENDOR) == ["failed", "failed"]
    assert "Transient: no source gave a bar" in desk.airflow.task_log(dag, run, "ingest", 1)
    refused = desk.airflow.task_log(dag, run, "ingest", 2)
    assert "no source gave a bar" in refused
    assert "Traceback" not in refused
    with desk.database() as connection:
        alerts = {alert["alert_key"]: alert["body"] for alert in alerts_of(connection, VENDOR)}
    assert "the server refuses access (401)" in alerts[f"task:{dag}/{run}/ingest/2"]


def test_a_wrong_book_has_a_dag_that_fails_at_once_with_what_is_wrong_and_an_alert(desk: Desk) -> None:
    dag = desk.switch_on(WRONG)
    run = desk.airflow.trigger(dag, FIRST)
    (ended,) = desk.airflow.wait(dag, [run], timeout=90)
    assert ended.state == "failed"
    assert desk.airflow.task_states(dag, run) == {"book": "failed"}
    said = f"{WRONG}.yaml: universe.SPY.max_weight: found -0.4"
    assert said in desk.airflow.task_log(dag, run, "book")
    with desk.database() as connection:
        alerts = {alert["alert_key"]: alert["body"] for alert in alerts_of(connection, WRONG)}
    assert said in alerts[f"task:{dag}/{run}/book/1"]


def test_a_strategy_that_fails_is_told_and_the_session_goes_on_without_it(desk: Desk) -> None:
    dag = desk.switch_on(TWO_VOICES)
    run = desk.airflow.trigger(dag, FIRST)
    (ended,) = desk.airflow.wait(dag, [run], timeout=120)
    assert ended.state == "success"
    silent = f"signals.{SILENT_STRATEGY}"
    found = desk.airflow.task_states(dag, run)
    assert {task for task, state in found.items() if state != "success"} == {silent}
    assert found[silent] == "failed"
    with desk.database() as connection:
        told = {alert["subject"] for alert in alerts_of(connection, TWO_VOICES)}
    assert told == {f"{TWO_VOICES} {FIRST}: {silent} failed"}
