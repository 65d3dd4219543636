"""Factors and the signals of five strategies from PostgreSQL to PostgreSQL, imports told apart.

The reference takes the bars that they are made of out of PostgreSQL by `COPY`, once: nothing is quicker.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.measurement import Measurement
from benchmarks.swing_market import seeded_bars, sessions_of, swing_book
from nightdesk.core.book import WARM_UP_SESSIONS, Book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.machine import postgres
from nightdesk.session import steps
from nightdesk.session.context import Context, beginning
from nightdesk.store.book_rows import start_book
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection
from nightdesk.store.decision_rows import signals_of
from nightdesk.store.migrations import migrate

RUNS = 3
#: Number of symbols, and how much longer all six tasks together may take without their imports.
SIZES = {36: 30.0, 1000: 20.0}

#: What a task of signals loads, and the libraries that no step does without, alone.
IMPORTS = """
import time
began = time.perf_counter()
from nightdesk.session import signals as conditions
import nightdesk.strategies.ml_momentum
print(time.perf_counter() - began)
"""
LIBRARIES = """
import time
began = time.perf_counter()
import numpy, pydantic.main, psycopg2, yaml
print(time.perf_counter() - began)
"""
IMPORTS_LIMIT = 4.0

BARS = """
COPY (SELECT symbol_id, session, open, high, low, close, volume FROM nightdesk.bars
      WHERE superseded_at IS NULL ORDER BY session, symbol_id) TO STDOUT (FORMAT binary)
"""


def write_bars(book: Book, folder: Path, count: int = 2) -> list[date]:
    """The history that a book needs and so many sessions, as a file that a feed reads; those sessions."""
    sessions = sessions_of(book, WARM_UP_SESSIONS + count)
    _, bars = seeded_bars(book, sessions)
    with (folder / "bars.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["date", "symbol", "open", "high", "low", "close", "volume"])
        symbols = [book.panel_symbols[n] for n in bars.column.tolist()]
        values = (bars.open, bars.high, bars.low, bars.close, bars.volume.round())
        rows.writerows(
            zip(bars.day.astype(str).tolist(), symbols, *(one.tolist() for one in values), strict=True)
        )
    return [as_date(one) for one in sessions[-count:]]


def opened(conn: Connection, book: Book, session: date, folder: Path) -> Context:
    """The session as a task of its own opens it: it has read nothing yet."""
    record = start_book(conn, beginning(book, session))
    return Context(
        conn, book, record, get_calendar(book.calendar).close_at(session), False, (f"files:{folder}",), folder
    )


def tasks(book: Book) -> list[Callable[[Context], object]]:
    """Factors, then each strategy's signals."""
    return [steps.factors, *(partial(steps.signals, strategy=name) for name in book.strategies)]


def seconds_of_copy(conn: Connection) -> float:
    """Of every live bar of the database, taken out."""
    began = perf_counter()
    taken = BytesIO()
    with conn.cursor() as cursor:
        cursor.copy_expert(BARS, taken)
    if not taken.tell():
        raise AssertionError("there was no bar to copy: nothing was measured")
    return perf_counter() - began


def seconds_of(conn: Connection, n_symbols: int) -> tuple[list[float], list[float]]:
    """Of the first run, which fits the model, and of later ones, all tasks of each one after the other.

    And by turns with them, of the copy of the bars.
    """
    plain = swing_book(n_symbols)
    name = f"swing_{n_symbols}"
    broker = plain.own_entry.model_copy(update={"account": name})
    book = plain.model_copy(update={"name": name, "broker": broker})
    with tempfile.TemporaryDirectory(prefix="nightdesk-signals-") as place:
        folder = Path(place)
        *_, session = write_bars(book, folder)
        for step in (steps.ingest, steps.quality):
            step(opened(conn, book, session, folder))
        taken, copied = [], []
        for _ in range(RUNS):
            copied.append(seconds_of_copy(conn))
            began = perf_counter()
            for task in tasks(book):
                task(opened(conn, book, session, folder))
            taken.append(perf_counter() - began)
        _refuse_silence(conn, book, session)
    return taken, copied


def _refuse_silence(conn: Connection, book: Book, session: date) -> None:
    rows = signals_of(conn, book.name, get_calendar(book.calendar).close_at(session))
    if len(rows) != len(book.strategies) * len(book.symbols) or not any(row["confidence"] for row in rows):
        raise AssertionError(f"{len(rows)} signals of {len(book.symbols)} symbols: nothing was measured")


def measure() -> list[Measurement]:
    """For each number of symbols the first run and the median of later ones; the imports by themselves."""
    found = []
    for n_symbols, most in SIZES.items():
        with postgres.ephemeral() as addresses:
            conn = connect(addresses.nightdesk)
            try:
                migrate(conn)
                (first, *later), copied = seconds_of(conn, n_symbols)
            finally:
                conn.close()
        name, reference = f"factors and signals of five strategies, {n_symbols:,} symbols", "COPY of the bars"
        found += [
            Measurement(name, median(later), reference, median(copied), most),
            Measurement(f"{name}, and a model to learn", first, reference, median(copied)),
        ]
    return [*found, measure_imports()]


def measure_imports() -> Measurement:
    """Fresh processes by turns."""
    taken: dict[str, list[float]] = {LIBRARIES: [], IMPORTS: []}
    for _ in range(RUNS + 1):
        for script, times in taken.items():
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
            times.append(float(done.stdout))
    libraries, all_of_it = (median(times[1:]) for times in taken.values())
    reference = "numpy, pydantic, yaml and psycopg2 alone"
    return Measurement("imports of a task of signals", all_of_it, reference, libraries, IMPORTS_LIMIT)
