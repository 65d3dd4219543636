"""The tool that writes docs/level-history.md: each row says when the book was back at level 0."""

import importlib.util
from datetime import date
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.conftest import PROJECT

from nightdesk.core.drawdown_levels import Levels
from nightdesk.risk import LevelChange


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("level_history", PROJECT / "tools" / "level_history.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lived(*moves: tuple[int, int, int, str]) -> Any:
    """A result with these moves: day of January 2020, level before and after, cause."""
    changes = [
        LevelChange(
            date(2020, 1, day),
            before,
            after,
            cause,  # type: ignore[arg-type]
            Decimal("0.06"),
            Decimal(94_000),
            Decimal(100_000),
        )
        for day, before, after, cause in moves
    ]
    decided = [SimpleNamespace(gated=SimpleNamespace(judged=SimpleNamespace(change=one))) for one in changes]
    return SimpleNamespace(decided=decided, desk=SimpleNamespace(book=SimpleNamespace(levels=Levels())))


def returns(tool: ModuleType, *moves: tuple[int, int, int, str]) -> list[str]:
    rows = list(tool.table(lived(*moves)))[2:]
    return [row.split("|")[-2].strip() for row in rows]


def test_a_way_back_to_level_one_is_no_return_to_level_zero(tool: ModuleType) -> None:
    story = ((2, 0, 2, "drawdown"), (9, 2, 1, "way back"), (20, 1, 0, "recovered"))
    assert returns(tool, *story) == ["2020-01-20 (recovered)"]


def test_a_way_back_to_level_zero_is_the_return(tool: ModuleType) -> None:
    story = ((2, 0, 1, "drawdown"), (5, 1, 2, "drawdown"), (9, 2, 0, "way back"))
    assert returns(tool, *story) == ["2020-01-09 (way back)"] * 2
    assert returns(tool, story[0]) == ["at the end still there"]
