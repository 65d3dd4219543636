"""A whole screen of 5,000 stored stocks: bars of 1,260 sessions, listings and quotes, read and screened.

Pairs are left to `benchmarks.screens`. The history that is asked is all of it, so that all of it is read.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta

import numpy as np

from benchmarks.checks import sessions
from benchmarks.market_store import INCEPTION, SESSIONS, Desk, desk_of, seeded_frame
from benchmarks.measurement import Measurement, medians
from nightdesk.core.book import Book, parse_book
from nightdesk.core.calendar import as_date
from nightdesk.core.facts import LISTINGS, QUOTES
from nightdesk.core.pool_book import book_of_pool, screen_terms
from nightdesk.feeds.fact_feed import fact_frame
from nightdesk.screening import Screened, screen
from nightdesk.session.screening_step import read_pool_facts
from nightdesk.store.bar_rows import known_now, save_market
from nightdesk.store.fact_rows import save_facts

STOCKS, CHUNK, RUNS = 5_000, 250, 3
#: Seconds, and gigabytes at the peak of the process, that it may take.
GOAL, MEMORY_GOAL = 10.0, 4.0


def pool_book() -> Book:
    """A book whose screen asks for as many bars as are stored."""
    tree = {
        "name": "wide",
        "title": "Wide",
        "initial_capital": 1_000_000,
        "broker": {"account": "paper-wide"},
        "feeds": {"daily": ["sample"], "listings": ["files:facts"], "quotes": ["files:facts"]},
        "universe": {
            "screen": {"size": None, "criteria": {"history": SESSIONS, "price": None}},
            "each": {"asset_class": "equity", "max_weight": 0.02},
        },
        "strategies": {"time_series_momentum": {}},
        "regime": [{"name": "ANY"}],
        "limits": {"max_weight": {}},
    }
    return book_of_pool(parse_book(tree, "wide.yaml"), [f"S{n:04}" for n in range(STOCKS)])


def fill(desk: Desk, pool: Book) -> None:
    """Store bars of all stocks and the references, a listing and five quotes of each."""
    names = pool.panel_symbols
    for at in range(0, len(names), CHUNK):
        chunk = names[at : at + CHUNK]
        some = {one: pool.universe[one] for one in chunk if one in pool.universe}
        frame = seeded_frame(pool.model_copy(update={"universe": some}), SESSIONS)
        frame = frame[frame["symbol"].isin(chunk)]
        save_market(desk.conn, pool, frame, None, inception=INCEPTION)
    day = sessions(SESSIONS)[-10:]
    known = [datetime.combine(as_date(one), datetime.min.time()) + timedelta(hours=22) for one in day]
    listed = [
        (name, as_date(day[0]), known[0], "", "NYSE", "common", "tech", "", 1e9, np.nan, None, None, "file")
        for name in pool.symbols
    ]
    quoted = [
        (name, as_date(one), at, 100.0, 100.05, 1.0, 1.0, "file")
        for name in pool.symbols
        for one, at in zip(day[-5:], known[-5:], strict=True)
    ]
    save_facts(desk.conn, LISTINGS, fact_frame(LISTINGS, listed))
    save_facts(desk.conn, QUOTES, fact_frame(QUOTES, quoted))


def screened(desk: Desk, pool: Book) -> Screened:
    """Read, check and screen; refuses a screen that passes everything or nothing."""
    days = sessions(SESSIONS)
    now = known_now(desk.conn)
    facts = read_pool_facts(desk.conn, pool, (as_date(days[0]), as_date(days[-1])), now, now)
    found = screen(facts, screen_terms(pool))
    if not 0.2 < len(found.members) / STOCKS < 0.98:
        raise AssertionError(f"{len(found.members):,} members: this screen measures nothing")
    return found


ONE_SCREEN = """
import sys
from benchmarks import stored_screen
from benchmarks.measurement import peak_gigabytes
from nightdesk.store.connection import connect

desk = stored_screen.Desk(connect(sys.argv[1], checked=False), stored_screen.pool_book())
stored_screen.screened(desk, desk.book)
print(peak_gigabytes())
"""


def gigabytes(desk: Desk) -> float:
    """The most memory of a process that screens once."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_SCREEN, desk.conn.dsn], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"a stored screen in a process of its own: {done.stderr}")
    return float(done.stdout)


def measure() -> list[Measurement]:
    """The figures of this module."""
    pool, size = pool_book(), f"{STOCKS:,} × {SESSIONS:,}"
    with desk_of(3) as desk:
        fill(desk, pool)
        (whole,) = medians(lambda: screened(desk, pool), runs=RUNS)
        memory = gigabytes(desk)
    return [
        Measurement(f"seconds of a stored screen, {size}", whole, "the goal", GOAL, 1.0),
        Measurement("gigabytes of a stored screen", memory, "the goal", MEMORY_GOAL, 1.0),
    ]
