"""A book at level 4 under a real Airflow: the day asks, a person answers, the next decision reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.end_to_end.browser import signed_in
from tests.end_to_end.fallen import BOOK, DAILY, RESUME, SECOND, Fallen, fallen_desk

from nightdesk.core.calendar import get_calendar
from nightdesk.machine.environment import login
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.risk_state_rows import level_changes

#: Long: what an answer does is shown without a scheduler by tests/operations/test_approval.py and tests/dags.
pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(600)]

ASKED = f"level_4_since_{SECOND}"


@pytest.fixture(scope="module")
def fallen() -> Iterator[Fallen]:
    with fallen_desk() as standing:
        run = standing.desk.airflow.trigger(DAILY, SECOND)
        assert standing.ended(run, DAILY) == "success"
        yield standing


def test_the_day_that_enters_level_4_asks_a_person_and_waits_for_none(fallen: Fallen) -> None:
    assert fallen.risk.level == 4
    [run] = [one for one in fallen.desk.airflow.runs(RESUME) if one.run_type == "operator_triggered"]
    assert run.run_id == ASKED
    shown = fallen.await_question(ASKED)
    assert shown["subject"] == f"Confirm drawdown level 4 of {BOOK}: may it come back?"
    assert f"since **{SECOND}**" in shown["body"]
    assert (shown["options"], shown["defaults"]) == (["Approve", "Reject"], None)


def test_the_same_day_again_asks_nobody_again(fallen: Fallen) -> None:
    known = fallen.desk.airflow.runs(RESUME)
    [run] = [one.run_id for one in fallen.desk.airflow.runs(DAILY)]
    fallen.desk.airflow.clear(DAILY, run, ["ask"])
    assert fallen.ended(run, DAILY) == "success"
    assert len(fallen.desk.airflow.runs(RESUME)) == len(known)


def test_a_rejection_is_stored_with_the_persons_name_and_keeps_the_book_flat(fallen: Fallen) -> None:
    fallen.await_question(ASKED)
    # Who gives no reason is asked again.
    fallen.respond(ASKED, "Approve", None)
    fallen.await_question(ASKED)
    assert "answer_without_reason" in fallen.desk.airflow.task_log(RESUME, ASKED, "approval")
    assert [one.kind for one in fallen.facts()] == ["level", "ask"]
    fallen.respond(ASKED, "Reject", "too early")
    assert fallen.ended(ASKED) == "success"
    said = fallen.facts()[-1]
    assert (said.kind, said.who, said.reason) == ("reject", login(fallen.desk.home).username, "too early")
    assert said.session == get_calendar().shift(SECOND, 1)
    fallen.decide_next()
    assert fallen.decide_next() == 0
    assert (fallen.risk.level, fallen.risk.answered_by) == (4, "")


def test_a_person_who_approves_later_lets_the_book_come_back(fallen: Fallen) -> None:
    wait_at_level_4(fallen)
    run = fallen.desk.airflow.trigger(RESUME)
    fallen.await_question(run)
    fallen.respond(run, "Approve", "the panic is over")
    assert fallen.ended(run) == "success"
    comes_back(fallen, "the panic is over")


@pytest.mark.browser
def test_a_person_approves_in_a_browser(fallen: Fallen, tmp_path: Path) -> None:
    wait_at_level_4(fallen)
    airflow = fallen.desk.airflow
    run = airflow.trigger(RESUME)
    fallen.await_question(run)
    with signed_in(airflow.address, login(fallen.desk.home)) as page:
        page.goto(f"{airflow.address}/dags/{RESUME}")
        page.get_by_text("waits", exact=True).first.wait_for()
        page.screenshot(path=tmp_path / "dag.png")
        page.goto(f"{airflow.address}/required_actions?response_received=false")
        question = page.get_by_role("row").filter(has_text=run).get_by_role("link", name="Confirm drawdown")
        question.wait_for()
        page.screenshot(path=tmp_path / "required_actions.png")
        question.click()
        approve = page.get_by_role("button", name="Approve", exact=True)
        approve.wait_for()
        assert approve.is_disabled(), "no answer without a reason"
        page.get_by_role("textbox").last.fill("looked at it in the browser")
        page.screenshot(path=tmp_path / "form.png")
        approve.click()
        page.get_by_text("Response received").wait_for()
        page.screenshot(path=tmp_path / "answered.png")
    assert fallen.ended(run) == "success"
    comes_back(fallen, "looked at it in the browser")


def wait_at_level_4(fallen: Fallen) -> None:
    """Bring the book back to level 4, where a test before this one has let it leave."""
    if fallen.risk.level < 4:
        fallen.send_to_liquidation()
        fallen.decide_next()


def comes_back(fallen: Fallen, reason: str) -> None:
    """The confirmation stands with the person's name, and the book comes back by it."""
    who = login(fallen.desk.home).username
    said = fallen.facts()[-1]
    assert (said.kind, said.who, said.reason) == ("confirm", who, reason)
    # What is sold at the open may make one more low of the drawdown, which is waited out.
    orders = next(orders for orders in (fallen.decide_next() for _ in range(4)) if fallen.risk.level == 0)
    with fallen.desk.database() as connection:
        back = level_changes(connection, BOOK)[-1]
        [*_, asked] = [one for one in alerts_of(connection, BOOK) if one["alert_key"].startswith("waits ")]
    assert (back.before, back.after, back.cause, back.who) == (4, 0, "way back", who)
    assert asked["acknowledged_by"] == who
    assert orders > 0, "it opens positions again"
