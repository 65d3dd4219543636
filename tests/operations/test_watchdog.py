"""The sweep finds what failed unheard and what was not decided, once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.clock import set_clock
from tests.conftest import PROJECT, open_connection

from nightdesk.core.calendar import get_calendar
from nightdesk.operations.watchdog import (
    GRACE,
    is_overdue,
    tell_broken,
    tell_failed,
    tell_late,
    tell_missing,
)
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.db import Connection, cursor, now
from nightdesk.store.failure_rows import FailureStanding, TaskRun, runs_in_doubt
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.run_rows import StoredRun, begin_step, close_run, end_step

CALENDAR = get_calendar()
INCEPTION = date(2025, 1, 3)
NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one book."""
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "swing.yaml").write_text(yaml.safe_dump(tree | {"name": "swing"}))
    return tmp_path


@pytest.fixture
def started(conn: Connection) -> Connection:
    """The book was started long ago."""
    record = BookRecord("swing", INCEPTION, date(2023, 1, 3), Decimal("100000.00"), "paper", "paper-swing")
    start_book(conn, record)
    with cursor(conn) as cur:
        cur.execute("UPDATE nightdesk.books SET created_at = created_at - interval '1 year'")
    return conn


def run_of(session: date, number: int = 1) -> TaskRun:
    """A run of the daily DAG by hand."""
    return TaskRun("swing", session, CALENDAR.close_at(session), "daily__swing", f"manual__{number}")


def newest(conn: Connection) -> date:
    """The newest session that should be closed by now."""
    return CALENDAR.latest_completed(now(conn) - GRACE["daily"])


def begin(conn: Connection, session: date, step: str = "ingest", task: str | None = None) -> int:
    as_of = CALENDAR.close_at(session)
    return begin_step(conn, StoredRun("swing", session, as_of, None, "open", "0.1.0", "abc"), step, task)


def link(dag_id: str, run_id: str, task_id: str) -> str:
    return f"http://desk/{dag_id}/{run_id}/{task_id}"


def told(conn: Connection) -> list[tuple[str, str]]:
    return [(row["level"], row["alert_key"]) for row in reversed(alerts_of(conn))]


def test_a_session_that_nobody_decided_is_told_once(started: Connection, root: Path) -> None:
    session = newest(started)
    assert [tell_missing(started, root) for _ in range(3)] == [1, 0, 0]
    [alert] = alerts_of(started, "swing")
    assert (alert["alert_key"], alert["level"]) == (f"missing swing {session}", "CRITICAL")
    assert alert["subject"] == f"swing {session} is not decided"
    assert "no step of it was begun" in alert["body"]
    # The book has decided nothing yet: its first session comes first.
    assert (
        f"The first session that is missing is {INCEPTION}, and those after it wait for it" in alert["body"]
    )
    assert f"`nightdesk replay swing --from {INCEPTION} --to {session}`" in alert["body"]


def test_where_only_the_newest_session_is_missing_the_command_decides_that_one(
    started: Connection, root: Path
) -> None:
    session = newest(started)
    before = CALENDAR.shift(session, -1)
    begin(started, before)
    close_run(started, "swing", CALENDAR.close_at(before))
    assert tell_missing(started, root) == 1
    [alert] = alerts_of(started, "swing")
    assert f"`nightdesk run swing --session {session}` decides it by hand" in alert["body"]


def test_a_session_that_was_begun_long_ago_and_not_closed_is_told(started: Connection, root: Path) -> None:
    begin(started, newest(started))
    assert tell_missing(started, root) == 0
    with cursor(started) as cur:
        cur.execute("UPDATE nightdesk.runs SET opened_at = opened_at - %s", (GRACE["daily"],))
    assert tell_missing(started, root) == 1
    assert "and is open" in alerts_of(started)[0]["body"]


def test_a_closed_session_is_not_missing(started: Connection, root: Path) -> None:
    begin(started, newest(started))
    close_run(started, "swing", CALENDAR.close_at(newest(started)))
    assert tell_missing(started, root) == 0


