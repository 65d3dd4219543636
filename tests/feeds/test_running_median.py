import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.feeds.running_median import running_median


def by_pandas(values: np.ndarray, window: int, fewest: int) -> np.ndarray:
    return pd.DataFrame(values).rolling(window, min_periods=fewest).median().shift(1).to_numpy()


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    length=st.integers(1, 150),
    window=st.sampled_from([2, 3, 5, 16, 17, 20, 60, 252]),
    absent=st.sampled_from([0.0, 0.02, 0.5, 0.97]),
    places=st.sampled_from([1, 12]),
)
def test_each_median_is_that_of_pandas_bit_for_bit(seed, length, window, absent, places):
    random = np.random.default_rng(seed)
    values = np.round(np.abs(random.normal(0, 1, (length, 4))), places)  # of one place: many are equal
    values[random.random(values.shape) < absent] = np.nan
    values[: length // 2, 3] = np.nan
    fewest = int(random.integers(1, window + 1))
    found = running_median(values, window, fewest)
    np.testing.assert_array_equal(found, by_pandas(values, window, fewest))


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_left_out(nothing):
    values = np.array([[1.0], [nothing], [3.0], [8.0], [nothing]])
    assert running_median(values, 3, 1)[1:, 0].tolist() == [1.0, 1.0, 2.0, 5.5]


def test_no_median_knows_its_own_row_or_a_later_one():
    values = np.random.default_rng(3).normal(0, 1, (80, 3))
    whole = running_median(values, 20, 5)
    for length in range(1, 80):
        np.testing.assert_array_equal(whole[:length], running_median(values[:length], 20, 5))
    changed = values.copy()
    changed[60] = 100.0
    np.testing.assert_array_equal(whole[:61], running_median(changed, 20, 5)[:61])
    assert (whole[61] != running_median(changed, 20, 5)[61]).any()
