"""A session of a book of 1,000 members, some of which change every week, beside one that lists its symbols.

Both are decided through PostgreSQL on one seeded market. One session says its processor time, in a process of
its own; of another each task is a process, as Airflow runs it, and says its peak of memory. Statements and
reads of bars are counts, the same on every machine.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.measurement import Measurement
from benchmarks.reading import count_apart
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.machine import postgres
from nightdesk.session import steps
from nightdesk.session.entry import open_context
from nightdesk.store.connection import connect
from nightdesk.store.db import DATABASE_VARIABLE, Connection
from nightdesk.store.migrations import migrate

#: Members at once, of which so many change every week.
MEMBERS, CHANGED = 1000, 5
#: Sessions of bars before the first decision, and decided ones: the first loads the history.
WARM_UP, DECIDED = 280, 5
INCEPTION = date(2022, 3, 1)
#: What was measured of the changing list may cost so much more than what was measured of the fixed one.
TIME_LIMIT, STATEMENT_LIMIT, ROWS_LIMIT = 1.30, 1.20, 0.50
#: Gigabytes of the largest task.
MEMORY_GOAL = 0.60

STRATEGIES: dict[str, dict[str, Any]] = {
    "cross_sectional_momentum": {
        "share": 0.5,
        "params": {"havens": ["SPY"], "long_above": 0.95, "avoid_below": 0.5},
    },
    "rotation": {"share": 0.5, "sizing": "risk_parity", "params": {"above": 0.98}},
}
#: Rows that a book has of what is sparse in a large universe.
ROWS = """
SELECT sum(rows) FROM (
    SELECT count(*) AS rows FROM nightdesk.signals WHERE book = %(book)s
    UNION ALL SELECT count(*) FROM nightdesk.targets WHERE book = %(book)s
    UNION ALL SELECT count(*) FROM nightdesk.gated WHERE book = %(book)s
) of_tables
"""

ONE_SESSION = """
import json, sys, time
from datetime import date
from pathlib import Path
from nightdesk.session import steps
from nightdesk.session.entry import open_context

took, began = {}, [time.process_time(), ""]
def enter(step):
    now = time.process_time()
    if began[1]:
        took[began[1]] = round(now - began[0], 3)
    began[:] = [now, step]

first = time.process_time()
with open_context(Path(sys.argv[1]), date.fromisoformat(sys.argv[2])) as context:
    steps.run_session(context, enter)
enter("")
print(json.dumps({"seconds": time.process_time() - first, "steps": took}))
"""
ONE_TASK = """
import sys
from datetime import date
from pathlib import Path
from benchmarks.measurement import peak_gigabytes
from nightdesk.session import steps
from nightdesk.session.entry import open_context

step, _, strategy = sys.argv[3].partition(":")
with open_context(Path(sys.argv[1]), date.fromisoformat(sys.argv[2])) as context:
    getattr(steps, step)(context, *([strategy] if strategy else []))
print(peak_gigabytes())
"""


def symbols() -> tuple[str, ...]:
    """All that is a member in any session: a week's new ones follow the members of the first."""
    weeks = (WARM_UP + DECIDED) // 5 + 1
    return tuple(f"S{n:04}" for n in range(MEMBERS + weeks * CHANGED))


