"""The bars of the benchmark of the data checks are as dirty as it says."""

import numpy as np
import pytest
from benchmarks import checks

from nightdesk.core.panel import book_columns, build_panel
from nightdesk.feeds.quality import examine


def test_some_of_the_measured_bars_fail_and_most_pass() -> None:
    book = checks.wide_book(60)
    columns = book_columns(book)
    bars = checks.seeded_bars(400, len(columns))
    panel = build_panel(checks.sessions(400), columns, bars)
    assert np.isfinite(panel.close[:, -2:]).all()
    assert 10 < np.isnan(panel.close[0]).sum() < 30
    quality = examine(panel, book)
    checks.must_find(quality)
    assert quality.failed["price_jump"].any()
    assert checks.bytes_of(panel) == 14 * panel.close.nbytes + panel.sessions.nbytes


def test_bars_of_which_nothing_fails_are_refused() -> None:
    book = checks.wide_book(4)
    columns = book_columns(book)
    bars = checks.seeded_bars(50, len(columns), seed=1)
    clean = build_panel(checks.sessions(50)[:1], columns, bars)
    with pytest.raises(AssertionError, match=r"0\.0% of these bars are in quarantine"):
        checks.must_find(examine(clean, book))
