"""A source or broker that is away is heard of at the second try of the task, once, and when it is back."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from tests.conftest import open_connection
from tests.dags.conftest import ROOT
from tests.fakes.smtp import FakeMail, mail_server, text_of
from tests.fakes.yahoo import SERVER_ERROR, Chart, FakeYahoo, chart_of
from tests.session.new_desk import new_desk, random_walks
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import UNIVERSE, SmallDesk, session

import desk_sending
from desk_alerts import SendOperator, SweepOperator
from desk_failure import raise_alert, raise_retry
from desk_step import StepOperator
from nightdesk.core.errors import Transient
from nightdesk.feeds import source_fault, yahoo
from nightdesk.store import db
from nightdesk.store.alert_spells import open_spells
from nightdesk.store.message_rows import alerts_of

RETRIES = 8
DAILY = "daily__small"


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMail]:
    with mail_server(None) as server:
        monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", server.url("ops@example.com"))
        monkeypatch.setattr(desk_sending, "SENDING_SECONDS", 60.0)
        yield server


@pytest.fixture
def desk(new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallDesk:
    """A small desk whose one feed is Yahoo, its book where the tasks of Airflow look for it."""
    check_quickly(monkeypatch)
    made = new_desk(tmp_path, new_database(), random_walks())
    tree = yaml.safe_load(made.book.read_text()) | {"feeds": {"daily": ["yahoo"]}}
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "small.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    (tmp_path / "sql").symlink_to(ROOT / "sql")
    monkeypatch.setenv("NIGHTDESK_ROOT", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(db.DATABASE_VARIABLE, made.url)
    return made


@pytest.fixture
def vendor(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeYahoo]:
    """A server that has the desk's bars, of which nobody waits to ask again."""
    with FakeYahoo() as fake:
        with desk.bars.open(newline="") as file:
            for day, symbol, *prices, volume in list(csv.reader(file))[1:]:
                row = (date.fromisoformat(day), *map(float, prices), int(volume or 0))
                fake.charts.setdefault(symbol, Chart([])).rows.append(row)  # type: ignore[attr-defined]
        monkeypatch.setenv(yahoo.BASE_URL, fake.url)
        monkeypatch.setattr(source_fault, "_wait", lambda state: 0.0)
        yield fake


def context(step: str, attempt: int, *, number: int = 0, cleared: int = 0, dry_run: bool = False) -> Any:
    """What a try of a step of a session sees, after `cleared` tries of earlier runs of it."""
    task = StepOperator(task_id=step, step=step, book="small", calendar="XNYS", retries=RETRIES)
    ti = SimpleNamespace(
        dag_id=DAILY, run_id=f"manual__{number}", task_id=step, try_number=cleared + attempt,
        max_tries=cleared + RETRIES, task=task, get_task_states=lambda **_: {},
    )  # fmt: skip
    return {
        "params": {"session": f"{session(number)}", "dry_run": dry_run},
        "dag_run": SimpleNamespace(run_type="manual", logical_date=None),
        "ti": ti,
    }


def fails(step: str, attempt: int, error: Exception, **options: Any) -> None:
    raise_retry(context(step, attempt, **options) | {"exception": error})


def swept() -> None:
    SweepOperator(task_id="sweep").execute(context("ingest", 1))
    SendOperator(task_id="send").execute(context("ingest", 1))


def test_a_dead_feed_is_one_warning_at_the_second_try_and_its_return_is_told_once(
    desk: SmallDesk, mail: FakeMail, vendor: FakeYahoo
) -> None:
    for symbol in (*UNIVERSE, "^VIX"):
        vendor.always(chart_of(symbol), SERVER_ERROR)
    for attempt in range(1, 7):
        made = context("ingest", attempt)
        with pytest.raises(Transient) as raised:
            made["ti"].task.execute(made)
        raise_retry(made | {"exception": raised.value})
        assert len(mail.received) == (attempt > 1)
        if attempt > 1:
            swept()
    assert mail.subjects() == [f"WARNING small {session(0)}: ingest fails, and is tried again"]
    text = text_of(mail.received[0][1])
    assert "has failed 2 times of 9 that it has, at last with: no source gave a bar" in text
    assert "?try_number=2" in text
    vendor.heal()
    desk.rows("UPDATE nightdesk.feed_health SET opened_at = opened_at - interval '2 minutes' RETURNING 1")
    made = context("ingest", 7)
    made["ti"].task.execute(made)
    for _ in range(2):
        swept()
    assert mail.subjects()[1:] == [f"INFO small {session(0)}: ingest is through"]
    with open_connection(desk.url) as conn:
        assert open_spells(conn, "small", ("retry",)) == {}
        assert open_spells(conn, "", ("feed",)) == {}


def test_a_broker_that_is_away_is_told_once_a_spell_by_step_and_graver_when_the_task_fails(
    desk: SmallDesk, mail: FakeMail
) -> None:
    away = Transient("the broker does not answer")
    fails("settle", 1, away)
    assert mail.received == []
    for attempt in (2, 3):
        fails("settle", attempt, away)
    fails("submit", 2, away)
    # A second session that waits for the same thing is no second event.
    fails("settle", 2, away, number=1)
    raise_alert(context("settle", 9) | {"exception": away})
    assert mail.subjects() == [
        f"WARNING small {session(0)}: settle fails, and is tried again",
        f"WARNING small {session(0)}: submit fails, and is tried again",
        f"CRITICAL small {session(0)}: settle failed",
    ]


def test_the_first_failure_after_a_clearing_may_be_an_accident_and_a_dry_run_is_watched(
    desk: SmallDesk,
) -> None:
    away = Transient("the broker does not answer")
    fails("settle", 1, away, cleared=9)
    fails("settle", 5, away, dry_run=True)
    with open_connection(desk.url) as conn:
        assert alerts_of(conn) == []
        fails("settle", 2, away, cleared=9)
        [alert] = alerts_of(conn)
    assert "has failed 2 times of 9" in alert["body"]


def test_the_tasks_with_many_tries_tell_and_the_others_fail_soon_enough(daily: Any) -> None:
    dag = daily.every_dag(ROOT / "books", None)["daily__multi_asset"]
    telling = {one.task_id for one in dag.tasks if one.on_retry_callback}
    assert telling == {"ingest", "settle", "submit"}
    assert max(one.retries for one in dag.tasks if one.task_id not in telling) <= 4
