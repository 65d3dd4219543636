"""A desk that lives for years: logs rotate, what is old goes, what is in flight or decided stays."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from nightdesk.core.errors import Refused, Transient
from nightdesk.machine import postgres, upkeep
from nightdesk.machine.home import Home
from nightdesk.machine.upkeep import AIRFLOW_TABLES, clean_airflow, clean_logs, keep_up, rotate


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path, state=tmp_path / "state")
    made.make_private()
    return made


def written(path: Path, text: str, days_ago: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    for one in (path, path.parent):
        os.utime(one, (time.time() - days_ago * 86400,) * 2)
    return path


def test_a_log_that_is_too_long_is_emptied_and_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "dag-processor.log"
    with path.open("ab", buffering=0) as daemon:
        for number in range(6):
            daemon.write(b"%d" % number * 20)
            assert rotate(path, limit=10, kept=3)
        daemon.write(b"new")
        assert not rotate(path, limit=10, kept=3)
    assert path.read_text() == "new"
    kept = {one.name: one.read_text()[0] for one in tmp_path.iterdir() if one != path}
    assert kept == {f"{path.name}.1": "5", f"{path.name}.2": "4", f"{path.name}.3": "3"}


def test_logs_are_deleted_by_age_and_the_words_say_how_many(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LOG_BYTES", 10)
    written(home.logs / "scheduler.log", "x" * 20)
    old = written(home.logs / "tasks" / "dag_id=a" / "run_id=1" / "attempt=1.log", "x" * 2**20, 91)
    new = written(home.logs / "tasks" / "dag_id=a" / "run_id=2" / "attempt=1.log", "x", 89)
    parsed = written(home.logs / "parsing" / "2026-01-01" / "daily.py.log", "x", 8)
    said = clean_logs(home, {})
    assert "scheduler.log" in said
    assert "deleted 1 logs of tasks older than 90 days and 1 of parsing, 1.0 MB" in said
    assert new.exists()
    assert not old.parent.exists()
    assert not parsed.exists()
    assert (home.logs / "tasks").is_dir()


def test_a_part_that_fails_leaves_the_others_and_is_named(home: Home, database: str) -> None:
    done, failed = keep_up(home, {"NIGHTDESK_DATABASE_URL": database})
    assert set(done) == {"logs", "findings", "data_docs", "backup", "integrity", "feeds"}
    assert [path.suffix for path in sorted((home.state / "backups").iterdir())] == [".dump", ".json"]
    assert done["integrity"] == "verified: no book"
    assert done["feeds"] == "sources: none was asked; 0 alerts raised"
    [line] = failed
    assert line.startswith("airflow: where Airflow's tables are is not known")
    assert "NIGHTDESK_AIRFLOW_DATABASE_URL" in line
    with pytest.raises(Refused, match="at least the last day"):
        upkeep.parts(home, {}, 0)


def test_a_database_of_airflow_that_does_not_answer_is_a_passing_fault(home: Home) -> None:
    with pytest.raises(Transient, match="cannot be reached"):
        clean_airflow(home, {"NIGHTDESK_AIRFLOW_DATABASE_URL": "postgresql://127.0.0.1:1/airflow"})


YEAR_OF_ROWS = """
INSERT INTO dag_bundle (name, active) VALUES ('b', true) ON CONFLICT DO NOTHING;
INSERT INTO dag (dag_id, is_paused, is_stale, bundle_name, max_active_tasks, max_consecutive_failed_dag_runs,
                 has_task_concurrency_limits, timetable_type, partition_mapper_info)
VALUES ('alerts', false, false, 'b', 16, 0, false, '', '{}');
INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, logical_date, start_date, end_date,
                     queued_at, clear_number, log_template_id, updated_at, span_status)
SELECT 'alerts', 'scheduled__' || n, 'scheduled', 'success', t, t, t, t, t, 0, 1, t, 'ended'
FROM generate_series(0, 365 * 288 - 1) n, LATERAL (SELECT now() - n * interval '5 minutes' AS t) at;
INSERT INTO task_instance (id, task_id, dag_id, run_id, map_index, state, start_date, end_date, try_number,
                           max_tries, pool, pool_slots, updated_at, span_status)
SELECT gen_random_uuid(), task, dag_id, run_id, -1, 'success', start_date, end_date, 1, 0, 'default_pool', 1,
       start_date, 'ended'
