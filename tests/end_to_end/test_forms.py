"""Airflow's forms as a person in New York uses them, and what becomes of runs that nobody looks after."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.end_to_end.browser import signed_in
from tests.end_to_end.desk import DAG, Desk, sessions, wait_for, whole_desk
from tests.end_to_end.project import BOOK, TWO_VOICES

from nightdesk.core.calendar import get_calendar
from nightdesk.machine.dag_runs import DagRun
from nightdesk.machine.environment import login
from nightdesk.session.books import read_book
from nightdesk.session.context import beginning
from nightdesk.store.book_rows import start_book
from nightdesk.store.db import cursor, now
from nightdesk.store.message_rows import alerts_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: Long: without a scheduler and a browser, tests/dags shows the same of each part.
pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(900)]

#: The first sessions of the book: from a Friday to a Wednesday.
FRIDAY, MONDAY, TUESDAY, WEDNESDAY = sessions(4)
SLEPT = "slept"


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """A running desk that looks at its files again: books come and go."""
    settings = {
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__PARSING_CLEANUP_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "10",
    }
    with whole_desk(settings) as running:
        yield running


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    """The DAG's page in the browser of a person in New York."""
    with signed_in(desk.airflow.address, login(desk.home), "America/New_York") as page:
        page.goto(f"{desk.airflow.address}/dags/{DAG}")
        yield page


def trigger(desk: Desk, page: Page, session: date, shot: Path, *, dry_run: bool) -> DagRun:
    """Fill in the form of a single run, send it, and wait for the run's end."""
    known = {run.run_id for run in desk.airflow.runs(DAG)}
    page.get_by_test_id("trigger-dag-button").click()
    page.locator("input[name=element_session]").fill(f"{session}")
    if dry_run:
        page.locator("label:has(input[name=element_dry_run])").click()
    page.screenshot(path=shot)
    page.get_by_role("button", name="Trigger", exact=True).last.click()
    run = wait_for(
        lambda: next((one for one in desk.airflow.runs(DAG) if one.run_id not in known), None),
        60,
        "no run was made",
    )
    [ended] = desk.airflow.wait(DAG, [run.run_id], timeout=400)
    return ended


@pytest.mark.browser
def test_a_dry_run_and_a_run_by_hand_decide_the_session_in_the_form_and_say_so(
    desk: Desk, page: Page, tmp_path: Path
) -> None:
    dry = trigger(desk, page, FRIDAY, tmp_path / "dry_run_form.png", dry_run=True)
    assert (dry.state, dry.conf) == ("success", {"session": f"{FRIDAY}", "dry_run": True})
    said = f"Session {FRIDAY}, dry run: nothing kept, nothing sent"
    assert desk.airflow.note(DAG, dry.run_id) == said
    shows(page, desk, dry, said, tmp_path / "dry_run.png")
    page.goto(f"{desk.airflow.address}/dags/{DAG}")
    real = trigger(desk, page, FRIDAY, tmp_path / "manual_form.png", dry_run=False)
    assert (real.state, real.session) == ("success", FRIDAY)
    shows(page, desk, real, f"Session {FRIDAY}, decided", tmp_path / "manual.png")


def shows(page: Page, desk: Desk, run: DagRun, note: str, shot: Path) -> None:
    """The page of a run shows its note."""
    page.goto(f"{desk.airflow.address}/dags/{DAG}/runs/{run.run_id}")
    page.get_by_text(note).first.wait_for()
    page.screenshot(path=shot)


@pytest.mark.browser
def test_the_days_picked_in_the_form_of_a_backfill_are_the_sessions_that_run(
    desk: Desk, page: Page, tmp_path: Path
) -> None:
    page.get_by_test_id("trigger-dag-button").click()
    page.get_by_text("Backfill", exact=True).last.click()
    for day in (FRIDAY, TUESDAY):
        page.get_by_text("Select date and time").first.click()
        picker = page.get_by_placeholder("YYYY/MM/DD")
        picker.fill(f"{day:%Y/%m/%d}")
        picker.press("Enter")
        page.keyboard.press("Escape")
    page.get_by_text("3 runs will be triggered").wait_for()
    page.screenshot(path=tmp_path / "backfill_form.png")
    page.get_by_role("button", name="Run Backfill").click()
    runs = wait_for(lambda: backfilled(desk) or None, 60, "no run was made")
    assert [run.session for run in runs] == [FRIDAY, MONDAY, TUESDAY]
    ended = desk.airflow.wait(DAG, [run.run_id for run in runs], timeout=800)
    assert {run.state for run in ended} == {"success"}
    notes = {run.session: desk.airflow.note(DAG, run.run_id) for run in ended}
    assert notes[TUESDAY] == f"Session {TUESDAY}, decided"
    page.reload()
    page.get_by_text("close", exact=True).first.wait_for()
    page.screenshot(path=tmp_path / "backfilled.png")


def backfilled(desk: Desk) -> list[DagRun]:
    """The runs that backfills made, oldest first."""
    return [run for run in desk.airflow.runs(DAG) if run.run_type == "backfill"]


