"""A daily book whose bitcoin is gathered from hours: real days of the market, hours made up between them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from tests.conftest import PROJECT

COIN = "BTC-USD"
#: The first hour that is there: before it there are days alone.
BEGIN = "2019-10-01T00"


def write_hours(
    folder: Path, market: Path, until: str, *, without: tuple[str, ...] = (), begin: str = BEGIN
) -> Path:
    """A file of hours of bitcoin that pass through the real closes of its days; without those that end so."""
    days = pd.read_csv(market / "multi_asset_daily.csv.gz", parse_dates=["date"])
    days = days[days["symbol"] == COIN].set_index("date")["close"]
    # the same hours however far the file reaches
    start = np.arange(np.datetime64(begin, "h"), np.datetime64("2020-01-01", "h"))
    known = (days.index.to_numpy() + np.timedelta64(1, "D")).astype("datetime64[h]").astype(float)
    rng = np.random.default_rng(11)
    path = np.exp(np.interp(np.append(start, start[-1] + 1).astype(float), known, np.log(days)))
    path = np.round(path * np.exp(rng.normal(0, 0.002, len(path))), 2)
    frame = pd.DataFrame({
        "bar_start_utc": [f"{str(one).replace('T', ' ')}:00" for one in start],
        "symbol": COIN,
        "open": path[:-1],
        "high": np.round(np.maximum(path[:-1], path[1:]) * 1.002, 2),
        "low": np.round(np.minimum(path[:-1], path[1:]) * 0.998, 2),
        "close": path[1:],
        "volume": np.round(rng.uniform(100, 900, len(start)), 3),
    })  # fmt: skip
    ends = (start + 1).astype("datetime64[s]")
    kept = (start < np.datetime64(until, "h")) & ~np.isin(ends, np.array(without, "datetime64[s]"))
    file = folder / "coin_hours.csv"
    frame[kept].to_csv(file, index=False)
    return file


def coin_book(folder: Path, market: Path, hours: Path, **changed: Any) -> Path:
    """The multi-asset book in a folder, its days from the market, bitcoin's hours from a file."""
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    tree["feeds"] = {"daily": [f"files:{market}"], "hourly": {"crypto": [f"files:{hours}"]}}
    tree["universe"][COIN]["close_from"] = "hours"
    path = folder / "multi_asset.yaml"
    path.write_text(yaml.safe_dump(tree | changed, sort_keys=False))
    return path
