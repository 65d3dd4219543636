"""The random processes behind the sample market: volatility, returns and VIX.

Model (per session; crypto per UTC day):

- Log variance of the whole market: an autoregressive process that falling prices raise (stochastic
  volatility with leverage; Taylor 1982, Harvey and Shephard 1996).
- Returns: Student t with 5 degrees of freedom through a Gaussian copula, whose correlations move from those
  of calm markets to those of stressed ones as variance rises.
- Drift: each symbol's own, plus a slow mean-reverting trend, so that leaders change.
- Level: prices are pulled slowly back to a path of constant growth, so that decades stay plausible.
- Crashes: on two spans the variance is pushed up and everything falls by its stress beta; most of it is
  made good in the half year after.
- VIX: reverts to the market's volatility and answers the benchmark's return of the day.

Nothing at a day depends on a later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions, get_calendar
from nightdesk.feeds.sample_parameters import CALM, STRESS, SYMBOLS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FIRST_DAY = date(2015, 1, 2)
SEED = 26
BENCHMARK, CRYPTO, VIX = "SPY", "BTC-USD", "^VIX"

#: First and last session of each crash.
CRASHES = ((date(2019, 8, 5), date(2019, 9, 6)), (date(2025, 3, 3), date(2025, 4, 2)))
CRASH_RETURN, CRASH_VARIANCE = -0.012, 0.14  # log return of the benchmark, push of log variance, per session
RECOVERY_SESSIONS, RECOVERED_SHARE = 120, 0.7

PERSISTENCE, VOLATILITY_OF_VARIANCE, LEVERAGE = 0.975, 0.21, -0.6  # of the log variance, per session
DEGREES_OF_FREEDOM = 5
WORST_SHOCK = 6.0  # standard deviations: beyond lie ruinous days that no such market has had
TREND_MEMORY, TREND_SHARE = 0.992, 0.45  # per session; deviation of the trend as a share of the volatility
PULL = 0.0014  # per session: share of the way back to its long-run path that a symbol goes
STRESS_AT, STRESS_STEEPNESS = 1.6, 4.0  # multiple of the usual volatility at which correlations are half way

VIX_USUAL, VIX_ELASTICITY = 20.0, 0.8  # points at the usual volatility, and how the level follows it
VIX_REVERSION, VIX_ANSWER, VIX_NOISE = 0.10, -4.3, 0.040  # per session; answer to the benchmark in log points
VIX_FLOOR, VIX_CEILING = 10.0, 80.0


def draws(days: int, width: int) -> Floats:
    """Standard normal numbers, `width` a day, from raw bits, whose stream no version of numpy changes."""
    from scipy.special import ndtri

    bits = np.random.Philox(key=SEED).random_raw(days * width).reshape(days, width)
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    normal: Floats = ndtri(uniform)
    return normal


def crashes(days: Sessions, on_session: Flags) -> Floats:
    """Log return of a stress beta of 1 through crashes and the recoveries after them, per day."""
    push = np.zeros(len(days))
    calendar = get_calendar("XNYS")
    for start, end in CRASHES:
        falling = on_session & (days >= np.datetime64(start)) & (days <= np.datetime64(end))
        push[falling] = CRASH_RETURN
        length = len(calendar.between(start, end))
        healed = np.datetime64(calendar.shift(end, RECOVERY_SESSIONS))
        healing = on_session & (days > np.datetime64(end)) & (days <= healed)
        push[healing] = -CRASH_RETURN * length * RECOVERED_SHARE / RECOVERY_SESSIONS
    return push


def volatility_of(own: Floats, benchmark: Floats, on_session: Flags, crash: Flags) -> Floats:
    """The market's volatility as a multiple of its usual one, per day."""
    out = np.empty(len(own))
    usual = VOLATILITY_OF_VARIANCE**2 / (1.0 - PERSISTENCE**2)
    log_variance = 0.0
    rest = np.sqrt(1.0 - LEVERAGE**2)
    for t in range(len(own)):
        if on_session[t] and crash[t]:
            log_variance += CRASH_VARIANCE
        out[t] = np.exp((log_variance - usual / 2.0) / 2.0)
        if on_session[t]:
            shock = LEVERAGE * benchmark[t] + rest * own[t]
            log_variance = PERSISTENCE * log_variance + VOLATILITY_OF_VARIANCE * shock
    return out


