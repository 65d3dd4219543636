"""What is compared in the benchmarks does the same work."""

import numpy as np
import pytest
from benchmarks import backtest, gate, plain_loop
from benchmarks.measurement import Measurement, medians

from nightdesk.core.book import load_book
from nightdesk.engine import gate as decide


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_walk_and_the_plain_loop_end_with_the_same_equity(seed: int) -> None:
    close = plain_loop.seeded_closes(n_sessions=600, seed=seed)
    np.testing.assert_allclose(backtest.run_steps(close), plain_loop.run(close), rtol=0, atol=1e-6)


def test_they_end_alike_where_every_change_of_weight_is_traded() -> None:
    close = plain_loop.seeded_closes(40, 400)
    by_hand = plain_loop.run(close, 0.0)
    np.testing.assert_allclose(backtest.run_steps(close, 0.0), by_hand, rtol=0, atol=1e-6)
    assert by_hand[-1] != plain_loop.run(close)[-1]


def test_running_sums_give_the_deviation_of_each_window() -> None:
    close = plain_loop.seeded_closes(5, 300)
    *_, volatility = plain_loop.indicators(close)
    returns = close[1:] / close[:-1] - 1.0
    assert np.isnan(volatility[: plain_loop.VOLATILITY]).all()
    np.testing.assert_allclose(
        volatility[-1], returns[-plain_loop.VOLATILITY :].std(axis=0, ddof=1), rtol=1e-9
    )


def test_the_gate_leaves_what_its_limits_by_hand_leave() -> None:
    desk = gate.make_desk()
    state, day, wanted = gate.make_case(desk)
    left = gate.by_hand(desk, state, day, wanted)
    assert (left != wanted.held.sum(axis=0)).any()
    assert (left != wanted.quantity.sum(axis=0)).any()
    np.testing.assert_array_equal(decide(desk, state, day, wanted).passage.quantity, left)


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
