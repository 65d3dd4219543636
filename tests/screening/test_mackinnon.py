"""p-values of statistics, and their correction for the number of tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import false_discovery_control

from nightdesk.core.panel import Floats
from nightdesk.screening.mackinnon import benjamini_hochberg, cointegration_p, false_share, small_sample_p


@pytest.mark.parametrize(("t", "p"), [(-3.89644, 0.01), (-3.33613, 0.05), (-3.04445, 0.10)])
def test_the_asymptotic_critical_values_of_mackinnons_table_have_their_p(t: float, p: float) -> None:
    """Two series with a constant, MacKinnon (2010), table 2: found apart from the response surface."""
    assert cointegration_p(np.array([t]))[0] == pytest.approx(p, abs=0.0006)


def test_p_rises_with_t_from_0_to_1_and_is_missing_where_t_is() -> None:
    t = np.linspace(-25.0, 5.0, 3_001)
    for p in (cointegration_p(t), small_sample_p(t, 124)):
        assert (np.diff(p) >= -1e-4).all()  # the two polynomials meet at -2.62 but for their rounding
        assert (p[0], p[-1]) == (pytest.approx(0.0, abs=1e-20), 1.0)
    assert np.isnan(cointegration_p(np.array([np.nan])))[0]
    assert np.isnan(small_sample_p(np.array([np.nan]), 124))[0]
    assert cointegration_p(np.array([-np.inf, np.inf])).tolist() == [0.0, 1.0]


def test_a_short_window_makes_a_small_p_larger_and_a_long_one_leaves_it() -> None:
    t = np.array([-6.0, -4.0, -3.4])
    plain = cointegration_p(t)
    assert (small_sample_p(t, 124) > plain).all()
    assert small_sample_p(t, 124)[0] > 5.0 * plain[0]
    np.testing.assert_allclose(small_sample_p(t, 10_000_000), plain, rtol=1e-3)


@pytest.mark.parametrize("limit", [0.001, 0.01, 0.05, 0.5])
def test_a_limit_of_p_lets_through_what_the_p_for_small_samples_says(limit: float) -> None:
    share = false_share(limit, 124)
    assert limit < share < 2.0 * limit
    t = np.linspace(-8.0, 0.0, 80_001)
    under = t[cointegration_p(t) < limit]
    assert share == pytest.approx(small_sample_p(under[-1:], 124)[0], rel=1e-3)
    assert false_share(limit, 10_000_000) == pytest.approx(limit, rel=1e-3)


P_VALUES = arrays(
    np.float64, st.integers(1, 60), elements=st.floats(0.0, 1.0) | st.sampled_from([0.01, 0.05])
)


@given(P_VALUES)
def test_q_is_that_of_scipy(p: Floats) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), rtol=1e-12)


@given(P_VALUES)
def test_q_lies_between_p_and_1_and_has_the_order_of_p(p: Floats) -> None:
    q = benjamini_hochberg(p)
    assert ((q >= p) & (q <= 1.0)).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(q[order]) >= 0.0).all()
    assert all(len(set(q[p == one].tolist())) == 1 for one in set(p.tolist()))


def test_what_could_not_be_tested_is_no_test() -> None:
    q = benjamini_hochberg(np.array([0.01, np.nan, 0.04]))
    assert np.isnan(q[1])
    np.testing.assert_allclose(q[[0, 2]], [0.02, 0.04])
    assert benjamini_hochberg(np.array([])).shape == (0,)