def test_a_book_that_was_only_just_started_is_given_time(started: Connection, root: Path) -> None:
    with cursor(started) as cur:
        cur.execute("UPDATE nightdesk.books SET created_at = clock_timestamp()")
    assert tell_missing(started, root) == 0


@pytest.mark.parametrize("text", [None, "name: ["], ids=["gone", "wrong"])
def test_a_book_without_a_file_that_can_be_read_misses_nothing(
    started: Connection, root: Path, text: str | None
) -> None:
    path = root / "books" / "swing.yaml"
    path.unlink() if text is None else path.write_text(text)
    assert tell_missing(started, root) == 0


def test_a_session_whose_failed_task_was_told_is_not_told_twice(started: Connection, root: Path) -> None:
    run = run_of(newest(started), 1)
    begin(started, run.session, "ingest", task(1, "ingest"))
    with cursor(started) as cur:
        cur.execute("UPDATE nightdesk.runs SET opened_at = opened_at - %s", (GRACE["daily"],))
    assert tell_failed(started, root, run, {"gate": "failed", "close": "failed"}, link) == 1
    assert tell_missing(started, root) == 0


@pytest.fixture
def late_desk(new_database: Callable[[], str]) -> Callable[[int], AbstractContextManager[Connection]]:
    """A book that begins with SESSION; opens connections on a clock at so many minutes after its close."""
    url = new_database()
    with open_connection(url) as conn:
        start_book(
            conn, BookRecord("swing", SESSION, date(2023, 1, 3), Decimal("100000.00"), "paper", "paper-swing")
        )
        with cursor(conn) as cur:
            cur.execute("UPDATE nightdesk.books SET created_at = created_at - interval '1 year'")

    def at(minutes: int) -> AbstractContextManager[Connection]:
        set_clock(url, CALENDAR.close_at(SESSION) + timedelta(minutes=minutes))
        return open_connection(url)

    return at


LateDesk = Callable[[int], AbstractContextManager[Connection]]


def test_bars_that_are_not_stored_by_their_hour_are_told_once_and_their_arrival_once(
    late_desk: LateDesk, root: Path
) -> None:
    """An hour after the close of 2026-11-18 at 21:00 UTC."""
    for minute, raised in ((59, 0), (60, 1), (61, 0)):
        with late_desk(minute) as conn:
            assert tell_late(conn, root) == raised
    with late_desk(67) as conn:
        [alert] = alerts_of(conn, "swing")
        end_step(conn, begin(conn, SESSION), "done")
        assert [tell_late(conn, root) for _ in range(2)] == [1, 0]
        over = alerts_of(conn, "swing")[0]
    assert (alert["level"], alert["subject"]) == ("WARNING", f"swing {SESSION}: the data is late: {SESSION}")
    assert "were to be by 2026-11-18 22:00 UTC (60 minutes after the close" in alert["body"]
    assert (over["level"], over["subject"]) == ("INFO", f"swing {SESSION}: over: {SESSION}")
    assert "are stored since 2026-11-18 22:07 UTC, 7 minutes after their hour" in over["body"]


def test_a_book_says_by_when_its_data_is_to_be_there(late_desk: LateDesk, root: Path) -> None:
    path = root / "books" / "swing.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"alerts": {"data_minutes": 45}}))
    with late_desk(44) as conn:
        assert tell_late(conn, root) == 0
    with late_desk(46) as conn:
        assert tell_late(conn, root) == 1


def test_data_whose_failed_ingest_was_told_is_not_told_as_late(late_desk: LateDesk, root: Path) -> None:
    run = run_of(SESSION, 1)
    with late_desk(120) as conn:
        begin(conn, SESSION, "ingest", task(1, "ingest"))
        assert tell_failed(conn, root, run, {"ingest": "failed"}, link) == 1
        assert tell_late(conn, root) == 0


