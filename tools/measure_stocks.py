"""Measure the structure of real daily bars of stocks and write it down as parameters of the sample market.

    python tools/measure_stocks.py FOLDER_OF_BARS

reads a folder as the `files:` feed does and rewrites include/nightdesk/feeds/sample_stock_parameters.py. The
stocks and their sectors are those of books/equity_swing.yaml.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.feeds.files import FilesFeed

SECTORS = {
    symbol: one.group
    for symbol, one in load_book(Path(__file__).parents[1] / "books/equity_swing.yaml").universe.items()
}
FIRST, LAST = date(2005, 1, 3), date(2022, 12, 30)
START = "2015-01-02"  # the first session of the sample market
#: A larger growth of the adjustment factor is a spin-off that was booked as a dividend.
LARGEST_DIVIDEND = 1.10
#: Of a cheaper start ten shares are made one: later splits made it small, and a cent would be much of it.
SMALLEST_START = 10.0
ROUNDS = 200  # of the search for the shares of the sectors, which settles within a few dozen
TARGET = Path(__file__).parents[1] / "include/nightdesk/feeds/sample_stock_parameters.py"

HEADER = '''"""The parameters of the sample market's stocks, written by tools/measure_stocks.py.

Measured on the bars of {first} to {last}; all are rounded; returns are logarithmic. The residual is
what the return of SPY leaves of a return.
"""

from typing import NamedTuple


class MeasuredStock(NamedTuple):
    """What was measured of one stock."""

    sector: str
    start: float  #: close on {start}, dollars; of ten shares or a hundred, where it was under 10
    beta: float  #: slope against SPY
    residual: float  #: volatility of the residual, annualised
    shared: float  #: correlation of the residual with what its sector has in common
    drift: float  #: annual, of adjusted closes
    dividend_yield: float  #: annual
    overnight: float  #: share of the variance that falls between close and open
    reach: float  #: mean distance of high and low from open and close, in daily standard deviations
    volume: float  #: median shares a day


'''


def main(folder: Path) -> None:
    """Measure every stock and write the parameters."""
    fetched = FilesFeed(folder, get_calendar()).fetch([*SECTORS, "SPY"], FIRST, LAST)
    bars = fetched.bars.set_index(["session", "symbol"])
    close = bars["close"].unstack()
    growth = fetched.actions.pivot_table(index="session", columns="symbol", values="value", aggfunc="prod")
    growth = growth.where(growth < LARGEST_DIVIDEND).reindex(index=close.index, columns=close.columns)
    adjusted = np.log(close) + np.log(growth.fillna(1.0)).cumsum()
    returns = adjusted.diff().dropna(how="all")
    market = returns["SPY"]
    beta = returns.apply(lambda own: own.cov(market) / market.var())
    residual = returns - np.outer(market, beta)
    shared: dict[str, float] = {}
    for sector in dict.fromkeys(SECTORS.values()):
        members = [symbol for symbol in SECTORS if SECTORS[symbol] == sector]
        shared |= dict(zip(members, in_common(residual[members].corr().to_numpy()), strict=True))
    lines = [HEADER.format(first=FIRST, last=LAST, start=START), "STOCKS: dict[str, MeasuredStock] = {\n"]
    for symbol, sector in SECTORS.items():
        known = (beta[symbol], residual[symbol].std() * np.sqrt(252), shared[symbol])
        row = measure(bars.xs(symbol, level="symbol"), adjusted[symbol], growth[symbol], known)
        numbers = ", ".join(f"{value:g}" for value in row)
        lines.append(f'    "{symbol}": MeasuredStock("{sector}", {numbers}),\n')
    lines.append("}\n")
    TARGET.write_text("".join(lines), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(TARGET)], check=True)
    print(f"{TARGET}: {len(SECTORS)} stocks")


def measure(
    own: pd.DataFrame, adjusted: pd.Series, growth: pd.Series, known: tuple[float, float, float]
) -> tuple[float, ...]:
    """The fields of `MeasuredStock` behind the sector; `known` is beta, residual and shared."""
    daily = adjusted.diff().dropna()
    sigma, years = daily.std(), len(daily) / 252
    gap = np.log(own["open"] / own["close"].shift()).dropna()
    top = np.log(own["high"] / own[["open", "close"]].max(axis=1))
    bottom = np.log(own[["open", "close"]].min(axis=1) / own["low"])
    start, volume = float(own["close"].loc[START]), float(own.loc["2015":, "volume"].median())
    while start < SMALLEST_START:
        start, volume = start * 10.0, volume / 10.0
    return (
        round(start, 2),
        *(round(float(one), 2) for one in known),
        round(float((adjusted.iloc[-1] - adjusted.iloc[0]) / years), 3),
        round(float(np.log(growth.dropna()).sum() / years), 3),
        round(float(min(gap.var() / daily.var(), 0.6)), 2),
        round(float((top + bottom).mean() / 2 / sigma), 2),
        float(f"{volume:.2g}"),
    )


def in_common(correlation: np.ndarray) -> np.ndarray:
    """The correlation of each series with one factor behind all of them (principal axis factoring).

    A series by itself has none.
    """
    if len(correlation) == 1:
        return np.zeros(1)
    apart = correlation - np.eye(len(correlation))
    common = np.abs(apart).max(axis=1)
    for _ in range(ROUNDS):
        value, vector = np.linalg.eigh(apart + np.diag(common))
        load = np.abs(vector[:, -1]) * np.sqrt(value[-1])
        common = np.minimum(load**2, 0.95)
    return np.asarray(np.sqrt(common))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
