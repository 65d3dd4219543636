"""Windows of one panel: what is asked of a few columns alone is what is asked of all."""

from dataclasses import replace

import numpy as np
import pytest
from tests.feeds.test_quality import BOOK, LENGTH, book_of, panel_of

from nightdesk.core.book import Book
from nightdesk.core.panel import Action, Panel
from nightdesk.feeds.quality import examine
from nightdesk.feeds.window_checks import WindowChecks

WINDOWS = [(first, end) for end in range(7, LENGTH + 1, 9) for first in range(0, end - 1, 11)]
JUMPY = book_of(look_back=40)


def spoiled(seed: int) -> Panel:
    """Bars with jumps, gaps, faults, late listings, splits, accepted prices and adjustments in question."""
    random, panel = np.random.default_rng(seed), panel_of(seed)
    shape = panel.close.shape
    arrays = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for n in range(shape[1] - 2):
        for _ in range(random.integers(0, 3)):
            moved = np.exp(random.normal(0.0, 0.25))
            some = slice(int(random.integers(1, shape[0])), None if random.random() < 0.5 else shape[0] - 5)
            for name in ("open", "high", "low", "close"):
                arrays[name][some, n] *= moved
        gone = random.random(shape[0]) < random.choice([0.0, 0.0, 0.02, 0.2])
        if random.random() < 0.3:
            gone[: random.integers(1, 40)] = True
        for values in arrays.values():
            values[gone, n] = np.nan
    fault = tuple(random.integers(0, shape))
    arrays[str(random.choice(["open", "low", "close"]))][fault] = random.choice([np.nan, -1.0, 1e4])
    accepted, unexplained = np.zeros(shape), np.full(shape, np.nan)
    accepted[tuple(random.integers(0, shape))] = 1.0
    unexplained[tuple(random.integers(0, shape))] = 1.2
    adjustment = panel.adjustment.copy()
    adjustment[random.integers(1, shape[0]) :, 0] *= 1.3
    return replace(panel, **arrays, accepted=accepted, unexplained=unexplained, adjustment=adjustment)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("book", [BOOK, JUMPY], ids=["usual", "short look-back"])
def test_each_window_withholds_what_its_own_examination_does(seed: int, book: Book) -> None:
    panel = spoiled(seed)
    checks, asked = WindowChecks.of(panel, book), 0
    for first, end in WINDOWS:
        bars, quarantined = checks.withheld(first, end)
        whole = examine(panel.until(end).newest(end - first), book).withheld
        assert np.array_equal(bars, whole.bars)
        assert np.array_equal(quarantined, whole.quarantined[-1])
        asked += int(np.count_nonzero(~checks._calm(first, end)))
    assert 0 < asked < len(WINDOWS) * len(panel.symbols), "both kinds of columns are there"


def test_of_quiet_bars_nothing_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = WindowChecks.of(panel_of(), BOOK)
    monkeypatch.delattr("nightdesk.feeds.window_checks.check_symbols")
    bars, quarantined = checks.withheld(10, LENGTH)
    assert not bars.any()
    assert not quarantined.any()


def test_what_has_ended_within_a_window_is_asked_of_its_own_columns() -> None:
    panel = panel_of()
    events = tuple(
        (Action("CCC", day, "delisting", 0.0), Action("DDD", day, "delisting", 0.0)) if n == 60 else ()
        for n, day in enumerate(panel.sessions)
    )
    close = panel.close.copy()
    close[60:, 2] = np.nan
    ended = replace(panel, close=close, open=close, high=close, low=close, events=events)
    _, quarantined = WindowChecks.of(ended, BOOK).withheld(20, LENGTH)
    assert np.array_equal(quarantined, examine(ended.newest(LENGTH - 20), BOOK).withheld.quarantined[-1])
