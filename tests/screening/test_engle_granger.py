"""The test of many pairs at once, against statsmodels' answers and against what must not change it."""

import csv
import gzip
import warnings
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.screening.pools import market_walks, plant
from tools.make_cointegration_golden import KINDS, PAIRS, made_pair

from nightdesk.core.panel import Floats
from nightdesk.screening.engle_granger import engle_granger, fit_spreads

GOLDEN = Path(__file__).parents[1] / "golden" / "cointegration.csv.gz"
A, B = np.array([0]), np.array([1])


def golden() -> list[dict[str, str]]:
    with gzip.open(GOLDEN, "rt") as file:
        return list(csv.DictReader(file))


def test_500_pairs_have_the_statistics_and_p_values_of_statsmodels_in_both_directions() -> None:
    rows = sorted(golden(), key=lambda row: (int(row["rows"]), int(row["pair"])))
    assert len(rows) == PAIRS
    assert {row["kind"] for row in rows} == set(KINDS)
    lags = []
    for length, group in groupby(rows, key=lambda row: int(row["rows"])):
        mine = list(group)
        columns = [side for row in mine for side in made_pair(int(row["pair"]))]
        log_prices = np.column_stack(columns)
        assert len(log_prices) == length
        a = np.arange(0, 2 * len(mine), 2)
        for found, suffix in (
            (engle_granger(log_prices, a, a + 1), ""),
            (engle_granger(log_prices, a + 1, a), "_turned"),
        ):
            expected_t, expected_p = (
                np.array([float(row[one + suffix]) for row in mine]) for one in ("t", "p")
            )
            np.testing.assert_allclose(found.t, expected_t, rtol=0, atol=1e-8)
            np.testing.assert_allclose(found.p, expected_p, rtol=0, atol=1e-8)
            lags.extend(found.lags.tolist())
    assert set(lags) == {0, 1}


def plain_loop(log_prices: Floats, a: int, b: int) -> tuple[float, float]:
    """Half-life and slope of one pair, as one would write it for one."""
    design = np.column_stack([np.ones(len(log_prices)), log_prices[:, b]])
    (alpha, beta), *_ = np.linalg.lstsq(design, log_prices[:, a])
    spread = log_prices[:, a] - alpha - beta * log_prices[:, b]
    (k,), *_ = np.linalg.lstsq(spread[:-1, None], np.diff(spread))
    return float(beta), float(-np.log(2.0) / np.log1p(k))


def test_a_planted_pair_has_its_hedge_ratio_and_half_life() -> None:
    rng = np.random.default_rng(4)
    walks = market_walks(rng, 4_000, 2)
    plant(rng, walks, 0, 1, beta=1.3, half_life=8.0)
    found = fit_spreads(walks, A, B)
    assert found.beta[0] == pytest.approx(1.3, abs=0.01)
    assert found.half_life[0] == pytest.approx(8.0, rel=0.2)
    assert found.spread_volatility[0] == pytest.approx(0.02, rel=0.5)
    beta, half_life = plain_loop(walks, 0, 1)
    assert (found.beta[0], found.half_life[0]) == (pytest.approx(beta), pytest.approx(half_life))
    spread = walks[:, 0] - found.alpha[0] - found.beta[0] * walks[:, 1]
    assert spread.mean() == pytest.approx(0.0, abs=1e-12)
    assert found.spread_volatility[0] == pytest.approx(np.std(spread[-60:], ddof=1))


def test_the_half_life_of_a_spread_that_runs_away_is_infinite_and_of_one_that_overshoots_0() -> None:
    time = np.arange(100.0)
    level = np.where(time % 2 == 0, 1.0, -1.0)
    walk = np.sin(time / 7.0)
    overshoots = np.column_stack([walk + level, walk])
    assert fit_spreads(overshoots, A, B).half_life[0] == 0.0
    growing = np.column_stack([1.1**time, np.where(time % 2 == 0, 1.0, 0.0)])
    assert fit_spreads(growing, A, B).half_life[0] == np.inf


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [
        ("a leg that does not move", np.full(126, 4.0), np.cumsum(np.full(126, 0.01))),
        ("neither moves", np.full(126, 4.0), np.full(126, 5.0)),
        ("the same series", np.sin(np.arange(126.0)), np.sin(np.arange(126.0))),
        ("twice the same series", 3.0 + 2.0 * np.sin(np.arange(126.0)), np.sin(np.arange(126.0))),
        (
            "the same but for rounding",
            np.sin(np.arange(126.0)),
            np.sin(np.arange(126.0)) + 1e-9 * np.cos(np.arange(126.0)),
        ),
        (
            "a missing price",
            np.where(np.arange(126) == 5, np.nan, np.sin(np.arange(126.0))),
            np.cos(np.arange(126.0)),
        ),
    ],
)
def test_where_there_is_nothing_to_test_p_is_missing_without_a_warning(
    name: str, a: Floats, b: Floats
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for one, other in ((A, B), (B, A)):
            found = engle_granger(np.column_stack([a, b]), one, other)
            assert np.isnan(found.t).all(), name
            assert np.isnan(found.p).all(), name


def test_a_pair_has_the_same_bits_whatever_is_tested_beside_it() -> None:
    walks = market_walks(np.random.default_rng(5), 126, 60)
    first, second = np.triu_indices(60, 1)
    whole = engle_granger(walks, first, second)
    fits = fit_spreads(walks, first, second)
    for at in (0, 17, 511, 512, 1_769):
        pair = np.ascontiguousarray(walks[:, [first[at], second[at]]])
        alone, fit = engle_granger(pair, A, B), fit_spreads(pair, A, B)
        assert (alone.t[0], alone.p[0], alone.lags[0]) == (whole.t[at], whole.p[at], whole.lags[at])
        assert (fit.alpha[0], fit.beta[0], fit.half_life[0]) == (
            fits.alpha[at],
            fits.beta[at],
            fits.half_life[at],
        )
        assert fit.spread_volatility[0] == fits.spread_volatility[at]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.tuples(st.floats(0.01, 1_000.0), st.floats(0.01, 1_000.0)),
    rows=st.integers(60, 260),
)
def test_the_unit_of_a_price_changes_no_p(seed: int, scale: tuple[float, float], rows: int) -> None:
    walks = market_walks(np.random.default_rng(seed), rows, 2)
    before = engle_granger(walks, A, B)
    after = engle_granger(walks + np.log(scale), A, B)
    np.testing.assert_allclose(after.p, before.p, rtol=0, atol=1e-8)
    beta, scaled = fit_spreads(walks, A, B).beta, fit_spreads(walks + np.log(scale), A, B).beta
    np.testing.assert_allclose(scaled, beta, rtol=1e-8)


def test_no_pairs_are_no_fault() -> None:
    none = np.array([], dtype=np.intp)
    assert engle_granger(np.zeros((126, 0)), none, none).p.shape == (0,)