def test_a_key_that_nobody_knows_is_refused_and_the_runs_note_and_one_alert_say_why(desk: Desk) -> None:
    run = desk.airflow.trigger(DAG, conf={"sesion": f"{FRIDAY}"})
    [ended] = desk.airflow.wait(DAG, [run], timeout=200)
    assert ended.state == "failed"
    said = "holds 'sesion' (did you mean 'session'?), which nobody knows: known are dry_run, session"
    assert desk.airflow.note(DAG, run).startswith(f"Refused: {DAG}: the run's configuration {said}")
    with desk.database() as connection:
        [alert] = [one for one in alerts_of(connection, BOOK) if run in one["body"]]
    assert said in alert["body"]


def nightdesk(desk: Desk, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command in the environment of the desk."""
    return subprocess.run(
        [sys.executable, "-m", "nightdesk", *map(str, arguments)],
        env=desk.airflow.environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=200,
    )


def test_the_command_says_what_will_run_and_switches_a_dag_on_only_when_asked(desk: Desk) -> None:
    desk.has_decided(FRIDAY, MONDAY, TUESDAY)
    span = ("backfill", BOOK, "--from", "2025-01-02", "--to", WEDNESDAY)
    preview = nightdesk(desk, *span, "--preview", "--json")
    plan: dict[str, Any] = json.loads(preview.stdout)
    assert plan["runs"][-1] == f"{WEDNESDAY}"
    assert (plan["too_early"], plan["backfill"]) == (["2025-01-02"], None)
    desk.airflow.pause(DAG)
    refused = nightdesk(desk, *span)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"{DAG} is switched off, and its runs would wait until it is on" in refused.stderr
    begun = nightdesk(desk, "backfill", BOOK, "--from", WEDNESDAY, "--to", WEDNESDAY, "--yes")
    assert begun.returncode == 0, begun.stderr
    lines = begun.stdout.splitlines()
    assert lines[0] == f"{WEDNESDAY} of {BOOK} will run, in order"
    assert f"{DAG} is switched on: it also runs after each session from now on" in lines
    [run] = [run.run_id for run in backfilled(desk) if run.session == WEDNESDAY]
    [ended] = desk.airflow.wait(DAG, [run], timeout=400)
    assert ended.state == "success"


def look_after_runs(desk: Desk) -> None:
    """A run of the DAG of alerts."""
    desk.airflow.await_dag("alerts")
    [ended] = desk.airflow.wait("alerts", [desk.airflow.trigger("alerts")], timeout=200)
    assert ended.state == "success"


def test_a_book_that_slept_over_sessions_decides_them_in_order_by_itself(desk: Desk) -> None:
    with desk.database() as connection:
        newest = get_calendar().latest_completed(now(connection))
    missed = [get_calendar().shift(newest, -n) for n in (2, 1)]
    file = desk.home.root / "books" / f"{SLEPT}.yaml"
    tree = yaml.safe_load((desk.home.root / "books" / f"{BOOK}.yaml").read_text())
    account = {"kind": "paper", "account": SLEPT}
    file.write_text(yaml.safe_dump(tree | {"name": SLEPT, "inception": missed[0], "broker": account}))
    dag = desk.switch_on(SLEPT)
    with desk.database() as connection, cursor(connection) as cur:
        start_book(connection, beginning(read_book(file), missed[0]))
        cur.execute("UPDATE nightdesk.books SET created_at = created_at - %s", (timedelta(minutes=6),))
    look_after_runs(desk)
    ids = [f"catching_up__{session}" for session in missed]
    runs = desk.airflow.wait(dag, ids, timeout=600)
    assert [(run.run_id, run.state) for run in runs] == [(one, "success") for one in ids]
    assert [desk.airflow.note(dag, one) for one in ids] == [
        f"Session {session}, catching up, decided" for session in missed
    ]
    look_after_runs(desk)
    assert len(desk.airflow.runs(dag)) == 2, "what is decided is not caught up again"


def test_the_open_run_of_a_book_whose_file_is_gone_ends_with_the_reason(desk: Desk) -> None:
    dag = desk.switch_on(TWO_VOICES)
    # It waits for the sessions before it, which nobody decides.
    run = desk.airflow.trigger(dag, WEDNESDAY)
    wait_for(
        lambda: desk.airflow.task_states(dag, run).get("settle") == "up_for_reschedule" or None,
        300,
        "the run does not wait",
    )
    file = desk.home.root / "books" / f"{TWO_VOICES}.yaml"
    kept = file.read_text()
    file.unlink()
    try:
        wait_for(lambda: getattr(desk.airflow.dag_state(dag), "is_stale", None) or None, 300, "not stale")
        look_after_runs(desk)
        [ended] = desk.airflow.wait(dag, [run], timeout=60)
        assert ended.state == "failed"
        assert desk.airflow.note(dag, run).startswith(f"Ended: the book's file, {file}, is gone")
    finally:
        file.write_text(kept)
