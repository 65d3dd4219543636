"""DAGs of the shape of others whose tasks do nothing: what Airflow itself takes for as many tasks.

They import nothing of the desk. A task that would do nothing by Airflow's own short cut gets no process there
either.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator

#: A JSON object: by DAG id the tasks, each with what it comes after; missing until the benchmark knows it.
SHAPES = Path(os.environ["NIGHTDESK_BENCHMARK_SHAPES"])
FIRST = datetime.fromisoformat("2025-01-01T00:00:00+00:00")


class NothingOperator(BaseOperator):
    """A process of its own, in which nothing happens."""

    def execute(self, context: Any) -> dict[str, int]:
        return {"nothing": 0}


def floor_of(dag_id: str, tasks: Mapping[str, Mapping[str, Any]]) -> DAG:
    """A DAG of that shape, a run for each day."""
    with DAG(
        dag_id, schedule="@daily", start_date=FIRST, catchup=False, max_active_runs=8, tags=["benchmark"]
    ) as dag:
        for task_id, task in tasks.items():
            kind = EmptyOperator if task["operator"] == "EmptyOperator" else NothingOperator
            kind(task_id=task_id, trigger_rule=task["trigger_rule"])
        for task_id, task in tasks.items():
            for after in task["downstream"]:
                dag.set_dependency(task_id, after)
    return dag


if SHAPES.exists():
    globals().update({name: floor_of(name, tasks) for name, tasks in json.loads(SHAPES.read_text()).items()})
