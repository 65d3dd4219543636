"""Sixteen factors of 5,000 symbols over 1,260 sessions beside pandas-ta, which takes symbol after symbol.

pandas-ta computes a sample of the symbols; its time counts as often as the sample fits into them. Both are
measured by the processor's time.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.checks import sessions
from benchmarks.measurement import Measurement, medians, peak_gigabytes
from nightdesk import factors
from nightdesk.core.panel import Bars, Column, Floats, Panel, build_panel
from nightdesk.factors.kernels import FROM_CELLS

if TYPE_CHECKING:
    import pandas as pd

SYMBOLS, SAMPLE, SESSIONS, RUNS = 5000, 100, 1260, 3
FEWER_SYMBOLS, MORE_SYMBOLS = 1000, 4000
#: How many times as fast as pandas-ta, the gigabytes of a process with its panel, and what four times the
#: symbols may take of four times the time.
TIMES, MEMORY_GOAL, GROWTH_LIMIT = 25, 2.0, 1.3

NAMES = (
    *("momentum_20", "momentum_60", "momentum_12_1", "volatility_20", "volatility_60", "sma_50", "sma_200"),
    *("rsi_14", "atr_14", "adx_14", "bb_upper_20_2", "bb_mid_20_2", "bb_lower_20_2"),
    *("beta_60", "q05_60", "q95_60"),
)
#: Sessions after which averages that begin in other ways have forgotten their beginning.
FORGOTTEN = 400


def seeded_panel(n_symbols: int) -> Panel:
    """Bars of seeded closes of which two in a thousand are missing, but not of the benchmark, the first."""
    random, shape = np.random.default_rng(3), (SESSIONS, n_symbols)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, shape), axis=0))
    there = random.random(shape) >= 0.002
    there[:, 0] = True
    row, column = np.nonzero(there)
    closes, days = close[there], sessions(SESSIONS)
    prices = (closes, closes * 1.01, closes * 0.99, closes)
    bars = Bars(column, days[row], *prices, volume=np.full(len(row), 1e6))
    return build_panel(days, [Column(f"S{n}") for n in range(n_symbols)], bars)


def by_desk(panel: Panel) -> dict[str, Floats]:
    """The whole table."""
    return factors.compute(panel, NAMES, benchmark="S0", universe=len(panel.symbols))


def series_of(panel: Panel, n_symbols: int) -> list[tuple[pd.Series, pd.Series, pd.Series]]:
    """High, low and close of the first symbols."""
    import pandas as pd

    index = pd.DatetimeIndex(panel.sessions)

    def one(values: Floats, n: int) -> pd.Series:
        return pd.Series(values[:, n], index)

    return [(one(panel.high, n), one(panel.low, n), one(panel.close, n)) for n in range(n_symbols)]


def by_pandas_ta(
    high: pd.Series, low: pd.Series, close: pd.Series, market: pd.Series
) -> dict[str, pd.Series]:
    """The same sixteen of one symbol; of what pandas-ta has not, the plain pandas."""
    import pandas_ta as ta

    returns, plain = close.pct_change(fill_method=None), {"talib": False}
    year, bands = 252**0.5, ta.bbands(close, length=20, std=2, ddof=0, **plain)
    return {
        "momentum_20": close / close.shift(20) - 1.0,
        "momentum_60": close / close.shift(60) - 1.0,
        "momentum_12_1": close.shift(21) / close.shift(252) - 1.0,
        "volatility_20": ta.stdev(returns, length=20, ddof=1, **plain) * year,
        "volatility_60": ta.stdev(returns, length=60, ddof=1, **plain) * year,
        "sma_50": ta.sma(close, length=50, **plain),
        "sma_200": ta.sma(close, length=200, **plain),
        "rsi_14": ta.rsi(close, length=14, **plain),
        "atr_14": ta.atr(high, low, close, length=14, **plain),
        "adx_14": ta.adx(high, low, close, length=14, **plain).iloc[:, 0],
        "bb_lower_20_2": bands.iloc[:, 0],
        "bb_mid_20_2": bands.iloc[:, 1],
        "bb_upper_20_2": bands.iloc[:, 2],
        "beta_60": returns.rolling(60).cov(market) / market.rolling(60).var(),
        "q05_60": ta.quantile(returns, length=60, q=0.05),
        "q95_60": ta.quantile(returns, length=60, q=0.95),
    }


def must_agree(panel: Panel) -> None:
    """Refuse to compare what differs; of the benchmark, since it has every bar, where both mean the same."""
    table = by_desk(panel)
    ((high, low, close),) = series_of(panel, 1)
    for name, values in by_pandas_ta(high, low, close, close.pct_change(fill_method=None)).items():
        np.testing.assert_allclose(
            table[name][FORGOTTEN:, 0], values.to_numpy()[FORGOTTEN:], rtol=1e-6, err_msg=name
        )


def seconds_of(panel: Panel) -> tuple[float, float]:
    """Of the whole table, and of pandas-ta as for so many symbols, by turns."""
    sample = series_of(panel, SAMPLE)
    market = sample[0][2].pct_change(fill_method=None)
    jobs: list[Callable[[], object]] = [
        lambda: by_desk(panel),
        lambda: [by_pandas_ta(*one, market) for one in sample],
    ]
    ours, theirs = medians(*jobs, runs=RUNS, clock=process_time)
    return ours, theirs * len(panel.symbols) / SAMPLE


def growth() -> tuple[float, float]:
    """Seconds of the table of many symbols, and of a fourth of them."""
    few, many = seeded_panel(FEWER_SYMBOLS), seeded_panel(MORE_SYMBOLS)
    one, four = medians(lambda: by_desk(few), lambda: by_desk(many), runs=RUNS, clock=process_time)
    return four, one


def peak_of_table() -> float:
    """Gigabytes of a process that makes the panel and its table."""
    command = [sys.executable, "-m", "benchmarks.factor_table"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])


def measure() -> list[Measurement]:
    """Time beside pandas-ta, growth and memory."""
    must_agree(seeded_panel(2))
    panel = seeded_panel(SYMBOLS)
    if panel.close.size < FROM_CELLS:
        raise AssertionError("the panel is too small for compiled loops: what they take was not measured")
    ours, theirs = seconds_of(panel)
    del panel
    four, one = growth()
    size = f"{SYMBOLS:,} × {SESSIONS:,}"
    return [
        Measurement(
            f"sixteen factors, {size}", ours, f"a {TIMES}th of pandas-ta's, scaled", theirs / TIMES, 1.0
        ),
        Measurement(
            f"sixteen factors, {MORE_SYMBOLS:,} symbols",
            four,
            f"four times those of {FEWER_SYMBOLS:,}",
            MORE_SYMBOLS / FEWER_SYMBOLS * one,
            GROWTH_LIMIT,
        ),
        Measurement(
            f"gigabytes at the peak of sixteen factors, {size}", peak_of_table(), "the goal", MEMORY_GOAL, 1.0
        ),
    ]


def main(n_symbols: int) -> None:
    """Make the table once and again: say the peak of memory and the seconds of each."""
    panel, taken = seeded_panel(n_symbols), []
    for _ in range(2):
        began = time.perf_counter()
        by_desk(panel)
        taken.append(time.perf_counter() - began)
    print(peak_gigabytes(), *taken)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SYMBOLS)
