"""The DAG in which a person lets a book come back: how it is wired, what its tasks read and store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DagRunTriggerException
from tests.dags.conftest import ROOT

from desk_approval import AskOperator
from desk_failure import raise_alert_of_book
from nightdesk.core.errors import BadRequest, Refused
from nightdesk.risk import RiskEvent, RiskState
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.db import Connection
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.risk_state_rows import read_risk_events, risk_state_row, save_risk_event
from nightdesk.store.rows import replace_rows
from nightdesk.store.run_rows import StoredRun, begin_step

BOOK, SESSION, NEXT = "multi_asset", date(2025, 1, 3), date(2025, 1, 6)
RUN = "level_4_since_2025-01-03"
SAID = {"approved": True, "reason": "looked at it", "who": "ann", "at": "2025-01-04T09:00:00+00:00"}


@pytest.fixture(scope="module")
def resume() -> ModuleType:
    import resume

    return resume


@pytest.fixture
def tasks(resume: ModuleType) -> dict[str, Any]:
    """The tasks of the desk's own book."""
    return resume.every_dag(ROOT / "books", None)[f"resume__{BOOK}"].task_dict


@pytest.fixture
def fallen(conn: Connection) -> Connection:
    """The book has fallen to level 4, and a person was asked."""
    start_book(conn, BookRecord(BOOK, SESSION, date(2023, 1, 3), Decimal("100000.00"), "paper", "paper"))
    as_of = datetime(2025, 1, 3, 21, tzinfo=UTC)
    begin_step(conn, StoredRun(BOOK, SESSION, as_of, None, "open", "0.1.0", "abc"), "gate")
    state = RiskState(
        level=4, peak=Decimal(100_000), highest=Decimal(100_000), drawdown=Decimal("0.16"), since=SESSION
    )
    numbers = {"volatility": 0.1, "average_correlation": 0.1, "lowest_correlation": 0.1}
    key = {"book": BOOK, "as_of": as_of, "session": SESSION}
    replace_rows(conn, "risk_state", key, [risk_state_row(state) | numbers])
    save_risk_event(conn, BOOK, RiskEvent(SESSION, "ask", "level 4", "desk"))
    return conn


class Instance:
    """A task instance as the operators use it: what other tasks returned, and which runs there are."""

    dag_id, run_id, task_id, try_number = f"resume__{BOOK}", RUN, "answer", 1

    def __init__(self, returned: dict[str, object] | None = None, runs: tuple[str, ...] = ()) -> None:
        self.returned, self.runs, self.task = returned or {}, runs, None

    def xcom_pull(self, task_ids: str) -> object:
        return self.returned[task_ids]

    def get_dr_count(self, dag_id: str, run_ids: list[str]) -> int:
        assert dag_id == self.dag_id
        return len({*run_ids} & {*self.runs})


def answered(tasks: dict[str, Any], **said: object) -> dict[str, str]:
    asked = tasks["waits"].execute({})
    return tasks["answer"].execute({"ti": Instance({"waits": asked, "approval": SAID | said})})


def ask(ti: Instance, *, dry_run: bool = False) -> None:
    task = AskOperator(task_id="ask", book=BOOK, calendar="XNYS", asks=f"resume__{BOOK}")
    task.execute({"ti": ti, "params": {"dry_run": dry_run}})


def test_every_readable_book_with_levels_has_one(resume: ModuleType, tmp_path: Path) -> None:
    tree = yaml.safe_load((ROOT / "books" / f"{BOOK}.yaml").read_text())
    for name, levels in (("falls", tree["levels"]), ("flat", None)):
        own = {"name": name, "levels": levels, "broker": {"kind": "paper", "account": name}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(tree | own, sort_keys=False))
    (tmp_path / "wrong.yaml").write_text("name: [wrong")
    assert list(resume.every_dag(tmp_path, None)) == ["resume__falls"]
    assert resume.every_dag(tmp_path, "resume__flat") == {}


def test_it_is_started_by_hand_or_by_a_level_and_is_on_from_the_start(resume: ModuleType) -> None:
    dag = resume.every_dag(ROOT / "books", None)[f"resume__{BOOK}"]
    assert (dag.schedule, dag.is_paused_upon_creation, dag.max_active_runs > 1) == (None, False, True)
    assert [(one.task_id, one.upstream_task_ids) for one in dag.topological_sort()] == [
        ("waits", set()),
        ("approval", {"waits"}),
        ("answer", {"approval"}),
    ]


def test_silence_is_no_yes(tasks: dict[str, Any]) -> None:
    approval = tasks["approval"]
    assert approval.options == ["Approve", "Reject"]
    assert approval.defaults is None
    assert approval.response_timeout > timedelta(days=1) > approval.execution_timeout
    with pytest.raises(
        AirflowFailException, match=r"within 14 days: multi_asset stays at its drawdown level"
    ):
        approval.execute_complete({}, {"error": "the timeout has passed", "error_type": "timeout"})


def test_the_choice_the_reason_and_the_person_are_handed_on(tasks: dict[str, Any]) -> None:
    at = datetime(2025, 1, 4, 9, tzinfo=UTC)
    event = {
        "chosen_options": ["Reject"],
        "params_input": {"reason": " too early "},
        "responded_at": at,
        "responded_by_user": {"id": "7", "name": "ann"},
    }
    assert tasks["approval"].execute_complete({}, event) == {
        "approved": False, "reason": "too early", "who": "ann", "at": at.isoformat(),
    }  # fmt: skip


