"""The market and the desks of the pipeline's tests."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.pipeline.new_desk import new_desk, random_walks
from tests.pipeline.quick_checks import check_quickly
from tests.pipeline.small_desk import SmallDesk


@pytest.fixture(scope="session")
def walks() -> list[list[str]]:
    """The bars of the small desk's market."""
    return random_walks()


@pytest.fixture
def make_desk(
    walks: list[list[str]], new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], SmallDesk]:
    """Makes one more small desk, with a database of its own; its data is checked quickly."""
    check_quickly(monkeypatch)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    made = []

    def make() -> SmallDesk:
        made.append(new_desk(tmp_path / f"desk{len(made)}", new_database(), walks))
        return made[-1]

    return make


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk]) -> SmallDesk:
    return make_desk()