FROM dag_run, unnest(ARRAY['sweep', 'send']) AS task;
INSERT INTO log (dttm, dag_id, task_id, event, run_id)
SELECT start_date, dag_id, task_id, 'success', run_id FROM task_instance;
INSERT INTO job (state, job_type, start_date, end_date, latest_heartbeat)
SELECT 'success', 'SchedulerJob', t, t, t
FROM generate_series(0, 364) n, LATERAL (SELECT now() - n * interval '1 day' AS t) at;
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_year_of_airflows_rows_is_cleaned_and_what_is_unfinished_stays(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.ephemeral() as addresses:
        environ = {**os.environ, "AIRFLOW_HOME": str(home.airflow), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = addresses.airflow_sqlalchemy
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(command, env=environ, check=True, capture_output=True, timeout=900)
        connection = psycopg2.connect(addresses.airflow)
        connection.autocommit = True
        with connection.cursor() as cur:
            cur.execute(YEAR_OF_ROWS)
            # A run that waits for a person since before the others: it and all after it stay.
            cur.execute("UPDATE dag_run SET state = 'running' WHERE run_id = 'scheduled__' || (200 * 288)")
        # As Airflow leaves the environment of a task's process: without the way to its database.
        monkeypatch.setenv("AIRFLOW_HOME", str(home.airflow))
        for name in ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__SQL_ALCHEMY_CONN"):
            monkeypatch.setenv(name, "airflow-db-not-allowed:///")
        monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")
        here = {"NIGHTDESK_AIRFLOW_DATABASE_URL": addresses.airflow}
        began = time.monotonic()
        spared = clean_airflow(home, here)
        print(f"\nspared, {time.monotonic() - began:.0f} s: {spared}")
        assert "which is unfinished" in spared
        with connection.cursor() as cur:
            cur.execute("SELECT min(start_date) FROM dag_run")
            kept = datetime.now(UTC) - (cur.fetchone() or (None,))[0]
            assert timedelta(days=199) < kept < timedelta(days=201)
            cur.execute("UPDATE dag_run SET state = 'success'")
        began = time.monotonic()
        said = clean_airflow(home, here)
        print(f"whole, {time.monotonic() - began:.0f} s: {said}")
        with connection.cursor() as cur:
            for name in ("dag_run", "task_instance", "log"):
                assert name in AIRFLOW_TABLES
                column = "dttm" if name == "log" else "start_date"
                cur.execute(f"SELECT count(*), now() - min({column}) FROM {name}")
                rows, oldest = cur.fetchone() or (0, None)
                assert 90 * 288 <= rows <= 2 * 91 * 288
                assert oldest <= timedelta(days=90, minutes=10)
            cur.execute("VACUUM FULL")
            cur.execute("SELECT pg_database_size(current_database()) / 1048576.0")
            print(f"after VACUUM FULL: {(cur.fetchone() or (0,))[0]:.1f} MB")
            cur.execute("SELECT count(*) FROM pg_class WHERE relname LIKE '\\_airflow\\_deleted%'")
            assert cur.fetchone() == (0,)
        connection.close()


#: Rows of every kind that a run leaves, each once of a year ago and once of an hour ago.
TRACES = """
INSERT INTO dag_bundle (name, active) VALUES ('b', true) ON CONFLICT DO NOTHING;
INSERT INTO dag (dag_id, is_paused, is_stale, bundle_name, max_active_tasks, max_consecutive_failed_dag_runs,
                 has_task_concurrency_limits, timetable_type, partition_mapper_info)
VALUES ('daily', false, false, 'b', 16, 0, false, '', '{}');
INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, logical_date, start_date, end_date,
                     queued_at, clear_number, log_template_id, updated_at, span_status)
SELECT 'daily', age, 'scheduled', 'success', t, t, t, t, t, 0, 1, t, 'ended' FROM ages;
INSERT INTO task_instance (id, task_id, dag_id, run_id, map_index, state, start_date, end_date, try_number,
                           max_tries, pool, pool_slots, updated_at, span_status)
SELECT gen_random_uuid(), 'settle', 'daily', age, -1, 'success', t, t, 2, 0, 'default_pool', 1, t, 'ended'
FROM ages;
INSERT INTO task_instance_history (task_instance_id, task_id, dag_id, run_id, map_index, state, start_date,
                                   end_date, try_number, max_tries, pool, pool_slots, updated_at, span_status)
SELECT gen_random_uuid(), task_id, dag_id, run_id, -1, 'failed', start_date, end_date, 1, 0, 'default_pool',
       1, start_date, 'ended' FROM task_instance;
INSERT INTO xcom (dag_run_id, task_id, map_index, key, dag_id, run_id, value, timestamp)
SELECT id, 'settle', -1, 'return_value', dag_id, run_id, '{}', start_date FROM dag_run;
INSERT INTO celery_taskmeta (id, task_id, status, date_done) SELECT n, age, 'SUCCESS', t FROM ages;
INSERT INTO celery_tasksetmeta (id, taskset_id, date_done) SELECT n, age, t FROM ages;
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_kind_of_row_that_a_run_leaves_goes_with_age_those_of_celery_too(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from celery.backends.database.session import ResultModelBase
    from sqlalchemy import create_engine

    with postgres.ephemeral() as addresses:
        environ = {**os.environ, "AIRFLOW_HOME": str(home.airflow), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = addresses.airflow_sqlalchemy
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(command, env=environ, check=True, capture_output=True, timeout=900)
        engine = create_engine(addresses.airflow_sqlalchemy)
        ResultModelBase.metadata.create_all(engine)
        engine.dispose()
        connection = psycopg2.connect(addresses.airflow)
        connection.autocommit = True
        names = (
            "dag_run",
            "task_instance",
            "task_instance_history",
            "xcom",
            "celery_taskmeta",
            "celery_tasksetmeta",
        )
        with connection.cursor() as cur:
            cur.execute(
                "CREATE TEMPORARY TABLE ages AS SELECT n, age, now() - ago AS t FROM (VALUES "
                "(1, 'old', interval '1 year'), (2, 'new', interval '1 hour')) AS given (n, age, ago)"
            )
            cur.execute(TRACES)
        monkeypatch.setenv("AIRFLOW_HOME", str(home.airflow))
        said = clean_airflow(home, {"NIGHTDESK_AIRFLOW_DATABASE_URL": addresses.airflow})
        with connection.cursor() as cur:
            for name in names:
                assert f"{name} 1" in said
                cur.execute(f"SELECT count(*) FROM {name}")
                assert cur.fetchone() == (1,), name
        connection.close()
