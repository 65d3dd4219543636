"""The DAG that keeps a desk small and copied, and the one that shows that a copy serves."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.dags.conftest import ROOT

import desk_upkeep
from nightdesk.core.errors import Refused
from nightdesk.machine import upkeep as parts_of
from nightdesk.machine.drill import DrillFailed
from nightdesk.machine.home import Home
from nightdesk.machine.whole_desk import DESK_DAGS
from nightdesk.operations import integrity
from nightdesk.operations.integrity import BookVerified, DoesNotVerify
from nightdesk.operations.verify import Mismatch, Verified
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


@pytest.fixture(scope="module")
def drill() -> ModuleType:
    import drill

    return drill


def test_the_drill_is_on_from_the_start_and_runs_each_week(drill: ModuleType) -> None:
    dag: Any = drill.dag
    assert "drill" in DESK_DAGS
    assert dag.is_paused_upon_creation is False
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert dag.timetable._expression == "0 6 * * 0"
    assert (dag.params["backup"], dag.params["decisions"]) == ("newest", 5)


def test_a_drill_that_fails_fails_its_task_and_is_told_once(
    drill: ModuleType, conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_BACKUP", str(tmp_path / "none"))
    task = drill.dag.task_dict["drill"]
    with pytest.raises(DrillFailed, match="there is no backup in") as raised:
        task.execute({"params": {"backup": "newest", "decisions": 5}})
    ti = SimpleNamespace(dag_id="drill", run_id="r", task_id="drill", try_number=1)
    desk_upkeep.raise_alert({"ti": ti, "exception": raised.value})
    assert [(one["level"], one["alert_key"].split()[0]) for one in alerts_of(conn)] == [("CRITICAL", "drill")]


def test_a_backup_that_fails_is_told_by_itself_alone(
    upkeep: ModuleType, conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_BACKUP", "/proc/none")
    with pytest.raises(Refused, match="cannot be made") as raised:
        upkeep.dag.task_dict["backup"].execute({"params": {"keep_days": 90}})
    ti = SimpleNamespace(dag_id="upkeep", run_id="r", task_id="backup", try_number=5)
    desk_upkeep.raise_alert({"ti": ti, "exception": raised.value})
    assert [one["subject"] for one in alerts_of(conn)] == ["the desk: backups fail"]


def test_ledgers_that_do_not_verify_are_an_emergency_and_no_second_mail(
    upkeep: ModuleType, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Verified(1, 2, (Mismatch(date(2026, 11, 20), "cash", Decimal(1), Decimal(2)),))
    monkeypatch.setattr(integrity, "verify_all", lambda conn: (BookVerified("multi_asset", wrong),))
    with pytest.raises(DoesNotVerify, match="cash: rebuilt 1, stored 2") as raised:
        upkeep.dag.task_dict["integrity"].execute({"params": {"keep_days": 90}})
    ti = SimpleNamespace(dag_id="upkeep", run_id="r", task_id="integrity", try_number=1)
    desk_upkeep.raise_alert({"ti": ti, "exception": raised.value})
    [alert] = alerts_of(conn)
    assert alert["level"] == "EMERGENCY"
    assert "2026-11-20 cash: rebuilt 1, stored 2" in alert["body"]
