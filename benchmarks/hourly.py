"""The hourly book of five leveraged stocks: a decision through its steps, and five years of them in memory.

Both are on the sample market. A decision's work is the time of this process's processor, each step with a
context and a connection of its own as a task of Airflow has them; what it asks of PostgreSQL is counted.
"""

from __future__ import annotations

import os
import tempfile
from datetime import date, datetime
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

from benchmarks import plain_loop
from benchmarks.measurement import Measurement, medians
from benchmarks.reading import Counts, count_apart
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import as_instant, get_calendar
from nightdesk.core.panel import Panel
from nightdesk.core.schedule import schedule_of
from nightdesk.machine import postgres
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session.entry import open_context
from nightdesk.store.connection import connect
from nightdesk.store.db import DATABASE_VARIABLE
from nightdesk.store.migrations import migrate

BOOK = Path(__file__).parents[1] / "books" / "leveraged_five.yaml"
LAST, SESSIONS = date(2025, 12, 31), 1260
RUNS = 3
#: Times the plain loop of as many symbols and rows.
BOOK_LIMIT = 40.0
#: A day before an early close, whose first decision loads the history and is not counted.
DAY = date(2025, 11, 26)
SECOND = 1.0
#: What a decision may ask for: three reads of days, as of a daily book, and two of hours.
GOAL = {"statements": 180.0, "reads of bars": 5.0, "passes of the checks": 1.0}


def market(book: Book, sessions: int) -> tuple[date, Panel]:
    """The first decided session, and hours from the book's origin on."""
    first = get_calendar().shift(LAST, 1 - sessions)
    return first, read_market(book, origin_of(book, first), LAST).panel


def measure_backtest() -> Measurement:
    """The whole book beside the plain loop of as many symbols and rows."""
    book = load_book(BOOK)
    first, panel = market(book, SESSIONS)
    rows = len(schedule_of(book).instants(first, LAST))
    close = plain_loop.seeded_closes(len(book.symbols), rows)
    loop, whole = medians(
        lambda: plain_loop.run(close),
        lambda: backtest(book, panel, first, LAST),
        runs=RUNS,
        clock=process_time,
    )
    name = f"whole leveraged_five book, {len(book.symbols)} × {rows:,} hours"
    return Measurement(name, whole, "plain numpy loop", loop, BOOK_LIMIT)


def decided(as_of: datetime, environ: dict[str, str]) -> tuple[float, Counts]:
    """Seconds of work and what was asked, of one decision whose steps have a context each."""
    began = process_time()
    counts = count_apart(partial(open_context, "leveraged_five", as_of, environ=environ, turn_seconds=0))
    return process_time() - began, counts


def measure_decisions() -> list[Measurement]:
    """The decisions of a session after its first: the median work, and the most that one asked for."""
    with (
        tempfile.TemporaryDirectory(prefix="nightdesk-hourly-") as home,
        postgres.ephemeral() as addresses,
    ):
        environ = {**os.environ, DATABASE_VARIABLE: addresses.nightdesk, "NIGHTDESK_HOME": home}
        conn = connect(addresses.nightdesk, checked=False)
        migrate(conn)
        conn.close()
        instants = schedule_of(load_book(BOOK)).instants(DAY, DAY)
        found = [decided(as_instant(one), environ) for one in instants][1:]
    what = "of an hourly decision of leveraged_five, each step by itself"
    work = Measurement(f"work {what}", median(one for one, _ in found), "a second", SECOND, 1.0)
    asked = {
        "statements": max(one.statements for _, one in found),
        "reads of bars": max(one.panels + one.hours for _, one in found),
        "passes of the checks": max(one.passes for _, one in found),
    }
    counts = [
        Measurement(f"{name} {what}", count, "the goal", GOAL[name], 1.0) for name, count in asked.items()
    ]
    return [work, *counts]


def measure() -> list[Measurement]:
    """The decisions of a session, and the backtest."""
    return [*measure_decisions(), measure_backtest()]
