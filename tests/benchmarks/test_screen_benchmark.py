"""The benchmark of screens measures what it says."""

import numpy as np
import pytest
from benchmarks import screens


def test_one_test_at_a_time_agrees_with_all_at_once_and_what_does_not_is_refused() -> None:
    log_prices = screens.walks()
    screens.must_agree(log_prices, screens.by_least_squares)
    with pytest.raises(AssertionError, match=r"differ by 0\.1"):
        screens.must_agree(log_prices, lambda a, b: screens.by_least_squares(a, b) + 0.1)


def test_all_pairs_of_the_search_are_tested_and_walks_that_share_nothing_are_refused() -> None:
    assert screens.searched(screens.walks()).tests == 2 * 124_750
    alone = np.cumsum(np.random.default_rng(1).normal(0.0, 0.01, (127, screens.SEARCHED)), axis=0)
    with pytest.raises(AssertionError, match="expected two for each pair"):
        screens.searched(alone)
