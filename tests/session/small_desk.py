"""A small desk for tests: five symbols, one strategy, and bars in a file that tests may correct."""

import csv
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import yaml
from tests.conftest import PROJECT, open_connection
from tests.of_the_database import OF_THE_DATABASE

from nightdesk.core.calendar import get_calendar
from nightdesk.session import steps
from nightdesk.session.context import Context
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.db import Connection

INCEPTION = date(2022, 3, 1)
ORIGIN = date(2021, 3, 1)
UNIVERSE = ("SPY", "QQQ", "GLD", "TLT", "BTC-USD")
STRATEGY = "time_series_momentum"

#: Times, numbers of attempts, their stories, and the book as one last used it; all else must be the same
#: however it came about.
STAMPED_TABLES = {*OF_THE_DATABASE, "run_steps", "feed_health"}
STAMPED_COLUMNS = {
    "known_by", "known_at", "superseded_at", "opened_at", "closed_at", "recorded_at", "created_at",
    "applied_at", "attempts", "cause", "received", "alert_id", "risk_event_id", "document",
}  # fmt: skip
_TIME = re.compile(r"<time.*?</time>", re.DOTALL)


def session(number: int) -> date:
    """The session that is `number` sessions after the book's inception."""
    return get_calendar().shift(INCEPTION, number)


def instant(number: int) -> datetime:
    """The instant at which it is decided: its close."""
    return get_calendar().close_at(session(number))


@dataclass
class SmallDesk:
    """A book, its bars and its database."""

    url: str
    book: Path
    bars: Path

    @property
    def feed(self) -> str:
        """Name of the feed that reads the bars."""
        return f"files:{self.bars.parent}"

    def make_project(self) -> dict[str, str]:
        """Lay its book into a project with its own bars as its feed; the variable that names the project."""
        folder = self.book.parent
        (folder / "books").mkdir(exist_ok=True)
        tree = yaml.safe_load(self.book.read_text())
        tree["feeds"] = {**tree.get("feeds", {}), "daily": [self.feed]}
        (folder / "books" / "small.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
        if not (folder / "sql").exists():
            (folder / "sql").symlink_to(PROJECT / "sql")
        return {"NIGHTDESK_ROOT": str(folder)}

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection to its database."""
        with open_connection(self.url) as conn:
            yield conn

    @contextmanager
    def at(self, number: int, **options: object) -> Iterator[Context]:
        """The context of a session by its number."""
        chosen = {"turn_seconds": 0.0, "feed": self.feed, **options}
        with (
            self.connection() as conn,
            open_context(self.book, session(number), conn=conn, **chosen) as context,  # type: ignore[arg-type]
        ):
            yield context

    def run(self, number: int, **options: object) -> dict[str, dict[str, int | str]]:
        with self.at(number, **options) as context:
            return run_session(context)

    def run_steps(self, number: int, first: str, last: str, **options: object) -> None:
        """The steps from `first` to `last` of a session."""
        names = list(steps.STEPS)
        with self.at(number, **options) as context:
            for name in names[names.index(first) : names.index(last) + 1]:
                if name == "signals":
                    for strategy in context.book.strategies:
                        steps.signals(context, strategy)
                else:
                    getattr(steps, name)(context)

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self.connection() as conn, conn.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def dump(self) -> dict[str, list[str]]:
        """All rows of all tables but stamps."""
        out = {}
        # Over one connection: PostgreSQL begins a process for each, which reads its catalogue anew.
        with self.connection() as conn, conn.cursor() as cursor:
            cursor.execute(
                "SELECT table_name::text FROM information_schema.tables "
                "WHERE table_schema = 'nightdesk' AND table_type = 'BASE TABLE' ORDER BY 1"
            )
            for (table,) in cursor.fetchall():
                if table not in STAMPED_TABLES:
                    cursor.execute(
                        f"SELECT (to_jsonb(t) - %s::text[])::text FROM nightdesk.{table} t ORDER BY 1",
                        (sorted(STAMPED_COLUMNS),),
                    )
                    out[table] = [_TIME.sub("", row) for (row,) in cursor.fetchall()]
        return out

    def change_bar(self, symbol: str, day: date, factor: float) -> None:
        """Correct all prices of a bar in the vendor's file."""
        rows = list(csv.reader(self.bars.open()))
        for row in rows[1:]:
            if row[0] == str(day) and row[1] == symbol:
                row[2:6] = [f"{float(price) * factor:.2f}" for price in row[2:6]]
        with self.bars.open("w", newline="") as file:
            csv.writer(file).writerows(rows)

    def remove_bars(self, symbol: str, first: date) -> None:
        """Take a symbol's bars from a day on out of the vendor's file."""
        rows = list(csv.reader(self.bars.open()))
        kept = [row for row in rows if row[1] != symbol or row[0] < str(first)]
        with self.bars.open("w", newline="") as file:
            csv.writer(file).writerows(kept)


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a process of its own and give its exit status; 0 done, 1 raised, -9 killed."""
    return wait_for(begin_child(work))


def begin_child(work: Callable[[], None]) -> int:
    """Begin `work` in a forked process, which has all imports done already; its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            # Whatever happened, the child must not go on as a second test process.
            os._exit(status)
    return child


def wait_for(child: int) -> int:
    """The exit status of a child."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die(*arguments: object, **named: object) -> None:
    """What a process does that is killed at once."""
    os.kill(os.getpid(), signal.SIGKILL)
