"""Make tests/golden/talib.csv.gz: indicators by TA-Lib, an answer that the desk's own code has no part in.

TA-Lib must never be in the project's environment (pandas-ta would silently call it), so this runs in an
environment of its own:

    uv venv .talib && VIRTUAL_ENV=.talib uv pip install TA-Lib pandas
    .talib/bin/python tools/make_talib_golden.py

The bars are seeded random walks in cents. Series B has sessions without a bar: TA-Lib sees the series without
them. Series C does not move for its first 30 sessions.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import talib

ROWS = 420
OUT = Path(__file__).resolve().parents[1] / "tests" / "golden" / "talib.csv.gz"


def bars(seed: int, drift: float, volatility: float) -> pd.DataFrame:
    """A random walk with an opening gap and a range on every session."""
    rng = np.random.default_rng(seed)
    close = 80.0 * np.exp(np.cumsum(rng.normal(drift, volatility, ROWS)))
    open_ = close * (1.0 + rng.normal(0.0, volatility / 3, ROWS))
    high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, volatility / 2, ROWS)))
    low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, volatility / 2, ROWS)))
    return pd.DataFrame({"open": open_, "high": high, "low": low, "close": close}).round(2)


def indicators(frame: pd.DataFrame) -> pd.DataFrame:
    """TA-Lib's values, named as the desk names them."""
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    upper, mid, lower = talib.BBANDS(close, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
    macd, signal, _ = talib.MACD(close, 12, 26, 9)
    return pd.DataFrame(
        {
            "momentum_60": talib.ROCP(close, 60),
            "sma_20": talib.SMA(close, 20),
            "sma_200": talib.SMA(close, 200),
            "rsi_14": talib.RSI(close, 14),
            "atr_14": talib.ATR(high, low, close, 14),
            "adx_14": talib.ADX(high, low, close, 14),
            "bb_upper_20_2": upper,
            "bb_mid_20_2": mid,
            "bb_lower_20_2": lower,
            "macd": macd,
            "macd_signal": signal,
        },
        index=frame.index,
    )


def main() -> None:
    """Write the golden file."""
    series = {"A": bars(1, 0.0004, 0.011), "B": bars(2, -0.0003, 0.02), "C": bars(3, 0.0, 0.006)}
    series["C"].iloc[:30] = series["C"].iloc[29]["close"]
    series["B"] = series["B"].drop(index=[3, 40, 41, 150, 151, 152])
    parts = [frame.join(indicators(frame)).assign(symbol=symbol) for symbol, frame in series.items()]
    whole = pd.concat(parts).rename_axis("row").reset_index().set_index(["symbol", "row"])
    OUT.parent.mkdir(parents=True, exist_ok=True)
    whole.to_csv(OUT, float_format="%.13g", compression={"method": "gzip", "mtime": 0})
    print(f"{OUT}: {len(whole)} rows, TA-Lib {talib.__version__}")


if __name__ == "__main__":
    main()
