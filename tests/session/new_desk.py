"""Makes a small desk and its market: in a fixture, or in a program of the tests."""

import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import yaml
from tests.conftest import PROJECT
from tests.session.small_desk import INCEPTION, ORIGIN, STRATEGY, UNIVERSE, SmallDesk

from nightdesk.core.calendar import as_date, get_calendar


def random_walks(
    symbols: Sequence[str] = UNIVERSE, first: date = date(2021, 2, 1), last: date = date(2022, 6, 30)
) -> list[list[str]]:
    """Rows of a vendor's file: geometric random walks whose drifts turn, so that the book trades; and VIX."""
    random = np.random.default_rng(4)
    sessions = [as_date(one) for one in get_calendar().between(first, last)]
    rows = []
    for n, symbol in enumerate((*symbols, "^VIX")):
        close, drift = 100.0 + 20 * n, 0.0
        for at, day in enumerate(sessions):
            if at % 40 == 0:
                drift = float(random.normal(0.0, 0.004))
            before = close
            close = (
                18.0 + 4 * np.sin(at / 9)
                if symbol == "^VIX"
                else close * float(np.exp(drift + random.normal(0, 0.008)))
            )
            opened = before * float(np.exp(random.normal(0, 0.002)))
            low, high = min(opened, close) * 0.995, max(opened, close) * 1.005
            volume = "" if symbol == "^VIX" else "5000000"
            rows.append([str(day), symbol, *(f"{one:.2f}" for one in (opened, high, low, close)), volume])
    return rows


def new_desk(folder: Path, url: str, walks: list[list[str]]) -> SmallDesk:
    """A desk on the empty database at `url`, with its book and its bars in `folder`."""
    (folder / "market").mkdir(parents=True)
    bars = folder / "market" / "bars.csv"
    with bars.open("w", newline="") as file:
        csv.writer(file).writerows([["date", "symbol", "open", "high", "low", "close", "volume"], *walks])
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    tree |= {"name": "small", "inception": INCEPTION, "origin": ORIGIN}
    tree["limits"]["turnover_per_day"] = {"limit": 1.0}  # so that one session has several orders
    tree["universe"] = {symbol: tree["universe"][symbol] for symbol in UNIVERSE}
    tree["strategies"] = {STRATEGY: tree["strategies"][STRATEGY] | {"share": 1.0}}
    book = folder / "small.yaml"
    book.write_text(yaml.safe_dump(tree, sort_keys=False))
    return SmallDesk(url, book, bars)
