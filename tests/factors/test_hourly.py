"""Factors in a panel of hours: which clock they are of, and that none looks ahead."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.hourly import random_hours

from nightdesk import factors
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats, Panel
from nightdesk.testing.factor_contract import assert_truncation_changes_nothing

OF_FACTORS = ("zscore_60_of(carry_signal)", "mean_5_of(std_20_of(momentum_1@2))@1", "beta_signal", "sum_20")
NAMES = tuple(name for one in (*factors.STANDARD, *OF_FACTORS) for name in (one, f"h:{one}"))
SPLIT = 40


def compute(panel: Panel, names: tuple[str, ...] = NAMES) -> dict[str, Floats]:
    return factors.compute(panel, names, benchmark="SPY", universe=2)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_factor_of_hours_or_of_sessions_looks_ahead(seed: int) -> None:
    panel = random_hours(seed)
    assert_truncation_changes_nothing(compute, panel, (1, 6, 7, 8, 100, 279, 280, 281, 283, 400, 513, 514))


def test_a_factor_of_sessions_is_that_of_the_newest_one_that_was_over() -> None:
    panel = random_hours(3, split=None)
    found, days = compute(panel, ("momentum_20",)), compute(panel.days, ("momentum_20",))
    assert panel.hours is not None
    for t in (200, 201, 205, 206, 207, 500):
        over = int(panel.hours.day[t])
        assert_array_equal(found["momentum_20"][t], days["momentum_20"][over])
        until_then = panel.days.sessions[over] if panel.hours.closes[t] else panel.days.sessions[over + 1]
        assert panel.sessions[t] == until_then


def test_a_factor_of_hours_counts_hours() -> None:
    panel = random_hours(4, split=None)
    found = compute(panel, ("h:momentum_3", "h:volatility_5", "h:momentum_3@2"))
    close, returns = panel.adjusted_close, panel.returns
    assert_array_equal(found["h:momentum_3"][10:], close[10:] / close[7:-3] - 1.0)
    assert_array_equal(found["h:momentum_3@2"][10:], found["h:momentum_3"][8:-2])
    window = returns[96:101]
    whole = np.isfinite(window).all(axis=0)
    assert whole.any()
    expected = window.std(axis=0, ddof=1) * np.sqrt(252 * 7)
    np.testing.assert_allclose(found["h:volatility_5"][100, whole], expected[whole])


def test_before_the_close_of_the_session_of_a_split_factors_of_sessions_are_missing() -> None:
    panel = random_hours(5)
    values = compute(panel, ("sma_20", "h:sma_20"))
    today = np.flatnonzero(panel.sessions == panel.days.sessions[SPLIT])
    assert np.isnan(values["sma_20"][today[:-1], 0]).all()
    assert np.isfinite(values["sma_20"][today, 1]).all()
    assert np.isfinite(values["sma_20"][[today[0] - 1, today[-1]], 0]).all()
    close = panel.close[today[-1], 0]
    assert values["sma_20"][today[-1], 0] == pytest.approx(close, rel=0.2)


def test_look_backs_of_sessions_and_of_hours_are_counted_apart() -> None:
    names = ("momentum_60", "h:momentum_20", "h:sma_50")
    assert (factors.look_back(names), factors.hours_back(names)) == (61, 50)
    assert (factors.look_back(names[1:]), factors.hours_back(names[:1])) == (0, 0)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("h:momentum_20", "over hours, and this panel holds sessions"),
        ("h:h:sma_5", "stands before a name once"),
    ],
)
def test_a_factor_over_hours_where_there_are_none_is_refused(name: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        compute(random_hours(6, 5, None).days, (name,))
