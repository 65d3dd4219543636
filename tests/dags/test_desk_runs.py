"""What the DAG `alerts` does to runs: those of removed books end, missed sessions are decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.hourly_book import hourly_tree

from desk_runs import RunsOperator, catch_up, end_removed, reason_gone
from nightdesk.core.calendar import get_calendar
from nightdesk.machine.dag_runs import DagRun, DagState
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.db import Connection, cursor, now
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.run_rows import StoredRun as Decision
from nightdesk.store.run_rows import begin_step, end_step

ROOT = Path(__file__).parents[2]


@dataclass
class AirflowOf:
    """Airflow's answers, and what it was told to do."""

    states: Mapping[str, DagState] = field(default_factory=dict)
    open: Mapping[str, list[DagRun]] = field(default_factory=dict)
    ended: list[tuple[str, str, str]] = field(default_factory=list)
    started: list[tuple[str, str, date]] = field(default_factory=list)

    def open_runs(self) -> Mapping[str, list[DagRun]]:
        return self.open

    def dag_state(self, dag_id: str) -> DagState | None:
        return self.states.get(dag_id)

    def end_run(self, dag_id: str, run_id: str, note: str) -> None:
        self.ended.append((dag_id, run_id, note))

    def trigger_once(self, dag_id: str, run_id: str, session: date) -> bool:
        known = (dag_id, run_id, session) in self.started
        self.started += [] if known else [(dag_id, run_id, session)]
        return not known


