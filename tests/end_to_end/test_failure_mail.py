"""A task that fails for good sends exactly one mail, whoever was killed on the way and whatever was down.

The shortest of these are in tests/end_to_end/test_one_desk.py, beside others of one Airflow; those
here wait for Airflow's own time-outs. Who tells what is in tests/operations/test_task_failures.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import psutil
import pytest
from tests.end_to_end.desk import Desk, wait_for
from tests.end_to_end.project import FRAGILE
from tests.end_to_end.watched import DAG, KILLED, SECOND, Watched, kill, watched_desk
from tests.fakes.smtp import text_of

from nightdesk.machine.environment import login
from nightdesk.store.delivery_rows import deliveries_of
from nightdesk.store.message_rows import alerts_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_desk(tmp_path_factory.mktemp("mail")) as desk:
        yield desk


# Without a scheduler tests/dags/test_desk_failure.py and test_desk_refusals.py show it.
def test_a_weekend_in_the_form_is_one_warning_to_who_asked_and_one_line_of_the_log(watched: Watched) -> None:
    airflow, weekend = watched.desk.airflow, date(2025, 1, 4)
    run = airflow.trigger(DAG, weekend)
    (ended,) = airflow.wait(DAG, [run], timeout=120)
    assert (ended.state, airflow.task_states(DAG, run)["close"]) == ("failed", "failed")
    watched.swept_and_sent()
    [got] = [got for _, got in watched.mail.received if f"{weekend}" in got["Subject"]]
    assert got["Subject"] == f"WARNING {FRAGILE} {weekend}: what was asked for is refused"
    assert f"Asked by: {login(watched.desk.home).username}" in text_of(got)
    log = airflow.task_log(DAG, run, "ingest")
    [said] = [line for line in log.splitlines() if "is not a session" in line]
    assert said.startswith(f"Task failed with exception: {weekend} is not a session of XNYS")


def test_a_task_whose_supervisor_was_killed_too_is_told_in_one_mail(watched: Watched) -> None:
    """The supervisor runs no callback then; the DAG processor does, twice, after the run may have ended."""
    known = len(watched.mails("targets"))
    with watched.about_to_fail() as task:
        kill(task.parent(), task)
        watched.await_end()
    wait_for(lambda: callbacks(watched.desk) or None, 60, "the DAG processor runs no callback")
    watched.swept_and_sent()
    [text] = watched.mails("targets")[known:]
    assert f"Error: {KILLED}" in text


def callbacks(desk: Desk) -> int:
    """How many callbacks of failed tasks the DAG processor has run."""
    logs = (path.read_text() for path in (desk.home.logs / "parsing").rglob("*.log"))
    return sum(text.count("Executing Task callback") for text in logs)


def test_with_the_dag_processor_killed_as_well_and_the_mail_server_down_the_mail_arrives_once_it_is_up(
    watched: Watched,
) -> None:
    known = len(watched.mails("targets"))
    with watched.about_to_fail() as task:
        watched.mail.stop()
        kill(psutil.Process(watched.desk.airflow.process_ids()["dag-processor"]), task.parent(), task)
        watched.await_end()
    with watched.desk.database() as connection:
        alert = alerts_of(connection, FRAGILE)[0]
        [failed] = [
            one
            for one in deliveries_of(connection, [alert["alert_id"]])[alert["alert_id"]]
            if one.route == "mail"
        ]
    assert alert["subject"] == f"{FRAGILE} {SECOND}: targets failed"
    assert (failed.times_sent, "refused" in failed.last_error) == (0, True)
    watched.mail.start()
    watched.desk.airflow.start()
    wait_for(
        lambda: watched.swept_and_sent() or watched.mails("targets")[known:] or None, 90, "no mail arrives"
    )
    watched.swept_and_sent()
    [text] = watched.mails("targets")[known:]
    assert f"Error: {KILLED}" in text


def test_when_the_last_task_was_killed_too_the_sweep_tells(watched: Watched) -> None:
    known = len(watched.mails("targets"))
    with watched.about_to_fail() as task, watched.desk.held("alerts"):
        kill(task)
        kill(wait_for(lambda: close_that_waits(watched.desk), 60, "close does not tell"))
        watched.await_end()
    assert watched.mails("targets")[known:] == []
    for _ in range(2):
        watched.swept_and_sent()
    [text] = watched.mails("targets")[known:]
    assert f"Error: {KILLED}" in text


def close_that_waits(desk: Desk) -> psutil.Process | None:
    """The process of the task `close`, when it waits to write an alert."""
    with desk.database() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'nightdesk' AND wait_event_type = 'Lock' "
            "AND query LIKE 'INSERT INTO nightdesk.alerts %'"
        )
        (waiting,) = cursor.fetchone()
    found = desk.task_processes()
    return found[0] if waiting and len(found) == 1 else None
