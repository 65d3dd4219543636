"""Two DAGs of the daily DAG's shape, to measure it against.

The tasks of `imports` only import what the tasks of the daily DAG import; those of `empty` do nothing.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, get_parsing_context

from daily import daily
from nightdesk.session.books import read_book

BOOK = Path(os.environ["NIGHTDESK_ROOT"]) / "books" / "multi_asset.yaml"
#: A JSON object: by task id, the modules that the task has loaded when it ends.
MODULES = Path(os.environ["NIGHTDESK_BENCHMARK_MODULES"])


class ImportOperator(BaseOperator):
    """Imports modules and ends."""

    def __init__(self, *, modules: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.modules = tuple(modules)

    def execute(self, context: Any) -> dict[str, int]:
        for name in self.modules:
            # Parts of compiled modules are listed as modules, but come with their whole alone.
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        return {"modules": len(self.modules)}


def shaped(dag_id: str, modules: Mapping[str, Sequence[str]]) -> DAG:
    """A DAG with the tasks and the wiring of the daily one."""
    original = daily(read_book(BOOK))
    with DAG(dag_id, schedule=None, catchup=False, params=original.params, tags=["benchmark"]) as dag:
        for task in original.topological_sort():
            settings = {"task_id": task.task_id, "trigger_rule": task.trigger_rule, "pool": task.pool}
            if not isinstance(task, EmptyOperator):
                ImportOperator(modules=modules.get(task.task_id, ()), outlets=task.outlets, **settings)
            else:
                EmptyOperator(**settings)
        for task in original.tasks:
            for above in task.upstream_task_ids:
                dag.set_dependency(above, task.task_id)
    return dag


if get_parsing_context().dag_id in {None, "imports", "empty"}:
    imports = shaped("imports", json.loads(MODULES.read_text()))
    empty = shaped("empty", {})
