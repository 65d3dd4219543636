"""A screen: the criteria of 5,000 stocks over 1,260 sessions, and the search of 500 for pairs.

The criteria are measured from bars in memory, beside the build of their panel, and from a store that holds
1,260 sessions of each stock, the read included. The stocks of the search share a random walk, so that all
124,750 pairs pass the limit of correlation and are tested in both directions, which is the most there can
be. What a pair takes stands beside two tests one after the other: by statsmodels where it is installed,
else by numpy's least squares, which gives the same answer.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from time import process_time

import numpy as np

from benchmarks.checks import seeded_bars, sessions
from benchmarks.market_store import desk_of, seeded_frame, store
from benchmarks.measurement import Measurement, medians
from nightdesk.core.calendar import get_calendar
from nightdesk.core.panel import Bars, Column, Floats, Panel, build_panel
from nightdesk.core.screen_terms import PairSearchTerms, ScreenTerms
from nightdesk.screening import (
    PairSearch,
    PoolFacts,
    Screened,
    engle_granger,
    find_pairs,
    screen,
    screening_sessions,
)
from nightdesk.screening.columnwise import Columns
from nightdesk.store.bar_rows import known_now
from nightdesk.store.panels import read_panel
from nightdesk.testing.random_panels import panel_of

STOCKS, SESSIONS, RUNS = 5_000, 1_260, 3
SEARCHED, WINDOW, SAMPLE = 500, 126, 200
#: The criteria alone, and all that pass.
TERMS = ScreenTerms(size=None)
#: Seconds and gigabytes that a screen may take.
CRITERIA_GOAL, PAIRS_GOAL, MEMORY_GOAL = 10.0, 60.0, 4.0
#: Against the build of the panel, and of a test against one that is done alone.
CRITERIA_LIMIT, PAIR_LIMIT = 3.0, 0.05

#: The log prices of two stocks to the statistic of the test of the first on the second.
Test = Callable[[Floats, Floats], float]


ONE_SCREEN = """
from benchmarks import screens
from benchmarks.measurement import peak_gigabytes

