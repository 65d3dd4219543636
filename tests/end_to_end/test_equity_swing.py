"""The equity swing book under a real scheduler: as in a backtest, and degraded without one strategy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pytest
from tests.end_to_end.desk import Desk, whole_desk
from tests.end_to_end.equity_project import BOOK, BREAKS, BRITTLE, DEGRADED, INCEPTION, lay_out_equity
from tests.fakes.smtp import FakeMail, mail_server, text_of
from tests.parity.checks import same_sessions
from typer.testing import CliRunner

from nightdesk.cli import app
from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.store.db import DATABASE_VARIABLE
from nightdesk.store.decision_rows import targets_of
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.order_rows import orders_of
from nightdesk.store.run_rows import find_run

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(900)]

SESSIONS = [as_date(one) for one in get_calendar().between(INCEPTION, get_calendar().shift(INCEPTION, 9))]
close = get_calendar().close_at
UNTIL_IT_BREAKS = SESSIONS[: SESSIONS.index(BREAKS) + 1]
OPS = "ops@example.com"
TASK = f"signals.{BRITTLE}"


@dataclass
class Watched:
    """A desk whose alerts lead to a mail server."""

    desk: Desk
    mail: FakeMail

    def begin(self, book: str, sessions: Sequence[date]) -> list[str]:
        """Trigger a run of a book's DAG for each of `sessions` that has none; the runs of them all."""
        airflow, dag = self.desk.airflow, f"daily__{book}"
        begun = {run.session: run.run_id for run in airflow.runs(dag)}
        return [begun.get(one) or airflow.trigger(dag, one) for one in sessions]

    def decide(self, book: str, sessions: Sequence[date]) -> None:
        """The same, and wait until each has ended well."""
        ended = self.desk.airflow.wait(f"daily__{book}", self.begin(book, sessions), timeout=600)
        assert [run.state for run in ended] == ["success"] * len(sessions)

    def backtest(self, sessions: Sequence[date]) -> Result:
        """What a backtest decides in these sessions, in memory."""
        book = load_book(self.desk.home.root / "books" / f"{BOOK}.yaml")
        panel = read_market(book, origin_of(book, sessions[0]), sessions[-1]).panel
        return backtest(book, panel, sessions[0], sessions[-1])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with mail_server(tmp_path_factory.mktemp("mail")) as mail:
        settings = {"NIGHTDESK_ALERT_MAIL": mail.url(OPS)}
        with whole_desk(settings, books=(BOOK, DEGRADED), prepare=lay_out_equity) as desk:
            begun = Watched(desk, mail)
            # Both books at once: each waits for its own turn, and is busy while the other does.
            begun.begin(DEGRADED, UNTIL_IT_BREAKS)
            begun.begin(BOOK, SESSIONS)
            yield begun


def traders(result: Result) -> set[str]:
    """The strategies behind the orders of a backtest."""
    orders = (order for one in result.decided for order in one.orders)
    return {intent.strategy for order in orders for intent in order.intents}


def test_the_scheduler_decides_ten_sessions_as_a_backtest_does_to_the_cent(watched: Watched) -> None:
    watched.decide(BOOK, SESSIONS)
    result = watched.backtest(SESSIONS)
    assert len(traders(result)) >= 4
    with watched.desk.database() as connection:
        same_sessions(result, connection)
        assert verify(connection, BOOK).differences == ()
        assert {find_run(connection, BOOK, close(one)).status for one in SESSIONS} == {"closed"}
        assert alerts_of(connection, BOOK) == []


def test_a_session_without_one_of_five_strategies_is_told_as_degraded_and_closed(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.decide(DEGRADED, UNTIL_IT_BREAKS)
    airflow, dag = watched.desk.airflow, f"daily__{DEGRADED}"
    states = {run.session: airflow.task_states(dag, run.run_id) for run in airflow.runs(dag)}
    broken = states.pop(BREAKS)
    assert {task: state for task, state in broken.items() if state != "success"} == {TASK: "failed"}
    assert {state for found in states.values() for state in found.values()} == {"success"}

    assert airflow.wait("alerts", [airflow.trigger("alerts")], timeout=60)[0].state == "success"
    [(to, got)] = [one for one in watched.mail.received if DEGRADED in one[1]["Subject"]]
    assert (to, got["Subject"]) == (OPS, f"CRITICAL {DEGRADED} {BREAKS}: {TASK} failed")
    assert "Error: ZeroDivisionError: a defect in a plug-in" in text_of(got)
    assert "the session goes on without this one and is degraded" in " ".join(text_of(got).split())

    with watched.desk.database() as connection:
        assert find_run(connection, DEGRADED, close(BREAKS)).status == "closed"
        behind = [one.order.intents for one in orders_of(connection, DEGRADED, close(BREAKS))]
        kept = [row for row in targets_of(connection, DEGRADED, close(BREAKS)) if row["strategy"] == BRITTLE]
    assert behind
    assert BRITTLE not in {intent.strategy for intents in behind for intent in intents}
    assert any(row["held"] for row in kept)
    assert all(row["quantity"] == row["held"] for row in kept)

    pages = watched.desk.home.reports / DEGRADED
    said = f"<b>Degraded.</b> Decided without {BRITTLE}, which gave no signals"
    assert said in (pages / f"{BREAKS}.html").read_text()
    assert "Degraded" not in (pages / f"{SESSIONS[0]}.html").read_text()
    monkeypatch.setenv(DATABASE_VARIABLE, watched.desk.addresses.nightdesk)
    told = CliRunner().invoke(app, ["status", DEGRADED]).stdout
    assert f"DEGRADED: decided without {BRITTLE}, which gave no signals" in told
