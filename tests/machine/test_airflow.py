"""A desk's Airflow on a real scheduler, with a DAG of its own in a project of its own."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil
import psycopg2
import pytest
from tests.end_to_end.desk import STILL_FILES

from nightdesk.core.errors import Refused, Transient
from nightdesk.machine import airflow as airflow_module
from nightdesk.machine import parts, postgres
from nightdesk.machine.airflow import COMPONENTS, Airflow
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.home import Home
from nightdesk.machine.processes import lives
from nightdesk.metrics.airflow_signs import airflow_samples

PROJECT = Path(__file__).resolve().parents[2]

DAG = '''
"""Says what a task of the desk finds around it."""
import os
import sys
from datetime import UTC, datetime

from airflow.sdk import Param, dag, task


@dag(schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False,
     params={"session": Param(None, type=["null", "string"]), "fail": Param(False, type="boolean")})
def around():
    @task
    def look(params=None):
        print("DATABASE", os.environ["NIGHTDESK_DATABASE_URL"])
        print("PRELOADED", "pandas" in sys.modules, "nightdesk" in sys.modules)
        if params["fail"]:
            raise ValueError("asked to fail")

    @task
    def after():
        print("after")

    look() >> after()


around()
'''

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Stand:
    airflow: Airflow
    addresses: postgres.Addresses
    environ: dict[str, str]
    taken: int

    def states(self) -> dict[str, str]:
        """How its parts stand, looked at from outside."""
        own = {
            postgres.DATABASE_VARIABLE: self.addresses.nightdesk,
            postgres.AIRFLOW_VARIABLE: self.addresses.airflow,
        }
        return {part.name: part.state for part in parts.look(self.airflow.home, self.environ | own)}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    root = tmp_path_factory.mktemp("project")
    (root / "dags").mkdir()
    (root / "plugins").mkdir()
    (root / "dags" / "around.py").write_text(DAG)
    shutil.copytree(PROJECT / "config", root / "config", ignore=shutil.ignore_patterns("__pycache__"))
    home = Home(root=root, state=root / ".nightdesk")
    with socket.socket() as occupant, postgres.ephemeral() as addresses:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        taken = occupant.getsockname()[1]
        environ = {**os.environ, **STILL_FILES, "NIGHTDESK_WEB_PORT": str(taken)}
        airflow = Airflow(home, addresses, environ)
        try:
            airflow.start()
            airflow.await_dag("around")
            airflow.unpause("around")
            yield Stand(airflow, addresses, environ, taken)
        finally:
            airflow.stop()


def test_it_stands_healthy_on_the_next_free_port_when_its_own_is_taken(stand: Stand) -> None:
    assert set(stand.airflow.process_ids()) == set(COMPONENTS)
    assert set(stand.airflow.health().values()) == {"healthy"}
    port = int(stand.airflow.address.rsplit(":", 1)[1])
    assert stand.taken < port < stand.taken + 50


def test_the_figures_for_prometheus_show_its_signs_of_life(stand: Stand) -> None:
    found = {(one.name, *one.labels.values()): one.value for one in airflow_samples(stand.airflow.address)}
    assert found["nightdesk_airflow_up",] == 1
    for part in ("scheduler", "dag_processor", "triggerer"):
        assert found["nightdesk_airflow_healthy", part] == 1
        assert time.time() - found["nightdesk_airflow_heartbeat_timestamp_seconds", part] < 60
    assert found["nightdesk_airflow_healthy", "metadatabase"] == 1


def test_starting_it_again_is_quick_and_changes_nothing(stand: Stand) -> None:
    before = stand.airflow.process_ids()
    started = time.monotonic()
    again = Airflow(stand.airflow.home, stand.addresses, stand.environ)
    again.start()
    assert time.monotonic() - started < 5
    assert again.process_ids() == before
    assert again.address == stand.airflow.address


def test_a_task_finds_the_desks_database_and_the_desk_with_all_it_imports_preloaded(
    stand: Stand,
) -> None:
    run = stand.airflow.trigger("around", date(2026, 3, 2))
    (ended,) = stand.airflow.wait("around", [run], timeout=90)
    assert (ended.state, ended.session, ended.run_type) == ("success", date(2026, 3, 2), "manual")
    log = stand.airflow.task_log("around", run, "look")
    assert f"DATABASE {stand.addresses.nightdesk}" in log
    assert "PRELOADED True True" in log


def test_backfilled_runs_carry_their_sessions_and_are_not_made_twice(stand: Stand) -> None:
    span = {date(2026, 3, day) for day in (9, 10, 11)}
    stand.airflow.backfill("around", min(span), max(span))
    wanted = [run.run_id for run in stand.airflow.runs("around") if run.session in span]
    ended = stand.airflow.wait("around", wanted, timeout=120)
    assert {(run.session, run.state, run.run_type) for run in ended} == {
        (session, "success", "backfill") for session in span
    }


def test_a_failed_task_shows_its_exception_and_runs_again_when_it_is_cleared(stand: Stand) -> None:
    run = stand.airflow.trigger("around", date(2026, 3, 3), {"fail": True})
    (ended,) = stand.airflow.wait("around", [run], timeout=90)
    assert ended.state == "failed"
    assert stand.airflow.task_states("around", run) == {"look": "failed", "after": "upstream_failed"}
    assert "ValueError: asked to fail" in stand.airflow.task_log("around", run, "look")
    assert stand.airflow.clear("around", run, ["look"]) == ["after", "look"]
    (again,) = stand.airflow.wait("around", [run], timeout=90)
    assert again.state == "failed"
    assert "ValueError: asked to fail" in stand.airflow.task_log("around", run, "look", attempt=2)


def test_waiting_for_what_never_ends_names_it(stand: Stand) -> None:
    with pytest.raises(Transient, match="never made"):
        stand.airflow.wait("around", ["no such run"], timeout=0.1)


def test_a_dag_that_is_not_there_is_refused_with_its_name(stand: Stand) -> None:
    with pytest.raises(Refused, match="'absent'"):
        stand.airflow.await_dag("absent", timeout=0.1)


def test_a_killed_scheduler_is_seen_and_started_again_and_what_it_left_behind_is_ended(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stand.airflow.process_ids()
    scheduler = psutil.Process(before["scheduler"])
    workers = scheduler.children(recursive=True)
    assert workers
    assert stand.states() == dict.fromkeys(["postgres", *COMPONENTS], "well")
    os.kill(scheduler.pid, signal.SIGKILL)
    scheduler.wait()
    assert stand.states() == dict.fromkeys(["postgres", *COMPONENTS], "well") | {"scheduler": "dead"}
    monkeypatch.setattr(airflow_module, "subprocess", None)  # nothing has to be migrated for it
    stand.airflow.start()
    after = stand.airflow.process_ids()
    assert after.pop("scheduler") != before.pop("scheduler")
    assert after == before
    assert [worker for worker in workers if lives(worker)] == []
    run = stand.airflow.trigger("around", date(2026, 3, 4))
    assert [ended.state for ended in stand.airflow.wait("around", [run], timeout=90)] == ["success"]


@pytest.mark.slow
def test_what_a_killed_database_takes_along_is_started_again(stand: Stand) -> None:
    cluster = Cluster(Path(psycopg2.extensions.parse_dsn(stand.addresses.airflow)["host"]), durable=False)
    server = int((cluster.data / "postmaster.pid").read_text().split()[0])
    os.kill(server, signal.SIGKILL)
    cluster.start(())
    stand.airflow.start()
    running = stand.airflow.process_ids()
    assert set(running) == set(COMPONENTS)
    run = stand.airflow.trigger("around", date(2026, 3, 5))
    assert [ended.state for ended in stand.airflow.wait("around", [run], timeout=90)] == ["success"]
    assert stand.airflow.process_ids() == running


def test_stopping_ends_its_processes_and_leaves_the_database_alone(stand: Stand) -> None:
    family = [psutil.Process(pid) for pid in stand.airflow.process_ids().values()]
    family += [child for process in family for child in process.children(recursive=True)]
    assert set(stand.airflow.stop()) == set(COMPONENTS)
    assert [process for process in family if lives(process)] == []
    assert stand.airflow.stop() == []
    assert postgres.is_alive(stand.addresses.airflow)
