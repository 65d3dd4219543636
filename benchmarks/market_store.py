"""Bars into PostgreSQL and out of it as a panel, beside what carries the same rows and does nothing else.

A first history of 1,000 symbols is stored, the same rows are brought again, the panel is read and checked.
What grows faster than the number of symbols shows in 4,000 of them.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.checks import must_find, sessions, wide_book
from benchmarks.measurement import Measurement, peak_gigabytes
from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date
from nightdesk.feeds.feed import action_frame, bar_frame
from nightdesk.feeds.quality import examine
from nightdesk.machine import postgres
from nightdesk.store.bar_rows import SavedMarket, known_now, save_market
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection
from nightdesk.store.migrations import migrate
from nightdesk.store.panels import read_panel

if TYPE_CHECKING:
    import pandas as pd

SYMBOLS, MORE_SYMBOLS, SESSIONS, ROUNDS = 1000, 4000, 1260, 5
#: How much longer than the raw COPY, or than the transport of the panel's rows, each may take.
FIRST_LIMIT, AGAIN_LIMIT, PANEL_LIMIT, CHECKS_LIMIT = 1.9, 0.6, 1.5, 1.0
#: What four times the symbols may take of four times the time: 4 would be quadratic. What is beyond 1 is
#: memory that no cache holds any more.
GROWTH_LIMIT = 2.0
#: Gigabytes of a process that stores a first history, the frame of it included.
MEMORY_GOAL = 1.0
INCEPTION = date(2026, 6, 1)

#: The columns of a bar and its key, and what a raw copy of them is written to.
COLUMNS = "symbol_id, session, known_at, source, open, high, low, close, volume, version"
PLAIN_TABLE = """
CREATE TABLE plain_bars (LIKE nightdesk.bars, PRIMARY KEY (symbol_id, session, version))
"""
TRANSPORT = """
COPY (
    SELECT symbol_id, session, open, high, low, close, volume FROM nightdesk.bars WHERE superseded_at IS NULL
) TO STDOUT (FORMAT binary)
"""
FIRST, AGAIN, RAW = "first ingest", "the same rows again", "raw COPY"
CARRIED, PANEL, CHECKED = "transport", "panel", "data checks"


def seeded_frame(book: Book, n_sessions: int) -> pd.DataFrame:
    """Bars of every symbol of a book as a feed gives them; some closes jump."""
    names, days = np.array(book.panel_symbols, dtype=object), sessions(n_sessions)
    random, shape = np.random.default_rng(3), (len(days), len(names))
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, shape), axis=0))
    close[random.random(shape) < 0.0005] *= 1.8
    opened = close * np.exp(random.normal(0.0, 0.003, shape))
    prices = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.002,
        "low": np.minimum(opened, close) * 0.998,
        "close": close,
        "volume": np.full(shape, 1e6),
    }
    return bar_frame(
        {
            "symbol": np.repeat(names, len(days)),
            "session": np.tile(days.astype("datetime64[s]"), len(names)),
            **{name: values.T.ravel() for name, values in prices.items()},
            "source": "vendor",
        }
    )


@dataclass(frozen=True)
class Desk:
    """A migrated database of its own, and a book of so many symbols."""

    conn: Connection
    book: Book

    @property
    def span(self) -> tuple[date, date]:
        """First and last session."""
        days = sessions(SESSIONS)
        return as_date(days[0]), as_date(days[-1])

    def run(self, *statements: str) -> None:
        """Each by itself."""
        with self.conn.cursor() as cur:
            for statement in statements:
                cur.execute(statement)

    def read(self) -> BytesIO:
        """The panel's rows, taken out by COPY and left as they are."""
        taken = BytesIO()
        with self.conn.cursor() as cur:
            cur.copy_expert(TRANSPORT, taken)
        return taken


@contextmanager
def desk_of(n_symbols: int) -> Iterator[Desk]:
    """A desk whose book has so many columns: its benchmark and volatility index are two of them."""
    with postgres.ephemeral() as addresses:
        conn = connect(addresses.nightdesk, checked=False)
        try:
            migrate(conn)
            yield Desk(conn, wide_book(n_symbols - 2))
        finally:
            conn.close()


