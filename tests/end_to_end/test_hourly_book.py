"""An hourly book under a real scheduler: a session's seven decisions, one after another, as in a backtest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from tests.end_to_end.browser import signed_in
from tests.end_to_end.desk import Desk, whole_desk
from tests.end_to_end.hourly_project import BOOK, DAY, lay_out_hours
from tests.hourly_book import ORIGIN
from tests.parity.checks import same_sessions
from typer.testing import CliRunner

from nightdesk.cli import app
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import as_instant
from nightdesk.core.schedule import Schedule, schedule_of
from nightdesk.machine.dag_runs import DagRun
from nightdesk.machine.environment import login
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.store.db import Connection, cursor
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.order_rows import fills_of, orders_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

DAG = f"hourly__{BOOK}"


class HourlyDesk:
    """A desk whose book has decided its first session, by a backfill that the command has started."""

    def __init__(self, desk: Desk, said: str) -> None:
        self.desk = desk
        self.said = said
        self.book: Book = load_book(desk.home.root / "books" / f"{BOOK}.yaml")
        self.schedule: Schedule = schedule_of(self.book)
        self.decisions = [as_instant(one) for one in self.schedule.instants(DAY, DAY)]
        # The book's newest decision is long past: the scheduled run of today would wait for years of others.
        self.runs: list[DagRun] = [one for one in desk.airflow.runs(DAG) if one.run_type == "backfill"]


@pytest.fixture(scope="module")
def hours(market: Path) -> Iterator[HourlyDesk]:
    with whole_desk(books=(BOOK,), prepare=lay_out_hours(market), rhythm="hourly") as desk:
        told = nightdesk(desk, "backfill", BOOK, "--from", f"{DAY}", "--to", f"{DAY}", "--yes")
        made = [one.run_id for one in desk.airflow.runs(DAG)]
        desk.airflow.wait(DAG, made, timeout=1200)
        yield HourlyDesk(desk, told)


def nightdesk(desk: Desk, *arguments: str) -> str:
    """What the command says in the environment of the desk."""
    result = CliRunner().invoke(app, arguments, env=desk.airflow.environment)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_seven_decisions_of_a_session_are_made_in_order_as_a_backtest_makes_them(
    hours: HourlyDesk,
) -> None:
    first, last = f"{DAY} 10:00", f"{DAY} 16:00"
    assert hours.said.startswith(f"7 decisions from {first} to {last} of {BOOK} will run, in order\n")
    assert [run.decision(hours.schedule) for run in hours.runs] == hours.decisions
    assert [run.state for run in hours.runs] == ["success"] * 7
    notes = [hours.desk.airflow.note(DAG, run.run_id) for run in hours.runs]
    assert notes == [f"Session {DAY} {hour}:00, decided" for hour in range(10, 17)]
    panel = read_market(hours.book, ORIGIN, DAY).panel
    result = backtest(hours.book, panel, DAY, DAY)
    with hours.desk.database() as connection:
        same_sessions(result, connection)
        assert verify(connection, BOOK).differences == ()
        found = spans(connection)
        assert [as_of for as_of, *_ in found] == hours.decisions
        assert all(before[2] <= after[1] for before, after in pairwise(found))
        assert alerts_of(connection, BOOK) == []


def test_two_decisions_of_a_session_send_orders_of_their_own_that_the_next_one_settles(
    hours: HourlyDesk,
) -> None:
    with hours.desk.database() as connection:
        sent = {as_of: orders_of(connection, BOOK, as_of) for as_of in hours.decisions}
        filled = {as_of: fills_of(connection, BOOK, as_of) for as_of in hours.decisions}
    trading = [as_of for as_of in hours.decisions[:-1] if sent[as_of]]
    assert len(trading) >= 2
    ids = [one.order.client_order_id for as_of in hours.decisions for one in sent[as_of]]
    assert len(set(ids)) == len(ids)
    for as_of in trading:
        names = {one.order.client_order_id for one in sent[as_of]}
        assert {one.status for one in sent[as_of]} == {"filled"}
        assert {one.client_order_id for one in filled[hours.schedule.after(as_of)]} == names


def test_a_task_of_an_hour_that_runs_again_changes_nothing(hours: HourlyDesk) -> None:
    desk, run = hours.desk, hours.runs[2]
    before = desk.stored()
    desk.airflow.clear(DAG, run.run_id, ["gate"])
    [ended] = desk.airflow.wait(DAG, [run.run_id], timeout=200)
    assert ended.state == "success"
    assert desk.stored() == before
    said = f"Session {DAY} 12:00, sealed and compared: nothing differs, decided"
    assert desk.airflow.note(DAG, run.run_id) == said


def test_status_names_the_last_decision_by_its_hour_and_says_when_the_next_one_is_due(
    hours: HourlyDesk,
) -> None:
    told = nightdesk(hours.desk, "status", BOOK)
    assert f"last decision {DAY} 16:00 (closed)" in told
    assert "next decision " in told


@pytest.mark.browser
def test_the_grid_shows_the_hours_of_the_session(hours: HourlyDesk, tmp_path: Path) -> None:
    airflow = hours.desk.airflow
    with signed_in(airflow.address, login(hours.desk.home)) as page:
        page.goto(f"{airflow.address}/dags/{DAG}")
        page.get_by_text("close", exact=True).first.wait_for()
        page.screenshot(path=tmp_path / "grid.png")
        page.goto(f"{airflow.address}/dags/{DAG}/runs/{hours.runs[1].run_id}")
        page.get_by_text(f"Session {DAY} 11:00, decided").first.wait_for()
        page.screenshot(path=tmp_path / "hour.png")


def spans(connection: Connection) -> list[tuple[datetime, datetime, datetime]]:
    """Each decision with when its settlement ended well and when it was closed, in the order of closing."""
    with cursor(connection) as cur:
        cur.execute(
            "SELECT r.as_of, min(s.ended_at), r.closed_at FROM nightdesk.runs r "
            "JOIN nightdesk.run_steps s USING (book, as_of) "
            "WHERE r.book = %s AND s.step = 'settle' AND s.status = 'done' "
            "GROUP BY r.as_of, r.closed_at ORDER BY r.closed_at",
            (BOOK,),
        )
        return list(cur.fetchall())
