"""The market and the desks of the pipeline's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.conftest import Databases
from tests.fakes.alpaca import FakeAlpaca
from tests.session.hourly_desk import HourlyDesk
from tests.session.kept_desk import DeskAfter, KeptDesk
from tests.session.new_desk import new_desk, random_walks
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import INCEPTION, SmallDesk

from nightdesk.core.calendar import get_calendar


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


@pytest.fixture
def hourly_desk(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> HourlyDesk:
    """A desk that decides by the hour; its data is checked quickly."""
    check_quickly(monkeypatch)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    return HourlyDesk(new_database(), tmp_path / "hourly")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder for servers: those of pytest are closed to others, also by a pytest that begins meanwhile."""
    with TemporaryDirectory(prefix="nightdesk-test-") as folder:
        yield Path(folder)


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    """The account of a small desk at its inception."""
    with FakeAlpaca(get_calendar().open_at(INCEPTION)) as server:
        yield server


@pytest.fixture(scope="session")
def kept_desks() -> dict[int, KeptDesk]:
    """Those that `desk_after` has made, by the number of sessions that they have decided."""
    return {}


@pytest.fixture
def desk_after(
    make_desk: Callable[[], SmallDesk],
    kept_desks: dict[int, KeptDesk],
    databases: Databases,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DeskAfter]:
    """Gives a small desk that has decided its first so many sessions."""
    given: list[SmallDesk] = []

    def after(sessions: int) -> SmallDesk:
        if sessions not in kept_desks:
            first = make_desk()
            for number in range(sessions):
                first.run(number)
            kept = tmp_path_factory.mktemp("kept")
            kept_desks[sessions] = KeptDesk(first, tmp_path / "home", kept, databases)
        given.append(kept_desks[sessions].copy(tmp_path))
        return given[-1]

    yield after
    for desk in given:
        databases.drop(desk.url)
