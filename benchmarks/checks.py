"""The data checks of 3,000 symbols over 1,260 sessions, beside the build of the panel that they check."""

from __future__ import annotations

import tracemalloc
from dataclasses import fields
from datetime import date
from time import process_time

import numpy as np

from benchmarks.measurement import Measurement, medians
from nightdesk.core.book import Book, parse_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.panel import Bars, Panel, book_columns, build_panel
from nightdesk.feeds.quality import Quality, examine

SYMBOLS, SESSIONS, RUNS = 3000, 1260, 3
TIME_LIMIT, MEMORY_LIMIT = 3.0, 1.0


def wide_book(n_symbols: int) -> Book:
    """A book of many stocks; its benchmark and volatility index are none of them."""
    return parse_book(
        {
            "name": "wide",
            "title": "Wide",
            "initial_capital": 1_000_000,
            "broker": {"account": "paper"},
            "universe": {f"S{n:04}": {"max_weight": 0.1} for n in range(n_symbols)},
            "strategies": {"time_series_momentum": {}},
            "regime": [{"name": "ALL"}],
            "limits": {},
        },
        "the benchmark of the data checks",
    )


def seeded_bars(n_sessions: int, n_columns: int, seed: int = 7) -> Bars:
    """Bars of seeded closes, of which four in a thousand are missing and one in two thousand jumps.

    A third of the symbols, but not the two references at the end, is listed in the first half.
    """
    random, shape = np.random.default_rng(seed), (n_sessions, n_columns)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, shape), axis=0))
    close[random.random(shape) < 0.0005] *= 1.8
    opened = close * np.exp(random.normal(0.0, 0.003, shape))
    listed = random.integers(0, n_sessions // 2, n_columns) * (random.random(n_columns) < 1 / 3)
    there = (np.arange(n_sessions)[:, None] >= listed) & (random.random(shape) >= 0.004)
    there[:, -2:] = True
    row, column = np.nonzero(there)
    high, low = np.maximum(opened, close) * 1.002, np.minimum(opened, close) * 0.998
    return Bars(
        column,
        sessions(n_sessions)[row],
        *(one[there] for one in (opened, high, low, close)),
        volume=np.full(len(row), 1e6),
    )


def sessions(count: int) -> np.ndarray:
    """So many sessions from 2018 on."""
    return get_calendar().between(date(2018, 1, 2), date(2025, 12, 31))[:count]


def must_find(quality: Quality) -> None:
    """Refuse bars of which nothing fails, or everything."""
    share = quality.quarantined.mean()
    if not 0 < share < 0.5:
        raise AssertionError(f"{share:.1%} of these bars are in quarantine: they measure nothing")


def bytes_of(panel: Panel) -> int:
    """Of its arrays."""
    arrays = [getattr(panel, one.name) for one in fields(panel)]
    return sum(one.nbytes for one in arrays if isinstance(one, np.ndarray))


def peak_of(panel: Panel, book: Book) -> int:
    """Bytes that one pass of the checks takes at its peak, what it returns included."""
    tracemalloc.start()
    must_find(examine(panel, book))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure() -> list[Measurement]:
    """The figures of this module."""
    book = wide_book(SYMBOLS)
    columns = book_columns(book)
    bars, days = seeded_bars(SESSIONS, len(columns)), sessions(SESSIONS)
    panel = build_panel(days, columns, bars)
    size, peak = f"{SYMBOLS:,} × {SESSIONS:,}", peak_of(panel, book)
    build, checks = medians(
        lambda: build_panel(days, columns, bars), lambda: examine(panel, book), runs=RUNS, clock=process_time
    )
    return [
        Measurement(f"data checks, {size}", checks, "the build of the panel", build, TIME_LIMIT),
        Measurement(
            f"gigabytes at the peak of them, {size}",
            peak / 1e9,
            "those of the panel",
            bytes_of(panel) / 1e9,
            MEMORY_LIMIT,
        ),
    ]
