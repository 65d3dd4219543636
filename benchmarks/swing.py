"""The whole equity swing book over 36 symbols and 4,000 sessions, beside the plain loop of the same size."""

from __future__ import annotations

import subprocess
import sys
from time import process_time

from benchmarks import plain_loop
from benchmarks.measurement import Measurement, medians, peak_gigabytes
from benchmarks.swing_market import seeded_panel, swing_book
from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date
from nightdesk.core.panel import Panel
from nightdesk.research.backtest.run import Result, backtest

SYMBOLS, SESSIONS, RUNS = 36, 4000, 2
BOOK_LIMIT, MEMORY_LIMIT = 48.0, 0.5


def run_book(book: Book, panel: Panel) -> Result:
    """Data checks, factors, five strategies with a model refit every 21 sessions, exits, gate, ledger."""
    return backtest(book, panel, as_date(panel.sessions[0]), as_date(panel.sessions[-1]))


def run_alone() -> None:
    """One backtest in this process, and the gigabytes that it took at its peak, in all."""
    book = swing_book(SYMBOLS)
    result = run_book(book, seeded_panel(book, SESSIONS)[1])
    traded = {position.strategy for position in result.decided[-1].state.ledger.positions.values()}
    if traded != set(book.strategies):
        raise AssertionError(f"only {', '.join(sorted(traded))} traded: these bars measure nothing")
    print(peak_gigabytes())


def measure() -> list[Measurement]:
    """The figures of this module; refuses to measure a book that does not trade."""
    script = "from benchmarks.swing import run_alone; run_alone()"
    alone = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    book = swing_book(SYMBOLS)
    close, panel = seeded_panel(book, SESSIONS)
    loop, whole = medians(
        lambda: plain_loop.run(close), lambda: run_book(book, panel), runs=RUNS, clock=process_time
    )
    size = f"{SYMBOLS} × {SESSIONS}"
    return [
        Measurement(f"whole equity swing book, {size}", whole, "plain numpy loop", loop, BOOK_LIMIT),
        Measurement(
            f"gigabytes at the peak of it, {size}",
            float(alone.stdout),
            "one gigabyte",
            1.0,
            MEMORY_LIMIT,
        ),
    ]
