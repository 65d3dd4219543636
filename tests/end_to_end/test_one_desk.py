"""A book goes from bars to orders under a real scheduler, the same whatever befalls its tasks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.parse import quote

import pytest
from tests.end_to_end.desk import DAG, Desk, sessions, wait_for
from tests.end_to_end.planted import Planted, files_of, tables_of
from tests.end_to_end.project import FRAGILE, LEAKY_STRATEGY, SILENT_STRATEGY, TWO_VOICES, VENDOR, WRONG
from tests.end_to_end.watched import DAG as FRAGILE_DAG
from tests.end_to_end.watched import KILLED, OPS, SECRET, TOKEN, Watched, kill, watched_desk
from tests.fakes.smtp import PASSWORD, html_of, text_of
from tests.fakes.yahoo import SERVER_ERROR, UNAUTHORIZED, chart_of

from nightdesk.core.calendar import get_calendar
from nightdesk.machine import postgres
from nightdesk.store.message_rows import alerts_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(400)]

FIRST, SECOND, THIRD = sessions(3)
NEXT = get_calendar().shift(get_calendar().latest_completed(datetime.now(UTC)), 1)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_desk(tmp_path_factory.mktemp("mail")) as running:
        yield running


@pytest.fixture(scope="module")
def desk(watched: Watched) -> Desk:
    return watched.desk


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


@pytest.mark.slow  # so do tests/session/test_bad_input.py and tests/dags/test_retries.py
def test_a_vendor_that_fails_is_asked_again_later_and_one_that_refuses_fails_the_task_at_once(
    desk: Desk,
) -> None:
    dag = desk.switch_on(VENDOR)
    for symbol in ("SPY", "^VIX"):
        desk.vendor.always(chart_of(symbol), SERVER_ERROR)
    run = desk.airflow.trigger(dag, FIRST)
    wait_for(
        lambda: desk.airflow.task_states(dag, run)["ingest"] == "up_for_retry" or None,
        90,
        "no pause for a retry",
    )
    for symbol in ("SPY", "^VIX"):
        desk.vendor.always(chart_of(symbol), UNAUTHORIZED)
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


def test_a_task_that_fails_for_good_sends_one_mail_that_says_all_and_nothing_secret(watched: Watched) -> None:
    run = watched.desk.airflow.trigger(FRAGILE_DAG, FIRST)
    (ended,) = watched.desk.airflow.wait(FRAGILE_DAG, [run], timeout=120)
    # One strategy of two has failed: the session goes on without it, and is closed.
    assert ended.state == "success"
    task = f"signals.{LEAKY_STRATEGY}"
    watched.swept_and_sent()
    [(to, got)] = [one for one in watched.mail.received if FRAGILE in one[1]["Subject"]]
    assert to == OPS
    assert got["Subject"] == f"CRITICAL {FRAGILE} {FIRST}: {task} failed"
    link = f"{watched.desk.airflow.address}/dags/{FRAGILE_DAG}/runs/{quote(run)}/tasks/{task}?try_number=1"
    assert text_of(got).splitlines()[:6] == [
        f"Book: {FRAGILE}",
        f"Session: {FIRST}",
        f"Task: {task} of {FRAGILE_DAG}, run {run}",
        "Try: 1",
        "Error: RuntimeError: 401 for ***",
        f"Log: {link}",
    ]
    assert f'<a href="{link}">' in html_of(got)
    assert "RuntimeError: 401 for ***" in watched.desk.airflow.task_log(FRAGILE_DAG, run, task)
    assert sum(FRAGILE in body for _, body in watched.hook.received) == 1


def test_a_task_that_was_killed_on_its_last_try_is_told_in_one_mail(watched: Watched) -> None:
    known = len(watched.mails("targets"))
    with watched.about_to_fail() as task:
        kill(task)
        watched.await_end()
    watched.swept_and_sent()
    [text] = watched.mails("targets")[known:]
    assert ", the newest that is recorded\n" in text
    assert f"Error: {KILLED}" in text
    # That the session cannot be closed follows from it.
    assert watched.mails("close") == []


def test_no_planted_secret_is_found_in_a_log_a_table_or_a_message(watched: Watched) -> None:
    planted = Planted({"secret": SECRET, "token": TOKEN, "password": PASSWORD})
    desk = watched.desk
    mails = [(f"mail {n}", got.as_string()) for n, (_, got) in enumerate(watched.mail.received)]
    posts = [(f"post {n}", body) for n, (_, body) in enumerate(watched.hook.received)]
    assert mails
    assert posts
    texts = [*files_of(desk.home.logs, desk.home.reports), *mails, *posts]
    for name in postgres.DATABASES:
        with desk.database(name) as connection:
            texts += tables_of(connection)
    assert sum(len(text) for _, text in texts) > 100_000
    assert planted.places(texts) == []
