"""The leveraged book under a real scheduler: a session's seven decisions, one of them killed as it sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import psutil
import pytest
import yaml
from tests.end_to_end.desk import Desk, wait_for, whole_desk
from tests.end_to_end.project import lay_out
from tests.leveraged import FILE
from tests.parity.checks import same_sessions

from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import as_instant
from nightdesk.core.schedule import Schedule, schedule_of
from nightdesk.machine.dag_runs import DagRun
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.order_rows import orders_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

BOOK = FILE.stem
DAG = f"hourly__{BOOK}"
#: A full session of the sample market, in whose first two decisions the book trades.
DAY = date(2025, 10, 6)
#: The decision whose task is killed; orders of the one before it are filled by then.
KILLED = 1


def only_the_book(root: Path) -> None:
    """The usual project of a test with this book alone, which begins with the session."""
    lay_out(root)
    for path in (root / "books").glob("*.yaml"):
        path.unlink()
    tree = yaml.safe_load(FILE.read_text()) | {"inception": DAY}
    (root / "books" / FILE.name).write_text(yaml.safe_dump(tree, sort_keys=False))


class LeveragedDesk:
    """A desk on which the seven decisions were made, one after the other or at once."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.book: Book = load_book(desk.home.root / "books" / FILE.name)
        self.schedule: Schedule = schedule_of(self.book)
        self.decisions = [as_instant(one) for one in self.schedule.instants(DAY, DAY)]
        self.runs: list[DagRun] = []

    def begin(self, number: int) -> str:
        """Start the run of a decision by its number."""
        return self.desk.airflow.trigger(DAG, conf={"as_of": self.decisions[number].isoformat()})

    def end(self, *runs: str) -> None:
        """Wait for runs, in the order of their decisions."""
        ended = {run.run_id: run for run in self.desk.airflow.wait(DAG, list(runs), timeout=900)}
        self.runs += [ended[run] for run in runs]

    def kill_while_sending(self, number: int) -> None:
        """Make a decision whose task is killed in the middle of sending its first order."""
        with self.desk.held("order_intents"):
            run = self.begin(number)
            self.desk.await_blocked(DAY, "orders", book=BOOK, timeout=400)
            sending = self.desk.held("paper_orders")
            sending.__enter__()
        try:
            (task,) = self.desk.await_blocked(DAY, "submit", book=BOOK, timeout=400)
            task.kill()
            wait_for(lambda: None if _lives(task) else True, 60, "the task lives on")
        finally:
            sending.__exit__(None, None, None)
        self.end(run)


def _lives(task: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return task.is_running() and task.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture(scope="module")
def decided() -> Iterator[LeveragedDesk]:
    with whole_desk(books=(BOOK,), prepare=only_the_book, rhythm="hourly") as desk:
        made = LeveragedDesk(desk)
        made.end(made.begin(0))
        made.kill_while_sending(KILLED)
        rest = range(KILLED + 1, len(made.decisions))
        made.end(*[made.begin(number) for number in rest])
        yield made


def test_the_seven_decisions_are_made_as_a_backtest_makes_them_though_one_was_killed(
    decided: LeveragedDesk,
) -> None:
    assert len(decided.decisions) == 7
    assert [run.state for run in decided.runs] == ["success"] * 7
    assert [run.decision(decided.schedule) for run in decided.runs] == decided.decisions
    panel = read_market(decided.book, origin_of(decided.book, DAY), DAY).panel
    result = backtest(decided.book, panel, DAY, DAY)
    with decided.desk.database() as connection:
        same_sessions(result, connection)
        assert verify(connection, BOOK).differences == ()
        told = [alert["alert_key"] for alert in alerts_of(connection, BOOK)]
    assert not [key for key in told if key.startswith(("task:", "reconciliation"))]


def test_the_killed_task_was_tried_again_and_each_order_left_once(decided: LeveragedDesk) -> None:
    attempts = decided.desk.attempts(DAY, "submit", BOOK)
    assert sorted(attempts) == ["done"] * 7 + ["running"]
    with decided.desk.database() as connection:
        sent = [one for as_of in decided.decisions for one in orders_of(connection, BOOK, as_of)]
        of_killed = orders_of(connection, BOOK, decided.decisions[KILLED])
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), count(DISTINCT client_order_id) FROM nightdesk.paper_orders")
            there, different = cursor.fetchone()
    ids = [one.order.client_order_id for one in sent]
    assert of_killed, "nothing was sent where the task was killed"
    assert (there, different) == (len(ids), len(set(ids)))
    assert {one.status for one in of_killed} == {"filled"}
