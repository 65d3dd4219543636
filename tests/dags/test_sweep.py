"""The DAG that sweeps over parameters from a form: how it is wired, what its tasks do, what is refused."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError
from tests.dags.conftest import ROOT
from tests.dags.test_research import context, project_of

from nightdesk.core.errors import BadRequest
from nightdesk.operations.keep_sweep import SWEEP_FORM
from nightdesk.store.sweep_rows import kept_sweeps, sweep_points

DAG = "research__sweep"
GOOD = {
    "book": "small",
    "from": "2022-03-01",
    "to": "2022-03-08",
    "set": ["portfolio.volatility_target=0.05,0.10,0.15"],
    "metric": "total_return",
    "piece": 2,
    "note": "as it is",
}


def asked(**changed: Any) -> dict[str, Any]:
    """What a task of a run with this form is given."""
    return context({**GOOD, **changed}, dag=DAG)


@pytest.fixture(scope="module")
def made() -> ModuleType:
    import sweep

    return sweep


@pytest.fixture
def notes(made: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written into the note of the run, by the module that the DAG's own operators are of."""
    written: list[str] = []
    of_operators = inspect.unwrap(made.SweepPlanOperator.execute).__globals__
    monkeypatch.setitem(of_operators, "write_note", lambda ti, line, over: written.append(line))
    monkeypatch.setitem(of_operators, "note_refusal", lambda ti, why: written.append(f"Refused: {why}"))
    return written


def test_it_is_started_by_hand_has_the_forms_keys_and_maps_its_pieces(made: ModuleType) -> None:
    dag: Any = made.dag
    assert dag.dag_id == "research__sweep"
    assert (dag.schedule, dag.is_paused_upon_creation, dag.catchup) == (None, False, False)
    assert set(dag.params) == set(SWEEP_FORM)
    assert dag.tags == {"research"}
    assert set(dag.task_dict) == {"plan", "points", "result"}
    assert dag.task_dict["points"].is_mapped
    assert dag.task_dict["points"].upstream_task_ids == {"plan"}
    assert dag.task_dict["result"].upstream_task_ids == {"points"}
    assert all(task.doc_md for task in dag.tasks)


@pytest.mark.parametrize(
    "wrong", [{"book": "none of them"}, {"set": "a=1"}, {"piece": 0}, {"piece": 1_001}, {"note": None}]
)
def test_the_form_takes_no_other_values(made: ModuleType, wrong: dict[str, Any]) -> None:
    params = made.params(ROOT / "books")
    assert all(one.resolve() in (None, "", [], 20, "sharpe") for one in params.values())
    for name, value in wrong.items():
        with pytest.raises(ParamValidationError):
            params[name].resolve(value)


def test_a_form_becomes_pieces_points_and_a_note(
    make_desk: Any, made: ModuleType, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = project_of(make_desk(), monkeypatch)
    tasks = made.dag.task_dict
    pieces = tasks["plan"].execute(asked())
    assert [(one["first"], one["last"]) for one in pieces] == [(0, 1), (2, 2)]
    number = pieces[0]["sweep"]
    assert notes == [f"Sweep {number} of small: 3 points in 2 tasks, under way"]
    told = [made.SweepPieceOperator(task_id="points", piece=one).execute(asked()) for one in pieces]
    assert told == [{"points": 2, "tried": 2, "refused": 0}, {"points": 1, "tried": 1, "refused": 0}]
    again = made.SweepPieceOperator(task_id="points", piece=pieces[0]).execute(asked())
    assert again == {"points": 2, "tried": 0, "refused": 0}, "a try after that is harmless"
    assert tasks["result"].execute(asked()) == {"sweep": number, "points": 3, "refused": 0}
    assert notes[-1].startswith(
        f"Sweep {number} of small from 2022-03-01 to 2022-03-08, 3 points. The best total_return is "
    )
    with desk.connection() as conn:
        (kept,) = kept_sweeps(conn)
        assert (kept.asked_by, kept.run, kept.done) == ("ann", "research__sweep/manual__1", True)
        assert [one.settings for one in sweep_points(conn, number)] == [
            {"portfolio.volatility_target": one} for one in ("0.05", "0.10", "0.15")
        ]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"book": None}, "book: found None"),
        ({"set": []}, "set: a sweep needs parameters"),
        ({"from": "2022-03-09"}, "the span ends (2022-03-08) before it begins"),
        ({"metric": "luck"}, "metric: found 'luck'"),
    ],
)
def test_a_bad_form_is_refused_in_words_and_leaves_no_row(
    make_desk: Any,
    made: ModuleType,
    notes: list[str],
    monkeypatch: pytest.MonkeyPatch,
    wrong: dict[str, Any],
    words: str,
) -> None:
    desk = project_of(make_desk(), monkeypatch)
    with pytest.raises(BadRequest) as refused:
        made.dag.task_dict["plan"].execute(asked(**wrong))
    assert words in str(refused.value)
    assert notes == [f"Refused: {refused.value}"]
    with desk.connection() as conn:
        assert kept_sweeps(conn) == ()
