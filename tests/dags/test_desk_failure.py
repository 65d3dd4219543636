"""What is kept of a task that failed: one alert, and a session that is not called closed."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import RetryAction

from desk_failure import CloseOperator, raise_alert
from desk_step import RETRY_POLICY, StepOperator
from nightdesk.errors import Refused, Transient
from nightdesk.store import db
from nightdesk.store.messages import alerts_of
from nightdesk.store.runs import find_run, newest_attempts

BOOK, SESSION = "multi_asset", date(2025, 1, 3)
NAMED = {"book": BOOK, "calendar": "XNYS"}
NOWHERE = "postgresql://desk:secret@127.0.0.1:9/desk"


class Instance:
    """A task instance as the operators and callbacks use it."""

    dag_id, run_id, task_id, try_number = "daily__multi_asset", "manual__1", "gate", 5

    def __init__(self, states: dict[str, str | None] | None = None, task: Any = None) -> None:
        self.states, self.task = states or {}, task

    def get_task_states(self, **_: object) -> dict[str, dict[str, str | None]]:
        return {self.run_id: self.states}


def context(**fields: object) -> Any:
    form = {"session": SESSION.isoformat(), "dry_run": False}
    return {"params": form, "dag_run": SimpleNamespace(logical_date=None), **fields}


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))


def alerts(conn: db.Connection) -> list[tuple[str, str]]:
    return sorted((alert["subject"], alert["body"]) for alert in alerts_of(conn, BOOK))


def test_a_failed_try_is_told_once_however_often_the_callback_runs(conn: db.Connection) -> None:
    task = StepOperator(task_id="gate", step="gate", **NAMED)
    for _ in range(2):
        raise_alert(context(ti=Instance(task=task), exception=Refused("no targets")))
    assert alerts(conn) == [
        (
            "multi_asset 2025-01-03: gate failed",
            "gate of daily__multi_asset, run manual__1, try 5: no targets",
        )
    ]


def test_without_an_exception_the_alert_says_that_the_process_ended_without_a_word(
    conn: db.Connection,
) -> None:
    task = StepOperator(task_id="gate", step="gate", **NAMED)
    raise_alert(context(ti=Instance(task=task)))
    [(_, body)] = alerts(conn)
    assert body.endswith("its process ended without a word: killed, or out of memory")


def test_an_alert_that_cannot_be_written_hides_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(db.DATABASE_VARIABLE, NOWHERE)
    task = StepOperator(task_id="gate", step="gate", **NAMED)
    with caplog.at_level(logging.ERROR, logger="nightdesk.dag"):
        raise_alert(context(ti=Instance(task=task), exception=Refused("no targets")))
    assert "alert_not_written dag=daily__multi_asset run=manual__1 task=gate" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.usefixtures("reports")
def test_close_raises_what_callbacks_missed_and_leaves_an_incomplete_session_open(
    conn: db.Connection,
) -> None:
    states = {"ingest": "success", "gate": "failed", "orders": "upstream_failed", "close": "running"}
    ti = Instance(states)
    ti.task_id = "close"
    close = CloseOperator(task_id="close", **NAMED)
    for _ in range(2):
        with pytest.raises(Refused, match="is not closed: gate failed, orders upstream_failed"):
            close.execute(context(ti=ti))
    assert [subject for subject, _ in alerts(conn)] == ["multi_asset 2025-01-03: gate failed"]
    run = find_run(conn, BOOK, SESSION)
    assert run is not None
    assert run.status == "failed"


@pytest.mark.usefixtures("reports")
def test_a_step_whose_database_cannot_be_reached_is_tried_again_and_says_where_it_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(db.DATABASE_VARIABLE, NOWHERE)
    step = StepOperator(task_id="ingest", step="ingest", **NAMED)
    with pytest.raises(
        Transient, match=r"PostgreSQL at desk@127\.0\.0\.1:9/desk cannot be reached"
    ) as raised:
        step.execute(context(ti=Instance()))
    assert "secret" not in str(raised.value)
    decision = RETRY_POLICY.evaluate(raised.value, try_number=1, max_tries=4)
    assert decision.action is RetryAction.DEFAULT


@pytest.mark.usefixtures("reports")
@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"session": "2025-01-09"}, "2025-01-09 is not a session of XNYS"),
        ({"session": "tomorrow"}, "session: found 'tomorrow'; expected a date"),
        ({"session": "2190-01-02"}, "is outside the XNYS calendar"),
    ],
)
def test_a_step_that_is_asked_for_no_session_fails_at_once_and_stores_nothing(
    conn: db.Connection, form: dict[str, str], said: str
) -> None:
    step = StepOperator(task_id="ingest", step="ingest", **NAMED)
    with pytest.raises(Refused, match=said) as raised:
        step.execute(context(ti=Instance(), params=form | {"dry_run": False}))
    assert RETRY_POLICY.evaluate(raised.value, try_number=1, max_tries=4).action is RetryAction.FAIL
    with db.cursor(conn) as cursor:
        cursor.execute("SELECT count(*) FROM nightdesk.runs")
        assert db.one(cursor)[0] == 0


@pytest.mark.usefixtures("reports")
def test_a_step_before_the_one_that_it_needs_fails_with_the_one_to_run(conn: db.Connection) -> None:
    with pytest.raises(Refused, match="no bars were ingested for it: run its ingest step first"):
        StepOperator(task_id="quality", step="quality", **NAMED).execute(context(ti=Instance()))
    assert newest_attempts(conn, BOOK, SESSION)["quality"].status == "failed"
