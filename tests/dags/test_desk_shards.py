"""The tasks that ask vendors ahead: mapped before the ingest, and no news when they fail."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml
from airflow.sdk import DAG, TriggerRule
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.exceptions import AirflowSkipException
from airflow.serialization.serialized_objects import DagSerialization

from desk_shards import FETCH, ShardOperator, names_of
from nightdesk.core.errors import Refused
from nightdesk.session import shards as shards_module

BOOK = Path(__file__).parents[2] / "books" / "multi_asset.yaml"


def dag_of(module: ModuleType, folder: Path, **feeds: object) -> DAG:
    tree = yaml.safe_load(BOOK.read_text())
    (folder / BOOK.name).write_text(yaml.safe_dump(tree | {"feeds": {**tree["feeds"], **feeds}}))
    (dag,) = module.every_dag(folder, None).values()
    return dag


def test_a_book_is_asked_for_by_its_ingest_alone_unless_it_says_otherwise(
    daily: ModuleType, tmp_path: Path
) -> None:
    dag = dag_of(daily, tmp_path)
    assert FETCH not in dag.task_ids
    assert dag.get_task("ingest").trigger_rule == TriggerRule.ALL_SUCCESS
    assert dag.get_task("close").ahead == frozenset()


def test_shards_are_mapped_before_the_ingest_which_waits_for_their_end_and_not_for_their_success(
    daily: ModuleType, tmp_path: Path
) -> None:
    dag = dag_of(daily, tmp_path, shards=4, daily=["tiingo", "yahoo"])
    fetch = dag.get_task(FETCH)
    assert isinstance(fetch, MappedOperator)
    assert fetch.expand_input.value == {"shard": [0, 1, 2, 3]}
    assert dag.get_task("ingest").upstream_task_ids == {FETCH}
    assert dag.get_task("ingest").trigger_rule == TriggerRule.ALL_DONE
    assert dag.get_task("ingest").pool == fetch.pool == "feeds_tiingo"
    assert dag.get_task("close").ahead == {"fetch_0", "fetch_1", "fetch_2", "fetch_3"}
    one = fetch.unmap({"shard": 2})
    assert isinstance(one, ShardOperator)
    assert (one.shard, one.book, one.calendar) == (2, "multi_asset", "XNYS")
    assert one.on_failure_callback in (None, [], ())


def test_a_dag_with_shards_goes_through_airflows_serialisation(daily: ModuleType, tmp_path: Path) -> None:
    dag = dag_of(daily, tmp_path, shards=3)
    back = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert set(back.task_ids) == set(dag.task_ids)


def test_names_are_those_that_airflow_gives_the_states_of_mapped_tasks() -> None:
    assert names_of(1) == ()
    assert names_of(2) == ("fetch_0", "fetch_1")


def test_what_is_refused_skips_the_task_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    task = ShardOperator(task_id=FETCH, shard=1, book="b", calendar="XNYS")

    @contextmanager
    def opened(*_: object, **__: object):
        yield SimpleNamespace()

    def refuse(*_: object) -> None:
        raise Refused("no such key")

    monkeypatch.setattr(ShardOperator, "opened", opened)
    monkeypatch.setattr(shards_module, "fetch_shard", refuse)
    with pytest.raises(AirflowSkipException, match=r"no such key\. The ingest asks for these symbols itself"):
        task.run_step({}, None, dry_run=False)  # type: ignore[arg-type]