def raw_rows(desk: Desk) -> BytesIO:
    """The stored bars as they go into a table by COPY, in the order of its key: nothing is quicker."""
    rows = BytesIO()
    with desk.conn.cursor() as cur:
        ordered = f"SELECT {COLUMNS} FROM nightdesk.bars ORDER BY symbol_id, session"
        cur.copy_expert(f"COPY ({ordered}) TO STDOUT (FORMAT binary)", rows)
    return rows


def copy_raw(desk: Desk, rows: BytesIO) -> None:
    """Write the rows, committed."""
    rows.seek(0)
    with desk.conn.cursor() as cur:
        cur.copy_expert(f"COPY plain_bars ({COLUMNS}) FROM STDIN (FORMAT binary)", rows, 1 << 20)


def store(desk: Desk, frame: pd.DataFrame) -> SavedMarket:
    """Store bars as the ingest step does, which says too that they have no corporate actions."""
    first, last = desk.span
    complete = (first + timedelta(days=1), last)
    return save_market(desk.conn, desk.book, frame, action_frame(), inception=INCEPTION, complete=complete)


def one_round(desk: Desk, frame: pd.DataFrame, taken: dict[str, list[float]]) -> None:
    """Everything once, one job after the other on the same rows."""

    def timed[T](name: str, job: Callable[[], T]) -> T:
        gc.collect()
        began = perf_counter()
        made = job()
        taken[name].append(perf_counter() - began)
        return made

    def save() -> tuple[int, int]:
        saved = store(desk, frame).bars
        return saved.new, saved.unchanged

    desk.run("TRUNCATE nightdesk.bars", "DROP TABLE IF EXISTS plain_bars", PLAIN_TABLE)
    found = [timed(FIRST, save), timed(AGAIN, save)]
    if found != [(len(frame), 0), (0, len(frame))]:
        raise AssertionError(f"{found} of {len(frame)} rows were new and known already: nothing was measured")
    rows = raw_rows(desk)
    timed(RAW, lambda: copy_raw(desk, rows))
    timed(CARRIED, desk.read)
    known_by = known_now(desk.conn)
    panel = timed(PANEL, lambda: read_panel(desk.conn, desk.book, *desk.span, known_by))
    if int(np.isfinite(panel.close).sum()) != len(frame):
        raise AssertionError("the panel lacks bars that were stored: nothing was measured")
    must_find(timed(CHECKED, lambda: examine(panel, desk.book)))


def seconds_of(n_symbols: int, rounds: int) -> dict[str, float]:
    """Median seconds of each job; a first round is not counted."""
    taken: dict[str, list[float]] = defaultdict(list)
    with desk_of(n_symbols) as desk:
        frame = seeded_frame(desk.book, SESSIONS)
        for _ in range(rounds + 1):
            one_round(desk, frame, taken)
    return {name: median(times[1:]) for name, times in taken.items()}


def peak_of_ingest() -> float:
    """Gigabytes of a process that makes the frame and stores it."""
    command = [sys.executable, "-m", "benchmarks.market_store"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def measure() -> list[Measurement]:
    """Each job beside its reference, then four times the symbols beside four times the time."""
    one, many = seconds_of(SYMBOLS, ROUNDS), seconds_of(MORE_SYMBOLS, 1)
    size, times = f"{SYMBOLS:,} × {SESSIONS:,}", MORE_SYMBOLS / SYMBOLS
    copied, carried = "COPY of the same rows into a table of its key", "the transport of its rows"
    beside = [
        (FIRST, copied, RAW, FIRST_LIMIT),
        (AGAIN, copied, RAW, AGAIN_LIMIT),
        (PANEL, carried, CARRIED, PANEL_LIMIT),
        (CHECKED, carried, CARRIED, CHECKS_LIMIT),
    ]
    return [
        *(
            Measurement(f"{name}, {size} bars", one[name], reference, one[other], limit)
            for name, reference, other, limit in beside
        ),
        *(
            Measurement(
                f"{name}, {MORE_SYMBOLS:,} symbols",
                many[name],
                "four times that",
                times * one[name],
                GROWTH_LIMIT,
            )
            for name, *_ in beside
        ),
        Measurement(
            f"gigabytes at the peak of a first ingest, {size}", peak_of_ingest(), "the goal", MEMORY_GOAL, 1.0
        ),
    ]


def main() -> None:
    """Store a first history and say this process's peak of memory."""
    with desk_of(SYMBOLS) as desk:
        frame = seeded_frame(desk.book, SESSIONS)
        store(desk, frame)
    print(peak_gigabytes())


if __name__ == "__main__":
    main()
