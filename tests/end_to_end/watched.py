"""A desk whose alerts lead to a mail server and a webhook, and a book whose tasks fail for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil
from tests.end_to_end.desk import Desk, sessions, wait_for, whole_desk
from tests.end_to_end.project import FRAGILE, PLANTED_VARIABLE
from tests.fakes.smtp import FakeMail, mail_server, text_of
from tests.fakes.webhook import FakeHook, webhook

DAG = f"daily__{FRAGILE}"
FIRST, SECOND = sessions(2)
SECRET, TOKEN = "planted-secret-of-an-account", "Planted0Token0of0a0webhook"
OPS = "ops@example.com"
KILLED = "its process ended without a word: killed, or out of memory"


@dataclass
class Watched:
    """A desk, its mail server and its webhook."""

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


@contextmanager
def watched_desk(folder: Path) -> Iterator[Watched]:
    """Such a desk, gone at the end; the mail server's certificate is kept in `folder`."""
    with mail_server(folder) as mail, webhook() as hook:
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
