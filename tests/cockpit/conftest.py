"""The desk that the cockpit's tests look at, and the cockpit before it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi import HTTPException, Request
from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DecidedDesk, as_project, decide
from tests.cockpit.own_desk import own_desk
from tests.conftest import Databases
from tests.session.new_desk import random_walks
from tests.session.quick_checks import check_quickly

from nightdesk.cockpit.guards import Guards, Visitor
from nightdesk.cockpit.web_app import make_app

__all__ = ["own_desk"]


@pytest.fixture(scope="session")
def decided_desk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DecidedDesk]:
    """A desk whose two books have decided eight sessions; only to be read."""
    folder = tmp_path_factory.mktemp("cockpit")
    with pytest.MonkeyPatch.context() as patch:
        check_quickly(patch)
        patch.setenv("NIGHTDESK_HOME", str(folder / "home"))
        desk = decide(folder / "desk", databases.new(), random_walks())
    yield DecidedDesk(desk.url, desk.root, folder / "home")
    databases.drop(desk.url)


@dataclass
class Door:
    """Who comes in, nobody while `name` is empty; `hidden` books are not seen, `locked` ones not acted on."""

    name: str = "ann"
    hidden: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)

    def guards(self) -> Guards:
        """The guards of an app."""

        def visitor(request: Request) -> Visitor:
            if not self.name:
                raise HTTPException(401)
            return Visitor(
                self.name, lambda book: book not in self.hidden, lambda book: book not in self.locked
            )

        return Guards(visitor=visitor)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def cockpit_of(monkeypatch: pytest.MonkeyPatch, door: Door) -> Callable[[DecidedDesk], TestClient]:
    """Makes a browser before the cockpit of a desk."""

    def made(desk: DecidedDesk) -> TestClient:
        for name, value in desk.environ.items():
            monkeypatch.setenv(name, value)
        return TestClient(
            make_app(door.guards()),
            root_path="/cockpit",
            raise_server_exceptions=False,
            headers={"Accept": "text/html"},
        )

    return made


@pytest.fixture
def browser(decided_desk: DecidedDesk, cockpit_of: Callable[[DecidedDesk], TestClient]) -> TestClient:
    """A browser before the cockpit of the decided desk."""
    return cockpit_of(decided_desk)


@pytest.fixture
def empty_browser(
    database: str, tmp_path: Path, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> TestClient:
    """A browser before the cockpit of a desk without books."""
    return cockpit_of(DecidedDesk(database, as_project(tmp_path / "desk"), tmp_path / "home"))
