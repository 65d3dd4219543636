"""The reference: a backtest as one would write it by hand with numpy, for one strategy.

Top 30 % by 12-1 momentum among the symbols above their SMA200, inverse volatility, changes of weight under
2 % left alone, 0.10 % commission and 0.05 % slippage, 5 % in cash, filled at the close of the same bar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CAPITAL = 100_000.0
TOP, THRESHOLD, CASH = 0.30, 0.02, 0.05
COMMISSION, SLIPPAGE = 0.0010, 0.0005
MONTH, YEAR, AVERAGE, VOLATILITY = 21, 252, 200, 60


def seeded_closes(n_symbols: int = 15, n_sessions: int = 1260, seed: int = 7) -> Floats:
    """Closes of a seeded random market, shape (n_sessions, n_symbols), with one common factor."""
    random = np.random.default_rng(seed)
    drift = random.uniform(-0.0002, 0.0008, n_symbols)
    scale = random.uniform(0.006, 0.02, n_symbols)
    common = random.standard_normal((n_sessions, 1))
    own = random.standard_normal((n_sessions, n_symbols))
    return 100.0 * np.exp(np.cumsum(drift + scale * (0.6 * common + 0.8 * own), axis=0))


def indicators(close: Floats) -> tuple[Floats, Floats, Floats]:
    """12-1 momentum, SMA200 and 60-session deviation of returns; NaN with too little history."""
    momentum, average, volatility = (np.full_like(close, np.nan) for _ in range(3))
    momentum[YEAR:] = close[YEAR - MONTH : -MONTH] / close[:-YEAR] - 1.0
    total = np.cumsum(np.vstack([np.zeros(close.shape[1]), close]), axis=0)
    average[AVERAGE - 1 :] = (total[AVERAGE:] - total[:-AVERAGE]) / AVERAGE
    returns = close / np.vstack([close[:1], close[:-1]]) - 1.0
    # Sums of a window by differences of running sums: a sliding deviation takes longer than all the rest.
    sums, squares = np.cumsum(returns, axis=0), np.cumsum(returns * returns, axis=0)
    sums, squares = (one[VOLATILITY:] - one[:-VOLATILITY] for one in (sums, squares))
    volatility[VOLATILITY:] = np.sqrt((squares - sums * sums / VOLATILITY) / (VOLATILITY - 1))
    return momentum, average, volatility


def run(close: Floats, threshold: float = THRESHOLD) -> Floats:
    """Equity at each close, shape (n_sessions,); `threshold` is the change of weight that is left alone."""
    momentum, average, volatility = indicators(close)
    count = round(TOP * close.shape[1])
    account = (CAPITAL, np.zeros(close.shape[1]))
    equity = np.empty(len(close))
    for t in range(len(close)):
        wanted = wanted_weights(close[t], momentum[t], average[t], volatility[t], count)
        account, equity[t] = trade(account, close[t], wanted, threshold)
    return equity


def target_weights(close: Floats) -> Floats:
    """What the strategy wants at each close, shape (n_sessions, n_symbols); NaN where it decides nothing."""
    momentum, average, volatility = indicators(close)
    count = round(TOP * close.shape[1])
    out = np.full_like(close, np.nan)
    for t in range(len(close)):
        wanted = wanted_weights(close[t], momentum[t], average[t], volatility[t], count)
        if wanted is not None:
            out[t] = wanted
    return out


def run_given(close: Floats, weights: Floats, threshold: float = THRESHOLD) -> Floats:
    """Equity at each close, where the weights are given as `target_weights` has them."""
    account = (CAPITAL, np.zeros(close.shape[1]))
    equity = np.empty(len(close))
    for t in range(len(close)):
        wanted = None if np.isnan(weights[t, 0]) else weights[t]
        account, equity[t] = trade(account, close[t], wanted, threshold)
    return equity


def wanted_weights(
    price: Floats, momentum: Floats, average: Floats, volatility: Floats, count: int
) -> Floats | None:
    """Weights of one session; None with too little history."""
    if np.isnan(momentum[0]):
        return None
    best = np.argsort(-momentum, kind="stable")[:count]
    best = best[price[best] > average[best]]
    weight = np.zeros(len(price))
    if len(best):
        inverse = 1.0 / volatility[best]
        weight[best] = (1.0 - CASH) * inverse / inverse.sum()
    return weight


def trade(
    account: tuple[float, Floats], price: Floats, weight: Floats | None, threshold: float
) -> tuple[tuple[float, Floats], float]:
    """The account after one session's trades at its close, and what it is worth then."""
    cash, held = account
    if weight is not None:
        worth = cash + float(held @ price)
        change = weight - held * price / worth
        change[np.abs(change) < threshold] = 0.0
        traded = change * worth / price
        notional = np.abs(traded) * price
        cash -= float(traded @ price) + float(notional.sum()) * (COMMISSION + SLIPPAGE)
        held = held + traded
    return (cash, held), cash + float(held @ price)
