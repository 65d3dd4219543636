"""Risk parity weights: against an independent solution, and of matrices that are none too good."""

import numpy as np
import pytest
from scipy.optimize import minimize

from nightdesk.core.errors import Refused
from nightdesk.portfolio import risk_parity, sample_covariance


def contributions(covariance: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Shares of the portfolio's variance."""
    parts = weights * (covariance @ weights)
    return parts / parts.sum()


def by_scipy(covariance: np.ndarray) -> np.ndarray:
    """The same weights from another formulation, by a general optimiser.

    Maillard, Roncalli, Teiletche (2010): the least risky portfolio among those whose mean log weight is not
    under a bound, in logarithms of the weights, on correlations so that the problem is well scaled.
    """
    deviation = np.sqrt(np.diagonal(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    n = len(deviation)

    def risk(x: np.ndarray) -> tuple[float, np.ndarray]:
        y = np.exp(x)
        pull = y * (correlation @ y)
        return float(0.5 * pull.sum() - x.sum() / n), pull - 1.0 / n

    def curvature(x: np.ndarray) -> np.ndarray:
        y = np.exp(x)
        return np.outer(y, y) * correlation + np.diag(y * (correlation @ y))

    found = minimize(
        risk,
        np.full(n, -0.5 * np.log(n)),
        jac=True,
        hess=curvature,
        method="trust-exact",
        options={"gtol": 1e-12},
    )
    weights = np.exp(found.x) / deviation
    return weights / weights.sum()


def random_covariance(seed: int) -> np.ndarray:
    """Covariances of 2 to 30 assets: well measured ones, singular ones and ones with twins.

    A quarter each are of few observations of a market with one factor (singular), of assets of which two are
    nearly the same, of strong negative correlations, and of long samples.
    """
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 31))
    scale = random.uniform(0.002, 0.05, n)
    market = random.standard_normal((400, 1))
    loads = random.uniform(0.3, 1.0, n)
    kind = seed % 4
    if kind == 2:
        loads *= random.choice([-0.7, 1.0], n)
    returns = loads * market + 0.6 * random.standard_normal((400, n))
    if kind == 0:
        returns = returns[: max(3, n // 2)] + 2.0 * loads * market[: max(3, n // 2)] ** 2
    if kind == 1:
        returns[:, -1] = returns[:, 0] + 1e-6 * random.standard_normal(400)
    return np.cov((returns * scale).T)


@pytest.mark.parametrize("seed", range(200))
def test_every_asset_contributes_the_same_and_the_weights_are_those_of_another_solver(seed: int) -> None:
    covariance = random_covariance(seed)
    weights = risk_parity(covariance)
    assert weights.min() > 0.0
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    n = len(weights)
    np.testing.assert_allclose(contributions(covariance, weights), 1.0 / n, rtol=1e-6)
    np.testing.assert_allclose(weights, by_scipy(covariance), rtol=1e-5)


def test_the_random_matrices_are_the_hard_ones_that_they_are_meant_to_be() -> None:
    smallest = [np.linalg.eigvalsh(c / np.trace(c))[0] for c in map(random_covariance, range(200))]
    assert sum(one < 1e-12 for one in smallest) >= 50
    assert sum(one < 1e-8 for one in smallest) >= 90


def test_uncorrelated_assets_weigh_by_the_inverse_of_their_volatility() -> None:
    weights = risk_parity(np.diag([0.04, 0.01, 0.0025]))
    np.testing.assert_allclose(weights, np.array([1, 2, 4]) / 7, rtol=1e-12)


def test_two_assets_weigh_by_the_inverse_of_their_volatility_whatever_their_correlation() -> None:
    for correlation in (-0.999, -0.5, 0.0, 0.7, 0.999, 1.0):
        both = 0.1 * 0.3 * correlation
        weights = risk_parity(np.array([[0.01, both], [both, 0.09]]))
        np.testing.assert_allclose(weights, [0.75, 0.25], rtol=1e-9)


def test_assets_that_hedge_each_other_wholly_weigh_by_the_inverse_of_their_volatility() -> None:
    np.testing.assert_allclose(risk_parity(np.array([[0.01, -0.03], [-0.03, 0.09]])), [0.75, 0.25], rtol=1e-9)
    triangle = np.full((3, 3), -0.5) + 1.5 * np.eye(3)
    np.testing.assert_allclose(risk_parity(triangle), np.full(3, 1 / 3), rtol=1e-9)


def test_assets_that_move_as_one_weigh_by_the_inverse_of_their_volatility() -> None:
    deviation = np.array([0.1, 0.2, 0.4])
    np.testing.assert_allclose(
        risk_parity(np.outer(deviation, deviation)), np.array([4, 2, 1]) / 7, rtol=1e-12
    )


def test_one_asset_is_held_alone_and_none_is_no_error() -> None:
    assert risk_parity(np.array([[0.04]])).tolist() == [1.0]
    assert risk_parity(np.empty((0, 0))).tolist() == []


@pytest.mark.parametrize("bad", [np.nan, 0.0, -1e-9])
def test_an_asset_without_a_known_variance_is_left_out(bad: float) -> None:
    whole = random_covariance(3)[:3, :3]
    spoilt = np.full((4, 4), np.nan)
    spoilt[np.ix_([0, 2, 3], [0, 2, 3])] = whole
    spoilt[1, 1] = bad
    found = risk_parity(spoilt)
    assert found[1] == 0.0
    assert found[[0, 2, 3]].tolist() == risk_parity(whole).tolist()
    assert risk_parity(np.array([[bad]])).tolist() == [0.0]


WRONG = [
    (np.zeros((2, 3)), r"square matrix; found an array of shape \(2, 3\)"),
    (
        np.array([[1.0, np.nan], [np.nan, 1.0]]),
        "covariance of assets 0 and 1 is nan, though both have a variance",
    ),
    (np.array([[1.0, 0.5], [0.1, 1.0]]), "a covariance is symmetric"),
    (np.array([[1.0, -2.0], [-2.0, 1.0]]), "for these 2 assets: the matrix is no covariance"),
]


@pytest.mark.parametrize(("matrix", "message"), WRONG)
def test_what_is_no_covariance_is_refused(matrix: np.ndarray, message: str) -> None:
    with pytest.raises(Refused, match=message):
        risk_parity(matrix)


def test_the_bits_do_not_depend_on_how_an_array_lies_in_memory() -> None:
    returns = np.random.default_rng(8).standard_normal((60, 40)) * 0.01
    turned, spread = np.asfortranarray(returns), np.repeat(returns, 2, axis=1)[:, ::2]
    covariance = sample_covariance(returns)
    for other in (turned, spread):
        assert sample_covariance(other).tobytes() == covariance.tobytes()
    assert risk_parity(np.asfortranarray(covariance)).tobytes() == risk_parity(covariance).tobytes()


def test_the_sample_covariance_is_the_usual_one_and_misses_what_misses_a_return() -> None:
    returns = np.random.default_rng(9).standard_normal((60, 4)) * 0.01
    np.testing.assert_allclose(sample_covariance(returns), np.cov(returns.T), rtol=1e-12)
    returns[7, 2] = np.nan
    found = sample_covariance(returns)
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:, 2]).all()
    assert np.isfinite(np.delete(np.delete(found, 2, 0), 2, 1)).all()
    assert np.isnan(sample_covariance(returns[:1])).all()
    assert sample_covariance(returns[:, :0]).shape == (0, 0)
