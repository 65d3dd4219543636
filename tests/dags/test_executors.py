"""Airflow can give the desk's tasks to workers, and no task is taken from one that still does it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

from nightdesk.machine.celery_settings import CELERY_SETTINGS

ROOT = Path(__file__).parents[2]
LOADED = (
    "from airflow.providers.celery.executors.celery_executor import CeleryExecutor; print(CeleryExecutor)"
)


def test_the_pinned_libraries_fit_one_another_for_workers_of_celery(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env=os.environ | {"AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_message_is_given_to_another_worker_only_after_the_longest_task_would_have_ended() -> None:
    waits = int(CELERY_SETTINGS["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"])
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    longest = max(task.execution_timeout.total_seconds() for dag in bag.dags.values() for task in dag.tasks)
    assert longest < waits
