"""Sessions that a book lacks: the first of them is named, and told once where the book stands still."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import NotYet
from nightdesk.core.schedule import schedule_of
from nightdesk.session.entry import open_context
from nightdesk.session.gaps import PATIENCE, Gap, find_gaps, stands_still, tell_gap, tell_waiting
from nightdesk.session.sequencing import await_turn
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.db import Connection, cursor, now
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.run_rows import StoredRun, begin_step, close_run, end_step

CALENDAR = get_calendar()
#: As every daily book of the exchange has it.
DAILY = schedule_of(load_book(PROJECT / "books" / "multi_asset.yaml"))
NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one book."""
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "swing.yaml").write_text(yaml.safe_dump(tree | {"name": "swing"}))
    return tmp_path


def ago(conn: Connection, sessions: int) -> date:
    """The session so many before the newest completed one."""
    return CALENDAR.shift(CALENDAR.latest_completed(now(conn)), -sessions)


def start(conn: Connection, inception: date) -> None:
    record = BookRecord(
        "swing", inception, date(2023, 1, 3), Decimal("100000.00"), "paper", "paper-multi-asset"
    )
    start_book(conn, record)


def decide(conn: Connection, session: date, *, closed: bool = True) -> None:
    as_of = CALENDAR.close_at(session)
    number = begin_step(conn, StoredRun("swing", session, as_of, None, "open", "0.1.0", "abc"), "ingest")
    end_step(conn, number, "done" if closed else "failed")
    if closed:
        close_run(conn, "swing", as_of)


def let_pass(conn: Connection, time: timedelta = PATIENCE) -> None:
    """All that is stored happened so much earlier."""
    with cursor(conn) as cur:
        cur.execute("UPDATE nightdesk.books SET created_at = created_at - %s", (time,))
        cur.execute(
            "UPDATE nightdesk.runs SET closed_at = closed_at - %s, opened_at = opened_at - %s", [time] * 2
        )


@pytest.fixture
def slept(conn: Connection) -> Connection:
    """A book closed its session of four sessions ago; then the machine slept."""
    start(conn, ago(conn, 5))
    decide(conn, ago(conn, 5))
    decide(conn, ago(conn, 4))
    let_pass(conn)
    return conn


def test_the_sessions_before_the_newest_that_a_sleeping_machine_missed_are_a_gap(
    slept: Connection, root: Path
) -> None:
    missed = tuple(CALENDAR.close_at(ago(slept, n)) for n in (3, 2, 1))
    assert find_gaps(slept, root) == [Gap("swing", "daily__swing", DAILY, missed, missed, failed=False)]


def test_one_that_was_begun_is_left_to_its_run_and_one_that_failed_to_a_person(
    slept: Connection, root: Path
) -> None:
    decide(slept, ago(slept, 3), closed=False)
    [gap] = find_gaps(slept, root)
    later = tuple(CALENDAR.close_at(ago(slept, n)) for n in (2, 1))
    assert (gap.idle, gap.failed) == (later, True)


def test_a_book_that_lacks_only_the_newest_session_has_no_gap(conn: Connection, root: Path) -> None:
    start(conn, ago(conn, 1))
    decide(conn, ago(conn, 1))
    let_pass(conn)
    assert find_gaps(conn, root) == []


def test_a_book_at_work_and_one_that_was_only_just_started_are_left_alone(
    conn: Connection, root: Path
) -> None:
    start(conn, ago(conn, 3))
    assert (stands_still(conn, "swing"), find_gaps(conn, root)) == (False, [])
    let_pass(conn)
    assert stands_still(conn, "swing")
    decide(conn, ago(conn, 3))
    assert (stands_still(conn, "swing"), find_gaps(conn, root)) == (False, [])


def test_what_is_not_decided_by_itself_is_told_once_with_the_first_session_and_the_one_command(
    slept: Connection, root: Path
) -> None:
    [gap] = find_gaps(slept, root)
    assert [tell_gap(slept, gap, "switched off") for _ in range(2)] == [True, False]
    [alert] = alerts_of(slept, "swing")
    first, last = ago(slept, 3), ago(slept, 1)
    assert (alert["level"], alert["subject"]) == ("WARNING", f"swing lacks 3 sessions from {first} to {last}")
    assert f"{first} comes first" in alert["body"]
    assert "the DAG daily__swing is switched off" in alert["body"]
    assert f"`nightdesk backfill swing --from {first} --to {last}`" in alert["body"]


def test_who_waits_names_the_first_session_that_is_missing_and_not_the_one_before_his_own(
    slept: Connection, root: Path
) -> None:
    waits = ago(slept, 0)
    environ = {"NIGHTDESK_ROOT": str(root)}
    with (
        open_context("swing", waits, conn=slept, turn_seconds=0.0, environ=environ) as context,
        pytest.raises(NotYet) as said,
    ):
        await_turn(context)
    first, last = ago(slept, 3), ago(slept, 1)
    assert str(said.value) == (
        f"swing {waits} waits for its turn: 3 sessions before it are not closed. The first of them, {first}, "
        f"was not begun. Bring them to their end (`nightdesk replay swing --from {first} --to {last}`)"
    )


def test_a_wait_is_told_once_whoever_waits_and_only_while_nothing_is_closed(slept: Connection) -> None:
    waiting = [ago(slept, 1), ago(slept, 0)]

    def told(session: date) -> bool:
        return tell_waiting(slept, "swing", session, f"{session}", "it waits")

    assert [told(one) for one in waiting] == [True, False]
    [alert] = alerts_of(slept, "swing")
    assert (alert["level"], alert["subject"]) == ("WARNING", f"swing {waiting[0]} waits")
    assert "more than 5 minutes, and nothing of swing was closed meanwhile.\n\nit waits." in alert["body"]
    decide(slept, ago(slept, 3))
    assert not told(waiting[0])
    let_pass(slept)
    assert told(waiting[0]), "another session is waited for"