def test_a_book_that_was_only_just_started_has_no_late_data(started: Connection, root: Path) -> None:
    with cursor(started) as cur:
        cur.execute("UPDATE nightdesk.books SET created_at = clock_timestamp()")
    assert tell_late(started, root) == 0


STANDING = FailureStanding(inception=INCEPTION, created_at=NOON, status=None, opened_at=None)
SESSION = date(2026, 11, 18)


@pytest.mark.parametrize(
    ("change", "session", "hours", "overdue"),
    [
        ({}, SESSION, 2, True),
        ({}, SESSION, 1.99, False),
        ({}, date(2025, 1, 2), 50, False),  # before the inception
        ({}, INCEPTION, 50, True),
        ({"status": "closed", "opened_at": NOON}, SESSION, 50, False),
        ({"status": "open", "opened_at": NOON + timedelta(hours=3)}, SESSION, 4.9, False),
        ({"status": "open", "opened_at": NOON + timedelta(hours=3)}, SESSION, 5, True),
        ({"status": "failed", "opened_at": NOON - timedelta(hours=9)}, SESSION, 2, True),
    ],
)
def test_a_session_is_overdue_when_it_had_its_time_and_is_not_closed(
    change: dict[str, object], session: date, hours: float, overdue: bool
) -> None:
    standing = replace(STANDING, **change)  # type: ignore[arg-type]
    assert is_overdue(standing, session, NOON + timedelta(hours=hours), GRACE["daily"]) is overdue


def test_failed_tasks_that_nobody_told_of_are_told_once(started: Connection, root: Path) -> None:
    run = run_of(INCEPTION, 1)
    states = {"ingest": "success", "signals.a": "failed", "targets": "failed", "close": "failed"}
    assert [tell_failed(started, root, run, states, link) for _ in range(2)] == [2, 0]
    assert {row["subject"] for row in alerts_of(started)} == {
        f"swing {INCEPTION}: signals.a failed",
        f"swing {INCEPTION}: targets failed",
    }
    assert "Log: http://desk/daily__swing/manual__1/targets" in alerts_of(started)[0]["body"]


def task(number: int, name: str, attempt: int = 1) -> str:
    return f"daily__swing/manual__{number}/{name}/{attempt}"


def test_only_runs_with_something_left_undone_are_asked_about(started: Connection) -> None:
    sessions = [CALENDAR.shift(INCEPTION, n) for n in range(6)]
    for n in (0, 1):  # closed, every newest attempt well: at once, or after a failure
        if n:
            end_step(
                started, begin(started, sessions[n], "gate", task(n, "gate")), "failed", error="KeyError: 1"
            )
        end_step(started, begin(started, sessions[n], "gate", task(n, "gate", 2)), "done")
        close_run(started, "swing", CALENDAR.close_at(sessions[n]))
    end_step(started, begin(started, sessions[2], "gate", task(2, "gate")), "done")  # not closed
    begin(started, sessions[3], "gate", task(3, "gate"))  # killed in a rerun of a closed session
    close_run(started, "swing", CALENDAR.close_at(sessions[3]))
    begin(started, sessions[4], "gate")  # without Airflow
    begin(started, sessions[5], "gate", task(5, "gate"))  # long ago
    with cursor(started) as cur:
        cur.execute(
            "UPDATE nightdesk.run_steps SET started_at = started_at - interval '8 days' WHERE session = %s",
            (sessions[5],),
        )
    assert runs_in_doubt(started) == (
        run_of(sessions[2], 2),
        run_of(sessions[3], 3),
    )


def test_broken_alerts_are_told_once_a_day(conn: Connection) -> None:
    said = [tell_broken(conn, name, "KeyError: 1", "http://desk/log") for name in ("sweep", "sweep", "send")]
    assert said == [True, False, True]
    assert {level for level, _ in told(conn)} == {"CRITICAL"}
    assert "Error: KeyError: 1\nLog: http://desk/log" in alerts_of(conn)[0]["body"]
