"""Factors: numbers per symbol and session, computed from a panel by pure functions registered by name."""

from nightdesk.factors import (
    averages,
    benchmark,
    beside_prices,
    momentum,
    of_factors,
    quantiles,
    ranks,
    raw_signals,
    sentiment,
    technical,
    volume,
    wilder,
)
from nightdesk.factors.beside_prices import facts_needed
from nightdesk.factors.compute import Source, compute, hours_back, look_back
from nightdesk.factors.factor_registry import HOURLY, Factor, factor, families, resolve

#: Every factor of the desk's own table.
STANDARD: tuple[str, ...] = (
    "momentum_60",
    "momentum_120",
    "momentum_12_1",
    "volatility_20",
    "volatility_60",
    "sma_20",
    "sma_50",
    "sma_200",
    "rsi_14",
    "atr_14",
    "atr_20",
    "adx_14",
    "bb_upper_20_2",
    "bb_mid_20_2",
    "bb_lower_20_2",
    "bb_width_20_2",
    "volume_ratio_20",
    "dollar_volume_20",
    "adv_20",
    "macd",
    "macd_signal",
    "beta_60",
    "q05_60",
    "tail_asymmetry_60",
    "rank_momentum_12_1",
)

__all__ = [
    "HOURLY",
    "STANDARD",
    "Factor",
    "Source",
    "averages",
    "benchmark",
    "beside_prices",
    "compute",
    "factor",
    "facts_needed",
    "families",
    "hours_back",
    "look_back",
    "momentum",
    "of_factors",
    "quantiles",
    "ranks",
    "raw_signals",
    "resolve",
    "sentiment",
    "technical",
    "volume",
    "wilder",
]
