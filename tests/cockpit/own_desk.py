"""A copy of the decided desk that a test may write into."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DecidedDesk
from tests.conftest import Databases, open_connection


@dataclass(frozen=True)
class OwnDesk:
    """The copy, and the browser before it."""

    desk: DecidedDesk
    browser: TestClient

    def run(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Run a statement; its rows, if it gives any."""
        with open_connection(self.desk.url) as conn, conn.cursor() as cursor:
            # What a test lays beside stored rows need not hold together.
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement, values or None)
            return [] if cursor.description is None else cursor.fetchall()

    def page(self, path: str, status: int = 200, **asked: object) -> str:
        """The text of a page."""
        answer = self.browser.get(path, params={name: str(value) for name, value in asked.items()} or None)
        assert answer.status_code == status, answer.text
        return answer.text


@pytest.fixture
def own_desk(
    decided_desk: DecidedDesk, databases: Databases, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> Iterator[OwnDesk]:
    desk = replace(decided_desk, url=databases.copy(decided_desk.url))
    yield OwnDesk(desk, cockpit_of(desk))
    databases.drop(desk.url)
