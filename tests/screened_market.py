"""A small market whose stocks come and go by a screen, and a book on it, for every driver."""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nightdesk.core.calendar import as_date, get_calendar

INCEPTION, ORIGIN = date(2022, 3, 2), date(2021, 2, 1)
#: First and last session of the bars.
BEGINS, ENDS = date(2021, 1, 4), date(2022, 6, 30)
SYMBOLS = tuple(f"S{n:02}" for n in range(12))
#: Its listing ends, and its bars with it; ten dollars a share are paid out.
DELISTED, DELISTED_ON = "S03", 12


def session(number: int) -> date:
    """The session that is so many after the inception."""
    return get_calendar().shift(INCEPTION, number)


@dataclass(frozen=True)
class ScreenedMarket:
    """Where its files are."""

    folder: Path

    @property
    def book(self) -> Path:
        return self.folder / "screened.yaml"

    @property
    def facts(self) -> Path:
        return self.folder / "facts"

    def write_book(self, **screen: Any) -> None:
        """Write the book, with some keys of its screen changed."""
        self.book.write_text(yaml.safe_dump(_tree(self, screen), sort_keys=False))

    def write_listings(self, exchange: str = "NYSE") -> None:
        """Write listings by month: S05 is on another exchange, S06 too small, S07 not known at all."""
        days = [one for one in map(as_date, get_calendar().between(BEGINS, ENDS)) if one.day <= 7]
        firsts = [one for n, one in enumerate(days) if n == 0 or days[n - 1].month != one.month]
        header = ["symbol", "day", "exchange", "security", "sector", "market_cap", "delisted_on"]
        rows = [
            [
                symbol,
                day,
                "ARCA" if symbol == "S05" else exchange,
                "common",
                ("tech", "energy", "")[n % 3],
                "5e7" if symbol == "S06" else "5e9",
                session(DELISTED_ON) if symbol == DELISTED and day >= date(2022, 3, 1) else "",
            ]
            for n, symbol in enumerate(SYMBOLS)
            if symbol != "S07"
            for day in firsts
        ]
        _write(self.facts / "listings.csv", [header, *rows])

    def write_quotes(self) -> None:
        """Write quotes: S08 trades at a wide spread from the seventh session on, S09 in a single session."""
        rows = [["symbol", "session", "bid", "ask"]]
        for at, day in enumerate(map(as_date, get_calendar().between(date(2022, 1, 3), ENDS))):
            for symbol in ("S00", "S08", "S09"):
                wide = (symbol == "S08" and day >= session(7)) or (symbol == "S09" and at % 50 == 0)
                rows.append([symbol, str(day), "50.00", "50.50" if wide else "50.02"])
        _write(self.facts / "quotes.csv", rows)


def _write(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def screened_market(folder: Path) -> ScreenedMarket:
    """Write bars, actions, listings, quotes and book to an empty folder."""
    made = ScreenedMarket(folder)
    header = ["date", "symbol", "open", "high", "low", "close", "volume"]
    _write(folder / "market" / "bars.csv", [header, *_rows()])
    header = ["symbol", "session", "kind", "value", "cash"]
    _write(folder / "market" / "actions.csv", [header, [DELISTED, session(DELISTED_ON), "delisting", 0, 10]])
    _write(folder / "pool.csv", [["symbol"], *([symbol] for symbol in SYMBOLS)])
    made.write_listings()
    made.write_quotes()
    made.write_book()
    return made


def _tree(made: ScreenedMarket, screen: dict[str, Any]) -> dict[str, Any]:
    facts = f"files:{made.facts}"
    criteria = {"history": 200, "adx": None, "atr_share": None, "bb_width": None, "dollar_volume": 2e7}
    pairs = {"correlation": 0.4, "p_value": 0.5, "hedge_ratio": None, "window": 60}
    return {
        "name": "screened",
        "title": "Screened members",
        "initial_capital": 100_000,
        "inception": INCEPTION,
        "origin": ORIGIN,
        "feeds": {"daily": [f"files:{made.folder / 'market'}"], "listings": [facts], "quotes": [facts]},
        "broker": {"account": "paper-screened"},
        "universe": {
            "screen": {
                "pool": f"files:{made.folder / 'pool.csv'}",
                "size": 7,
                "criteria": criteria,
                "pairs": pairs,
                **screen,
            },
            "each": {"asset_class": "equity", "max_weight": 0.2},
            "always": ["GLD"],
        },
        "strategies": {
            "cross_sectional_momentum": {
                "share": 0.5,
                "params": {"havens": ["GLD"], "long_above": 0.5, "defence_above": 0.9},
            },
            "time_series_momentum": {"share": 0.5},
        },
        "regime": [{"name": "ANY"}],
        "limits": {"max_weight": {}, "cash_buffer": {"limit": 0.02}, "group_count": {"limit": 9}},
    }


def _rows() -> list[list[str]]:
    random = np.random.default_rng(11)
    sessions = [as_date(one) for one in get_calendar().between(BEGINS, ENDS)]
    market = random.normal(0.0004, 0.011, len(sessions))
    rows = []
    for n, symbol in enumerate((*SYMBOLS, "GLD", "SPY", "^VIX")):
        close, drift = 30.0 + 4 * n, 0.0
        for at, day in enumerate(sessions):
            if symbol == DELISTED and day >= session(DELISTED_ON):
                break
            if at % 30 == 0:
                drift = float(random.normal(0.0005, 0.002))
            before = close
            close = close * float(np.exp(drift + market[at] + random.normal(0, 0.006)))
            if symbol == "^VIX":
                close = 18.0 + 4 * np.sin(at / 9)
            opened = before * float(np.exp(random.normal(0, 0.002)))
            low, high = min(opened, close) * 0.995, max(opened, close) * 1.005
            rows.append(
                [str(day), symbol, *(f"{one:.2f}" for one in (opened, high, low, close)), _volume(n, day)]
            )
    return rows


def _volume(n: int, day: date) -> str:
    """Who trades most changes; S02 all but stops trading for two weeks, S04 begins late."""
    if n == len(SYMBOLS) + 2:
        return ""
    if n == 2 and session(4) <= day <= session(14):
        return "1000"
    if n == 4 and day < session(5):
        return "20000"
    week = day.isocalendar().week
    return str(1_000_000 + 250_000 * ((n + week) % 5))
