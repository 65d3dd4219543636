"""The DAG that asks real brokers what became of the orders."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml
from airflow.sdk.exceptions import AirflowSkipException
from tests.dags.conftest import ROOT


@pytest.fixture(scope="module")
def fills() -> ModuleType:
    import fills

    return fills


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """One book on paper, one at a real broker, one that cannot be read."""
    tree = yaml.safe_load((ROOT / "books" / "multi_asset.yaml").read_text())
    for name, kind in (("on_paper", "paper"), ("for_real", "alpaca")):
        book = tree | {"name": name, "broker": {"kind": kind, "account": f"account-{name}"}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(book, sort_keys=False))
    (tmp_path / "wrong.yaml").write_text("name: [wrong")
    return tmp_path


def test_there_is_a_task_for_each_book_with_a_real_broker(fills: ModuleType, books: Path) -> None:
    dag = fills.fills(books)
    assert list(dag.task_dict) == ["for_real"]
    assert dag.max_active_runs == 1
    assert not dag.catchup
    assert dag.doc_md
    task = dag.task_dict["for_real"]
    assert (task.owner, task.retries > 0, bool(task.on_failure_callback)) == ("desk", True, True)


def test_without_a_real_broker_it_has_nothing_to_ask(fills: ModuleType) -> None:
    assert list(fills.dag.task_dict) == ["no_real_broker"]


def test_it_runs_while_new_york_trades_at_each_full_hour_and_in_its_evening(fills: ModuleType) -> None:
    from airflow.timetables.base import TimeRestriction

    timetable = fills.MultipleCronTriggerTimetable(*fills.TIMES, timezone=fills.NEW_YORK)
    restriction = TimeRestriction(earliest=datetime(2026, 3, 6, 12, tzinfo=UTC), latest=None, catchup=True)
    at, last = [], None
    for _ in range(20):
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        at.append(info.run_after.in_timezone(fills.NEW_YORK).format("ddd HH:mm"))
        last = info.data_interval
    # From Friday to Monday daylight saving begins; the market opens at half past nine all the same.
    assert at[:4] == ["Fri 09:35", "Fri 10:00", "Fri 10:35", "Fri 11:00"]
    assert at[13:] == [
        "Fri 16:00", "Fri 16:20", "Fri 16:35", "Fri 22:35", "Mon 09:35", "Mon 10:00", "Mon 10:35"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("run_type", "day", "said"),
    [
        ("scheduled", datetime(2026, 12, 25, 14, 35, tzinfo=UTC), "2026-12-25 is no session of XNYS"),
        ("manual", datetime(2026, 12, 25, 14, 35, tzinfo=UTC), "no order of it is at work"),
        # 22:35 in New York, when it is the day after in UTC
        ("scheduled", datetime(2026, 12, 26, 3, 35, tzinfo=UTC), "2026-12-25 is no session of XNYS"),
        ("scheduled", datetime(2026, 11, 25, 3, 35, tzinfo=UTC), "no order of it is at work"),
        ("scheduled", datetime(2026, 11, 24, 14, 35, tzinfo=UTC), "no order of it is at work"),
    ],
    ids=[
        "a holiday",
        "a person asks on a holiday",
        "the evening of a holiday",
        "an evening",
        "nothing at work",
    ],
)
def test_a_book_without_anything_to_ask_is_skipped(
    fills: ModuleType, books: Path, database: str, run_type: str, day: datetime, said: str
) -> None:
    task = fills.fills(books).task_dict["for_real"]
    with pytest.raises(AirflowSkipException, match=said):
        task.execute({"dag_run": SimpleNamespace(run_type=run_type, run_after=day)})
