"""Workers of Celery: what is said of a broker or of workers that are not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.brokered import Broker, broker
from tests.compose_file import settings_of
from tests.conftest import open_connection

from nightdesk.core.errors import Refused, Transient
from nightdesk.machine.celery_settings import CELERY_SETTINGS, RESULTS_VARIABLE, uses_celery
from nightdesk.machine.environment import SETTINGS, airflow_environment
from nightdesk.machine.home import Home
from nightdesk.machine.postgres import AIRFLOW_VARIABLE, DATABASE_VARIABLE, Addresses
from nightdesk.machine.workers import (
    become_worker,
    check_broker,
    names_of_workers,
    parts_of_celery,
    worker_command,
)
from nightdesk.store.code_rows import announce_code
from nightdesk.version import code_version

CELERY = {"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}
#: Nothing listens on the discard port.
NOBODY = "redis://:planted-password@127.0.0.1:9/0"


@pytest.fixture(scope="module")
def redis() -> Iterator[Broker]:
    with broker() as running:
        yield running


@pytest.mark.parametrize(
    ("executor", "celery"),
    [
        (None, False),
        ("LocalExecutor", False),
        ("CeleryExecutor", True),
        ("LocalExecutor,CeleryExecutor", True),
        ("airflow.providers.celery.executors.celery_executor.CeleryExecutor", True),
        ("LocalExecutor, quick:CeleryExecutor", True),
        ("CeleryKubernetesExecutor", False),
    ],
)
def test_celery_is_used_where_airflow_is_told_so(executor: str | None, celery: bool) -> None:
    environ = {} if executor is None else {"AIRFLOW__CORE__EXECUTOR": executor}
    assert uses_celery(environ) is celery


def test_a_desk_with_a_local_executor_is_asked_nothing() -> None:
    check_broker({})
    assert parts_of_celery({"AIRFLOW__CELERY__BROKER_URL": NOBODY}) == []


@pytest.mark.parametrize(
    ("environ", "error", "words"),
    [
        (
            CELERY,
            Refused,
            "AIRFLOW__CELERY__BROKER_URL names no broker: set it to that of one, such as redis://",
        ),
        (
            CELERY | {"AIRFLOW__CELERY__BROKER_URL": NOBODY},
            Transient,
            "does not answer: redis://:\\*\\*@127.0.0.1:9",
        ),
        (
            CELERY | {"AIRFLOW__CELERY__BROKER_URL": "nonsense://planted-password@x"},
            Refused,
            "is not an address of a broker",
        ),
    ],
    ids=["none named", "none there", "no address"],
)
def test_a_broker_that_is_not_there_is_told_without_its_password(
    environ: Mapping[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        check_broker(environ)
    assert "planted-password" not in str(raised.value)
    broker_part, workers = parts_of_celery(environ)
    assert (broker_part.state, workers.state) == ("unwell", "doubt")


def test_a_wrong_password_is_told(redis: Broker) -> None:
    environ = CELERY | {"AIRFLOW__CELERY__BROKER_URL": redis.url.replace(redis.password, "planted-password")}
    with pytest.raises(Transient, match=r"does not answer: .*password") as raised:
        check_broker(environ)
    assert "planted-password" not in str(raised.value)


def test_a_broker_without_workers_is_no_well_desk(redis: Broker) -> None:
    environ = CELERY | {"AIRFLOW__CELERY__BROKER_URL": redis.url}
    check_broker(environ)
    assert names_of_workers(environ) == []
    broker_part, workers = parts_of_celery(environ)
    assert broker_part.state == "well"
    assert (workers.state, workers.words) == (
        "dead",
        "none answers, so no task is begun: start one with `nightdesk worker`",
    )


def test_workers_report_to_the_desks_own_database_unless_told_otherwise(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "root", state=tmp_path / "state")
    addresses = Addresses("postgresql://d@h/nightdesk", "postgresql://d@h/airflow")
    found = airflow_environment(home, addresses, "127.0.0.1", 8080, CELERY)
    assert found[RESULTS_VARIABLE] == "db+postgresql+psycopg2://d@h/airflow"
    assert {name: found[name] for name in CELERY_SETTINGS} == CELERY_SETTINGS
    own = CELERY | {RESULTS_VARIABLE: "redis://r", "AIRFLOW__CELERY__WORKER_CONCURRENCY": "3"}
    found = airflow_environment(home, addresses, "127.0.0.1", 8080, own)
    assert (found[RESULTS_VARIABLE], found["AIRFLOW__CELERY__WORKER_CONCURRENCY"]) == ("redis://r", "3")
    assert not [name for name in airflow_environment(home, addresses, "h", 1, {}) if "CELERY" in name]


def test_the_command_of_a_worker_names_it_and_how_much_it_does_at_once() -> None:
    command = worker_command(CELERY_SETTINGS, None, None)
    assert command[1:5] == ["-m", "airflow", "celery", "worker"]
    assert command[command.index("--concurrency") + 1] == "8"
    other = worker_command(CELERY_SETTINGS, "second", 2)
    assert other[other.index("--celery-hostname") + 1 :] == ["second", "--concurrency", "2"]


def test_a_worker_of_a_desk_without_workers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__CORE__EXECUTOR", raising=False)
    with pytest.raises(Refused, match="set AIRFLOW__CORE__EXECUTOR=CeleryExecutor"):
        become_worker()


def test_a_worker_of_a_desk_that_is_down_or_has_newer_code_is_refused(
    redis: Broker, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(root=tmp_path, state=tmp_path / "state")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", redis.url)
    monkeypatch.setenv(AIRFLOW_VARIABLE, database)
    with open_connection(database) as conn:
        announce_code(conn, code_version())
        announce_code(conn, "0.1.0+0123456789ab")
    with pytest.raises(Refused, match=r"and the desk's is 0\.1\.0\+0123456789ab: bring it up to date"):
        become_worker(home=home)
    monkeypatch.setenv(DATABASE_VARIABLE, "postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(Transient, match="start the desk first, `nightdesk up`"):
        become_worker(home=home)


def test_compose_says_of_celery_what_the_desk_says(redis: Broker) -> None:
    compose = settings_of("worker", redis.variables)
    assert {name: compose[name] for name in CELERY_SETTINGS} == CELERY_SETTINGS
    shared = SETTINGS.keys() & compose.keys() - {"AIRFLOW__CORE__EXECUTOR", "AIRFLOW__CORE__PARALLELISM"}
    assert {name: compose[name] for name in shared} == {name: SETTINGS[name] for name in shared}
