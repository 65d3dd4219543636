"""Logistic regression as plain numbers: fitted by scikit-learn, applied by element-wise arithmetic.

In one environment a fit gives the same bits for the same samples: they are copied into one layout, and linear
algebra runs on one thread, since the number of threads orders its sums. Applying a model uses no matrix
product, whose bits depend on the layout too: one session alone gives what it gives among all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.strategies.model import Model

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

TOLERANCE = 1e-8
MOST_STEPS = 1_000


def fit_logistic(samples: Floats, rises: NDArray[np.bool_], inverse_regularisation: float) -> dict[str, Any]:
    """The fitted fields of a `Model`.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_features)
        Without missing values.
    rises : bool ndarray of shape (n_samples,)
        Both values occur.
    inverse_regularisation : float
        C of scikit-learn: the weight of the samples against small coefficients.
    """
    from sklearn.linear_model import LogisticRegression

    x = np.array(samples, dtype=np.float64, order="C")
    means, deviations = x.mean(axis=0), x.std(axis=0)
    deviations[deviations == 0.0] = 1.0  # a feature that never moved says nothing
    standard = (x - means) / deviations
    regression = LogisticRegression(
        C=inverse_regularisation, solver="lbfgs", tol=TOLERANCE, max_iter=MOST_STEPS
    )
    with _threads().limit(limits=1):
        regression.fit(standard, rises)
    coefficients, intercept = regression.coef_[0], float(regression.intercept_[0])
    score = np.full(len(x), intercept)
    for k, weight in enumerate(coefficients):
        score += weight * standard[:, k]
    # log(1 + exp(-score)) of a rise and log(1 + exp(score)) of a fall, without overflow
    losses = np.logaddexp(0.0, np.where(rises, -score, score))
    return {
        "means": tuple(means.tolist()),
        "deviations": tuple(deviations.tolist()),
        "coefficients": tuple(coefficients.tolist()),
        "intercept": intercept,
        "log_loss": float(losses.mean()),
        "accuracy": float(((score > 0.0) == rises).mean()),
    }


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
