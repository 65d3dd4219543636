"""What people hear of the hours of a book that are not decided: the decision by its hour, and its own DAG."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.hourly_book import hourly_book, hourly_tree

from nightdesk.core.schedule import schedule_of
from nightdesk.machine.home import Home
from nightdesk.machine.standing import commands, decided, newest_page
from nightdesk.machine.whole_desk import start_book
from nightdesk.operations.task_failures import Failure, record_failure
from nightdesk.operations.task_retries import tell_retry
from nightdesk.operations.watchdog import tell_failed, tell_late, tell_missing
from nightdesk.session.gaps import Gap, find_gaps, tell_caught_up, tell_gap
from nightdesk.store import book_rows
from nightdesk.store.db import Connection, cursor
from nightdesk.store.failure_rows import TaskRun
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.run_rows import StoredRun, begin_step, close_run

BOOK, DAG = "hours_of_tests", "hourly__hours_of_tests"
SCHEDULE = schedule_of(hourly_book())
DAY = date(2025, 1, 8)
#: A Wednesday; 10:00 to 13:00 in New York.
TEN, ELEVEN, NOON, ONE = (datetime(2025, 1, 8, hour, tzinfo=UTC) for hour in (15, 16, 17, 18))

Clock = Callable[[datetime], AbstractContextManager[Connection]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A project with an hourly book."""
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / f"{BOOK}.yaml").write_text(yaml.safe_dump(hourly_tree()))
    return Home(root=tmp_path, state=tmp_path / "state")


@pytest.fixture
def at(database: str) -> Clock:
    """The store at an instant of the database's clock; the book was started the day before."""

    def opened(moment: datetime) -> AbstractContextManager[Connection]:
        set_clock(database, moment)
        return open_connection(database)

    with opened(TEN) as conn:
        book_rows.start_book(
            conn,
            book_rows.BookRecord(BOOK, DAY, date(2024, 1, 3), Decimal("100000.00"), "paper", "paper-hours"),
        )
        with cursor(conn) as cur:
            cur.execute("UPDATE nightdesk.books SET created_at = %s", (TEN - timedelta(days=1),))
    return opened


def close(conn: Connection, *decisions: datetime) -> None:
    """Decide and close, each a minute after its bar was known."""
    for as_of in decisions:
        run = StoredRun(BOOK, DAY, as_of, None, "open", "0.1.0", "abc")
        begin_step(conn, run, "ingest", f"{DAG}/run of {as_of:%H}/ingest/1")
        close_run(conn, BOOK, as_of)
        with cursor(conn) as cur:
            cur.execute(
                "UPDATE nightdesk.runs SET closed_at = %s WHERE as_of = %s",
                (as_of + timedelta(minutes=6), as_of),
            )


def test_the_hours_before_the_newest_that_are_not_closed_are_a_gap_told_once(at: Clock, home: Home) -> None:
    with at(ONE + timedelta(minutes=6)) as conn:
        close(conn, TEN)
        [gap] = find_gaps(conn, home.root)
        assert gap == Gap(BOOK, DAG, SCHEDULE, (ELEVEN, NOON), (ELEVEN, NOON), failed=False)
        assert [tell_gap(conn, gap, "switched off") for _ in range(2)] == [True, False]
        assert [tell_caught_up(conn, gap) for _ in range(2)] == [True, False]
        caught_up, alert = alerts_of(conn, BOOK)
        close(conn, ELEVEN, NOON)
        assert find_gaps(conn, home.root) == []
    span = f"2 decisions from {DAY} 11:00 to {DAY} 12:00"
    assert alert["subject"] == f"{BOOK} lacks {span}"
    assert f"the DAG {DAG} is switched off" in alert["body"]
    assert f"`nightdesk backfill {BOOK} --from {DAY} --to {DAY}` decides them in order" in alert["body"]
    assert (caught_up["level"], caught_up["subject"]) == ("INFO", f"{BOOK} catches up: {span}")
    assert "The orders of an hour that is over have expired" in caught_up["body"]


