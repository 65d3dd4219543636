"""What cannot wait leaves from the task that finds it: one EMERGENCY, acknowledged by its answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.dags.conftest import ROOT
from tests.fakes.smtp import mail_server, text_of
from tests.session.new_desk import new_desk, random_walks
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import SmallDesk, session

import desk_sending
from desk_approval import AnswerOperator, AskOperator, WaitsOperator
from desk_step import StepOperator
from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.operations.set_level import set_level
from nightdesk.store import db
from nightdesk.store.message_rows import alerts_of

BOOK = {"book": "small", "calendar": "XNYS"}


@pytest.fixture
def desk(new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallDesk:
    """A small desk that has decided one session, its book where the tasks of Airflow look for it."""
    check_quickly(monkeypatch)
    made = new_desk(tmp_path, new_database(), random_walks())
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "small.yaml").symlink_to(made.book)
    (tmp_path / "sql").symlink_to(ROOT / "sql")
    monkeypatch.setenv("NIGHTDESK_ROOT", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(db.DATABASE_VARIABLE, made.url)
    made.run(0)
    return made


#: Asked for by hand, without a date of its own.
RUN = SimpleNamespace(logical_date=None)


def context(**fields: object) -> Any:
    ti = SimpleNamespace(
        dag_id="daily__small", run_id="manual__1", task_id="gate", try_number=1, get_dr_count=lambda **_: 1
    )
    return {"params": {"session": f"{session(1)}", "dry_run": False}, "dag_run": RUN, "ti": ti, **fields}


def test_one_level_4_is_one_emergency_sent_at_once_and_its_answer_acknowledges_it(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_connection(desk.url) as conn, mail_server(None) as mail:
        monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", mail.url("ops@example.com"))
        monkeypatch.setattr(desk_sending, "SENDING_SECONDS", 60.0)
        set_level(conn, load_book(desk.book), 4, reason="a drill", who="ann")
        set_clock(desk.url, get_calendar().known_from(session(1)))
        desk.run_steps(1, "ingest", "targets")
        StepOperator(task_id="gate", step="gate", **BOOK).execute(context())
        # The gravest goes first.
        assert mail.subjects()[0] == "EMERGENCY small waits for a person: confirm of level 4"
        assert "Everything is liquidated" in text_of(mail.received[0][1])
        AskOperator(task_id="ask", asks="resume__small", **BOOK).execute(context())
        asked = WaitsOperator(task_id="waits", **BOOK).execute(context())
        said = {"approved": False, "reason": "too early", "who": "bob", "at": "2022-03-02T22:00:00+00:00"}
        found = {"waits": asked, "approval": said}
        ti = SimpleNamespace(dag_id="resume__small", run_id="1", xcom_pull=lambda task_ids: found[task_ids])
        AnswerOperator(task_id="answer", asks="waits", says="approval", **BOOK).execute(context(ti=ti))
        [emergency] = [one for one in alerts_of(conn) if one["level"] == "EMERGENCY"]
        assert emergency["acknowledged_by"] == "bob"
        assert len([one for one in mail.subjects() if "level 4" in one]) == 1


def test_a_mail_server_that_is_down_holds_no_step_up(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_connection(desk.url) as conn, mail_server(None) as mail:
        monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", mail.url("ops@example.com"))
        mail.stop()
        set_level(conn, load_book(desk.book), 4, reason="a drill", who="ann")
        set_clock(desk.url, get_calendar().known_from(session(1)))
        desk.run_steps(1, "ingest", "targets")
        StepOperator(task_id="gate", step="gate", **BOOK).execute(context())
        [emergency] = [one for one in alerts_of(conn) if one["level"] == "EMERGENCY"]
        assert emergency["sent_at"] is None
