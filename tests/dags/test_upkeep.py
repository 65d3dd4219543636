"""The DAG that keeps a desk small: three parts that stand by themselves, on from the start."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.dags.conftest import ROOT

import desk_upkeep
from nightdesk.machine import upkeep as parts_of
from nightdesk.machine.home import Home
from nightdesk.machine.whole_desk import DESK_DAGS
from nightdesk.store.db import Connection
from nightdesk.store.message_rows import alerts_of


@pytest.fixture(scope="module")
def upkeep() -> ModuleType:
    import upkeep

    return upkeep


def test_it_is_on_from_the_start_and_has_a_task_for_each_part_that_waits_for_no_other(
    upkeep: ModuleType,
) -> None:
    dag: Any = upkeep.dag
    assert "upkeep" in DESK_DAGS
    assert dag.is_paused_upon_creation is False
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert dag.params["keep_days"] == parts_of.KEPT_DAYS
    assert set(dag.task_dict) == set(parts_of.parts(Home(ROOT, ROOT), {}))
    assert all(not task.upstream_task_ids for task in dag.task_dict.values())
    assert all(task.execution_timeout.total_seconds() > parts_of.CLEANING_SECONDS for task in dag.tasks)


def test_a_task_does_its_part_and_says_what_it_removed(
    upkeep: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    said = upkeep.dag.task_dict["logs"].execute({"params": {"keep_days": 3}})
    assert "deleted 0 logs of tasks older than 3 days" in said


def test_a_part_that_fails_is_told_once_a_day(conn: Connection) -> None:
    ti = SimpleNamespace(dag_id="upkeep", run_id="r", task_id="airflow", try_number=2)
    for _ in range(2):
        desk_upkeep.raise_alert({"ti": ti, "exception": ValueError("no room")})
    [alert] = alerts_of(conn)
    assert alert["level"] == "WARNING"
    assert alert["subject"] == "The upkeep of airflow fails: it grows until that is mended"
    assert "no room" in alert["body"]
