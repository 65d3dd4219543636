"""The DAGs of a screened book: which there are, when they run, and what their tasks do."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowSkipException
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from tests.conftest import PROJECT, open_connection
from tests.screened_market import INCEPTION, ScreenedMarket, screened_market, session
from tests.session.quick_checks import check_quickly

from desk_screen import OpenCheckOperator, ScreenOperator
from nightdesk.core.book import load_book
from nightdesk.core.errors import BadRequest
from nightdesk.session.entry import open_context
from nightdesk.session.open_check import run_open_check
from nightdesk.session.screening_step import Screener, ScreenFailed
from nightdesk.session.steps import run_session
from nightdesk.store.screen_rows import newest_good, newest_screens, open_check_of


@pytest.fixture(scope="session")
def screening() -> ModuleType:
    """The DAG file."""
    import screening

    return screening


@pytest.fixture
def desk(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> ScreenedMarket:
    """A screened book in the folder of books, as a task of Airflow finds it."""
    check_quickly(monkeypatch)
    made = screened_market(tmp_path / "market")
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "screened.yaml").symlink_to(made.book)
    (tmp_path / "sql").symlink_to(PROJECT / "sql")
    monkeypatch.setenv("NIGHTDESK_ROOT", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", database)
    return made


def context(day: object) -> dict[str, Any]:
    return {"params": {"session": None if day is None else str(day)}, "ti": SimpleNamespace()}


def screened(day: object) -> dict[str, Any]:
    return ScreenOperator(task_id="screen", book="screened", calendar="XNYS").execute(context(day))


def checked(day: object) -> dict[str, Any]:
    return OpenCheckOperator(task_id="open_check", book="screened", calendar="XNYS").execute(context(day))


def runs(timetable: CronTriggerTimetable, first: datetime, last: datetime) -> list[str]:
    found, run = [], timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(first, last, catchup=True)
    )  # fmt: skip
    while run is not None:
        found.append(f"{run.run_after:%a %d %H:%M}")
        run = timetable.next_dagrun_info(
            last_automated_data_interval=run.data_interval,
            restriction=TimeRestriction(first, last, catchup=True),
        )
    return found


def test_a_screened_book_has_two_dags_and_another_none(screening: ModuleType, desk: ScreenedMarket) -> None:
    books = desk.folder.parent / "books"
    tree = yaml.safe_load(desk.book.read_text())
    plain = {
        **tree,
        "name": "plain",
        "universe": {"GLD": {"max_weight": 0.2}},
        "feeds": {"daily": ["sample"]},
    }
    (books / "plain.yaml").write_text(yaml.safe_dump(plain))
    found = screening.every_dag(books, None)
    assert set(found) == {"screen__screened", "open_check__screened"}
    assert set(screening.every_dag(books, "screen__screened")) == {"screen__screened"}
    assert screening.every_dag(books, "daily__screened") == {}
    for dag in found.values():
        assert dag.tags == {"screen"}
        (task,) = dag.tasks
        assert task.owner == "desk"
        assert task.on_failure_callback


def test_the_screen_runs_on_sundays_at_six_in_new_york_and_the_check_half_an_hour_before_the_open(
    screening: ModuleType, desk: ScreenedMarket
) -> None:
    found = screening.every_dag(desk.folder.parent / "books", None)
    # The clocks of New York went forward on Sunday 2026-03-08.
    span = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 15, 23, tzinfo=UTC)
    assert runs(found["screen__screened"].schedule, *span) == ["Sun 01 23:00", "Sun 08 22:00", "Sun 15 22:00"]
    week = datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 9, 23, tzinfo=UTC)
    told = runs(found["open_check__screened"].schedule, *week)
    assert told == ["Fri 06 14:00", "Sat 07 14:00", "Sun 08 13:00", "Mon 09 13:00"]


def test_the_tasks_make_what_a_decision_finds_made(desk: ScreenedMarket, database: str) -> None:
    told = screened(session(0))
    assert told["first_session"] == "2022-02-28"
    assert screened(session(0)) == told, "it is made once"
    with pytest.raises(AirflowSkipException, match="were not ingested yet"):
        checked(session(1))
    with (
        open_connection(database) as conn,
        open_context("screened", session(0), conn=conn, turn_seconds=0) as opened,
    ):
        assert run_session(opened, last="ingest")["ingest"]["members"] == told["members"]
    assert checked(session(1)) == {"session": str(session(1)), "off": 0}
    with open_connection(database) as conn:
        assert len(newest_screens(conn, "screened")) == 1
        check = open_check_of(conn, "screened", session(1))
        assert check is not None
        assert check.checked == told["members"]
        (made,) = newest_screens(conn, "screened")
        screener = Screener.of_book(conn, load_book(desk.book), made.screened_at, {})
        holiday = run_open_check(screener, date(2022, 3, 5))
        assert holiday == (None, "2022-03-05 is no session of XNYS: nothing is checked")
    with pytest.raises(AirflowSkipException, match=r"the screen of 2022-03-06 is missing"):
        checked(session(3))


def test_a_screen_that_fails_is_stored_and_told_once_and_one_that_follows_it_counts(
    desk: ScreenedMarket, database: str
) -> None:
    desk.write_listings(exchange="XETRA")
    for _ in range(2):
        with pytest.raises(ScreenFailed, match="keeps out 12"):
            screened(INCEPTION)
    with open_connection(database) as conn:
        assert newest_good(conn, "screened") is None
        with conn.cursor() as cursor:
            cursor.execute("SELECT level, book, subject, body FROM nightdesk.alerts")
            ((level, book, subject, body),) = cursor.fetchall()
    assert (level, book, subject) == ("WARNING", "screened", "The screen of 2022-02-27 failed")
    assert "nightdesk screen screened --run" in body
    desk.write_book(criteria={"history": 200, "exchanges": ["XETRA"]})
    assert screened(INCEPTION)["pool"] == 12
    with open_connection(database) as conn:
        assert newest_good(conn, "screened") is not None


def test_a_book_that_was_never_started_is_screened_by_its_first_decision_or_by_hand(
    desk: ScreenedMarket, database: str
) -> None:
    for ask in (screened, checked):
        with pytest.raises(AirflowSkipException, match="was never started"):
            ask(None)
    with open_connection(database) as conn:
        assert newest_screens(conn, "screened") == ()


def test_a_form_with_no_session_is_refused(desk: ScreenedMarket) -> None:
    with pytest.raises(BadRequest, match="2022-03-05 is no session of XNYS"):
        screened("2022-03-05")
    with pytest.raises(BadRequest, match="expected a day"):
        screened("soon")
