"""Keys of a run's configuration that nobody knows, in every DAG of the desk."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from nightdesk.core.errors import Refused
from nightdesk.operations.task_failures import FollowUpFailure

RUN = SimpleNamespace(dag_id="daily__multi_asset", run_id="manual__1")
ROOT = Path(__file__).parents[2]
DAILY, RESUME = "daily__multi_asset", "resume__multi_asset"


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    return DagBag(dag_folder=str(ROOT / "dags")).dags


def begins(dag: DAG, task_id: str, conf: dict[str, Any]) -> None:
    """What Airflow does before a task of a run with some configuration is executed."""
    task: Any = dag.get_task(task_id)
    hook = task.partial_kwargs["pre_execute"] if task.is_mapped else task._pre_execute_hook
    if hook is not None:
        hook({"dag": dag, "task": task, "dag_run": SimpleNamespace(conf=conf), "ti": RUN})


@pytest.mark.parametrize(
    ("dag_id", "task", "conf", "said"),
    [
        (DAILY, "ingest", {"sesion": "2025-01-08"}, r"'sesion' \(did you mean 'session'\?\)"),
        (DAILY, "ingest", {"dryrun": True}, r"'dryrun' \(did you mean 'dry_run'\?\)"),
        (DAILY, "ingest", {"Session": "2025-01-08"}, r"'Session' \(did you mean 'session'\?\)"),
        (DAILY, "ingest", {"x": 1, "session": None}, "'x', which nobody knows: known are dry_run, session"),
        (RESUME, "waits", {"reason": "calm"}, "'reason', which nobody knows: this DAG takes none"),
        ("alerts", "sweep", {"dry_run": True}, "'dry_run', which nobody knows"),
        ("fills", "no_real_broker", {"book": "multi_asset"}, "'book', which nobody knows"),
    ],
)
def test_a_key_that_nobody_knows_is_refused_before_anything_is_done_with_the_one_that_was_meant(
    dags: dict[str, DAG], dag_id: str, task: str, conf: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=rf"^{dag_id}: the run's configuration holds {said}") as refused:
        begins(dags[dag_id], task, conf)
    assert not isinstance(refused.value, FollowUpFailure)
    assert "trigger the DAG again" in str(refused.value)


def test_every_task_checks_the_form_and_those_that_follow_the_first_are_no_news(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        for task in dag.tasks:
            with pytest.raises(Refused) as refused:
                begins(dag, task.task_id, {"sesion": "2025-01-08"})
            assert isinstance(refused.value, FollowUpFailure) == bool(task.upstream_task_ids)


@pytest.mark.parametrize("conf", [{}, None, {"session": None, "dry_run": False}, {"session": "2025-01-08"}])
def test_what_the_form_itself_sends_is_taken(dags: dict[str, DAG], conf: Any) -> None:
    begins(dags[DAILY], "ingest", conf)