def returns_of(
    names: tuple[str, ...],
    part: Mapping[str, Floats],
    spread: Floats,
    on_session: Flags,
    push: Floats,
) -> tuple[Floats, Floats]:
    """Log returns with dividends, and the standard deviation of each, per day."""
    from scipy.special import ndtr, stdtrit

    stress = (1.0 / (1.0 + np.exp(-STRESS_STEEPNESS * (spread - STRESS_AT))))[:, None]
    calm_part = np.sqrt(1.0 - stress) * _correlated(part["calm"], _root(CALM))
    normal = calm_part + np.sqrt(stress) * _correlated(part["stress"], _root(STRESS))
    scale = np.sqrt((DEGREES_OF_FREEDOM - 2) / DEGREES_OF_FREEDOM)
    fat = np.clip(
        scale * stdtrit(DEGREES_OF_FREEDOM, ndtr(np.clip(normal, -7.5, 7.5))), -WORST_SHOCK, WORST_SHOCK
    )
    a_year = np.array([365.25 if name == CRYPTO else 252.0 for name in names])
    volatility = np.array([SYMBOLS[name].volatility for name in names])
    # crypto has storms of its own: it follows the market's volatility by half
    follows = np.array([0.5 if name == CRYPTO else 1.0 for name in names])
    sigma = volatility / np.sqrt(a_year) * spread[:, None] ** follows
    drift = np.array([SYMBOLS[name].drift for name in names]) / a_year
    beta = np.array([SYMBOLS[name].stress_beta for name in names])
    trades = on_session[:, None] | (np.array(names) == CRYPTO)
    surprise = np.where(trades, sigma * fat + push[:, None] * beta, 0.0)
    returns = np.zeros_like(surprise)
    step = np.sqrt(1.0 - TREND_MEMORY**2)
    trend, away = np.zeros(len(names)), np.zeros(len(names))
    for t in range(len(returns)):
        trend = TREND_MEMORY * trend + step * part["trend"][t]
        moved = surprise[t] + trades[t] * (TREND_SHARE * volatility / a_year * trend - PULL * away)
        away = away + moved
        returns[t] = moved + trades[t] * drift
    return returns, sigma


def _correlated(shocks: Floats, root: Floats) -> Floats:
    """`shocks` @ `root`.T, one column after the other.

    A matrix product of a longer span may round differently in the last bit of earlier days; this does not.
    """
    out = np.zeros_like(shocks)
    for i in range(shocks.shape[1]):
        out += shocks[:, i, None] * root[:, i]
    return out


def _root(rows: tuple[tuple[float, ...], ...]) -> Floats:
    """A square root of the correlation matrix whose lower triangle is given.

    Rounded and taken over unequal spans, it need not be positive definite: negative eigenvalues are cut off.
    """
    size = len(rows) + 1
    matrix = np.eye(size)
    for i, row in enumerate(rows, start=1):
        matrix[i, :i] = matrix[:i, i] = row
    value, vector = np.linalg.eigh(matrix)
    # eigenvectors are known but for their sign: the symmetric root is the same everywhere
    root = vector @ np.diag(np.sqrt(np.maximum(value, 1e-4))) @ vector.T
    scaled: Floats = root / np.sqrt((root**2).sum(axis=1))[:, None]
    return scaled


def vix_of(spread: Floats, benchmark: Floats, market: Floats, on_session: Flags) -> dict[str, Floats]:
    """VIX bars, points; NaN on days without a session."""
    close, opened = np.full(len(spread), np.nan), np.full(len(spread), np.nan)
    target = np.log(VIX_USUAL) + VIX_ELASTICITY * np.log(spread)
    log_vix = float(target[0])
    for t in np.flatnonzero(on_session):
        before = log_vix
        log_vix += (
            VIX_REVERSION * (target[t] - log_vix) + VIX_ANSWER * benchmark[t] + VIX_NOISE * market[t, 1]
        )
        log_vix = float(np.clip(log_vix, np.log(VIX_FLOOR), np.log(VIX_CEILING)))
        close[t] = np.exp(log_vix)
        opened[t] = np.exp(before + 0.3 * (log_vix - before) + 0.5 * VIX_NOISE * market[t, 2])
    reach = 0.025 * np.abs(market[:, 3:5])
    close, opened = np.round(close, 2), np.round(np.clip(opened, VIX_FLOOR, VIX_CEILING), 2)
    return {
        "open": opened,
        "high": np.round(np.maximum(opened, close) * np.exp(reach[:, 0]), 2),
        "low": np.round(np.minimum(opened, close) * np.exp(-reach[:, 1]), 2),
        "close": close,
    }
