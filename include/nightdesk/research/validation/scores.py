"""What sets of parameters are chosen by: a figure of their returns over some sessions."""

from __future__ import annotations

import math

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.performance import nav_figures
from nightdesk.performance.return_moments import return_moments

#: Figures of returns alone, by their names in `metrics.json`, and whether more of one is better. Those of
#: trades and costs belong to a whole backtest, and have no value in a part of its sessions.
SCORES: dict[str, bool] = {
    "sharpe": True,
    "sortino": True,
    "calmar": True,
    "annual_return": True,
    "total_return": True,
    "annual_volatility": False,
    "max_drawdown": False,
    "cvar_95": False,
}


def score(returns: Floats, metric: str) -> float:
    """A figure of returns of shape (n_returns,), see `nightdesk.performance.nav.NavFigures`; NaN where it has
    none, of returns that do not vary too.
    """
    if len(returns) == 0 or float(returns.max()) == float(returns.min()):
        return math.nan
    if metric == "sharpe":  # the same figure without all the others
        return return_moments(returns).annual_sharpe
    nav = np.append(1.0, np.cumprod(1.0 + returns))
    return float(getattr(nav_figures(nav), metric))


def best_set(returns: Floats, metric: str) -> tuple[int, float]:
    """The best column of returns of shape (n_returns, n_sets), and its figure; of equals the first.

    Raises
    ------
    Refused
        When no set has the figure.
    """
    sign = 1.0 if SCORES[metric] else -1.0
    values = np.array([score(one, metric) for one in returns.T]) * sign
    if not np.isfinite(values).any():
        raise Refused(
            f"no set has a {metric} over {len(returns):,} sessions in which one is to be chosen: none "
            "trades there. Take a longer span, fewer folds or a longer --train"
        )
    best = int(np.nanargmax(np.where(np.isfinite(values), values, np.nan)))
    return best, float(values[best] * sign)
