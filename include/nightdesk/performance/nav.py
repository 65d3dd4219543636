"""Figures of a NAV series.

Returns are simple, session to session; a year has 252 sessions; standard deviations use ddof = 1; the
risk-free rate is taken as 0. A figure that is not defined (no losses to divide by, too short a history) is
NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.core.schedule import SESSIONS_A_YEAR
from nightdesk.risk.tail import historical_loss

ROLLING_SESSIONS = 30


@dataclass(frozen=True)
class NavFigures:
    """Figures of a NAV series.

    Attributes
    ----------
    total_return : float
        Last / first - 1.
    annual_return : float
        Compound growth a year: (last / first) ** (252 / n) - 1 over n returns.
    annual_volatility : float
        Standard deviation of returns × sqrt(252).
    sharpe : float
        Mean return × 252 / annual volatility (Sharpe 1994, risk-free rate 0).
    sortino : float
        Mean return × 252 / downside deviation, the root of the mean squared negative return × sqrt(252)
        (Sortino and van der Meer 1991, target 0).
    calmar : float
        Annual return / maximum drawdown over the whole span (Young 1991).
    max_drawdown : float
        Largest 1 - NAV / peak NAV so far, positive.
    max_drawdown_sessions : int
        Longest stretch of sessions below an earlier peak.
    var_95, cvar_95 : float
        Historical one-session loss at 95 %, see `nightdesk.risk.tail.historical_loss`.
    beta : float
        Covariance with the benchmark's returns over their variance.
    """

    total_return: float
    annual_return: float
    annual_volatility: float
    sharpe: float
    sortino: float
    calmar: float
    max_drawdown: float
    max_drawdown_sessions: int
    var_95: float
    cvar_95: float
    beta: float


def simple_returns(nav: Floats) -> Floats:
    """Session-to-session returns of shape (n_sessions - 1,)."""
    out: Floats = nav[1:] / nav[:-1] - 1.0
    return out


def nav_figures(nav: Floats, benchmark_returns: Floats | None = None) -> NavFigures:
    """Figures of a NAV series.

    Parameters
    ----------
    nav : ndarray of shape (n_sessions,)
        NAV at each session's close, positive.
    benchmark_returns : ndarray of shape (n_sessions,), optional
        Returns of the benchmark in the same sessions; the first is not used, sessions where it is NaN are
        left out.
    """
    returns = simple_returns(nav)
    n = len(returns)
    if n == 0:
        no = math.nan
        return NavFigures(no, no, no, no, no, no, 0.0, 0, no, no, no)
    growth = a_year(float(nav[-1] / nav[0]), n)
    mean = float(returns.mean()) * SESSIONS_A_YEAR
    volatility = float(returns.std(ddof=1)) * math.sqrt(SESSIONS_A_YEAR) if n > 1 else math.nan
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)) * SESSIONS_A_YEAR)
    deepest = float(drawdowns(nav).max())
    loss = historical_loss(returns)
    return NavFigures(
        total_return=float(nav[-1] / nav[0]) - 1.0,
        annual_return=growth,
        annual_volatility=volatility,
        sharpe=ratio(mean, volatility),
        sortino=ratio(mean, downside),
        calmar=ratio(growth, deepest),
        max_drawdown=deepest,
        max_drawdown_sessions=_longest_below_peak(nav),
        var_95=loss.var,
        cvar_95=loss.cvar,
        beta=math.nan if benchmark_returns is None else _beta(returns, benchmark_returns[1:]),
    )


def a_year(growth: float, sessions: int) -> float:
    """Compound return a year of what grew by a factor over some sessions; NaN if below 0."""
    return growth ** (SESSIONS_A_YEAR / sessions) - 1.0 if sessions and growth >= 0.0 else math.nan


def drawdowns(nav: Floats) -> Floats:
    """1 - NAV / peak NAV so far, of shape (n_sessions,)."""
    out: Floats = 1.0 - nav / np.maximum.accumulate(nav)
    return out


def rolling_sharpe(nav: Floats, sessions: int = ROLLING_SESSIONS) -> Floats:
    """Sharpe ratio of the newest returns at each session, shape (n_sessions,); NaN before that."""
    out = np.full(len(nav), np.nan)
    returns = simple_returns(nav)
    if len(returns) >= sessions:
        windows = np.lib.stride_tricks.sliding_window_view(returns, sessions)
        deviation = windows.std(axis=1, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = windows.mean(axis=1) / deviation * math.sqrt(SESSIONS_A_YEAR)
        out[sessions:] = np.where(deviation > 0, ratio, np.nan)
    return out


def turnover(traded: Floats, nav: Floats) -> float:
    """Traded notional a year over NAV, two-sided.

    Parameters
    ----------
    traded, nav : ndarray of shape (n_sessions,)
        Dollars bought and sold in each session, and its NAV.
    """
    return float((traded / nav).mean()) * SESSIONS_A_YEAR if len(nav) else math.nan


def ratio(above: float, below: float) -> float:
    """A quotient; NaN where the divisor is 0."""
    return above / below if below else math.nan


def _longest_below_peak(nav: Floats) -> int:
    longest = run = 0
    for below in (nav < np.maximum.accumulate(nav)).tolist():
        run = run + 1 if below else 0
        longest = max(longest, run)
    return longest


def _beta(returns: Floats, benchmark: Floats) -> float:
    both = np.isfinite(returns) & np.isfinite(benchmark)
    if both.sum() < 2:
        return math.nan
    covariance = np.cov(returns[both], benchmark[both])
    return ratio(float(covariance[0, 1]), float(covariance[1, 1]))
