"""What is kept of a task that failed: one alert, and a session that is not called closed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException
from tests.dags.conftest import ROOT
from tests.fakes.smtp import FakeMail, mail_server, text_of

import desk_sending
from desk_failure import CloseOperator, raise_alert
from desk_step import RETRY_POLICY, StepOperator
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations.task_failures import KILLED
from nightdesk.store import db
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.run_rows import find_run, newest_attempts

BOOK, SESSION = "multi_asset", date(2025, 1, 3)
CLOSE = get_calendar().close_at(SESSION)
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
    run = SimpleNamespace(logical_date=None, run_type="manual", triggering_user_name="kim")
    return {"params": form, "dag_run": run, **fields}


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))


def alerts(conn: db.Connection) -> list[tuple[str, str]]:
    return sorted((alert["subject"], alert["body"]) for alert in alerts_of(conn, BOOK))


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMail]:
    """The mail server that the desk's route leads to."""
    with mail_server(None) as server:
        monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", server.url("ops@example.com"))
        monkeypatch.setattr(desk_sending, "SENDING_SECONDS", 60.0)
        yield server


def failed(error: object = None, step: str = "targets") -> Any:
    """The context in which the callback of a failed task runs."""
    ti = Instance(task=StepOperator(task_id=step, step=step, **NAMED))
    ti.task_id = step
    return context(ti=ti, exception=error)


def test_a_failed_try_is_told_once_however_often_the_callback_runs(
    conn: db.Connection, mail: FakeMail
) -> None:
    for _ in range(2):
        raise_alert(failed(Refused("no prices")))
    [(subject, body)] = alerts(conn)
    assert subject == "multi_asset 2025-01-03: targets failed"
    assert body.splitlines()[:6] == [
        "Book: multi_asset",
        "Session: 2025-01-03",
        "Task: targets of daily__multi_asset, run manual__1",
        "Try: 5",
        "Error: no prices",
        "Log: http://localhost:8080/dags/daily__multi_asset/runs/manual__1/tasks/targets?try_number=5",
    ]
    assert mail.subjects() == ["CRITICAL multi_asset 2025-01-03: targets failed"]
    assert body.splitlines()[5] in text_of(mail.received[0][1])


def test_a_mail_server_that_is_down_hides_no_failure_and_the_alert_waits(
    conn: db.Connection, mail: FakeMail
) -> None:
    mail.stop()
    raise_alert(failed(Refused("no prices")))
    [alert] = alerts_of(conn)
    assert alert["sent_at"] is None


@pytest.mark.parametrize(
    ("error", "said", "stops"),
    [
        (Refused("the book is not what it was"), "the book is not what it was", False),
        (Transient("the broker is down"), "the broker is down", False),
        (AirflowFailException("waited 6 hours"), "waited 6 hours", False),
        (KeyError("GLD"), "KeyError: 'GLD'", True),
        (None, KILLED, True),
    ],
)
def test_an_error_in_a_trading_step_that_nobody_foresaw_stops_the_book_in_the_same_mail(
    conn: db.Connection, mail: FakeMail, error: object, said: str, stops: bool
) -> None:
    record = BookRecord(BOOK, SESSION, date(2023, 1, 3), Decimal("100000.00"), "paper", "paper-multi-asset")
    start_book(conn, record)
    raise_alert(failed(error, "submit"))
    [alert] = alerts_of(conn)
    assert said in alert["body"]
    assert "try_number=5" in alert["body"]
    assert alert["level"] == ("EMERGENCY" if stops else "CRITICAL")
    assert kill_switch(conn, BOOK, date.max).on is stops
    assert len(mail.received) == 1


