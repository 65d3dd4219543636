"""The tasks of the DAG `alerts`: what they ask Airflow, what they tell, what they send."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.fakes.smtp import FakeMail, mail_server

import desk_alerts
from desk_alerts import SendOperator, SweepOperator, raise_alert
from nightdesk.core.calendar import get_calendar
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.db import Connection
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.message_rows import raise_alert as store_alert
from nightdesk.store.run_rows import StoredRun, begin_step

SESSION = date(2025, 1, 3)
NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)


class Instance:
    """A task instance as the operators use it: what each run's tasks are, and what was asked."""

    dag_id, run_id, task_id, try_number = "alerts", "scheduled__1", "sweep", 1

    def __init__(self, states: dict[str, dict[str, str | None]] | None = None) -> None:
        self.states, self.asked = states or {}, []

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str | None]]:
        self.asked.append((dag_id, run_ids))
        return {run_id: self.states[run_id] for run_id in run_ids if run_id in self.states}


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMail]:
    with mail_server(None) as server:
        monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", server.url("ops@example.com"))
        yield server


@pytest.fixture
def begun(conn: Connection) -> Connection:
    """Steps of three runs were begun, and none of their sessions is closed."""
    record = BookRecord("multi_asset", SESSION, date(2023, 1, 3), Decimal("100000.00"), "paper", "paper")
    start_book(conn, record)
    for n in range(3):
        session = get_calendar().shift(SESSION, n)
        run = StoredRun(
            "multi_asset", session, get_calendar().close_at(session), None, "open", "0.1.0", "abc"
        )
        begin_step(conn, run, "targets", f"daily__multi_asset/manual__{n}/targets/1")
    return conn


def swept(ti: Instance) -> dict[str, int]:
    return SweepOperator(task_id="sweep").execute({"ti": ti})


def test_the_sweep_asks_for_the_runs_in_doubt_and_tells_of_their_failures_once(
    begun: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_alerts, "RUNS_ASKED_AT_ONCE", 2)
    ti = Instance(
        {"manual__0": {"targets": "failed", "close": "failed"}, "manual__1": {"targets": "running"}}
    )
    assert [swept(ti)["failures"], swept(ti)["failures"]] == [1, 0]
    assert ti.asked[:2] == [
        ("daily__multi_asset", ["manual__0", "manual__1"]),
        ("daily__multi_asset", ["manual__2"]),
    ]
    [alert] = [one for one in alerts_of(begun) if one["alert_key"].startswith("task:")]
    assert alert["subject"] == "multi_asset 2025-01-03: targets failed"
    assert (
        "Log: http://localhost:8080/dags/daily__multi_asset/runs/manual__0/tasks/targets\n" in alert["body"]
    )


def test_the_sweep_counts_what_it_found(begun: Connection) -> None:
    # The book was only just started: its newest session is given time.
    assert swept(Instance()) == {
        "runs": 3,
        "failures": 0,
        "missing_sessions": 0,
        "late_data": 0,
        "backups": 0,
        "through": 0,
        "feeds": 0,
        "fileless": 0,
    }


def test_what_waits_is_sent_and_a_server_that_is_down_is_no_failure(conn: Connection, mail: FakeMail) -> None:
    store_alert(conn, "one", "INFO", "one", "a body")
    mail.stop()
    assert SendOperator(task_id="send").execute({}) == {"sent": 0, "failed": 1, "waiting": 1}
    store_alert(conn, "two", "CRITICAL", "two", "a body")
    mail.start()
    assert SendOperator(task_id="send").execute({}) == {"sent": 1, "failed": 0, "waiting": 1}
    assert mail.subjects() == ["CRITICAL two"]


def test_alerts_that_are_broken_themselves_are_told_once_a_day(conn: Connection, mail: FakeMail) -> None:
    for _ in range(3):
        raise_alert({"ti": Instance(), "exception": KeyError("states")})
    [alert] = alerts_of(conn)
    assert alert["subject"] == "The task sweep of the DAG alerts fails: failed tasks may go unheard"
    assert "Error: KeyError: 'states'" in alert["body"]
    assert len(mail.received) == 1


@pytest.fixture(scope="module")
def dag() -> ModuleType:
    import alerts

    return alerts


def test_it_runs_every_five_minutes_from_the_start_one_run_at_a_time(dag: ModuleType) -> None:
    made: Any = dag.dag
    assert made.schedule == "*/5 * * * *"
    assert made.is_paused_upon_creation is False
    assert made.max_active_runs == 1
    sweep, runs, send = (made.task_dict[name] for name in ("sweep", "runs", "send"))
    assert send.upstream_task_ids == {"sweep", "runs"}
    # What waits is sent whatever became of the others.
    assert send.trigger_rule == "all_done"
    for task in (sweep, runs, send):
        assert task.priority_weight == 100
        assert timedelta(seconds=desk_alerts.SENDING_SECONDS) < task.execution_timeout


def test_no_dag_file_imports_another() -> None:
    files = sorted((Path(__file__).parents[2] / "dags").glob("*.py"))
    for file in files:
        for other in files:
            text = file.read_text()
            assert f"import {other.stem}\n" not in text
            assert f"from {other.stem} import" not in text
