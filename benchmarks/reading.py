"""What a session asks of PostgreSQL, and how soon a step that is a process of its own begins its work.

Statements (what is sent to the server at once counts as one), reads of stored bars and passes of the data
checks are counts, the same on every machine. A session is counted twice: its steps in one process on one
connection, as `nightdesk run` takes it, and each step with a context and a connection of its own, as a task
of Airflow takes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from statistics import median
from typing import Any
from unittest.mock import patch

import psycopg2

from benchmarks.measurement import Measurement
from nightdesk.core.calendar import get_calendar
from nightdesk.feeds import quality
from nightdesk.machine import postgres
from nightdesk.session import steps
from nightdesk.session.context import Context
from nightdesk.session.entry import open_context
from nightdesk.store.connection import connect
from nightdesk.store.db import DATABASE_VARIABLE, Cursor
from nightdesk.store.migrations import migrate

#: The sessions that are counted come after so many others: the first one loads the history.
INCEPTION, BEFORE = date(2022, 3, 1), 2
BOOKS = ("multi_asset", "equity_swing")
#: What a session may ask for.
GOAL = {"statements": 150.0, "reads of bars": 3.0, "passes of the checks": 1.0}
STARTS, START_LIMIT = 5, 4.0

Opener = Callable[[], AbstractContextManager[Context]]

#: A step whose work is to say when it begins: after the imports, the book, the connection and its own record.
BARE_STEP = """
import sys, time
from datetime import date
from nightdesk.session import steps
from nightdesk.session.entry import open_context
from nightdesk.session.writing import StepOutcome as Outcome

def work(context):
    print(time.clock_gettime(time.CLOCK_MONOTONIC))
    return Outcome({})

with open_context(sys.argv[1], date.fromisoformat(sys.argv[2])) as context:
    steps._perform(context, "regime", work)
"""
#: What no step does without: the libraries of arrays, of books and of the database.
LIBRARIES = (
    "import time, numpy, pydantic.main, yaml, psycopg2; print(time.clock_gettime(time.CLOCK_MONOTONIC))"
)


@dataclass
class Counts:
    """What was asked: statements in all, by step and by text; reads of bars of days, and of hours; passes of
    the data checks.
    """

    statements: int = 0
    panels: int = 0
    hours: int = 0
    passes: int = 0
    step: str = "set-up"
    by_step: Counter[str] = field(default_factory=Counter)
    by_text: Counter[str] = field(default_factory=Counter)

    def heard(self, text: str | bytes) -> None:
        """A statement went to the server."""
        words = " ".join((text.decode() if isinstance(text, bytes) else text).split())
        self.statements += 1
        self.by_step[self.step] += 1
        self.by_text[words[:150]] += 1
        self.panels += words.startswith("COPY (") and "nightdesk.bars " in words
        self.hours += words.startswith("COPY (") and "nightdesk.bars_hourly " in words

    def enter(self, step: str) -> None:
        """What comes is of another step."""
        self.step = step


def _cursor_that_tells(counts: Counts) -> type[Cursor]:
    class Counting(Cursor):
        def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 (the driver's name)
            counts.heard(query if isinstance(query, str | bytes) else query.as_string(self))
            super().execute(query, vars)

        def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
            counts.heard(sql)
            super().copy_expert(sql, file, size)

    return Counting


@contextmanager
def counted() -> Iterator[Counts]:
    """Counts what connections that are opened in the block are asked, and the passes of the checks."""
    counts, examine = Counts(), quality.examine

    def passing(*given: Any, **named: Any) -> Any:
        counts.passes += 1
        return examine(*given, **named)

    connecting = partial(psycopg2.connect, cursor_factory=_cursor_that_tells(counts))
    with patch.object(psycopg2, "connect", connecting), patch.object(quality, "examine", passing):
        yield counts


def count_together(opened: Opener) -> Counts:
    """A session in one process, on one connection, its opening included."""
    with counted() as counts, opened() as context:
        steps.run_session(context, counts.enter)
    return counts


def count_apart(opened: Opener) -> Counts:
    """A session whose steps have a context and a connection each."""
    with opened() as context:
        strategies = tuple(context.book.strategies)
    with counted() as counts:
        for name in steps.STEPS:
            for strategy in strategies if name == "signals" else ("",):
                counts.enter(f"{name}:{strategy}" if strategy else name)
                with opened() as context:
                    step: Callable[..., object] = getattr(steps, name)
                    step(context, strategy) if strategy else step(context)
    return counts


def start_of_a_bare_step(book: str, session: date, environ: Mapping[str, str]) -> Measurement:
    """From the start of a process to the work of its step, beside the same for its libraries alone."""
    begins, imported = [], []
    for _ in range(STARTS):
        begins.append(_seconds([BARE_STEP, book, session.isoformat()], environ))
        imported.append(_seconds([LIBRARIES], environ))
    what = "numpy, pydantic, yaml and psycopg2 imported in a fresh process"
    return Measurement("start of a bare step", median(begins), what, median(imported), START_LIMIT)


def _seconds(script: list[str], environ: Mapping[str, str]) -> float:
    import time

    began = time.clock_gettime(time.CLOCK_MONOTONIC)
    done = subprocess.run(
        [sys.executable, "-c", *script], env=dict(environ), capture_output=True, text=True, check=True
    )
    return float(done.stdout) - began


def _counts_of(book: str, environ: Mapping[str, str]) -> list[Measurement]:
    """The counts of a book's sessions in the middle, in one process and in steps of their own."""

    def opener(number: int) -> Opener:
        return partial(open_context, book, get_calendar().shift(INCEPTION, number), environ=environ)

    for number in range(BEFORE):
        with opener(number)() as context:
            steps.run_session(context)
    found = []
    for told, counts in (
        ("in one process", count_together(opener(BEFORE))),
        ("each step by itself", count_apart(opener(BEFORE + 1))),
    ):
        if "-v" in sys.argv:
            print(book, told, counts.statements, dict(counts.by_step), file=sys.stderr)
        for what, count in (
            ("statements", counts.statements),
            ("reads of bars", counts.panels),
            ("passes of the checks", counts.passes),
        ):
            found.append(
                Measurement(f"{what} of a session of {book}, {told}", count, "the goal", GOAL[what], 1.0)
            )
    return found


def measure() -> list[Measurement]:
    """The counts of both books, and the start of a bare step."""
    with (
        tempfile.TemporaryDirectory(prefix="nightdesk-reading-") as home,
        postgres.ephemeral() as addresses,
    ):
        environ = {**os.environ, DATABASE_VARIABLE: addresses.nightdesk, "NIGHTDESK_HOME": home}
        conn = connect(addresses.nightdesk, checked=False)
        migrate(conn)
        conn.close()
        found = [one for book in BOOKS for one in _counts_of(book, environ)]
        newest = get_calendar().shift(INCEPTION, BEFORE + 1)
        return [*found, start_of_a_bare_step("multi_asset", newest, environ)]


if __name__ == "__main__":
    for one in measure():
        print(f"{one.name:75} {one.seconds:8.3f} {one.reference_seconds:8.3f} {one.ratio:6.2f}")