def test_a_secret_in_an_error_reaches_neither_the_alert_nor_the_mail(
    conn: db.Connection, mail: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_ACCOUNT_SWING_SECRET", "planted-secret")
    raise_alert(failed(ValueError("401 for planted-secret")))
    [(_, body)] = alerts(conn)
    assert "ValueError: 401 for ***" in body
    assert "planted-secret" not in mail.received[0][1].as_string()


def test_without_an_exception_the_alert_says_that_the_process_ended_without_a_word(
    conn: db.Connection,
) -> None:
    raise_alert(failed())
    [(_, body)] = alerts(conn)
    assert f"Try: 5\nError: {KILLED}" in body


def test_a_run_whose_form_names_no_session_is_told_all_the_same(conn: db.Connection) -> None:
    raise_alert(failed(Refused("no day")) | {"params": {"session": "tomorrow", "dry_run": False}})
    [(subject, body)] = alerts(conn)
    assert subject == "multi_asset: targets failed"
    assert "Session: none" in body


def test_an_alert_that_cannot_be_written_hides_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(db.DATABASE_VARIABLE, NOWHERE)
    task = StepOperator(task_id="gate", step="gate", **NAMED)
    with caplog.at_level(logging.ERROR, logger="nightdesk.dag"):
        raise_alert(context(ti=Instance(task=task), exception=Refused("no targets")))
    assert "alert_not_written_or_not_sent dag=daily__multi_asset run=manual__1 task=gate" in caplog.text
    assert "secret" not in caplog.text


def closing(attempt: int = 1, **states: str) -> Any:
    """The context in which the last task runs, after tasks that ended in these states."""
    close = CloseOperator(task_id="close", **NAMED)
    ti = Instance({"ingest": "success", **states, "close": "running"}, close)
    ti.task_id, ti.try_number = "close", attempt
    return context(ti=ti)


def run_close(made: Any) -> None:
    """Run the last task as Airflow does: it fails at once and for good, and its callback is called."""
    with pytest.raises(Refused, match=r"is not closed: .*targets failed") as raised:
        made["ti"].task.execute(made)
    assert RETRY_POLICY.evaluate(raised.value, try_number=1, max_tries=4).action is RetryAction.FAIL
    raise_alert(made | {"exception": raised.value})


@pytest.mark.usefixtures("reports")
def test_close_tells_what_callbacks_missed_leaves_an_incomplete_session_open_and_is_no_news_itself(
    conn: db.Connection, mail: FakeMail
) -> None:
    run_close(closing(targets="failed", orders="upstream_failed"))
    assert [subject for subject, _ in alerts(conn)] == ["multi_asset 2025-01-03: targets failed"]
    assert mail.subjects() == ["CRITICAL multi_asset 2025-01-03: targets failed"]
    run = find_run(conn, BOOK, CLOSE)
    assert run is not None
    assert run.status == "failed"


@pytest.mark.usefixtures("reports")
def test_close_is_no_news_after_a_callback_that_told_and_speaks_itself_when_nobody_did(
    conn: db.Connection,
) -> None:
    raise_alert(failed(Refused("no prices")))
    run_close(closing(targets="failed"))
    assert [subject for subject, _ in alerts(conn)] == ["multi_asset 2025-01-03: targets failed"]
    # Cleared, and killed before it could record its try: it looks like the failure that was told.
    run_close(closing(2, targets="failed"))
    assert [subject for subject, _ in alerts(conn)] == [
        "multi_asset 2025-01-03: close failed",
        "multi_asset 2025-01-03: targets failed",
    ]


@pytest.fixture
def begun(conn: db.Connection) -> db.Connection:
    """The book was started at the session."""
    record = BookRecord(BOOK, SESSION, date(2023, 1, 3), Decimal("100000.00"), "paper", "paper-multi-asset")
    start_book(conn, record)
    return conn


def run_as_airflow_does(form: dict[str, object], **run: object) -> None:
    """The first step of a run and the last one, each failing at once and for good; between them none runs."""
    about = {
        "params": {"dry_run": False, **form},
        "dag_run": SimpleNamespace(logical_date=None, triggering_user_name="kim", **run),
    }
    first = Instance(task=StepOperator(task_id="ingest", step="ingest", **NAMED))
    last = Instance(
        {"ingest": "failed", "quality": "upstream_failed", "close": "running"},
        CloseOperator(task_id="close", **NAMED),
    )
    for ti in (first, last):
        ti.task_id, ti.try_number = ti.task.task_id, 1
        ti.run_id = f"{run['run_type']}__{form.get('session')}"
        made = context(ti=ti, **about)
        with pytest.raises(Refused) as raised:
            ti.task.execute(made)
        assert RETRY_POLICY.evaluate(raised.value, try_number=1, max_tries=4).action is RetryAction.FAIL
        raise_alert(made | {"exception": raised.value})


@pytest.mark.usefixtures("reports", "begun")
@pytest.mark.parametrize(
    ("asked", "about", "said"),
    [
        ("2025-01-09", " 2025-01-09", "2025-01-09 is not a session of XNYS"),
        ("2025-01-04", " 2025-01-04", "is not a session of XNYS (a weekend or a holiday)"),
        ("2024-12-31", " 2024-12-31", "2024-12-31 lies before 2025-01-03, the first session of book"),
        ("2027-06-01", " 2027-06-01", "2027-06-01 is not over"),
        ("tomorrow", "", "session: found 'tomorrow'; expected a date"),
    ],
)
def test_a_session_that_cannot_be_decided_is_refused_in_one_warning_to_who_asked(
    conn: db.Connection, mail: FakeMail, asked: str, about: str, said: str
) -> None:
    run_as_airflow_does({"session": asked}, run_type="manual")
    assert mail.subjects() == [f"WARNING multi_asset{about}: what was asked for is refused"]
    text = text_of(mail.received[0][1])
    assert "Asked by: kim" in text
    assert said in text
    assert find_run(conn, BOOK, CLOSE) is None


@pytest.mark.usefixtures("reports", "begun")
def test_a_backfill_from_before_the_inception_is_one_warning_and_each_form_is_its_own(
    conn: db.Connection, mail: FakeMail
) -> None:
    for day in (16, 17, 18, 19, 20):
        run_as_airflow_does({"session": f"2024-12-{day}"}, run_type="backfill")
    assert mail.subjects() == ["WARNING multi_asset 2024-12-16: what was asked for is refused"]
    assert "Other sessions of the backfill" in text_of(mail.received[0][1])
    for day in (16, 17):
        run_as_airflow_does({"session": f"2024-12-{day}"}, run_type="manual")
    assert len(mail.received) == 3


@pytest.mark.usefixtures("reports", "begun")
def test_a_run_that_nobody_asked_for_is_no_request(conn: db.Connection, mail: FakeMail) -> None:
    run_as_airflow_does({"session": "2027-06-01"}, run_type="scheduled")
    assert mail.subjects() == ["CRITICAL multi_asset 2027-06-01: ingest failed"]


@pytest.mark.usefixtures("begun")
def test_a_book_that_cannot_be_read_fails_the_last_step_too_and_is_one_mail(
    conn: db.Connection, mail: FakeMail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sql").symlink_to(ROOT / "sql")
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / f"{BOOK}.yaml").write_text("name: [")
    monkeypatch.setenv("NIGHTDESK_ROOT", str(tmp_path))
    run_as_airflow_does({"session": f"{SESSION}"}, run_type="scheduled")
    assert mail.subjects() == ["CRITICAL multi_asset 2025-01-03: ingest failed"]


def test_tasks_of_one_run_that_fail_for_one_reason_are_one_mail_and_another_reason_is_its_own(
    conn: db.Connection, mail: FakeMail
) -> None:
    for step, error in [
        ("factors", Refused("the book's file has changed")),
        ("regime", Refused("the book's file has changed")),
        ("signals.rotation", Refused("a wrong number")),
        ("report", Refused("the book's file has changed")),
    ]:
        raise_alert(failed(error, step))
    assert mail.subjects() == [
        "CRITICAL multi_asset 2025-01-03: factors failed",
        "CRITICAL multi_asset 2025-01-03: signals.rotation failed",
    ]


@pytest.mark.usefixtures("reports")
def test_the_task_of_airflow_is_kept_with_its_attempt(conn: db.Connection) -> None:
    run_close(closing(3, targets="failed"))
    attempt = newest_attempts(conn, BOOK, CLOSE)["close"]
    assert attempt.task == "daily__multi_asset/manual__1/close/3"


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
    assert newest_attempts(conn, BOOK, CLOSE)["quality"].status == "failed"
