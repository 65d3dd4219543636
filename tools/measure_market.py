"""Measure the structure of real daily bars and write it down as the parameters of the sample market.

    python tools/measure_market.py FOLDER_OF_BARS

reads a folder as the `files:` feed does and rewrites include/nightdesk/feeds/sample_parameters.py.
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

SYMBOLS = list(load_book(Path(__file__).parents[1] / "books/multi_asset.yaml").symbols)
FIRST, LAST = date(2005, 1, 3), date(2022, 12, 30)
START = "2015-01-02"  # the first session of the sample market
TARGET = Path(__file__).parents[1] / "include/nightdesk/feeds/sample_parameters.py"

HEADER = '''"""The sample market's parameters, written by tools/measure_market.py.

Measured on the bars of {first} to {last}; all are rounded; returns are logarithmic. Crypto is
measured by the UTC day, all others by the session.
"""

from typing import NamedTuple


class Measured(NamedTuple):
    """What was measured of one symbol."""

    start: float  #: close on {start}, dollars
    volatility: float  #: annualised, of adjusted returns
    drift: float  #: annual, of adjusted closes
    dividend_yield: float  #: annual
    overnight: float  #: share of the variance that falls between close and open
    reach: float  #: mean distance of high and low from open and close, in daily standard deviations
    volume: float  #: median units a day
    stress_beta: float  #: slope against SPY on sessions of VIX above 30


'''


def main(folder: Path) -> None:
    """Measure every symbol and write the parameters."""
    feed = FilesFeed(folder, get_calendar())
    fetched = feed.fetch([*SYMBOLS, "^VIX"], FIRST, LAST)
    bars = fetched.bars.set_index(["session", "symbol"])
    close = bars["close"].unstack()
    growth = fetched.actions.pivot_table(index="session", columns="symbol", values="value", aggfunc="prod")
    factor = growth.reindex(index=close.index, columns=close.columns).fillna(1.0).cumprod()
    sessions = close["SPY"].notna()
    returns = np.log((close * factor)[sessions]).diff()
    rows = {symbol: measure(symbol, bars, close, factor, returns) for symbol in SYMBOLS}
    vix = close["^VIX"][sessions]
    together = returns[SYMBOLS]
    calm, stress = together[vix < 25].corr(), together[vix > 30].corr()
    lines = [HEADER.format(first=FIRST, last=LAST, start=START), "SYMBOLS: dict[str, Measured] = {\n"]
    lines += [
        f'    "{symbol}": Measured({", ".join(f"{value:g}" for value in row)}),\n'
        for symbol, row in rows.items()
    ]
    lines.append("}\n\n")
    lines.append("#: Correlations below the diagonal, by row, on sessions of VIX below 25.\n")
    lines.append(f"CALM = {triangle(calm)}\n\n")
    lines.append("#: The same on sessions of VIX above 30.\n")
    lines.append(f"STRESS = {triangle(stress)}\n")
    TARGET.write_text("".join(lines), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(TARGET)], check=True)
    print(f"{TARGET}: {len(rows)} symbols")


def measure(
    symbol: str, bars: pd.DataFrame, close: pd.DataFrame, factor: pd.DataFrame, returns: pd.DataFrame
) -> tuple[float, ...]:
    """The fields of `Measured` for one symbol."""
    own = bars.xs(symbol, level="symbol")
    adjusted = np.log(own["close"] * factor[symbol].reindex(own.index))
    daily = adjusted.diff().dropna()
    a_year = 365.25 if symbol == "BTC-USD" else 252
    sigma = daily.std()
    gap = np.log(own["open"] / own["close"].shift()).dropna()
    top = np.log(own["high"] / own[["open", "close"]].max(axis=1))
    bottom = np.log(own[["open", "close"]].min(axis=1) / own["low"])
    years = len(daily) / a_year
    paid = np.log(factor[symbol].dropna().iloc[-1]) / years
    stressed = pd.concat([returns[symbol], returns["SPY"]], axis=1)[
        close["^VIX"].reindex(returns.index) > 30
    ].dropna()
    beta = np.cov(stressed.to_numpy().T)[0, 1] / stressed.iloc[:, 1].var()
    recent = own.loc["2015":]
    # the vendor gives crypto volume in dollars
    units = recent["volume"] / recent["close"] if symbol == "BTC-USD" else recent["volume"]
    return (
        round(float(own["close"].loc[START]), 2),
        round(float(sigma * np.sqrt(a_year)), 3),
        round(float((adjusted.iloc[-1] - adjusted.iloc[0]) / years), 3),
        round(float(paid), 3),
        round(float(min(gap.var() / daily.var(), 0.6)), 2),
        round(float((top + bottom).mean() / 2 / sigma), 2),
        float(f"{units.median():.2g}"),
        round(float(beta), 2),
    )


def triangle(matrix: pd.DataFrame) -> str:
    """What lies below the diagonal, as the text of nested tuples."""
    rows = [", ".join(f"{one:.2f}" for one in matrix.iloc[i, :i]) for i in range(1, len(matrix))]
    rows[0] += ","  # a tuple of one
    return "(\n" + "".join(f"    ({row}),\n" for row in rows) + ")"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
