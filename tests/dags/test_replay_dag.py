"""The DAG that walks a long span: its form, its pieces, what a cleared piece does, a rebuild."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from tests.conftest import PROJECT, open_connection
from tests.session.new_desk import new_desk, random_walks
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import SmallDesk, session

from desk_replay import ChunkOperator, PlanOperator, SummaryOperator
from nightdesk.core.errors import BadRequest
from nightdesk.operations import replay as replay_operation
from nightdesk.store.db import Connection

FORM: dict[str, Any] = {
    "from": None, "to": None, "compare": False, "rebuild": False, "reason": None, "chunk": 3,
}  # fmt: skip
BOOK = "small"


@pytest.fixture
def desk(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> SmallDesk:
    """A small desk whose own file names its bars, as a task of Airflow finds it."""
    check_quickly(monkeypatch)
    made = new_desk(tmp_path, database, random_walks())
    (tmp_path / "books").mkdir()
    tree = yaml.safe_load(made.book.read_text())
    tree["feeds"] = {"daily": [f"files:{made.bars.parent}"]}
    book = tmp_path / "books" / f"{BOOK}.yaml"
    book.write_text(yaml.safe_dump(tree, sort_keys=False))
    (tmp_path / "sql").symlink_to(PROJECT / "sql")
    monkeypatch.setenv("NIGHTDESK_ROOT", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    return SmallDesk(database, book, made.bars)


class Instance:
    """A task instance as the operators use it."""

    dag_id, run_id, task_id, try_number, map_index = f"replay__{BOOK}", "manual__1", "chunk", 1, 0

    def __init__(self, task: Any = None, returned: Any = None) -> None:
        self.task, self.returned = task, returned

    def xcom_pull(self, task_ids: str) -> Any:
        return self.returned

    def get_first_reschedule_date(self, context: Any) -> None:
        return None


def context(task: Any, run_id: str = "manual__1", returned: Any = None, **form: Any) -> dict[str, Any]:
    run = SimpleNamespace(dag_id=f"replay__{BOOK}", run_id=run_id, triggering_user_name="ann")
    return {"params": FORM | form, "dag_run": run, "ti": Instance(task, returned)}


def plan(run_id: str = "manual__1", **form: Any) -> list[dict[str, Any]]:
    task = PlanOperator(task_id="plan", book=BOOK, calendar="XNYS")
    return task.execute(context(task, run_id, **form))


def walk(span: dict[str, Any], **form: Any) -> dict[str, Any]:
    task = ChunkOperator(task_id="chunk", book=BOOK, calendar="XNYS", span=span)
    return task.execute(context(task, **form))


def decided(conn: Connection) -> list[tuple[Any, ...]]:
    with conn.cursor() as cur:
        cur.execute(
            "SELECT session, nav FROM nightdesk.portfolio JOIN nightdesk.runs USING (book, as_of, session) "
            "WHERE status = 'closed' ORDER BY 1"
        )
        return cur.fetchall()


def test_a_span_is_walked_in_pieces_and_goes_on_where_it_was(desk: SmallDesk) -> None:
    pieces = plan(**{"from": str(session(0)), "to": str(session(4))})
    assert [(one["decisions"], one["before"], one["of"]) for one in pieces] == [(3, 0, 5), (2, 3, 5)]
    done = [walk(one) for one in pieces]
    assert [(one["decided"], one["skipped"]) for one in done] == [(3, 0), (2, 0)]
    with open_connection(desk.url) as conn:
        first = decided(conn)
        assert [day for day, _ in first] == [session(n) for n in range(5)]
        # Cleared, and run again: nothing is left to do, and nothing is changed.
        assert walk(pieces[0]) | {"seconds": 0} == {
            "decided": 0, "skipped": 3, "compared": 0, "differing": [], "seconds": 0,
        }  # fmt: skip
        assert walk(pieces[0], compare=True)["compared"] == 3
        assert decided(conn) == first
    task = SummaryOperator(task_id="summary", book=BOOK, calendar="XNYS", of="chunk")
    assert task.execute(context(task, returned=done))["decided"] == 5
    assert task.execute(context(task, returned=done[0]))["decided"] == 3  # as Airflow gives a single piece


def test_a_rebuild_happens_once_a_run(desk: SmallDesk) -> None:
    form = {"from": str(session(1)), "to": str(session(2)), "rebuild": True, "reason": "bars corrected"}
    for one in plan(**{"from": str(session(0)), "to": str(session(3))}):
        walk(one)
    with open_connection(desk.url) as conn:
        first = decided(conn)
        pieces = plan("manual__2", **form)
        # Later sessions rest on what is rebuilt: they are decided anew as well.
        assert sum(one["decisions"] for one in pieces) == 3
        assert len(decided(conn)) == 1
        walk(pieces[0])
        assert decided(conn) == first
        assert plan("manual__2", **form) == pieces
        assert decided(conn) == first
        with pytest.raises(BadRequest, match=r"has taken small back to .* already"):
            plan("manual__2", **(form | {"from": str(session(2))}))
        with conn.cursor() as cur:
            cur.execute("SELECT run_id, who, reason, cardinality(decisions) FROM nightdesk.rebuilds")
            assert cur.fetchall() == [("manual__2", "ann", "bars corrected", 3)]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "from: it is empty"),
        ({"from": "<b>"}, "from: found '<b>'; expected a date"),
        ({"from": "2022-03-10", "to": "2022-03-01"}, "ends .* before it begins"),
        ({"from": "2100-01-04"}, "is not over"),
        ({"from": "2022-03-10", "to": "2100-01-04"}, "2100-01-04 is not over"),
        ({"from": "2022-03-12", "to": "2022-03-13"}, "there is no session of XNYS"),
        ({"from": "2001-01-02", "to": "2001-01-05"}, "lies before 2022-03-01, the first session"),
        ({"from": "2022-03-10", "rebuild": True, "reason": "  "}, "a rebuild wants one"),
        ({"from": "2022-03-10", "chunk": 0}, "chunk: found 0"),
        ({"from": "2022-03-10", "chunk": 501}, "chunk: found 501"),
    ],
)  # fmt: skip
def test_a_form_that_makes_no_sense_is_refused(desk: SmallDesk, form: dict[str, Any], words: str) -> None:
    for one in plan(**{"from": str(session(0)), "to": str(session(0))}):
        walk(one)
    with pytest.raises(BadRequest, match=words):
        plan(**form)


def test_too_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_operation, "MOST_CHUNKS", 2)
    from datetime import UTC, datetime, timedelta

    decisions = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(5)]
    with pytest.raises(replay_operation.Refused, match="name at least 3"):
        replay_operation.chunks_of(decisions, 2)


def test_every_book_has_one(daily: ModuleType) -> None:
    import replay

    found = replay.every_dag(PROJECT / "books", None)
    assert {"replay__multi_asset", "replay__equity_swing"} <= found.keys()
    for dag in found.values():
        assert dag.max_active_runs == 1
        assert dag.task_dict["chunk"].partial_kwargs["max_active_tis_per_dagrun"] == 1
