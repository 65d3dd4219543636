"""The DAG that audits a book from a form: how it is wired, what a form becomes, what is refused."""

from __future__ import annotations

import inspect
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError
from tests.dags.conftest import ROOT
from tests.session.small_desk import SmallDesk

from nightdesk.core.book import load_book
from nightdesk.core.errors import BadRequest
from nightdesk.operations.keep_audit import AUDIT_FORM
from nightdesk.store.gate_evidence_rows import evidence_of

GOOD = {"book": "small", "from": "2022-03-01", "to": "2022-03-08", "cuts": 2}


@pytest.fixture(scope="module")
def audits() -> ModuleType:
    import audits

    return audits


@pytest.fixture
def notes(audits: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written into the note of the run."""
    written: list[str] = []
    of_operator = inspect.unwrap(audits.AuditOperator.execute).__globals__
    monkeypatch.setitem(of_operator, "write_note", lambda ti, line, over: written.append(line))
    monkeypatch.setitem(of_operator, "note_refusal", lambda ti, why: written.append(f"Refused: {why}"))
    return written


@pytest.fixture
def desk(make_desk: Any, monkeypatch: pytest.MonkeyPatch) -> SmallDesk:
    """A desk as the project of this process: its book reads its own file of bars."""
    made: SmallDesk = make_desk()
    for name, value in {**made.make_project(), "NIGHTDESK_DATABASE_URL": made.url}.items():
        monkeypatch.setenv(name, value)
    return made


def context(params: dict[str, Any]) -> dict[str, Any]:
    ti = SimpleNamespace(dag_id="research__audit", run_id="manual__1", task_id="audit", try_number=1)
    return {"ti": ti, "dag_run": SimpleNamespace(triggering_user_name="ann"), "params": params}


def test_it_is_started_by_hand_has_the_forms_keys_and_is_on_from_the_start(audits: ModuleType) -> None:
    dag: Any = audits.dag
    assert dag.dag_id == "research__audit"
    assert (dag.schedule, dag.is_paused_upon_creation, dag.catchup) == (None, False, False)
    assert dag.max_active_runs == 1
    assert set(dag.params) == set(AUDIT_FORM)
    assert dag.tags == {"research"}
    assert set(dag.task_dict) == {"audit"}


@pytest.mark.parametrize(
    "wrong", [{"book": "none of them"}, {"to": "yesterday"}, {"cuts": 0}, {"cuts": 65}, {"cuts": "many"}]
)
def test_the_form_takes_no_other_values(audits: ModuleType, wrong: dict[str, Any]) -> None:
    made = audits.params(ROOT / "books")
    assert [one.resolve() for one in made.values()] == [None, None, None, 4], "an empty form must be valid"
    for name, value in wrong.items():
        with pytest.raises(ParamValidationError):
            made[name].resolve(value)


def test_a_form_becomes_evidence_of_the_books_rules_and_a_note(
    desk: SmallDesk, audits: ModuleType, notes: list[str]
) -> None:
    told = audits.dag.task_dict["audit"].execute(context(GOOD))
    with desk.connection() as conn:
        (kept,) = evidence_of(conn, "small", "audit")
    book = load_book(desk.book.parent / "books" / "small.yaml")
    assert told == {"evidence": kept.number, "passed": kept.figures["passed"]}
    assert kept.rules_hash == book.rules_hash
    figures = kept.figures
    assert figures["look_ahead_passed"] is True
    assert (figures["look_ahead_cuts"], figures["look_ahead_first"]) == (2, "")
    assert figures["look_ahead_decisions"] > 0
    assert figures["warm_up_short_factors"] == []
    assert notes[-1].startswith(f"Audit {kept.number} of small from 2022-03-01 to 2022-03-08: ")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"book": "<b>x</b>\n"}, "book: found '<b>x</b>'; known are small"),
        ({"from": "2022-03-09"}, "the span ends (2022-03-08) before it begins"),
        ({"cuts": None}, "cuts: found None; expected a number from 1 to 64"),
        ({"cuts": True}, "cuts: found True"),
        ({"to": "2999-01-04"}, "is not over"),
        ({"depth": 3}, "'depth' is no key of the form"),
    ],
)
def test_a_bad_form_is_refused_in_words_and_leaves_no_row(
    desk: SmallDesk, audits: ModuleType, notes: list[str], wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        audits.dag.task_dict["audit"].execute(context({**GOOD, **wrong}))
    assert words in str(refused.value)
    assert notes == [f"Refused: {refused.value}"]
    with desk.connection() as conn:
        assert evidence_of(conn, "small", "audit") == ()
