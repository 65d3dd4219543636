"""Panels to compute factors on: small ones by hand, random ones with gaps, and the real market."""

from pathlib import Path

import numpy as np
import pandas as pd

from nightdesk.core.panel import Action, Bars, Column, Panel, build_panel

UNIVERSE = tuple("GLD SPY QQQ BTC-USD SLV XLK XLF XLE XLV TLT TIP EFA EEM DBC VNQ".split())  # noqa: SIM905


def panel_of(close, *, high=None, low=None, volume=None, symbols=None, adjustment=None, split=None) -> Panel:
    """A panel of the given closes, one column a symbol; what is left out is plain."""
    close = np.asarray(close, dtype=float)
    if close.ndim == 1:
        close = close[:, None]

    def like(values, default):
        return default if values is None else np.asarray(values, dtype=float).reshape(close.shape)

    high, low = like(high, close), like(low, close)
    volume = like(volume, np.where(np.isfinite(close), 1000.0, np.nan))
    return Panel(
        sessions=np.datetime64("2020-01-01", "D") + np.arange(len(close)),
        symbols=tuple(symbols or (f"S{at}" for at in range(close.shape[1]))),
        open=close,
        high=high,
        low=low,
        close=close,
        volume=volume,
        fill_open=close,
        fill_low=low,
        fill_high=high,
        fill_volume=volume,
        adjustment=like(adjustment, np.ones_like(close)),
        dividend=np.zeros_like(close),
        split=like(split, np.ones_like(close)),
        unexplained=np.full_like(close, np.nan),
        accepted=np.zeros_like(close),
    )


def members(panel: Panel) -> int:
    """How many of the first columns are traded: all but an index behind them."""
    return sum(not symbol.startswith("^") for symbol in panel.symbols)


def random_panel(seed: int, sessions: int = 420, symbols: int = 5) -> Panel:
    """A random market with a late listing, gaps, standstills, a split, growing adjustments and an index."""
    rng = np.random.default_rng(seed)
    shape = (sessions, symbols)
    change = rng.normal(0.0003, 0.012, shape)
    change[rng.random(shape) < 0.03] = 0.0
    close = 50.0 * np.exp(np.cumsum(change, axis=0))
    high = close * (1.0 + np.abs(rng.normal(0.0, 0.006, shape)))
    low = close * (1.0 - np.abs(rng.normal(0.0, 0.006, shape)))
    volume = rng.integers(10_000, 1_000_000, shape).astype(float)
    missing = rng.random(shape) < 0.01
    missing[:, 0] = False  # the benchmark
    missing[: sessions // 3, 1] = True
    for field in (close, high, low, volume):
        field[missing] = np.nan
    volume[:, -1] = np.nan
    adjustment = np.cumprod(np.where(rng.random(shape) < 0.01, 1.006, 1.0), axis=0)
    split = np.where(
        np.arange(sessions)[:, None] == sessions // 2, [[1.0, 1.0, 4.0, 1.0, 1.0][:symbols]], 1.0
    )
    names = ["SPY", *(f"S{at}" for at in range(1, symbols - 1)), "^VIX"]
    return panel_of(
        close, high=high, low=low, volume=volume, symbols=names, adjustment=adjustment, split=split
    )


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
    at = {column.symbol: n for n, column in enumerate(columns)}
    frame = pd.concat([daily, vix.assign(adj_close=vix["close"])]).sort_values(["symbol", "date"])
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
    sessions = np.sort(day[(frame["symbol"] == "SPY").to_numpy()])
    return build_panel(sessions, columns, bars, actions)
