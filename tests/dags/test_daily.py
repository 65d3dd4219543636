"""The DAG files: one DAG per book, whatever the other books hold."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from airflow._shared.timezones import timezone
from airflow.dag_processing.dagbag import DagBag
from airflow.models.backfill import _get_info_list
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from nightdesk.session.books import read_book, read_books

ROOT = Path(__file__).parents[2]
GOOD = ROOT / "books" / "multi_asset.yaml"

#: What a DAG file must not bring along: each costs every parse, and every task, its import.
HEAVY = {
    "alpaca", "ccxt", "exchange_calendars", "great_expectations", "numba", "pandas", "pandas_ta", "polygon",
    "psycopg2", "pyarrow", "scipy", "sklearn", "yfinance",
}  # fmt: skip

SIGNALS = {f"signals.{name}" for name in ("time_series_momentum", "cross_sectional_momentum", "rotation")}
UPSTREAM = {
    "ingest": set(),
    "quality": {"ingest"},
    "factors": {"quality"},
    "regime": {"quality"},
    **{name: {"factors", "regime"} for name in SIGNALS},
    "signals_heard": SIGNALS,
    "settle": {"quality"},
    "targets": {"signals_heard", "settle"},
    "gate": {"targets"},
    "orders": {"gate"},
    "submit": {"orders"},
    "report": {"submit"},
    "ask": {"gate"},
    "close": {"report", "signals_heard", "ask"},
}


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    """Every DAG of the project, as the DAG processor finds them."""
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert bag.import_errors == {}
    return bag.dags


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """A folder with one good book."""
    (tmp_path / GOOD.name).write_text(GOOD.read_text())
    return tmp_path


def test_every_book_has_the_dag_of_its_rhythm(dags: dict[str, DAG]) -> None:
    books = read_books(ROOT / "books").books
    assert {f"{book.schedule.rhythm}__{book.name}" for book in books.values()} <= set(dags)
    assert not [one.dag_id for one in dags.values() if "refused" in one.tags]


def test_an_ingest_stands_in_the_pool_of_its_vendor(books: Path, daily: ModuleType) -> None:
    path = books / GOOD.name
    tree = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(tree | {"feeds": {**tree["feeds"], "daily": ["tiingo", "yahoo"]}}))
    (dag,) = daily.every_dag(books, None).values()
    pools = {task.task_id: task.pool for task in dag.tasks}
    assert pools.pop("ingest") == "feeds_tiingo"
    assert set(pools.values()) == {"default_pool"}


def test_every_dag_says_what_it_is_and_every_tag_is_one_of_the_known(
    dags: dict[str, DAG], daily: ModuleType
) -> None:
    for dag in dags.values():
        assert dag.tags, dag.dag_id
        assert dag.tags <= set(daily.Tag), dag.dag_id
        assert dag.doc_md, dag.dag_id
        assert dag.description, dag.dag_id
        _, of_book, book = dag.dag_id.partition("__")
        assert not of_book or f"({book})" in dag.description, "two books may carry one title"
        assert dag.catchup is False, dag.dag_id
        assert dag.max_active_runs <= 8, dag.dag_id
        groups = [group for name, group in dag.task_group.get_task_group_dict().items() if name is not None]
        assert all(group.doc_md for group in groups), dag.dag_id


def test_every_task_has_an_owner_a_page_retries_a_deadline_and_an_alert(dags: dict[str, DAG]) -> None:
    for task in (task for dag in dags.values() for task in dag.tasks):
        assert task.owner == "desk", task.task_id
        assert task.doc_md, task.task_id
        assert task.retries >= 4, task.task_id
        assert task.retry_exponential_backoff == 2.0, task.task_id
        assert task.retry_policy is not None, task.task_id
        # A piece of a replay walks hundreds of sessions, a drill restores years of them, and the first screen
        # loads the history of a whole pool; an audit decides a span a dozen times, a piece of a sweep twenty.
        long = task.task_id in ("chunk", "drill", "screen", "audit", "points")
        longest = timedelta(minutes=90 if long else 30)
        assert task.execution_timeout <= longest, task.task_id
        assert task.on_failure_callback, task.task_id


def test_the_day_is_wired_as_it_is_told(dags: dict[str, DAG]) -> None:
    dag = dags["daily__multi_asset"]
    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == UPSTREAM


def test_each_strategy_speaks_in_a_task_of_its_own_and_one_that_fails_stops_none(daily: ModuleType) -> None:
    book = read_book(GOOD)
    entry = book.strategies["time_series_momentum"]
    two = book.model_copy(update={"strategies": {"time_series_momentum": entry, "another": entry}})
    dag = daily.daily(two)
    for strategy in two.strategies:
        assert dag.task_dict[f"signals.{strategy}"].downstream_task_ids == {"signals_heard"}
    assert dag.task_dict["signals_heard"].trigger_rule == "all_done_min_one_success"
    assert set(dag.task_dict["close"].optional) == {
        "signals.time_series_momentum", "signals.another", "ask",
    }  # fmt: skip


def test_a_stored_dag_comes_back_with_its_timetable(dags: dict[str, DAG]) -> None:
    for dag in (one for one in dags.values() if "daily" in one.tags):
        rebuilt = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert rebuilt.timetable.summary == "XNYS close + 30 min"


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("2025-01-06T08:00:00Z", "2025-01-11T07:59:59.999Z"),  # picked in Los Angeles
        ("2025-01-06T05:00:00Z", "2025-01-11T04:59:59.999Z"),  # New York
        ("2025-01-05T23:00:00Z", "2025-01-10T22:59:59.999Z"),  # Berlin
        ("2025-01-05T15:00:00Z", "2025-01-10T14:59:59.999Z"),  # Tokyo
        ("2025-01-06T00:00:00Z", "2025-01-10T00:00:00Z"),  # written as dates in a command
    ],
)
def test_airflow_makes_the_backfill_from_monday_to_friday_that_a_form_in_any_zone_asks_for(
    dags: dict[str, DAG], begins: str, ends: str
) -> None:
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dags["daily__multi_asset"]))
    bounds = (timezone.parse(begins), timezone.parse(ends))
    runs = _get_info_list(from_date=bounds[0], to_date=bounds[1], reverse=False, dag=stored)
    # The Thursday was a day of mourning.
    assert [f"{run.logical_date:%a %d %H:%M}" for run in runs] == [
        "Mon 06 00:00", "Tue 07 00:00", "Wed 08 00:00", "Fri 10 00:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"), [("session", None), ("session", "2025-01-08"), ("dry_run", True), ("dry_run", False)]
)
def test_the_form_takes_a_session_and_a_dry_run(dags: dict[str, DAG], field: str, value: object) -> None:
    assert dags["daily__multi_asset"].params.get_param(field).resolve(value=value) == value


def test_an_empty_form_decides_the_runs_own_session_for_real(daily: ModuleType) -> None:
    assert {name: param.value for name, param in daily.FORM.items()} == {"session": None, "dry_run": False}


@pytest.mark.parametrize(
    ("field", "value"), [("session", "2025-02-30"), ("session", 20250108), ("dry_run", "perhaps")]
)
def test_the_form_refuses_what_is_no_date_or_no_choice(
    dags: dict[str, DAG], field: str, value: object
) -> None:
    with pytest.raises(ParamValidationError):
        dags["daily__multi_asset"].params.get_param(field).resolve(value=value)


def change(tree: dict, path: str, value: object) -> dict:
    *parents, last = path.split(".")
    node = tree
    for part in parents:
        node = node[part]
    node[last] = value
    return tree


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("leverage", 2, "leverage: unknown key"),
        ("universe.SPY.max_weight", -0.4, "universe.SPY.max_weight: found -0.4"),
        ("universe.NOSUCH", {"max_weight": 0.1}, "NOSUCH: no feed of this book knows it"),
        ("strategies", {"astrology": {}}, "astrology"),
        ("limits.luck", {}, "luck"),
        ("strategies.time_series_momentum.params.window", "long", "window"),
        ("feeds.daily", ["bloomberg"], "bloomberg"),
        ("calendar", "XMOON", "calendar 'XMOON' is not known"),
        ("name", "another", "name: found 'another'"),
    ],
)
def test_a_wrong_book_gets_a_dag_that_fails_with_the_reason_and_the_others_stay(
    daily: ModuleType, books: Path, path: str, value: object, said: str
) -> None:
    tree = change({**yaml.safe_load(GOOD.read_text()), "name": "bad"}, path, value)
    (books / "bad.yaml").write_text(yaml.safe_dump(tree))
    found = daily.every_dag(books, None)
    assert set(found["daily__multi_asset"].task_dict) == set(UPSTREAM)
    bad = found["daily__bad"]
    assert bad.tags == {"daily", "refused"}
    (task,) = bad.tasks
    with pytest.raises(AirflowFailException) as failure:
        task.execute({})
    assert said in str(failure.value)
    assert str(books / "bad.yaml") in str(failure.value)


@pytest.mark.parametrize(
    ("name", "content"), [("bad", b"universe: [\n"), ("a bad one", b""), ("bad", b"\xff")]
)
def test_a_file_that_holds_no_book_does_not_take_the_others_away(
    daily: ModuleType, books: Path, name: str, content: bytes
) -> None:
    (books / f"{name}.yaml").write_bytes(content)
    found = daily.every_dag(books, None)
    assert set(found) == {"daily__multi_asset", f"daily__{name.replace(' ', '_')}"}
    assert [task.task_id for task in found[f"daily__{name.replace(' ', '_')}"].tasks] == ["book"]


def test_a_copy_that_kept_the_account_takes_no_dag_away(daily: ModuleType, books: Path) -> None:
    (books / "copy.yaml").write_text(GOOD.read_text().replace("name: multi_asset\n", "name: copy\n"))
    found = daily.every_dag(books, None)
    assert [set(dag.task_dict) for dag in found.values()] == [set(UPSTREAM)] * 2


def test_a_task_builds_its_own_dag_alone(daily: ModuleType, books: Path) -> None:
    (books / "other.yaml").write_text(GOOD.read_text())
    assert set(daily.every_dag(books, "daily__other")) == {"daily__other"}


PARSE = "import sys, {module}; print(*sys.modules)"


@pytest.mark.parametrize("module", [path.stem for path in sorted((ROOT / "dags").glob("*.py"))])
def test_a_dag_file_brings_nothing_heavy_along(module: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARSE.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
        env={
            "PATH": "",
            "PYTHONPATH": ":".join(map(str, (ROOT / "plugins", ROOT / "dags", ROOT / "include"))),
            "AIRFLOW_HOME": str(tmp_path),
        },
    )
    assert HEAVY & {name.partition(".")[0] for name in done.stdout.split()} == set()
