"""The DAG that makes a backtest from a form: how it is wired, what a form becomes, what is refused."""

from __future__ import annotations

import inspect
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError
from tests.dags.conftest import ROOT
from tests.session.small_desk import SmallDesk

import desk_research
from nightdesk.core.errors import BadRequest, Transient
from nightdesk.operations.keep_backtest import FORM
from nightdesk.store.backtest_rows import kept_backtests
from nightdesk.store.db import Connection
from nightdesk.store.message_rows import alerts_of

GOOD = {"books": ["small"], "from": "2022-03-01", "to": "2022-03-08", "capital": None, "note": "as it is"}


@pytest.fixture(scope="module")
def research() -> ModuleType:
    import research

    return research


@pytest.fixture
def notes(research: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written into the note of the run.

    Airflow may have loaded the plugins anew since the DAG's file was imported: what counts is the module that
    the DAG's own operator is of.
    """
    written: list[str] = []
    of_operator = inspect.unwrap(research.BacktestOperator.execute).__globals__
    monkeypatch.setitem(of_operator, "write_note", lambda ti, line, over: written.append(line))
    monkeypatch.setitem(of_operator, "note_refusal", lambda ti, why: written.append(f"Refused: {why}"))
    return written


def context(params: dict[str, Any], dag: str = "research__backtest", **changed: Any) -> dict[str, Any]:
    ti = SimpleNamespace(dag_id=dag, run_id="manual__1", task_id="backtest", try_number=1, map_index=-1)
    return {"ti": ti, "dag_run": SimpleNamespace(triggering_user_name="ann"), "params": params, **changed}


def test_it_is_started_by_hand_has_the_forms_keys_and_is_on_from_the_start(research: ModuleType) -> None:
    dag: Any = research.dag
    assert dag.dag_id == "research__backtest"
    assert (dag.schedule, dag.is_paused_upon_creation, dag.catchup) == (None, False, False)
    assert set(dag.params) == set(FORM)
    assert dag.tags == {"research"}
    assert set(dag.task_dict) == {"form", "backtest"}
    assert dag.task_dict["backtest"].is_mapped
    assert dag.task_dict["backtest"].upstream_task_ids == {"form"}
    assert dag.doc_md
    assert all(task.doc_md for task in dag.tasks)


@pytest.mark.parametrize(
    "wrong",
    [
        {"books": ["none of them"]}, {"books": "small"}, {"from": "yesterday"}, {"capital": -1},
        {"capital": "much"}, {"release_after": 0}, {"release_after": 2.5}, {"note": "x" * 501},
        {"note": None},
    ],
)  # fmt: skip
def test_the_form_takes_no_other_values(research: ModuleType, wrong: dict[str, Any]) -> None:
    made = research.params(ROOT / "books")
    assert all(one.resolve() in (None, "", []) for one in made.values()), "an empty form must be valid"
    for name, value in wrong.items():
        with pytest.raises(ParamValidationError):
            made[name].resolve(value)
    assert made["books"].resolve(["multi_asset", "equity_swing"]) == ["multi_asset", "equity_swing"]
    assert made["from"].resolve("2022-03-01") == "2022-03-01"


def backtest_of(research: ModuleType, book: str = "small") -> Any:
    """The task that decides one of the form's books."""
    return research.BacktestOperator(task_id="backtest", book=book)


def decide(research: ModuleType, form: dict[str, Any]) -> None:
    """What the tasks of a run do with a form."""
    for book in research.dag.task_dict["form"].execute(form):
        backtest_of(research, book).execute(form)


def test_a_form_becomes_a_kept_backtest_once_and_the_note_says_what_came_of_it(
    make_desk: Any, research: ModuleType, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = project_of(make_desk(), monkeypatch)
    assert research.dag.task_dict["form"].execute(context(GOOD)) == ["small"]
    task = backtest_of(research)
    told = task.execute(context(GOOD))
    with desk.connection() as conn:
        (kept,) = kept_backtests(conn, "small")
    assert told == {"backtest": kept.number, "book": "small"}
    assert (kept.state, kept.asked_by, kept.note) == ("done", "ann", "as it is")
    assert kept.run == "research__backtest/manual__1"
    assert notes[-1].startswith(f"Backtest {kept.number} of small from 2022-03-01 to 2022-03-08: ")
    assert task.execute(context(GOOD)) == told, "a try after that is harmless"
    with desk.connection() as conn:
        assert len(kept_backtests(conn, "small")) == 1


def test_each_book_of_a_form_has_a_backtest_of_its_own(
    make_desk: Any, research: ModuleType, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = project_of(make_desk(), monkeypatch)
    books = desk.book.parent / "books"
    (books / "other.yaml").write_text(
        (books / "small.yaml").read_text().replace("name: small", "name: other")
    )
    form = context({**GOOD, "books": ["small", "other", "small"]})
    assert research.dag.task_dict["form"].execute(form) == ["small", "other"]
    for book in ("small", "other"):
        backtest_of(research, book).execute(form)
    with desk.connection() as conn:
        assert [(one.book, one.run) for one in kept_backtests(conn)] == [
            ("other", "research__backtest/manual__1"),
            ("small", "research__backtest/manual__1"),
        ]
    assert [note.split()[3] for note in notes] == ["small", "other"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"books": None}, "books: found None; expected the names of one book or more"),
        ({"books": ["<b>x</b>\n"]}, "book: found '<b>x</b>'; known are small"),
        ({"from": None}, "from: found None; expected a date"),
        ({"from": "2022-03-09"}, "the span ends (2022-03-08) before it begins"),
        ({"to": "2999-01-04"}, "is not over"),
        ({"from": "2022-03-05", "to": "2022-03-06"}, "there is no session of XNYS"),
    ],
)
def test_a_bad_form_is_refused_in_words_and_leaves_no_row(
    make_desk: Any,
    research: ModuleType,
    notes: list[str],
    monkeypatch: pytest.MonkeyPatch,
    wrong: dict[str, Any],
    words: str,
) -> None:
    desk = project_of(make_desk(), monkeypatch)
    form = context({**GOOD, **wrong})
    with pytest.raises(BadRequest) as refused:
        decide(research, form)
    assert words in str(refused.value)
    assert notes == [f"Refused: {refused.value}"]
    with desk.connection() as conn:
        assert kept_backtests(conn) == ()


def test_what_fails_is_told_and_a_refused_form_is_not(conn: Connection) -> None:
    desk_research.raise_alert(context({}, exception=BadRequest("no such book")))
    assert alerts_of(conn) == []
    desk_research.raise_alert(context({}, exception=Transient("the vendor is away")))
    desk_research.raise_alert(context({}, exception=Transient("the vendor is away")))
    (alert,) = alerts_of(conn)
    assert "the vendor is away" in alert["body"]


def project_of(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch) -> SmallDesk:
    """The desk as the project of this process: its book reads its own file of bars."""
    for name, value in {**desk.make_project(), "NIGHTDESK_DATABASE_URL": desk.url}.items():
        monkeypatch.setenv(name, value)
    return desk
