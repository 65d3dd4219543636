"""A desk with decided sessions, whose figures are read."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.cli.conftest import PROJECT, Command
from tests.clock import set_clock
from tests.conftest import open_connection

from nightdesk.core.calendar import get_calendar
from nightdesk.core.schedule import daily
from nightdesk.metrics.exporter import FigureReader
from nightdesk.store import db
from nightdesk.store.message_rows import raise_alert

BOOK = "multi_asset"
FIRST, LAST = "2024-03-04", "2024-03-06"


@dataclass
class MeasuredDesk:
    """A desk of one book that has decided three sessions; its clock stands half an hour after the last."""

    url: str
    root: Path
    decided_at: datetime

    def set_clock(self, after: timedelta) -> None:
        """Let its clock stand so long after its newest decision was closed."""
        set_clock(self.url, self.decided_at + after)

    def run(self, *statements: str) -> None:
        with open_connection(self.url) as conn, db.cursor(conn) as cur:
            for one in statements:
                cur.execute(one)

    def rows(self, statement: str) -> list[tuple]:
        with open_connection(self.url) as conn, db.cursor(conn) as cur:
            cur.execute(statement)
            return cur.fetchall()

    def reader(self, **environ: str) -> FigureReader:
        own = {"NIGHTDESK_HOME": str(self.root / "state"), db.DATABASE_VARIABLE: self.url}
        return FigureReader(self.root, {**own, **environ})


@pytest.fixture(scope="module")
def measured(databases, tmp_path_factory) -> Iterator[MeasuredDesk]:
    root = tmp_path_factory.mktemp("desk")
    (root / "books").mkdir()
    shutil.copy(PROJECT / "books" / f"{BOOK}.yaml", root / "books")
    (root / "sql").symlink_to(PROJECT / "sql")
    with databases.lent() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTDESK_ROOT", str(root))
        patch.setenv("NIGHTDESK_HOME", str(root / "state"))
        patch.setenv(db.DATABASE_VARIABLE, url)
        Command()("replay", BOOK, "--from", FIRST, "--to", LAST)
        with open_connection(url) as conn:
            raise_alert(conn, "a", "CRITICAL", "it burns", "...", book=BOOK)
        schedule = daily(get_calendar())
        (closed,) = _column(url, "SELECT max(as_of) FROM nightdesk.runs WHERE status = 'closed'")
        desk = MeasuredDesk(url, root, schedule.known_from(closed))
        # A desk that begins today is given time: this one has stood since the day before its first session.
        desk.run("UPDATE nightdesk.books SET created_at = '2024-03-01 12:00Z'")
        desk.set_clock(timedelta(minutes=30))
        yield desk


def _column(url: str, statement: str) -> list:
    with open_connection(url) as conn, db.cursor(conn) as cur:
        cur.execute(statement)
        return [row[0] for row in cur.fetchall()]
