"""Correlations over gaps, and the rule on pairs."""

from typing import Any

import numpy as np
import pytest

from nightdesk.core.panel import Floats
from nightdesk.risk import Correlations, Standing, correlations, make_rules
from nightdesk.risk.correlation import known_pairs
from nightdesk.testing.situations import situation

RNG = np.random.default_rng(7)
COMMON = RNG.standard_normal(60)
RETURNS = 0.01 * np.column_stack(
    [COMMON, COMMON + 0.1 * RNG.standard_normal(60), -COMMON, RNG.standard_normal(60)]
)
ALL = np.ones(4, dtype=bool)


def test_they_are_pearsons() -> None:
    found = correlations(RETURNS, ALL)
    reference = np.corrcoef(RETURNS.T)
    assert found.matrix == pytest.approx(reference, abs=1e-12)
    upper = reference[np.triu_indices(4, 1)]
    assert (found.average, found.lowest) == pytest.approx((upper.mean(), upper.min()))
    assert found.symbols == 4


def test_each_pair_uses_the_sessions_that_both_have() -> None:
    holed = RETURNS.copy()
    holed[:25, 0] = np.nan
    holed[40:, 3] = np.nan
    found = correlations(holed, ALL).matrix
    both = np.isfinite(holed[:, 0]) & np.isfinite(holed[:, 1])
    assert found[0, 1] == pytest.approx(np.corrcoef(holed[both][:, :2].T)[0, 1], abs=1e-12)
    assert np.isnan(found[0, 3]), "15 common sessions say nothing"


def test_what_was_not_asked_for_or_does_not_move_has_none() -> None:
    flat = RETURNS.copy()
    flat[:, 2] = 0.0
    found = correlations(flat, np.array([True, True, True, False]))
    assert np.isfinite(found.matrix).sum() == 4
    assert found.symbols == 2
    assert found.average == found.matrix[0, 1]


@pytest.mark.parametrize("asked", [np.zeros(4, bool), np.array([True, False, False, False])])
def test_without_a_pair_nothing_is_known(asked: Any) -> None:
    found = correlations(RETURNS, asked)
    assert np.isnan([found.average, found.lowest]).all()
    assert found.symbols == 0


def test_the_memory_layout_of_the_returns_changes_no_bit() -> None:
    padded = np.vstack([np.full((5, 4), np.nan), RETURNS])
    views = [RETURNS, padded[5:], np.asfortranarray(RETURNS), np.repeat(RETURNS, 2, axis=1)[:, ::2]]
    first, *others = (correlations(one, ALL).matrix for one in views)
    assert all(np.array_equal(first, other, equal_nan=True) for other in others)


def left(weights: list[float], pairs: dict[tuple[int, int], float], **params: float) -> Floats:
    """Weights of GLD, SPY and BTC-USD (caps 50, 40, 15 %) that the rule leaves."""
    matrix = np.full((3, 3), np.nan)
    for (i, j), value in pairs.items():
        matrix[i, j] = matrix[j, i] = value
    calm = Standing.calm(3)
    fields = {name: getattr(calm, name) for name in Standing.__dataclass_fields__}
    now = situation(standing=Standing(**(fields | {"correlations": Correlations.given(matrix)})))
    (rule,) = (one for one in make_rules({"correlation": params}) if one.name == "correlation")
    wanted = np.array(weights) * now.nav / np.where(now.price > 0, now.price, 1.0)
    ruling = rule.apply(now.units.toward_zero(wanted), np.zeros(3), now)
    return now.weights(ruling.after)


# GLD and SPY: caps 50 + 40 %, three quarters of which are 67.5 %.
@pytest.mark.parametrize(
    ("weights", "pairs", "expected"),
    [
        ([0.50, 0.40, 0.10], {(0, 1): 0.70}, [0.50, 0.40, 0.10]),
        ([0.50, 0.40, 0.10], {(0, 1): 0.71}, [0.375, 0.30, 0.10]),
        ([0.30, 0.30, 0.10], {(0, 1): 0.99}, [0.30, 0.30, 0.10]),
        ([0.50, -0.40, 0.10], {(0, 1): 0.71}, [0.375, -0.30, 0.10]),
        ([0.50, 0.40, 0.10], {(0, 1): -0.99}, [0.50, 0.40, 0.10]),
        ([0.50, 0.40, 0.10], {}, [0.50, 0.40, 0.10]),
    ],
)
def test_a_close_pair_weighs_jointly_at_most_its_share_of_both_caps(
    weights: list[float], pairs: dict[tuple[int, int], float], expected: list[float]
) -> None:
    assert left(weights, pairs) == pytest.approx(expected, abs=0.0006)


def test_pairs_are_cut_from_the_most_correlated_down_and_all_hold_after() -> None:
    # GLD with SPY 67.5 % jointly, SPY with BTC 41.25 %, GLD with BTC 48.75 %.
    after = left([0.50, 0.40, 0.15], {(0, 1): 0.75, (1, 2): 0.95, (0, 2): 0.80})
    assert after[0] + after[1] <= 0.675 + 1e-9
    assert after[1] + after[2] <= 0.4125 + 1e-9
    assert after[0] + after[2] <= 0.4875 + 1e-9
    # SPY and BTC first: 55 to 41.25 %, that is 30 and 11.25. GLD and BTC: 61.25 to 48.75 %, that is 39.80 and
    # 8.95. GLD and SPY: 69.80 to 67.5 %, that is 38.49 and 29.01.
    assert after == pytest.approx([0.3849, 0.2901, 0.0895], abs=0.001)


def test_of_some_symbols_it_is_that_part_of_the_matrix() -> None:
    returns = np.random.default_rng(3).normal(0.0, 0.01, (80, 9))
    asked = np.array([1, 1, 0, 1, 0, 1, 1, 0, 1], dtype=bool)
    found = correlations(returns, asked)
    for columns in ([0, 1, 3, 8], [2, 3, 5], [4, 7], [6], []):
        at = np.array(columns, dtype=np.intp)
        part = found.among(at)
        assert np.array_equal(part, found.matrix[np.ix_(at, at)], equal_nan=True)
        first, second, values = known_pairs(at, part)
        assert np.array_equal(values, found.matrix[first, second])
    alone = correlations(returns, np.arange(9) == 4)
    assert np.isnan(alone.among(np.array([4, 5]))).all()
