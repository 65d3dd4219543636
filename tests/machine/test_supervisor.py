"""Killing each process of a whole desk in the middle of a run: it comes back by itself, and it is told once.

The desk is `nightdesk up --foreground`, begun again by the test where it was killed, as systemd would do it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import psutil
import psycopg2
import pytest
from tests.clock import set_clock
from tests.end_to_end.desk import environment, sessions, wait_for
from tests.end_to_end.project import BOOK, lay_out
from tests.fakes.watchdog import FakeWatchdog, watchdog

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.machine import parts, postgres, supervisor, waiting, whole_desk
from nightdesk.machine.airflow import COMPONENTS, Airflow
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.home import Home
from nightdesk.machine.processes import lives
from nightdesk.store.connection import connect
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.migrations import migrate

pytestmark = [pytest.mark.slow, pytest.mark.end_to_end, pytest.mark.timeout(900)]

DAG = f"daily__{BOOK}"
#: In so many seconds a killed desk has to be back by itself; longer on a machine that others keep busy.
BACK_SECONDS = 60.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1) / 2.0)
FIRST, *LATER = sessions(20)
SESSIONS = iter(LATER)


@dataclass
class Machine:
    """A desk on a machine of its own, whose supervisor is a process of the test."""

    home: Home
    environ: dict[str, str]
    outside: FakeWatchdog
    log: Path
    process: subprocess.Popen[bytes] | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def up(self) -> None:
        """What systemd does: begin the supervisor, again where it was killed."""
        if self.process is not None:
            self.process.wait()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nightdesk", "up", "--foreground"],
                env=self.environ,
                cwd=self.home.root,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def airflow(self) -> Airflow:
        return Airflow(self.home, postgres.addresses(self.home, self.environ), self.environ)

    def process_ids(self) -> dict[str, int]:
        """All processes of the desk by their part."""
        found = {
            "postgres": Cluster(self.home.postgres).server(),
            supervisor.NAME: supervisor.process_id(self.home),
        }
        return {name: pid for name, pid in found.items() if pid is not None} | self.airflow.process_ids()

    def is_well(self) -> bool:
        seen = parts.look(self.home, self.environ)
        return supervisor.process_id(self.home) is not None and all(part.state == "well" for part in seen)

    def await_well(self, timeout: float) -> float:
        """Seconds until all parts are well."""
        began = time.monotonic()
        wait_for(lambda: self.is_well() or None, timeout, "the desk does not come back")
        return time.monotonic() - began

    def begin_run(self) -> str:
        """Trigger the next session, and wait until a task of it runs; the run."""
        session = next(SESSIONS)
        url = postgres.addresses(self.home, self.environ).nightdesk
        set_clock(url, get_calendar().known_from(session) + timedelta(minutes=1))
        run = self.airflow.trigger(DAG, session)
        wait_for(
            lambda: "running" in self.airflow.task_states(DAG, run).values() or None,
            120,
            "no task of it runs",
        )
        return run

    def end_of(self, run: str) -> str:
        """Wait for the end of a run, across a server that is away; its state."""

        def ended() -> str | None:
            with suppress(Transient):
                (found,) = [one for one in self.airflow.runs(DAG) if one.run_id == run]
                return found.state if found.finished else None
            return None

        return wait_for(ended, 420, f"{run} does not end")

    def messages_since(self, before: int) -> list[str]:
        """What the watchdog outside was told, once the desk pings it again: then the event is over."""
        pings = self.outside.pings
        wait_for(lambda: self.outside.pings > pings or None, 150, "no ping says that all is well again")
        return self.outside.messages[before:]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-machine-"))
    home = Home(root=folder / "project", state=folder / "state")
    lay_out(home.root)
    for path in (home.root / "books").glob("*.yaml"):
        if path.stem != BOOK:
            path.unlink()
    with watchdog() as outside:
        environ = home.environment(environment()) | {"NIGHTDESK_HEARTBEAT_URL": outside.url}
        addresses = postgres.start(home, environ)
        with closing(connect(addresses.nightdesk)) as connection:
            migrate(connection)
        set_clock(addresses.nightdesk, get_calendar().known_from(FIRST) + timedelta(minutes=1))
        made = Machine(home, environ, outside, folder / "machine.log")
        try:
            made.up()
            made.await_well(240)
            # It had the book decide the first session, in the way of `nightdesk up`.
            wait_for(lambda: _decided(made, FIRST), 300, "the supervisor's `up` did not decide")
            yield made
            print("seconds until all parts were well:", {k: round(v, 1) for k, v in made.seconds.items()})
        finally:
            whole_desk.down(home=home)
            if made.process is not None:
                made.process.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


def _decided(machine: Machine, session: date) -> bool | None:
    with suppress(Transient):
        return {run.session: run.state for run in machine.airflow.runs(DAG)}.get(session) == "success" or None
    return None


@pytest.mark.parametrize("part", ["postgres", *COMPONENTS, supervisor.NAME, "all of them"])
def test_a_desk_of_which_a_process_is_killed_in_the_middle_of_a_run_comes_back_and_ends_the_run(
    machine: Machine, part: str
) -> None:
    machine.await_well(120)
    before, told = machine.process_ids(), len(machine.outside.messages)
    assert set(before) == {"postgres", supervisor.NAME, *COMPONENTS}
    workers = psutil.Process(before["scheduler"]).children(recursive=True)
    run = machine.begin_run()
    # The supervisor first: it must not see the others die.
    killed = [part] if part in before else sorted(before, key=lambda name: name != supervisor.NAME)
    for name in killed:
        os.kill(before[name], signal.SIGKILL)
    began = time.monotonic()
    if supervisor.NAME in killed:
        machine.up()
    wait_for(lambda: set(killed).isdisjoint(_still(before)) or None, 10, "a killed process lives")
    machine.await_well(BACK_SECONDS)
    machine.seconds[part] = time.monotonic() - began
    assert machine.seconds[part] < BACK_SECONDS
    after = machine.process_ids()
    assert all(after[name] != before[name] for name in killed)
    assert machine.end_of(run) == "success"
    (message,) = machine.messages_since(told)
    for name in killed:
        assert name in message
    if "scheduler" in killed:
        assert [worker for worker in workers if lives(worker)] == []


def _still(before: dict[str, int]) -> set[str]:
    return {name for name, pid in before.items() if psutil.pid_exists(pid) and lives(psutil.Process(pid))}


def test_a_machine_that_sleeps_wakes_with_the_same_processes_and_says_nothing(machine: Machine) -> None:
    machine.await_well(120)
    before, told = machine.process_ids(), len(machine.outside.messages)
    family = [psutil.Process(pid) for pid in before.values()]
    family += [child for one in family for child in one.children(recursive=True)]
    for one in family:
        one.suspend()
    time.sleep(45)  # longer than Airflow calls a part healthy without a sign of life
    for one in family:
        one.resume()
    machine.await_well(BACK_SECONDS)
    assert machine.messages_since(told) == []
    assert machine.process_ids() == before


def test_up_says_address_and_login_first_and_ends_with_what_waits_and_what_to_paste(machine: Machine) -> None:
    lines = machine.log.read_text().splitlines()
    web, decides, table, waits, page, trace, status = (
        next(at for at, line in enumerate(lines) if line.startswith(begin))
        for begin in (
            "web UI  http://127.0.0.1:",
            f"· {DAG}:",
            "session     regime",
            "nothing is stopped, degraded or unacknowledged",
            f"page    {machine.home.reports / BOOK / f'{FIRST}.html'}",
            f"try     nightdesk trace {BOOK} {FIRST} ",
            f"try     nightdesk status {BOOK}",
        )
    )
    assert lines[web + 1].startswith("login   admin / ")
    assert web < decides < table < waits < page < trace < status


def test_up_names_a_book_that_does_not_come_on_and_leaves_it_to_its_runs(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.await_well(120)
    session = next(SESSIONS)
    for name, value in machine.environ.items():
        monkeypatch.setenv(name, value)
    url = postgres.addresses(machine.home, machine.environ).nightdesk
    set_clock(url, get_calendar().known_from(session) + timedelta(minutes=1))
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 45.0)
    # Not in autocommit: the lock lasts as long as the transaction that took it.
    with closing(psycopg2.connect(url)) as holder:
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE nightdesk.targets IN SHARE MODE")
        lines: list[str] = []
        with pytest.raises(
            Refused, match=f"{BOOK}: not decided yet: the run of {session} is running"
        ) as told:
            whole_desk.up(lines.append, home=machine.home)
    assert "targets running" in str(told.value)
    assert f"try     nightdesk status {BOOK}" in lines
    wait_for(lambda: _decided(machine, session), 300, "it did not go on by itself")


def test_the_people_of_the_desk_are_told_too(machine: Machine) -> None:
    with closing(connect(postgres.addresses(machine.home, machine.environ).nightdesk)) as connection:
        subjects = [row["subject"] for row in alerts_of(connection) if row["book"] is None]
    assert any(
        one.startswith("the supervisor") and one.endswith("died; all is well again") for one in subjects
    )


def test_health_says_it_from_outside_and_a_desk_that_was_taken_down_stays_down(machine: Machine) -> None:
    def health() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nightdesk", "health"],
            env=machine.environ, cwd=machine.home.root, capture_output=True, text=True, check=False,
        )  # fmt: skip

    machine.await_well(120)
    found = health()
    assert found.returncode == 0, found.stdout
    for name, pid in machine.process_ids().items():
        assert f"{name}: process {pid}" in found.stdout
    assert machine.process is not None
    stopped = whole_desk.down(home=machine.home)
    assert machine.process.wait(60) == 0
    assert set(stopped) == {"postgres", supervisor.NAME, *COMPONENTS}
    found = health()
    assert found.returncode == 1
    assert "DEAD    supervisor: does not run, the desk was taken down" in found.stdout
    assert "DEAD    scheduler: does not run" in found.stdout
    assert machine.process_ids() == {}