def listed() -> list[tuple[str, date, date | None]]:
    """The list of members: in each week the oldest five go and five new ones come."""
    calendar = get_calendar()
    names, spans = symbols(), {}
    for n, symbol in enumerate(names):
        week_in, week_out = max(0, (n - MEMBERS) // CHANGED + 1), n // CHANGED + 1
        first = calendar.shift(INCEPTION, 5 * week_in - WARM_UP)
        last = calendar.shift(INCEPTION, 5 * week_out - WARM_UP - 1)
        spans[symbol] = (first, last if last <= calendar.shift(INCEPTION, DECIDED) else None)
    return [(symbol, *span) for symbol, span in spans.items()]


def write_market(folder: Path) -> None:
    """Seeded bars of all symbols, the benchmark and the volatility index."""
    calendar, random = get_calendar(), np.random.default_rng(5)
    days = calendar.between(calendar.shift(INCEPTION, -WARM_UP - 2), calendar.shift(INCEPTION, DECIDED))
    names = (*symbols(), "SPY", "^VIX")
    shape = (len(days), len(names))
    close = 50.0 * np.exp(np.cumsum(random.normal(0.0004, 0.012, shape), axis=0))
    close[:, -1] = 18.0
    opened = close * np.exp(random.normal(0.0, 0.002, shape))
    high, low = np.maximum(opened, close) * 1.002, np.minimum(opened, close) * 0.998
    folder.mkdir()
    with (folder / "bars.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "symbol", "open", "high", "low", "close", "volume"])
        for t, day in enumerate(days):
            for n, symbol in enumerate(names):
                four = (f"{one[t, n]:.2f}" for one in (opened, high, low, close))
                writer.writerow([as_date(day), symbol, *four, "" if symbol == "^VIX" else 5_000_000])


def write_books(folder: Path) -> dict[str, Path]:
    """The book with the list, and the one that lists the members of its first decided session."""
    calendar, spans = get_calendar(), listed()
    with (folder / "members.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["symbol", "from", "until"])
        writer.writerows([symbol, first, last or ""] for symbol, first, last in spans)
    each = {"asset_class": "equity", "max_weight": 0.02}
    there = [one for one, first, last in spans if first <= INCEPTION and (last is None or last >= INCEPTION)]
    universes: dict[str, Any] = {
        "changing": {"members": f"files:{folder / 'members.csv'}", "each": each, "always": ["SPY"]},
        "fixed": dict.fromkeys([*there, "SPY"], each),
    }
    out = {}
    for name, universe in universes.items():
        tree = {
            "name": name,
            "title": name,
            "initial_capital": 10_000_000,
            "inception": INCEPTION,
            "origin": calendar.shift(INCEPTION, -WARM_UP),
            "feeds": {"daily": [f"files:{folder / 'market'}"]},
            "broker": {"account": f"paper-{name}"},
            "universe": universe,
            "strategies": STRATEGIES,
            "regime": [{"name": "ANY"}],
            "limits": {"max_weight": {}, "cash_buffer": {"limit": 0.02}, "position_count": {"limit": 120}},
        }
        out[name] = folder / f"{name}.yaml"
        out[name].write_text(yaml.dump(tree, Dumper=_WithoutAliases, sort_keys=False))
    return out


class _WithoutAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


@dataclass(frozen=True)
class Decided:
    """What the sessions of a book took, and what they left."""

    seconds: float
    gigabytes: float
    statements: int
    reads: int
    rows: int


def decide(book: Path, conn: Connection, environ: dict[str, str]) -> Decided:
    """Decide all sessions: of the last three one is timed, one is run by tasks, and one is counted."""

    def day(number: int) -> date:
        return get_calendar().shift(INCEPTION, number)

    for number in range(DECIDED - 2):
        told = json.loads(_said_by(environ, ONE_SESSION, book, day(number)))
    peaks = {
        task: float(_said_by(environ, ONE_TASK, book, day(DECIDED - 2), task))
        for step in steps.STEPS
        for task in ([f"signals:{one}" for one in STRATEGIES] if step == "signals" else [step])
    }
    counts = count_apart(partial(open_context, book, day(DECIDED - 1), environ=environ))
    with conn.cursor() as cursor:
        cursor.execute(ROWS, {"book": book.stem})
        (rows,) = cursor.fetchone() or (0,)
    if "-v" in sys.argv:
        print(book.stem, told, peaks, dict(counts.by_step), sep="\n  ", file=sys.stderr)
    return Decided(told["seconds"], max(peaks.values()), counts.statements, counts.panels, int(rows))


def _said_by(environ: dict[str, str], script: str, book: Path, *arguments: object) -> str:
    """What a process says that does its work on a book."""
    command = [sys.executable, "-c", script, str(book), *map(str, arguments)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{book.stem} {arguments}: {done.stderr}")
    return done.stdout


def measure() -> list[Measurement]:
    """The changing list beside the fixed one."""
    with (
        tempfile.TemporaryDirectory(prefix="nightdesk-members-") as home,
        postgres.ephemeral() as addresses,
    ):
        environ = {**os.environ, DATABASE_VARIABLE: addresses.nightdesk, "NIGHTDESK_HOME": home}
        folder = Path(home)
        write_market(folder / "market")
        conn = connect(addresses.nightdesk, checked=False)
        migrate(conn)
        try:
            found = {name: decide(book, conn, environ) for name, book in write_books(folder).items()}
        finally:
            conn.close()
    changing, fixed = found["changing"], found["fixed"]
    what, other = f"of {MEMBERS:,} members that change weekly", "the same of a fixed list"

    def row(name: str, one: float, than: float, limit: float | None) -> Measurement:
        return Measurement(f"{name} {what}", one, other, than, limit)

    return [
        row("processor time of a session", changing.seconds, fixed.seconds, TIME_LIMIT),
        row("statements of a session's tasks", changing.statements, fixed.statements, STATEMENT_LIMIT),
        row("reads of bars of a session's tasks", changing.reads, fixed.reads, 1.0),
        row("rows of signals, targets and gate", changing.rows, fixed.rows, ROWS_LIMIT),
        Measurement(f"peak memory of a task {what}, GB", changing.gigabytes, "the goal", MEMORY_GOAL, 1.0),
        row("peak memory of a task", changing.gigabytes, fixed.gigabytes, None),
    ]


if __name__ == "__main__":
    for one in measure():
        print(f"{one.name:85} {one.seconds:8.3f} {one.reference_seconds:8.3f} {one.ratio:6.2f}")
