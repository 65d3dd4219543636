"""A task that fails for good sends exactly one mail, whoever was killed on the way and whatever was down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

import psutil
import pytest
from tests.end_to_end.desk import Desk, sessions, wait_for, whole_desk
from tests.end_to_end.planted import Planted, files_of, tables_of
from tests.end_to_end.project import FRAGILE, LEAKY_STRATEGY, PLANTED_VARIABLE
from tests.fakes.smtp import PASSWORD, FakeMail, html_of, mail_server, text_of
from tests.fakes.webhook import FakeHook, webhook

from nightdesk.machine import postgres
from nightdesk.machine.environment import login
from nightdesk.store.deliveries import deliveries_of
from nightdesk.store.messages import alerts_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(300)]

DAG = f"daily__{FRAGILE}"
FIRST, SECOND = sessions(2)
SECRET, TOKEN = "planted-secret-of-an-account", "Planted0Token0of0a0webhook"
OPS = "ops@example.com"
KILLED = "its process ended without a word: killed, or out of memory"


@dataclass
class Watched:
    """A desk whose alerts lead to a mail server and a webhook."""

    desk: Desk
    mail: FakeMail
    hook: FakeHook
    failures: int = 0

    def mails(self, task: str, session: date = SECOND) -> list[str]:
        """The texts of the mails about a failed task, in the order in which they arrived."""
        about = f"{FRAGILE} {session}: {task} failed"
        return [text_of(got) for _, got in self.mail.received if about in got["Subject"]]

    def swept_and_sent(self) -> None:
        """One run of the DAG that tells what failed unheard and sends what waits."""
        run = self.desk.airflow.trigger("alerts")
        (ended,) = self.desk.airflow.wait("alerts", [run], timeout=60)
        assert ended.state == "success"

    def run_id(self, session: date = SECOND) -> str:
        return next(one.run_id for one in self.desk.airflow.runs(DAG) if one.session == session)

    @contextmanager
    def about_to_fail(self) -> Iterator[psutil.Process]:
        """The process of the second session's task `targets`, which waits for a table within the block."""
        assert len(self.mails("targets")) == self.failures
        self.failures += 1
        airflow = self.desk.airflow
        runs = {one.session: one.run_id for one in airflow.runs(DAG)}
        if FIRST not in runs:
            airflow.wait(DAG, [airflow.trigger(DAG, FIRST)], timeout=120)
        with self.desk.held("targets"):
            if SECOND in runs:
                airflow.clear(DAG, runs[SECOND], ["targets"])
            else:
                airflow.trigger(DAG, SECOND)
            (task,) = self.desk.await_blocked(SECOND, "targets", book=FRAGILE)
            yield task

    def await_end(self, timeout: float = 60) -> None:
        """Wait until the run of the second session has failed."""
        (ended,) = self.desk.airflow.wait(DAG, [self.run_id()], timeout=timeout)
        assert ended.state == "failed"
        assert self.desk.airflow.task_states(DAG, ended.run_id)["targets"] == "failed"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with mail_server(tmp_path_factory.mktemp("mail")) as mail, webhook() as hook:
        settings = {
            PLANTED_VARIABLE: SECRET,
            "NIGHTDESK_ALERT_MAIL": mail.url(OPS),
            "NIGHTDESK_ALERT_CHAT": hook.url(TOKEN),
        }
        with whole_desk(settings) as desk:
            desk.switch_on(FRAGILE)
            desk.airflow.await_dag("alerts")
            yield Watched(desk, mail, hook)


def kill(*processes: psutil.Process) -> None:
    for one in processes:
        one.kill()
    for one in processes:
        wait_for(lambda one=one: None if is_alive(one) else True, 30, f"process {one.pid} lives on")


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_a_task_that_fails_for_good_sends_one_mail_that_says_all_and_nothing_secret(watched: Watched) -> None:
    run = watched.desk.airflow.trigger(DAG, FIRST)
    (ended,) = watched.desk.airflow.wait(DAG, [run], timeout=120)
    # One strategy of two has failed: the session goes on without it, and is closed.
    assert ended.state == "success"
    task = f"signals.{LEAKY_STRATEGY}"
    watched.swept_and_sent()
    [(to, got)] = watched.mail.received
    assert to == OPS
    assert got["Subject"] == f"CRITICAL {FRAGILE} {FIRST}: {task} failed"
    link = f"{watched.desk.airflow.address}/dags/{DAG}/runs/{quote(run)}/tasks/{task}?try_number=1"
    assert text_of(got).splitlines()[:6] == [
        f"Book: {FRAGILE}",
        f"Session: {FIRST}",
        f"Task: {task} of {DAG}, run {run}",
        "Try: 1",
        "Error: RuntimeError: 401 for ***",
        f"Log: {link}",
    ]
    assert f'<a href="{link}">' in html_of(got)
    assert "RuntimeError: 401 for ***" in watched.desk.airflow.task_log(DAG, run, task)
    assert len(watched.hook.received) == 1


@pytest.mark.slow  # tests/dags/test_desk_failure.py and test_desk_refusals.py show it without a scheduler
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


@pytest.mark.slow  # waits for Airflow's own time-outs; who tells what is in tests/pipeline/test_failures.py
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


@pytest.mark.slow  # waits for Airflow's own time-outs; who tells what is in tests/pipeline/test_failures.py
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


@pytest.mark.slow  # waits for Airflow's own time-outs; who tells what is in tests/pipeline/test_failures.py
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
