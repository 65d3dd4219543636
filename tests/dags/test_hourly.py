"""The DAG of an hourly book: the steps of a daily one, once for each bar."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.serialization.serialized_objects import DagSerialization
from tests.dags.conftest import ROOT

from desk_step import decision_of, instant_of, name_of, session_in
from hour_timetable import schedule_of_hours
from nightdesk.core.errors import BadRequest

GOOD = ROOT / "books" / "multi_asset.yaml"


@pytest.fixture(scope="session")
def hourly() -> ModuleType:
    """The DAG file."""
    import hourly

    return hourly


@pytest.fixture
def books(tmp_path: Path, market: Path) -> Path:
    """A folder with a daily book and an hourly one; in ``days`` the hourly one as it would be by the day."""
    (tmp_path / GOOD.name).write_text(GOOD.read_text())
    tree = {
        "name": "hours",
        "title": "Three symbols by the hour",
        "initial_capital": "100000.00",
        "schedule": "hourly",
        "broker": {"kind": "paper", "account": "hours"},
        "universe": {one: {"max_weight": 0.3, "asset_class": "equity"} for one in ("SPY", "AAPL", "BAC")},
        "strategies": {name: {"share": 0.5} for name in ("rsi_mean_reversion", "volatility_breakout")},
        "regime": [{"name": "ALL"}],
        "portfolio": {"volatility_target": None},
        "limits": {"max_weight": {}},
        "feeds": {"daily": [f"files:{market}"], "hourly": [f"files:{market}"]},
    }
    (tmp_path / "hours.yaml").write_text(yaml.safe_dump(tree))
    (tmp_path / "days").mkdir()
    tree |= {"schedule": {"rhythm": "daily"}}
    (tmp_path / "days" / "hours.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path


def test_each_book_has_the_dag_of_its_rhythm_alone(
    books: Path, daily: ModuleType, hourly: ModuleType
) -> None:
    assert set(daily.every_dag(books, None)) == {"daily__multi_asset"}
    assert set(hourly.every_dag(books, None)) == {"hourly__hours"}
    assert hourly.every_dag(books, "daily__multi_asset") == {}


def test_an_hour_has_the_tasks_of_a_day_wired_alike(
    books: Path, daily: ModuleType, hourly: ModuleType
) -> None:
    day = daily.every_dag(books / "days", None)["daily__hours"]
    hour = hourly.every_dag(books, None)["hourly__hours"]
    assert {one.task_id: one.upstream_task_ids for one in hour.tasks} == {
        one.task_id: one.upstream_task_ids for one in day.tasks
    }
    assert {one.hours_delay for one in hour.tasks if hasattr(one, "hours_delay")} == {5}
    assert {one.hours_delay for one in day.tasks if hasattr(one, "hours_delay")} == {None}
    assert {name: param.value for name, param in hourly.FORM.items()} == {"as_of": None, "dry_run": False}


def test_it_is_told_what_it_is_and_comes_back_from_the_store_with_its_timetable(
    books: Path, hourly: ModuleType
) -> None:
    dag = hourly.every_dag(books, None)["hourly__hours"]
    assert dag.tags == {"hourly", "trading"}
    assert dag.description.endswith("(hours): decided after each hour's bar")
    assert "Late\n  is never sent" in (dag.doc_md or "")
    rebuilt = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert rebuilt.timetable.summary == "XNYS bars + 5 min"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def run(logical: str | None, asked: str) -> Any:
    return SimpleNamespace(logical_date=None if logical is None else utc(logical), run_after=utc(asked))


@pytest.mark.parametrize(
    ("form", "logical", "asked", "expected"),
    [
        (
            None,
            "2025-01-08 14:30",
            "2025-01-08 15:05",
            "2025-01-08 15:00",
        ),  # it begins at the open
        (None, "2025-01-08 20:00", "2025-01-08 21:05", "2025-01-08 21:00"),
        (None, "2025-03-10 13:30", "2025-03-10 14:05", "2025-03-10 14:00"),  # after the clocks went forward
        (None, "2024-11-29 17:00", "2024-11-29 18:05", "2024-11-29 18:00"),  # an early close
        (None, None, "2025-01-08 16:04", "2025-01-08 15:00"),  # the bar of 16:00 is not known yet
        (None, None, "2025-01-08 16:05", "2025-01-08 16:00"),
        ("2025-01-08T15:00:00Z", None, "2025-01-10 16:05", "2025-01-08 15:00"),
        ("2025-01-08T10:00:00-05:00", None, "2025-01-10 16:05", "2025-01-08 15:00"),
        ("", "2025-01-08 14:30", "2025-01-10 16:05", "2025-01-08 15:00"),
    ],
)
def test_a_run_decides_the_instant_of_its_form_of_its_bar_or_the_newest(
    form: str | None, logical: str | None, asked: str, expected: str
) -> None:
    found = instant_of({"as_of": form}, run(logical, asked), schedule_of_hours("XNYS", 5))
    assert found == utc(expected)


@pytest.mark.parametrize(
    ("form", "logical", "words"),
    [
        ("noon", None, r"as_of: found 'noon'; expected an instant such as 2025-01-08T15:00:00Z"),
        ("2025-01-08T15:30:00Z", None, r"nothing is decided at 2025-01-08 15:30"),
        (
            "2025-01-08T16:00:00Z",
            "2025-01-08 14:30",
            r"the form says 2025-01-08 16:00 UTC, and this is",
        ),
        (None, "2025-01-07 15:20", r"no bar begins at the logical date 2025-01-07 15:20 UTC"),
    ],
)
def test_a_form_or_date_that_names_no_decision_is_refused_with_what_to_write(
    form: str | None, logical: str | None, words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        instant_of({"as_of": form}, run(logical, "2025-01-08 16:05"), schedule_of_hours("XNYS", 5))


def test_a_task_knows_its_decision_by_session_and_name(books: Path, hourly: ModuleType) -> None:
    task = hourly.every_dag(books, None)["hourly__hours"].task_dict["gate"]
    when = decision_of(
        {"params": {"as_of": None}, "dag_run": run("2025-01-08 14:30", "2025-01-08 15:05")}, task
    )
    assert (when, f"{session_in(task, when)}") == (utc("2025-01-08 15:00"), "2025-01-08")
    assert name_of(task, when) == "2025-01-08 10:00"