ON, OFF, GONE = DagState(False, False), DagState(True, False), DagState(False, True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one book."""
    tree = yaml.safe_load((ROOT / "books" / "multi_asset.yaml").read_text())
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "swing.yaml").write_text(yaml.safe_dump(tree | {"name": "swing"}))
    return tmp_path


def running(run_id: str, session: date | None = None, **conf: Any) -> DagRun:
    return DagRun(run_id, "manual", "running", session, conf)


def slept(conn: Connection, sessions: int) -> Sequence[date]:
    """A book that was started before the machine slept over so many sessions and the newest; those."""
    calendar = get_calendar()
    newest = calendar.latest_completed(now(conn))
    missed = [calendar.shift(newest, -n) for n in range(sessions, 0, -1)]
    start_book(conn, BookRecord("swing", missed[0], date(2023, 1, 3), Decimal("100000.00"), "paper", "swing"))
    with cursor(conn) as cur:
        cur.execute("UPDATE nightdesk.books SET created_at = created_at - %s", (timedelta(minutes=6),))
    return missed


def test_a_book_that_slept_decides_what_it_missed_once_in_order_and_says_so(
    conn: Connection, root: Path
) -> None:
    missed, airflow = slept(conn, 3), AirflowOf({"daily__swing": ON})
    assert [catch_up(conn, airflow, root) for _ in range(2)] == [3, 0]
    assert airflow.started == [("daily__swing", f"catching_up__{one}", one) for one in missed]
    [alert] = alerts_of(conn, "swing")
    assert (alert["level"], alert["subject"]) == (
        "INFO",
        f"swing catches up: 3 sessions from {missed[0]} to {missed[-1]}",
    )


def test_a_session_that_a_run_decides_already_gets_no_second_one_but_for_a_dry_run(
    conn: Connection, root: Path
) -> None:
    first, second, third = slept(conn, 3)
    runs = [running("backfill__1", second), running("manual__1", first, dry_run=True)]
    airflow = AirflowOf({"daily__swing": ON}, {"daily__swing": runs})
    assert catch_up(conn, airflow, root) == 2
    assert [session for *_, session in airflow.started] == [first, third]


@pytest.mark.parametrize("sessions", [3, 20])
def test_a_book_whose_first_missing_session_is_under_way_is_left_alone(
    conn: Connection, root: Path, sessions: int
) -> None:
    first, *_ = slept(conn, sessions)
    airflow = AirflowOf({"daily__swing": ON}, {"daily__swing": [running("backfill__1", first)]})
    assert catch_up(conn, airflow, root) == 0
    assert (airflow.started, alerts_of(conn)) == ([], [])


def test_a_backfill_that_waits_in_silence_because_its_dag_is_switched_off_is_told(
    conn: Connection, root: Path
) -> None:
    first, *_ = slept(conn, 20)
    airflow = AirflowOf({"daily__swing": OFF}, {"daily__swing": [running("backfill__1", first)]})
    assert catch_up(conn, airflow, root) == 0
    [alert] = alerts_of(conn)
    assert "the DAG daily__swing is switched off" in alert["body"]


@pytest.mark.parametrize(
    ("sessions", "airflow", "said"),
    [
        (11, AirflowOf({"daily__swing": ON}), "more than 10 are not decided without asking you"),
        (3, AirflowOf({"daily__swing": OFF}), "the DAG daily__swing is switched off"),
        (3, None, "the desk cannot reach Airflow's API"),
    ],
    ids=["too many", "switched off", "no API"],
)
def test_where_it_does_not_catch_up_it_says_what_is_missing_and_the_command(
    conn: Connection, root: Path, sessions: int, airflow: Any, said: str
) -> None:
    missed = slept(conn, sessions)
    assert [catch_up(conn, airflow, root) for _ in range(2)] == [0, 0]
    assert airflow is None or airflow.started == []
    [alert] = alerts_of(conn, "swing")
    assert alert["level"] == "WARNING"
    assert said in alert["body"]
    assert f"`nightdesk backfill swing --from {missed[0]} --to {missed[-1]}`" in alert["body"]


def test_a_session_that_failed_is_left_to_the_person_who_was_told(conn: Connection, root: Path) -> None:
    first, *_ = slept(conn, 3)
    begun = Decision("swing", first, get_calendar().close_at(first), None, "open", "0.1.0", "abc")
    end_step(conn, begin_step(conn, begun, "gate"), "failed")
    assert catch_up(conn, AirflowOf({"daily__swing": ON}), root) == 0
    assert alerts_of(conn) == []


def test_the_open_runs_of_a_book_whose_file_is_gone_end_with_the_reason_and_are_told_once(
    conn: Connection, root: Path
) -> None:
    runs = {"daily__old": [running("scheduled__2025-01-08")], "daily__swing": [running("manual__1")]}
    airflow = AirflowOf({"daily__old": GONE, "daily__swing": ON}, runs | {"alerts": [running("manual__2")]})
    assert end_removed(conn, airflow, root) == 1
    reason = f"the book's file, {root}/books/old.yaml, is gone"
    assert airflow.ended == [("daily__old", "scheduled__2025-01-08", f"Ended: {reason}")]
    [alert] = alerts_of(conn)
    assert (alert["level"], alert["subject"]) == ("WARNING", "daily__old: its open runs were ended")
    assert reason in alert["body"]
    assert "scheduled__2025-01-08" in alert["body"]


@pytest.mark.parametrize("state", [ON, None], ids=["not parsed again yet", "deleted"])
def test_a_run_that_airflow_still_works_on_is_not_ended(
    conn: Connection, root: Path, state: DagState | None
) -> None:
    states = {} if state is None else {"daily__old": state}
    airflow = AirflowOf(states, {"daily__old": [running("manual__1")]})
    assert end_removed(conn, airflow, root) == 0
    assert airflow.ended == []


def test_the_approval_of_a_book_is_gone_with_its_levels_and_not_while_its_file_is_wrong(root: Path) -> None:
    file = root / "books" / "swing.yaml"
    assert reason_gone("resume__swing", root) is None
    tree = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(tree | {"levels": None}))
    assert reason_gone("resume__swing", root) == "the book has no drawdown levels any more"
    file.write_text("name: [")
    assert reason_gone("resume__swing", root) is None
    assert reason_gone("daily__swing", root) is None
    assert reason_gone("alerts", root) is None


#: The hours of a Wednesday in January from 10:00 in New York on; the first bar begins at the open.
TEN, ELEVEN, NOON = (datetime(2025, 1, 8, hour, tzinfo=UTC) for hour in (15, 16, 17))
OPEN = TEN - timedelta(minutes=30)


@pytest.fixture
def missed_hours(database: str, root: Path) -> Iterator[Connection]:
    """An hourly book that has decided none of the two hours before the newest."""
    (root / "books" / "swing.yaml").write_text(yaml.safe_dump(hourly_tree(name="swing")))
    set_clock(database, NOON + timedelta(minutes=20))
    record = BookRecord("swing", TEN.date(), date(2024, 1, 3), Decimal("100000.00"), "paper", "paper-hours")
    with open_connection(database) as conn:
        start_book(conn, record)
        with cursor(conn) as cur:
            cur.execute("UPDATE nightdesk.books SET created_at = %s", (TEN,))
        yield conn


def hour(begins: datetime, run_type: str, **conf: Any) -> DagRun:
    return DagRun("one", run_type, "running", None, conf, begins)


LACKS = ("WARNING", "swing lacks 2 decisions from 2025-01-08 10:00 to 2025-01-08 11:00")
CATCHES_UP = ("INFO", "swing catches up: 2 decisions from 2025-01-08 10:00 to 2025-01-08 11:00")


@pytest.mark.parametrize(
    ("state", "runs", "told"),
    [
        (DagState(False, False, OPEN), [], CATCHES_UP),
        (DagState(False, False, NOON), [hour(OPEN, "scheduled")], CATCHES_UP),
        (DagState(False, False, NOON), [hour(OPEN, "backfill")], None),
        (DagState(False, False, NOON), [hour(NOON, "manual", as_of="2025-01-08T10:00:00-05:00")], None),
        (DagState(False, False, NOON), [hour(TEN, "scheduled")], LACKS),
        (DagState(False, False, NOON), [hour(OPEN, "manual", dry_run=True)], LACKS),
        (DagState(True, False, OPEN), [], LACKS),
    ],
    ids=["next", "its run", "backfill", "by hand", "no run", "dry run", "switched off"],
)
def test_hours_that_were_missed_are_left_to_their_timetable_and_told_once(
    missed_hours: Connection, root: Path, state: DagState, runs: list[DagRun], told: tuple[str, str] | None
) -> None:
    airflow = AirflowOf({"hourly__swing": state}, {"hourly__swing": runs})
    assert [catch_up(missed_hours, airflow, root) for _ in range(2)] == [0, 0]
    assert airflow.started == []
    found = [(alert["level"], alert["subject"]) for alert in alerts_of(missed_hours)]
    assert found == ([] if told is None else [told])


def test_the_dag_of_another_rhythm_is_gone_with_the_schedule_of_the_book(root: Path) -> None:
    assert reason_gone("hourly__swing", root) == "the book decides daily now"
    (root / "books" / "swing.yaml").write_text(yaml.safe_dump(hourly_tree(name="swing")))
    assert reason_gone("hourly__swing", root) is None
    assert reason_gone("daily__swing", root) == "the book decides hourly now"


def test_the_task_ends_well_without_a_login(conn: Connection) -> None:
    assert RunsOperator(task_id="runs").execute({}) == {"ended": 0, "started": 0}