def test_a_missing_hour_is_told_by_its_name_an_hour_after_its_bar(at: Clock, home: Home) -> None:
    for minutes, raised in ((64, 0), (65, 1), (66, 0)):
        with at(ELEVEN + timedelta(minutes=minutes)) as conn:
            if minutes == 64:
                close(conn, TEN)
            assert tell_missing(conn, home.root) == raised
    with at(ONE + timedelta(minutes=66)) as conn:
        assert tell_missing(conn, home.root) == 1
        later, alert = alerts_of(conn, BOOK)
        [part] = decided(conn, home.root)
    assert alert["subject"] == f"{BOOK} {DAY} 11:00 is not decided"
    assert f"See that the DAG {DAG} is switched on" in alert["body"]
    assert f"`nightdesk run {BOOK} --as-of 2025-01-08T16:00Z` decides it by hand" in alert["body"]
    assert f"The first decision that is missing is {DAY} 11:00" in later["body"]
    assert f"`nightdesk replay {BOOK} --from {DAY} --to {DAY}`" in later["body"]
    assert part.state == "unwell"
    assert part.words.startswith(f"{DAY} 10:00 is its newest closed decision; {DAY} 13:00 should be closed")


def test_a_failure_that_was_put_right_hides_no_later_hour(at: Clock, home: Home) -> None:
    told = Failure(BOOK, DAY, DAG, "run of 15", "gate", reason="a fault", decision=f"{DAY} 10:00")
    with at(TEN + timedelta(minutes=66)) as conn:
        assert record_failure(conn, told)
        with cursor(conn) as cur:
            cur.execute("UPDATE nightdesk.alerts SET created_at = %s", (TEN + timedelta(minutes=5),))
        assert tell_missing(conn, home.root) == 0, "of the open hour a failed task was told"
        close(conn, TEN)
    with at(ELEVEN + timedelta(minutes=66)) as conn:
        assert tell_missing(conn, home.root) == 1


def test_bars_of_an_hour_that_are_late_are_told_with_the_end_of_the_bar(at: Clock, home: Home) -> None:
    with at(TEN + timedelta(minutes=59)) as conn:
        assert tell_late(conn, home.root) == 0
    with at(TEN + timedelta(minutes=61)) as conn:
        assert tell_late(conn, home.root) == 1
        [alert] = alerts_of(conn, BOOK)
    assert f"The bars of {DAY} 10:00 are not stored" in alert["body"]
    assert "60 minutes after the end of the bar" in alert["body"]
    assert f"`nightdesk run {BOOK} --as-of 2025-01-08T15:00Z` decides it by hand" in alert["body"]


def test_mails_of_failed_and_of_retried_tasks_name_the_hour(at: Clock, home: Home) -> None:
    def link(*names: str) -> str:
        return "/".join(names)

    run = TaskRun(BOOK, DAY, ELEVEN, DAG, "scheduled__2025-01-08T16:00Z")
    with at(ELEVEN + timedelta(minutes=6)) as conn:
        assert tell_failed(conn, home.root, run, {"targets": "failed"}, link) == 1
        assert tell_retry(
            conn, home.root, BOOK, DAY, "settle", name=f"{DAY} 11:00",
            failures=2, tries=8, error="away", link="log",
        )  # fmt: skip
        retried, failed = alerts_of(conn, BOOK)
    assert failed["subject"] == f"{BOOK} {DAY} 11:00: targets failed"
    assert f"Session: {DAY} 11:00\n" in failed["body"]
    assert retried["subject"] == f"{BOOK} {DAY} 11:00: settle fails, and is tried again"


def test_the_same_reason_of_two_hours_of_a_backfill_is_one_event(at: Clock) -> None:
    asked = [
        Failure(
            BOOK, DAY, DAG, f"backfill__{hour}", "ingest", attempt=1, asked_by="kim", of_backfill=True,
            reason=f"{DAY} {hour}:00 is not over", decision=f"{DAY} {hour}:00",
        )
        for hour in (11, 12)
    ]  # fmt: skip
    with at(ONE) as conn:
        assert [record_failure(conn, one) for one in asked] == [True, False]


def test_an_hourly_book_begins_with_the_hours_of_two_sessions(database: str) -> None:
    book = hourly_book(name="fresh", broker={"kind": "paper", "account": "fresh"})
    set_clock(database, NOON)
    with open_connection(database) as conn:
        due = start_book(conn, book)
    assert (due.dag_id, len(due.decisions)) == ("hourly__fresh", 9)
    assert (due.decisions[0].isoformat(), due.decisions[-1]) == ("2025-01-07T15:00:00+00:00", ELEVEN)


def test_the_page_of_the_newest_hour_and_the_command_that_traces_it_are_named(at: Clock, home: Home) -> None:
    with at(ONE) as conn:
        close(conn, TEN)
        path = home.reports / BOOK / f"{DAY}T1000.html"
        path.parent.mkdir(parents=True)
        path.touch()
        assert newest_page(conn, home, BOOK) == path
        assert commands(conn, home, [BOOK]) == ["nightdesk status", "nightdesk health"]
