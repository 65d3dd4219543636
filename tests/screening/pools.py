"""Pools of made-up stocks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nightdesk.core.panel import Floats, Panel
from nightdesk.screening import PoolFacts
from nightdesk.testing.random_panels import panel_of


def pool_of(panel: Panel, **known: Any) -> PoolFacts:
    """A pool of common stocks of NYSE with tight quotes and no trouble, but for what is given otherwise."""
    count = len(panel.symbols)
    quote = np.full((5, count), 100.0)
    plain = PoolFacts(
        panel=panel,
        exchange=("NYSE",) * count,
        security=("common",) * count,
        sector=("Energy",) * count,
        market_cap=np.full(count, 1e9),
        delisted_on=np.full(count, np.datetime64("NaT", "D")),
        bid=quote,
        ask=quote * 1.0005,
        quarantined=np.zeros(count, dtype=np.bool_),
    )
    return replace(plain, **known)


def walk_panel(log_prices: Floats, symbols: Sequence[str] | None = None) -> Panel:
    """Stocks of about 50 $ whose highs and lows lie 1 % beside their closes."""
    close = 50.0 * np.exp(log_prices)
    return panel_of(
        close,
        high=close * 1.01,
        low=close * 0.99,
        volume=np.full(close.shape, 1e6),
        symbols=symbols or [f"S{n:03}" for n in range(close.shape[1])],
    )


def market_walks(
    rng: np.random.Generator, rows: int, count: int, common: float = 0.01, own: float = 0.005
) -> Floats:
    """Random walks beside one that all share: their returns correlate, and no spread comes back."""
    shared = rng.normal(0.0, common, (rows, 1))
    walks: Floats = np.cumsum(shared + rng.normal(0.0, own, (rows, count)), axis=0)
    return walks


def plant(rng: np.random.Generator, walks: Floats, a: int, b: int, beta: float, half_life: float) -> None:
    """Make column `a` follow `b`: log A = beta log B + a spread that comes back, of deviation 0.02."""
    decay = 0.5 ** (1.0 / half_life)
    spread = np.zeros(len(walks))
    shocks = rng.normal(0.0, 0.02 * np.sqrt(1.0 - decay**2), len(walks))
    for t in range(1, len(walks)):
        spread[t] = decay * spread[t - 1] + shocks[t]
    walks[:, a] = beta * walks[:, b] + spread
