"""Figures of a pair against an independent calculation, and what they may not depend on."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from nightdesk.factors.pair_spreads import PairSpread, SpreadWindows, spread_deviation, z_of

OVER = SpreadWindows(fit=60, z=30, volatility=10, volatility_mean=40)
SESSIONS = np.arange(np.datetime64("2020-01-02"), np.datetime64("2020-12-20"))
MONTHS = SESSIONS.astype("datetime64[M]").astype(np.int64)


def legs(seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logs of two prices that move together: beta 0.8, a spread that comes back."""
    rng = np.random.default_rng(seed)
    b = 4.0 + np.cumsum(rng.normal(0, 0.02, len(SESSIONS)))
    spread = np.zeros(len(b))
    for t in range(1, len(b)):
        spread[t] = 0.9 * spread[t - 1] + rng.normal(0, 0.01)
    return 0.7 + 0.8 * b + spread, b


def test_fit_z_and_volatility_are_those_of_an_independent_calculation() -> None:
    a, b = legs()
    found = PairSpread.of(a, b, MONTHS, OVER)
    for t in (200, 240, 300, len(a) - 1):
        first = int(np.flatnonzero(MONTHS[t] == MONTHS)[0])
        window = slice(first - OVER.fit + 1, first + 1)
        beta, alpha = np.polyfit(b[window], a[window], 1)
        assert found.fitted[t] == first
        assert (found.alpha[t], found.beta[t]) == pytest.approx((alpha, beta), rel=1e-9)
        spread = a - alpha - beta * b
        recent = spread[t - OVER.z + 1 : t + 1]
        assert found.spread[t] == pytest.approx(spread[t], abs=1e-9)
        assert found.sigma[t] == pytest.approx(recent.std(ddof=1), rel=1e-9)
        assert found.z[t] == pytest.approx((spread[t] - recent.mean()) / recent.std(ddof=1), rel=1e-8)
        changes = np.diff(spread)
        past = [changes[u - OVER.volatility : u].std(ddof=1) for u in range(t - OVER.volatility_mean, t)]
        assert found.volatility[t] == pytest.approx(changes[t - OVER.volatility : t].std(ddof=1), rel=1e-9)
        assert found.volatility_mean[t] == pytest.approx(np.mean(past), rel=1e-9)


def test_a_panel_that_is_cut_gives_the_same_bits_and_so_does_one_with_a_gap() -> None:
    a, b = legs(2)
    a[150:156], b[180] = np.nan, np.nan
    whole = PairSpread.of(a, b, MONTHS, OVER)
    for length in (1, 30, 100, 151, 157, 181, 200, 300):
        cut = PairSpread.of(a[:length], b[:length], MONTHS[:length], OVER)
        assert cut.fitted[-1] == whole.fitted[length - 1]
        for name in PairSpread.names():
            assert np.array_equal(getattr(cut, name), getattr(whole, name)[:length], equal_nan=True), name


def test_a_missing_bar_makes_its_own_session_missing_alone() -> None:
    a, b = legs(3)
    whole = PairSpread.of(a, b, MONTHS, OVER)
    b[200] = np.nan
    found = PairSpread.of(a, b, MONTHS, OVER)
    assert np.isnan(found.z[200])
    assert found.fitted[200] == -1
    assert np.isfinite(found.z[[199, 201]]).all()
    assert np.array_equal(found.z[:200], whole.z[:200], equal_nan=True)
    together = PairSpread.of(np.delete(a, 200), np.delete(b, 200), np.delete(MONTHS, 200), OVER)
    assert np.array_equal(np.delete(found.z, 200), together.z, equal_nan=True)


def test_the_fit_stays_for_the_month_and_a_first_session_without_a_bar_moves_it() -> None:
    a, b = legs(4)
    first = int(np.flatnonzero(MONTHS[250] == MONTHS)[0])
    a[first] = np.nan
    found = PairSpread.of(a, b, MONTHS, OVER)
    month = np.flatnonzero(MONTHS[250] == MONTHS)
    assert np.isnan(found.beta[first])
    assert set(found.fitted[month[1:]]) == {first + 1}
    assert len(set(found.beta[month[1:]])) == 1


def test_the_first_month_has_no_fit_as_its_beginning_is_not_known() -> None:
    a, b = legs(5)
    found = PairSpread.of(a[70:], b[70:], MONTHS[70:], OVER)
    first = MONTHS[70:] == MONTHS[70]
    assert np.isnan(found.beta[first]).all()
    assert np.isnan(found.z[first]).all()
    assert np.isfinite(found.gap_a[OVER.z :]).all(), "the moments need no fit"


def test_z_by_another_fit_is_that_of_its_own_spread_and_a_rescaled_price_changes_nothing() -> None:
    a, b = legs(6)
    found = PairSpread.of(a, b, MONTHS, OVER)
    t, beta = 300, 0.55
    moments = tuple(getattr(found, name)[t] for name in ("gap_a", "gap_b", "var_a", "var_b", "covariance"))
    recent = (a - beta * b)[t - OVER.z + 1 : t + 1]
    assert z_of(np.array(beta), *moments) == pytest.approx(
        (recent[-1] - recent.mean()) / recent.std(ddof=1), rel=1e-8
    )
    assert spread_deviation(np.array(beta), *moments[2:]) == pytest.approx(recent.std(ddof=1), rel=1e-9)
    scaled = PairSpread.of(a + math.log(7.0), b - math.log(3.0), MONTHS, OVER)
    np.testing.assert_allclose(scaled.z, found.z, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(scaled.beta, found.beta, rtol=1e-9)


def test_a_spread_that_does_not_move_has_no_z() -> None:
    _, b = legs(7)
    found = PairSpread.of(1.0 + 0.5 * b, b, MONTHS, OVER)
    assert np.isfinite(found.beta).any()
    assert np.isnan(found.z).all()


def test_symbols_that_never_share_a_session_and_no_sessions_at_all_have_no_figures() -> None:
    nothing = np.full(len(SESSIONS), np.nan)
    assert np.isnan(PairSpread.of(nothing, legs()[1], MONTHS, OVER).z).all()
    assert OVER.look_back == 82
