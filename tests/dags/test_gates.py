"""The DAG that holds every book against the criteria of its next stage."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.dags.conftest import ROOT

from nightdesk.core.errors import Refused
from nightdesk.machine.whole_desk import DESK_DAGS
from nightdesk.operations import trading_stage
from nightdesk.store.db import Connection
from nightdesk.store.gate_promotion_rows import newest_evaluation


@pytest.fixture(scope="module")
def gates() -> ModuleType:
    import gates

    return gates


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "books").mkdir()
    for name in ("multi_asset", "equity_swing"):
        shutil.copy(ROOT / "books" / f"{name}.yaml", tmp_path / "books")
    (tmp_path / "books" / "wrong.yaml").write_text("name: [wrong")
    (tmp_path / "sql").symlink_to(ROOT / "sql")
    monkeypatch.setenv("NIGHTDESK_ROOT", str(tmp_path))
    return tmp_path


def test_it_is_on_from_the_start_and_runs_each_weekday_evening(gates: ModuleType) -> None:
    dag: Any = gates.dag
    assert "gates" in DESK_DAGS
    assert (dag.is_paused_upon_creation, dag.max_active_runs, dag.catchup) == (False, 1, False)
    assert list(dag.task_dict) == ["gates"]


@pytest.mark.usefixtures("project")
def test_every_book_that_can_be_read_is_looked_at_and_kept(gates: ModuleType, conn: Connection) -> None:
    said = gates.dag.task_dict["gates"].execute({})
    assert said == {"multi_asset": "backtest", "equity_swing": "backtest"}
    found = newest_evaluation(conn, "equity_swing")
    assert found is not None
    assert (found.next_stage, found.is_met) == ("paper", False)


@pytest.mark.usefixtures("project")
def test_a_book_that_cannot_be_judged_is_named_and_hides_no_other(
    gates: ModuleType, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = trading_stage.look

    def some(at: Connection, book: Any) -> Any:
        if book.name == "equity_swing":
            raise Refused("its list of members is gone")
        return judge(at, book)

    monkeypatch.setattr(trading_stage, "look", some)
    with pytest.raises(Exception, match="not judged: equity_swing: its list of members is gone"):
        gates.dag.task_dict["gates"].execute({})
    assert newest_evaluation(conn, "multi_asset") is not None
