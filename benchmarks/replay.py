"""Sixty sessions through PostgreSQL and the steps, as `nightdesk replay` drives them, beside a backtest."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from time import perf_counter

import yaml

from benchmarks.measurement import Measurement, medians
from benchmarks.signals import write_bars
from nightdesk.core.book import Book, load_book
from nightdesk.core.panel import Panel
from nightdesk.machine import postgres
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.result_files import write_result
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection
from nightdesk.store.ledger_rows import read_marks
from nightdesk.store.migrations import migrate

BOOK = Path(__file__).parents[1] / "books" / "multi_asset.yaml"
SESSIONS = 60
LIMIT = 220.0


def seeded_book(folder: Path) -> tuple[Path, list[date]]:
    """The file of the multi-asset book on seeded bars, and its sessions from the inception on."""
    sessions = write_bars(load_book(BOOK), folder, SESSIONS + 1)
    feeds = {"daily": [f"files:{folder}"]}
    tree = yaml.safe_load(BOOK.read_text()) | {"inception": sessions[0], "feeds": feeds}
    path = folder / BOOK.name
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return path, sessions


def replay(path: Path, sessions: Sequence[date], conn: Connection) -> float:
    """Seconds of the sessions one after the other, each with a context of its own; the first is not counted.

    It loads the book's history.
    """
    began = perf_counter()
    for session in sessions:
        with open_context(path, session, conn=conn, turn_seconds=0) as context:
            run_session(context)
        if session == sessions[0]:
            began = perf_counter()
    return perf_counter() - began


def in_memory(book: Book, panel: Panel, sessions: Sequence[date], folder: Path) -> Result:
    """The backtest of the sessions, with its files: the same record."""
    result = backtest(book, panel, sessions[0], sessions[-1])
    write_result(result, folder)
    return result


def measure() -> list[Measurement]:
    """One replay, since a session takes half a second; refuses to compare what does not agree."""
    with tempfile.TemporaryDirectory(prefix="nightdesk-replay-") as place, postgres.ephemeral() as addresses:
        folder = Path(place)
        os.environ["NIGHTDESK_HOME"] = str(folder)
        path, sessions = seeded_book(folder)
        book = load_book(path)
        panel = read_market(book, origin_of(book, sessions[0]), sessions[-1]).panel
        conn = connect(addresses.nightdesk)
        try:
            migrate(conn)
            stored = replay(path, sessions, conn)
            result = in_memory(book, panel, sessions, folder / "files")
            if read_marks(conn, book.name) != tuple(one.state.mark for one in result.decided):
                raise AssertionError("the replay and the backtest differ: nothing was measured")
        finally:
            conn.close()
        (memory,) = medians(lambda: in_memory(book, panel, sessions, folder / "files"))
    name = f"replay of {SESSIONS} sessions, {len(book.symbols)} symbols"
    return [Measurement(name, stored, "their backtest with its files", memory, LIMIT)]
