"""Windows by doubling against the plain definition of each."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.core.panel import Floats
from nightdesk.factors import windows

Rolling = Callable[[Floats, int], Floats]

PLAIN: dict[str, tuple[Rolling, Callable[[Floats], float]]] = {
    "mean": (windows.mean, np.mean),
    "total": (windows.total, np.sum),
    "covariance with itself": (lambda x, n: windows.covariance(x, x[:, :1], n), lambda w: np.var(w, ddof=1)),
    "population deviation": (lambda x, n: windows.deviation(x, n, ddof=0), np.std),
    "sample deviation": (lambda x, n: windows.deviation(x, n, ddof=1), lambda w: np.std(w, ddof=1)),
    "z-score": (
        lambda x, n: windows.zscore(x, n, small=1e-8),
        lambda w: (w[-1] - np.mean(w)) / (np.std(w, ddof=1) + 1e-8),
    ),
    "5 % quantile": (lambda x, n: windows.quantile(x, n, 5), lambda w: np.quantile(w, 0.05)),
    "1 % quantile": (lambda x, n: windows.quantile(x, n, 1), lambda w: np.quantile(w, 0.01)),
    "median": (lambda x, n: windows.quantile(x, n, 50), np.median),
    "95 % quantile": (lambda x, n: windows.quantile(x, n, 95), lambda w: np.quantile(w, 0.95)),
    "slope of itself": (lambda x, n: windows.slope(x, x[:, :1], n), lambda w: 1.0),
}


def plain(x: Floats, n: int, statistic: Callable[[Floats], float]) -> Floats:
    """The statistic of every window, one by one."""
    out = np.full_like(x, np.nan)
    for t in range(n - 1, len(x)):
        for column in range(x.shape[1]):
            window = x[t - n + 1 : t + 1, column]
            out[t, column] = np.nan if np.isnan(window).any() else statistic(window)
    return out


@pytest.mark.parametrize("n", [2, 3, 14, 20, 21, 60, 63, 64, 65])
@pytest.mark.parametrize("name", PLAIN)
def test_a_window_equals_its_plain_definition(name: str, n: int) -> None:
    rolling, statistic = PLAIN[name]
    rng = np.random.default_rng(n)
    x = rng.normal(0.0, 0.01, (150, 1 if name.endswith("itself") else 3))
    x[70, 0] = np.nan
    np.testing.assert_allclose(rolling(x, n), plain(x, n, statistic), rtol=1e-11, atol=1e-16)


def test_a_slope_equals_covariance_over_variance() -> None:
    rng = np.random.default_rng(1)
    market = rng.normal(0.0, 0.01, (120, 1))
    symbol = 1.4 * market + rng.normal(0.0, 0.004, (120, 1))
    found = windows.slope(symbol, market, 60)[:, 0]
    for t in (59, 60, 100, 119):
        window = slice(t - 59, t + 1)
        expected = np.cov(symbol[window, 0], market[window, 0], ddof=1)[0, 1] / np.var(market[window], ddof=1)
        assert found[t] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", [name for name in PLAIN if not name.endswith("itself")])
def test_more_columns_than_a_chunk_holds_change_nothing(name: str) -> None:
    rolling, _ = PLAIN[name]
    x = np.random.default_rng(2).normal(size=(80, 2 * windows.CHUNK + 3))
    alone = np.hstack([rolling(x[:, at : at + 1], 20) for at in range(x.shape[1])])
    np.testing.assert_array_equal(rolling(x, 20), alone)


@pytest.mark.parametrize("name", PLAIN)
def test_a_history_shorter_than_the_window_has_no_value(name: str) -> None:
    rolling, _ = PLAIN[name]
    assert np.isnan(rolling(np.ones((19, 1)), 20)).all()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(float("nan"))), min_size=1, max_size=40),
    st.integers(1, 12),
    st.integers(1, 40),
)
def test_a_window_over_what_is_there_is_that_of_the_values_without_gaps(
    values: list[float], n: int, length: int
) -> None:
    x = np.array([values, values[::-1]]).T
    found = windows.over_present(x, lambda part: windows.mean(part, n))
    for column in range(2):
        there = np.isfinite(x[:, column])
        alone = windows.mean(np.ascontiguousarray(x[there, column])[:, None], n)[:, 0]
        np.testing.assert_array_equal(found[there, column], alone)
        assert np.isnan(found[~there, column]).all()
    cut = windows.over_present(x[:length], lambda part: windows.mean(part, n))
    np.testing.assert_array_equal(found[:length], cut)


def test_a_calm_after_an_outlier_keeps_its_precision() -> None:
    rng = np.random.default_rng(3)
    calm = rng.normal(0.0, 1e-6, 100)
    x = np.concatenate([[1e6], calm])[:, None]
    found = windows.deviation(x, 20, ddof=1)[-1, 0]
    assert found == pytest.approx(np.std(calm[-20:], ddof=1), rel=1e-12)


def test_what_does_not_move_has_a_z_score_of_0_however_large_it_is() -> None:
    x = np.array([[0.1, 1e17 / 3, -7e-9]]).repeat(300, axis=0)
    assert (windows.zscore(x, 252, small=1e-8)[251:] == 0.0).all()


def test_prices_that_do_not_move_have_no_deviation_at_all() -> None:
    assert (windows.deviation(np.full((50, 1), 0.1), 20, ddof=1)[19:] == 0.0).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(float("nan"))), min_size=1, max_size=60),
    st.integers(2, 40),
    st.integers(1, 60),
)
def test_no_window_depends_on_later_rows(values: list[float], n: int, length: int) -> None:
    x = np.array(values)[:, None]
    for rolling, _ in PLAIN.values():
        with np.errstate(invalid="ignore", divide="ignore"):
            whole, cut = rolling(x, n)[:length], rolling(x[:length], n)
        np.testing.assert_array_equal(whole, cut)
