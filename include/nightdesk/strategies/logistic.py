"""Logistic regression as plain numbers: fitted by Newton's method, applied by element-wise arithmetic.

In one environment a fit gives the same bits for the same samples: they are copied into one layout, and linear
algebra runs on one thread, since the number of threads orders its sums. Applying a model uses no matrix
product, whose bits depend on the layout too: one session alone gives what it gives among all.

The solver is ours because a handful of features needs four to six Newton steps, each exact to rounding:
scikit-learn's takes several times as long, imports included, and ends a few millionths from the minimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.strategies.model import Model

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

#: A step that promises less of the loss, as a share of it, is the last one: steps square what is left.
TOLERANCE = 1e-12
MOST_STEPS = 200


def fit_logistic(samples: Floats, rises: NDArray[np.bool_], inverse_regularisation: float) -> dict[str, Any]:
    """The fitted fields of a `Model`.

    They minimise the sum of the samples' log losses and of the squares of the coefficients of the
    standardised features over twice `inverse_regularisation`; the intercept is free.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_features)
        Without missing values.
    rises : bool ndarray of shape (n_samples,)
        Both values occur.
    inverse_regularisation : float
        C of scikit-learn: the weight of the samples against small coefficients.

    Raises
    ------
    Refused
        When it does not converge: a feature says nothing, or all, and `inverse_regularisation` is so large
        that nothing holds its coefficient.
    """
    x = np.array(np.transpose(samples), dtype=np.float64, order="C")
    means = x.mean(axis=1)
    x -= means[:, None]
    deviations = np.sqrt((x * x).mean(axis=1))
    deviations[deviations == 0.0] = 1.0  # a feature that never moved says nothing
    signed = np.ones((len(x) + 1, len(rises)))
    np.divide(x, deviations[:, None], out=signed[:-1])
    signed *= np.where(rises, 1.0, -1.0)
    ridge = np.append(np.full(len(x), 1.0 / inverse_regularisation), 0.0)
    with _threads().limit(limits=1):
        weights, losses, wrong = _minimum(signed, ridge)
    return {
        "means": tuple(means.tolist()),
        "deviations": tuple(deviations.tolist()),
        "coefficients": tuple(weights[:-1].tolist()),
        "intercept": float(weights[-1]),
        "log_loss": float(losses.mean()),
        "accuracy": float((wrong < 0.5).mean()),
    }


def _minimum(signed: Floats, ridge: Floats) -> tuple[Floats, Floats, Floats]:
    """Where the penalised log loss is smallest, by Newton steps that are halved while the loss grows.

    Parameters
    ----------
    signed : ndarray of shape (n_weights, n_samples)
        Features and a one, times 1 for a rise and -1 for a fall.
    ridge : ndarray of shape (n_weights,)
        Weight of half of each square.

    Returns
    -------
    weights : ndarray of shape (n_weights,)
    losses, wrong : ndarrays of shape (n_samples,)
        Those of `_losses` there.
    """
    # Weights that say nothing lose as much on every sample.
    weights, samples = np.zeros_like(ridge), signed[0]
    losses, wrong = np.full_like(samples, np.log(2.0)), np.full_like(samples, 0.5)
    for _ in range(MOST_STEPS):
        slope = ridge * weights - signed @ wrong
        bend = (signed * (wrong * (1.0 - wrong))) @ signed.T
        bend[np.diag_indices_from(bend)] += ridge
        try:
            step = np.linalg.solve(bend, slope)
        except np.linalg.LinAlgError:
            break
        loss = _penalised(losses, ridge, weights)
        last = float(slope @ step) <= TOLERANCE * loss
        before = weights
        weights = before - step
        losses, wrong = _losses(signed, weights)
        if last:
            return weights, losses, wrong
        while not _penalised(losses, ridge, weights) < loss:
            if (weights == before).all():  # the smallest loss that can be told apart
                return weights, losses, wrong
            step = step / 2.0
            weights = before - step
            losses, wrong = _losses(signed, weights)
    raise Refused(
        f"a logistic regression on {signed.shape[1]} samples does not converge: nothing holds the "
        "coefficient of a feature; lower inverse_regularisation"
    )


def _penalised(losses: Floats, ridge: Floats, weights: Floats) -> float:
    return float(losses.sum()) + float((ridge * weights * weights).sum()) / 2.0


def _losses(signed: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The log loss of each sample, and the probability of what it did not become; without overflow."""
    margin = weights @ signed
    tail = np.exp(-np.abs(margin))
    whole = 1.0 + tail
    return np.log(whole) - np.minimum(margin, 0.0), np.where(margin > 0.0, tail, 1.0) / whole


@cache
def _threads() -> ThreadpoolController:
    """The thread pools of the process, looked up once: the search takes as long as a fit."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def probability(models: Sequence[Model], features: Sequence[Floats]) -> Floats:
    """Probability of a rise.

    Parameters
    ----------
    models : sequence of Model, length n_sessions
        The live model of each session.
    features : sequence of ndarray of shape (n_sessions, n_symbols)
        In the order of the models' own.

    Returns
    -------
    ndarray of shape (n_sessions, n_symbols)
        NaN where a feature is missing or the model was not fitted.
    """
    score = np.array([one.intercept for one in models], dtype=np.float64)[:, None]
    shares = contributions(models, features)
    for k in range(len(features)):
        score = score + shares[..., k]
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-score)), dtype=np.float64)


def contributions(models: Sequence[Model], features: Sequence[Floats]) -> Floats:
    """What each feature adds to the log-odds of a rise; shape (n_sessions, n_symbols, n_features).

    The arguments are those of `probability`. NaN where a feature is missing or the model was not fitted.
    """
    silent = (np.nan,) * len(features)

    def column(name: str) -> Floats:
        return np.array([getattr(one, name) or silent for one in models], dtype=np.float64)[:, None, :]

    standard = (np.stack(features, axis=-1) - column("means")) / column("deviations")
    return np.asarray(column("coefficients") * standard, dtype=np.float64)
