"""Airflow's own metrics, by Airflow's own code, with the settings that `.env.example` shows."""

import os
import re
import subprocess
import sys

import pytest
from tests.fakes.otlp import PATH, FakeReceiver
from tests.metrics.prometheus_server import PROJECT
from tests.metrics.test_prometheus_queries import panels

pytest.importorskip("airflow")

#: What Airflow's scheduler, and a process of a task, count; by the functions and names of Airflow's own code.
SENDS = """
import os, time
from airflow.observability import stats
from airflow.observability.metrics.stats_utils import get_stats_factory
stats.initialize(factory=get_stats_factory(), export_legacy_names=False)
stats.incr("scheduler_heartbeat", 1, 1)
for name in ("executor.running_tasks", "executor.queued_tasks", "executor.open_slots"):
    stats.gauge(name, 3)
stats.gauge("pool.open_slots", 2, tags={"pool_name": "yahoo"})
stats.gauge("dag_processing.import_errors", 0)
stats.incr("ti.finish", tags={"dag_id": "d", "task_id": "t", "state": "success"})
stats.timing("task.duration", 12.0, tags={"dag_id": "d", "task_id": "t"})
time.sleep(1)
"""


def settings() -> dict[str, str]:
    """The lines of `.env.example` that switch Airflow's metrics on."""
    found = re.findall(
        r"^#((?:AIRFLOW__METRICS|OTEL)_\w+)=(.*)$", (PROJECT / ".env.example").read_text(), re.M
    )
    return {name: value.strip("'") for name, value in found}


def test_airflow_sends_what_the_dashboards_ask_for_and_nothing_of_single_tasks(tmp_path):
    asked = {name for _, query in panels() for name in re.findall(r"\bairflow_\w+", query)}
    assert asked
    said = settings()
    assert said["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] == f"http://prometheus:9090{PATH}"
    with FakeReceiver() as receiver:
        subprocess.run(
            [sys.executable, "-c", SENDS],
            env={
                **os.environ,
                **said,
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": receiver.url + PATH,
                "OTEL_METRIC_EXPORT_INTERVAL": "300",
                "AIRFLOW_HOME": str(tmp_path),
            },
            check=True,
            timeout=100,
            capture_output=True,
        )
    assert asked <= receiver.names()
    # Each process is an instance of its own: series of tasks would be new ones with every task.
    assert receiver.names() == asked
    assert len(receiver.instances()) == 1
