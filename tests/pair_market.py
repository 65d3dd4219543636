"""A small market of stocks that move together, and a book of pairs on it, for every driver.

Of each pair the second leg is a random walk, and the first follows it: log A = a + beta log B + a spread that
comes back with a known half-life.
"""

import csv
import math
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nightdesk.core.calendar import as_date, get_calendar

INCEPTION, ORIGIN = date(2022, 3, 1), date(2020, 9, 1)
#: First and last session of the bars.
BEGINS, ENDS = date(2020, 8, 3), date(2022, 12, 30)
BETA, HALF_LIFE = 0.9, 4.0
#: The leg that follows, and the one that it follows. AAA is in two pairs.
PAIRS = (("AAA", "BBB"), ("CCC", "DDD"), ("EEE", "FFF"), ("GGG", "HHH"), ("AAA", "CCC"), ("III", "JJJ"))
SYMBOLS = tuple(sorted({symbol for pair in PAIRS for symbol in pair}))


def session(number: int) -> date:
    """The session that is so many after the inception."""
    return get_calendar().shift(INCEPTION, number)


@dataclass(frozen=True)
class Incident:
    """What happens to a symbol in sessions by number: no bars, a price that nobody believes, a split."""

    symbol: str
    kind: str
    first: int
    last: int
    ratio: float = 1.0


@dataclass(frozen=True)
class PairMarket:
    """Where its files are."""

    folder: Path
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def book(self) -> Path:
        return self.folder / "couples.yaml"


def pair_market(
    folder: Path,
    incidents: tuple[Incident, ...] = (),
    params: dict[str, Any] | None = None,
    **changed: object,
) -> PairMarket:
    """Write bars, actions and book to an empty folder; `changed` are keys of the book."""
    made = PairMarket(folder, dict(changed))
    bars = folder / "market"
    bars.mkdir(parents=True)
    with (bars / "bars.csv").open("w", newline="") as file:
        header = ["date", "symbol", "open", "high", "low", "close", "volume"]
        csv.writer(file).writerows([header, *_rows(incidents)])
    splits = [
        [one.symbol, session(one.first), "split", one.ratio] for one in incidents if one.kind == "split"
    ]
    if splits:
        with (bars / "actions.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["symbol", "session", "kind", "value"], *splits])
    made.book.write_text(yaml.safe_dump(_tree(made, params or {}), sort_keys=False))
    return made


def _tree(made: PairMarket, params: dict[str, Any]) -> dict[str, object]:
    each = {"asset_class": "equity", "group": "stocks", "max_weight": 0.2}
    return {
        "name": "couples",
        "title": "Couples",
        "initial_capital": 100_000,
        "inception": INCEPTION,
        "origin": ORIGIN,
        "feeds": {"daily": [f"files:{made.folder / 'market'}"]},
        "broker": {"account": "paper-couples"},
        "costs": {"commission": 0.001},
        "margin": {"kind": "reg_t"},
        "financing": {"debit_rate": 0.06, "borrow_rate": 0.005},
        "universe": {symbol: dict(each) for symbol in (*SYMBOLS, "SPY")},
        "strategies": {
            "pairs": {
                "share": 1.0,
                "sizing": "pairs",
                "params": {"pairs": [list(one) for one in PAIRS], "earnings": "ignored", **params},
            }
        },
        "regime": [{"name": "ANY"}],
        "portfolio": {"volatility_target": None},
        "limits": {"max_weight": {}, "gross_leverage": {"limit": 1.0}},
        **made.changed,
    }


def closes() -> dict[str, np.ndarray]:
    """Closes of every symbol before splits, over the sessions of the bars."""
    random, length = np.random.default_rng(11), len(get_calendar().between(BEGINS, ENDS))
    logs: dict[str, np.ndarray] = {}
    for a, b in PAIRS:
        if b not in logs:
            logs[b] = math.log(60.0) + np.cumsum(random.normal(0.0002, 0.011, length))
        if a in logs:
            continue
        spread, kept = np.zeros(length), 0.5 ** (1.0 / HALF_LIFE)
        for t in range(1, length):
            size = 0.012 if (t // 40) % 2 else 0.006  # rough and calm times take turns
            spread[t] = kept * spread[t - 1] + random.normal(0.0, size)
        logs[a] = 0.3 + BETA * logs[b] + spread
    logs["SPY"] = math.log(400.0) + np.cumsum(random.normal(0.0002, 0.008, length))
    return {symbol: np.exp(values) for symbol, values in logs.items()}


def _rows(incidents: tuple[Incident, ...]) -> list[list[str]]:
    random = np.random.default_rng(12)
    sessions = [as_date(one) for one in get_calendar().between(BEGINS, ENDS)]
    begins = sessions.index(INCEPTION)
    rows = []
    for symbol, close in sorted(closes().items()):
        mine = [one for one in incidents if one.symbol == symbol]
        units = 1.0
        for at, day in enumerate(sessions):
            now = [one for one in mine if one.first <= at - begins <= one.last]
            units *= math.prod(one.ratio for one in now if one.kind == "split")
            before = (close[at - 1] if at else close[0]) / units
            opened, closed = before * math.exp(random.normal(0, 0.002)), close[at] / units
            if any(one.kind == "halted" for one in now):
                continue
            if any(one.kind == "unbelievable" for one in now):
                closed *= 2.63
            low, high = min(opened, closed) * 0.997, max(opened, closed) * 1.003
            rows.append([str(day), symbol, *(f"{one:.4f}" for one in (opened, high, low, closed)), "2000000"])
    for at, day in enumerate(sessions):
        level = 18.0 + 4.0 * math.sin(at / 9)
        rows.append([str(day), "^VIX", *(f"{level:.2f}",) * 4, ""])
    return rows