def test_where_nobody_is_waited_for_nobody_is_asked(tasks: dict[str, Any], conn: Connection) -> None:
    with pytest.raises(AirflowSkipException, match="multi_asset waits for nobody"):
        tasks["waits"].execute({})


@pytest.mark.usefixtures("fallen")
def test_what_waits_is_told_in_words(tasks: dict[str, Any]) -> None:
    asked = tasks["waits"].execute({})
    assert (asked["level"], asked["since"]) == (4, "2025-01-03")
    assert asked["subject"] == "Confirm drawdown level 4 of multi_asset: may it come back?"
    assert "| Drawdown | 16.00% |" in asked["body"]


@pytest.mark.parametrize(("approved", "kind"), [(True, "confirm"), (False, "reject")])
def test_an_answer_is_stored_with_the_person_and_a_second_attempt_changes_nothing(
    tasks: dict[str, Any], fallen: Connection, approved: bool, kind: str
) -> None:
    asked = tasks["waits"].execute({})
    said = Instance({"waits": asked, "approval": SAID | {"approved": approved}})
    for _ in range(2):
        told = tasks["answer"].execute({"ti": said})
        assert told == {"kind": kind, "who": "ann", "counts_from": f"{NEXT}"}
    [_, fact] = read_risk_events(fallen, BOOK, NEXT)
    assert fact == RiskEvent(NEXT, kind, "looked at it", "ann", after=datetime(2025, 1, 3, 21, tzinfo=UTC))


@pytest.mark.usefixtures("fallen")
def test_what_another_has_answered_is_skipped_with_who_it_was(tasks: dict[str, Any]) -> None:
    asked = tasks["waits"].execute({})
    answered(tasks)
    with pytest.raises(AirflowSkipException, match="was confirmed by ann"):
        tasks["answer"].execute({"ti": Instance({"waits": asked, "approval": SAID | {"who": "bob"}})})


def test_an_answer_about_a_level_that_is_over_is_refused(tasks: dict[str, Any], fallen: Connection) -> None:
    asked = tasks["waits"].execute({}) | {"level": 3, "since": "2025-01-02"}
    with pytest.raises(Refused, match="level 3 since 2025-01-02: it stands at drawdown level 4 since"):
        tasks["answer"].execute({"ti": Instance({"waits": asked, "approval": SAID})})
    assert len(read_risk_events(fallen, BOOK, NEXT)) == 1


@pytest.mark.usefixtures("fallen")
def test_the_day_starts_one_run_for_each_stay_at_a_level() -> None:
    with pytest.raises(DagRunTriggerException) as started:
        ask(Instance())
    order = started.value
    assert (order.trigger_dag_id, order.dag_run_id) == (f"resume__{BOOK}", RUN)
    assert (order.reset_dag_run, order.wait_for_completion) == (False, False)
    ask(Instance(runs=(RUN,)))


@pytest.mark.usefixtures("fallen")
def test_a_dry_run_asks_nobody() -> None:
    ask(Instance(), dry_run=True)


def test_a_replay_that_no_person_has_seen_asks_nobody(fallen: Connection) -> None:
    with fallen.cursor() as cursor:
        cursor.execute("DELETE FROM nightdesk.risk_events")
    ask(Instance())


@pytest.mark.usefixtures("fallen")
def test_what_is_answered_is_not_asked_again(tasks: dict[str, Any]) -> None:
    answered(tasks)
    ask(Instance())


def test_a_failure_is_told_of_the_book_and_of_no_session(tasks: dict[str, Any], fallen: Connection) -> None:
    ti = Instance()
    ti.task = tasks["approval"]
    raise_alert_of_book({"ti": ti, "exception": AirflowFailException("nobody has answered"), "params": {}})
    [alert] = alerts_of(fallen, BOOK)
    assert alert["subject"] == "multi_asset: answer failed"
    assert alert["session"] is None
    assert "nobody has answered" in alert["body"]


def test_an_approval_that_was_only_marked_as_success_grants_nothing_and_says_so_in_one_warning(
    tasks: dict[str, Any], fallen: Connection
) -> None:
    ti = Instance({"waits": tasks["waits"].execute({}), "approval": None})
    ti.task = tasks["answer"]
    said = "nobody has answered: approval was marked as success, which grants nothing. multi_asset stays"
    with pytest.raises(BadRequest, match=said) as raised:
        ti.task.execute({"ti": ti})
    run = SimpleNamespace(run_type="operator_triggered", triggering_user_name=None)
    raise_alert_of_book({"ti": ti, "exception": raised.value, "params": {}, "dag_run": run})
    [alert] = alerts_of(fallen, BOOK)
    assert (alert["level"], alert["subject"]) == ("WARNING", "multi_asset: what was asked for is refused")
    assert said in alert["body"]
    assert [one.kind for one in read_risk_events(fallen, BOOK, NEXT)] == ["ask"]


def test_a_run_by_hand_may_ask_again_what_was_rejected(tasks: dict[str, Any], fallen: Connection) -> None:
    answered(tasks, approved=False)
    assert "ann has rejected it before: looked at it" in tasks["waits"].execute({})["body"]
    at = {"at": "2025-01-05T09:00:00+00:00"}
    assert answered(tasks, **at)["kind"] == "confirm"
    assert [one.kind for one in read_risk_events(fallen, BOOK, NEXT)] == ["ask", "reject", "confirm"]
