"""What is compared in the benchmarks does the same work."""

import numpy as np
import pytest
from benchmarks import backtest, plain_loop
from benchmarks.measurement import Measurement, medians

from nightdesk.book import load_book


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_walk_and_the_plain_loop_end_with_the_same_equity(seed: int) -> None:
    close = plain_loop.seeded_closes(n_sessions=600, seed=seed)
    np.testing.assert_allclose(backtest.run_steps(close), plain_loop.run(close), rtol=0, atol=1e-6)


def test_the_measured_book_trades() -> None:
    close = plain_loop.seeded_closes(n_sessions=400)
    book = load_book(backtest.BOOK)
    nav = backtest.run_book(book, backtest.seeded_panel(book, close))
    assert len(nav) == 400
    assert len(np.unique(nav)) > 100


def test_a_ratio_over_its_limit_is_not_kept() -> None:
    assert Measurement("a", 3.0, "b", 1.0, 3.0).kept
    assert not Measurement("a", 3.1, "b", 1.0, 3.0).kept
    assert Measurement("a", 9.0, "b", 1.0).kept


def test_a_median_is_of_the_measured_runs_alone() -> None:
    runs: list[str] = []
    (first, second) = medians(lambda: runs.append("a"), lambda: runs.append("b"), runs=3)
    assert "".join(runs) == "abababab"
    assert first >= 0
    assert second >= 0
