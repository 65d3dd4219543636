"""Panels to compute factors on: one with trouble at its end, and the real market."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nightdesk.core.calendar import Sessions
from nightdesk.core.panel import Action, Bars, Column, Panel, build_panel
from nightdesk.testing.random_panels import panel_of

STOCKS = ("AAPL", "MSFT", "GOOGL", "AMZN", "NVDA")
UNIVERSE = tuple("GLD SPY QQQ BTC-USD SLV XLK XLF XLE XLV TLT TIP EFA EEM DBC VNQ".split())  # noqa: SIM905


def late_trouble_panel(seed: int, sessions: int = 700) -> Panel:
    """One symbol whose standstills, empty volume and jump all come after row 400."""
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.012, sessions)))
    high = close * (1.0 + np.abs(rng.normal(0.0, 0.006, sessions)))
    low = close * (1.0 - np.abs(rng.normal(0.0, 0.006, sessions)))
    volume = rng.integers(10_000, 1_000_000, sessions).astype(float)
    for at in rng.integers(400, sessions, 12):
        close[at] = high[at] = low[at] = close[at - 1]
    volume[rng.integers(400, sessions, 5)] = 0.0
    for price in (close, high, low):
        price[500:] *= 3.0
    return panel_of(close, high=high, low=low, volume=volume, symbols=("SPY",))


def market_panel(folder: Path) -> Panel:
    """The real daily bars of the multi-asset universe and VIX, adjusted by the vendor's adjusted close."""
    daily = pd.read_csv(folder / "multi_asset_daily.csv.gz")
    vix = pd.read_csv(folder / "vix_daily.csv.gz")
    columns = [Column(symbol, continuous=symbol == "BTC-USD") for symbol in (*UNIVERSE, "^VIX")]
    frame = pd.concat([daily, vix.assign(adj_close=vix["close"])]).sort_values(["symbol", "date"])
    return _laid_out(frame, columns)


def stocks_panel(folder: Path, lost: Collection[tuple[str, str]] = ()) -> Panel:
    """The real daily bars of five stocks and SPY, without those of some symbols on some days."""
    frame = pd.concat([pd.read_csv(folder / f"{name}_daily.csv.gz") for name in ("equities", "multi_asset")])
    frame = frame[frame["symbol"].isin([*STOCKS, "SPY"])].sort_values(["symbol", "date"])
    kept = [key not in lost for key in zip(frame["symbol"], frame["date"], strict=True)]
    sessions = np.unique(frame["date"].to_numpy().astype("datetime64[D]"))
    return _laid_out(frame[kept], [Column(one) for one in (*STOCKS, "SPY")], sessions)


def _laid_out(frame: pd.DataFrame, columns: Sequence[Column], sessions: Sessions | None = None) -> Panel:
    """Bars by symbol and date, adjusted by the vendor's adjusted close; on the sessions of SPY by default."""
    at = {column.symbol: n for n, column in enumerate(columns)}
    day = frame["date"].to_numpy().astype("datetime64[D]")
    growth = (frame["adj_close"] / frame["close"]).groupby(frame["symbol"]).pct_change() + 1.0
    actions = [
        Action(symbol, date, "adjustment", float(value))
        for symbol, date, value in zip(frame["symbol"], day, growth, strict=True)
        if abs(value - 1.0) > 1e-5
    ]
    bars = Bars(
        column=frame["symbol"].map(at).to_numpy(dtype=np.intp),
        day=day,
        **{name: frame[name].to_numpy(dtype=float) for name in ("open", "high", "low", "close", "volume")},
    )
    if sessions is None:
        sessions = np.sort(day[(frame["symbol"] == "SPY").to_numpy()])
    return build_panel(sessions, columns, bars, actions)