screens.screened(screens.wide_panel(screens.seeded_bars(screens.SESSIONS, screens.STOCKS)))
screens.searched(screens.walks())
print(peak_gigabytes())
"""


def pool_of(panel: Panel) -> PoolFacts:
    """A pool whose listings and quotes are as they should be."""
    count = len(panel.symbols)
    bid = np.full((5, count), 100.0)
    return PoolFacts(
        panel=panel,
        exchange=("NYSE",) * count,
        security=("common",) * count,
        sector=tuple(f"sector {n % 11}" for n in range(count)),
        market_cap=np.full(count, 1e9),
        delisted_on=np.full(count, np.datetime64("NaT", "D")),
        bid=bid,
        ask=bid * 1.0005,
        quarantined=np.zeros(count, dtype=np.bool_),
    )


def wide_panel(bars: Bars) -> Panel:
    """The stocks of the criteria."""
    return build_panel(sessions(SESSIONS), tuple(Column(f"S{n:04}") for n in range(STOCKS)), bars)


def screened(panel: Panel) -> Screened:
    """The criteria alone; refuses a screen that passes everything or nothing."""
    found = screen(pool_of(panel), TERMS)
    if not 0.2 < len(found.members) / STOCKS < 0.95:
        raise AssertionError(f"{len(found.members):,} members: these criteria measure nothing")
    return found


def seconds_from_store() -> float:
    """Median seconds of a read of a pool from a store that holds all sessions, and of its criteria."""
    with desk_of(STOCKS) as desk:
        store(desk, seeded_frame(desk.book, SESSIONS))
        known_by, last = known_now(desk.conn), desk.span[1]
        first = get_calendar().shift(last, 1 - screening_sessions(TERMS))
        (found,) = medians(
            lambda: screened(read_panel(desk.conn, desk.book, first, last, known_by)), runs=RUNS
        )
    return found


def walks(seed: int = 7) -> Floats:
    """Log prices of stocks that share most of their steps."""
    random = np.random.default_rng(seed)
    shared = random.normal(0.0, 0.01, (WINDOW + 1, 1))
    return np.cumsum(shared + random.normal(0.0, 0.004, (WINDOW + 1, SEARCHED)), axis=0)


def searched(log_prices: Floats) -> PairSearch:
    """The search of all pairs; refuses one that leaves some of them untested."""
    facts = pool_of(panel_of(50.0 * np.exp(log_prices)))
    found = find_pairs(facts, PairSearchTerms(window=WINDOW), np.arange(SEARCHED))
    if found.tests != SEARCHED * (SEARCHED - 1):
        raise AssertionError(f"{found.tests:,} tests, expected two for each pair")
    return found


def one_at_a_time() -> tuple[str, Test]:
    """How a pair is tested alone, in words and as a function."""
    try:
        from statsmodels.tsa.stattools import coint
    except ImportError:
        return "numpy's least squares, test by test", by_least_squares
    return "statsmodels, test by test", lambda a, b: coint(a, b, trend="c", maxlag=1, autolag="aic")[0]


def by_least_squares(a: Floats, b: Floats) -> float:
    """The Engle-Granger statistic of a pair as one writes it for one pair."""
    design = np.column_stack([b, np.ones(len(b))])
    u = a - design @ np.linalg.lstsq(design, a)[0]
    d = np.diff(u)
    both = np.column_stack([u[1:-1], d[:-1]])
    lagged, aic = _regressed(d[1:], both)
    return lagged if aic < _regressed(d[1:], both[:, :1])[1] else _regressed(d, u[:-1, None])[0]


def _regressed(change: Floats, on: Floats) -> tuple[float, float]:
    """The t-value of the first slope, and the AIC but for what is the same in all."""
    slopes = np.linalg.lstsq(on, change)[0]
    left = change - on @ slopes
    rows, count = on.shape
    variance = left @ left / (rows - count) * np.linalg.inv(on.T @ on)[0, 0]
    return slopes[0] / np.sqrt(variance), rows * np.log(left @ left / rows) + 2 * count


def sample() -> tuple[Columns, Columns]:
    """Some pairs of the search."""
    first, second = np.triu_indices(SEARCHED, 1)
    some = np.random.default_rng(1).choice(len(first), SAMPLE, replace=False)
    return first[some], second[some]


def tested_alone(log_prices: Floats, test: Test) -> Floats:
    """The statistics of the sample, one after the other, in both directions."""
    first, second = sample()
    pairs = (*zip(first, second, strict=True), *zip(second, first, strict=True))
    return np.array([test(log_prices[1:, a], log_prices[1:, b]) for a, b in pairs])


def must_agree(log_prices: Floats, test: Test) -> None:
    """Refuse to compare what gives another answer."""
    first, second = sample()
    both = np.concatenate([first, second]), np.concatenate([second, first])
    apart = np.abs(tested_alone(log_prices, test) - engle_granger(log_prices[1:], *both).t).max()
    if not apart < 1e-8:
        raise AssertionError(f"the two tests differ by {apart:g} in t")


def gigabytes() -> float:
    """The most memory of a process that makes the bars, screens them, and searches once."""
    done = subprocess.run([sys.executable, "-c", ONE_SCREEN], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a screen in a process of its own: {done.stderr}")
    return float(done.stdout)


def measure() -> list[Measurement]:
    """The figures of this module."""
    bars, log_prices = seeded_bars(SESSIONS, STOCKS), walks()
    panel, (name, test) = wide_panel(bars), one_at_a_time()
    must_agree(log_prices, test)
    build, criteria, together, alone = medians(
        lambda: wide_panel(bars),
        lambda: screened(panel),
        lambda: searched(log_prices),
        lambda: tested_alone(log_prices, test),
        runs=RUNS,
        clock=process_time,
    )
    (search,) = medians(lambda: searched(log_prices), runs=RUNS)
    size, pairs = f"{STOCKS:,} × {SESSIONS:,}", SEARCHED * (SEARCHED - 1) // 2
    return [
        Measurement(
            f"criteria of a screen, {size}", criteria, "the build of the panel", build, CRITERIA_LIMIT
        ),
        Measurement(
            f"seconds of them from the store, {size}", seconds_from_store(), "the goal", CRITERIA_GOAL, 1.0
        ),
        Measurement("a pair of the search", together / pairs, name, alone / SAMPLE, PAIR_LIMIT),
        Measurement(f"seconds of the search of {pairs:,} pairs", search, "the goal", PAIRS_GOAL, 1.0),
        Measurement("gigabytes at the peak of a screen", gigabytes(), "the goal", MEMORY_GOAL, 1.0),
    ]
