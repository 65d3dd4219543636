"""An hourly book for tests: three symbols, real hours, a strategy that changes its mind within the day."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nightdesk.core.book import Book, parse_book
from nightdesk.core.cell_figures import Figures
from nightdesk.core.panel import Panel
from nightdesk.research.backtest.data import read_market
from nightdesk.strategies import Direction, Signals, Strategy, View, register

SYMBOLS = ("SPY", "AAPL", "BAC")
#: Clocks go back on 3 November; 29 November closes at 13:00.
ORIGIN, FIRST, LAST = date(2019, 7, 1), date(2019, 10, 30), date(2019, 12, 3)
EARLY_CLOSE = date(2019, 11, 29)


@register
class LastTwoHours(Strategy):
    """Holds what rose over two hours, and gives back what fell; all of it on hours, watched by days."""

    name = "last_two_hours_of_tests"
    factors = ("h:momentum_2", "h:volatility_20", "momentum_5")

    def signals(self, view: View) -> Signals:
        moved = view.factors["h:momentum_2"]
        known = np.isfinite(moved) & np.isfinite(view.factors["momentum_5"])
        direction = np.where(known, np.where(moved > 0, Direction.STRONG_BUY, Direction.STRONG_SELL), 0)
        return Signals(
            direction=direction.astype(np.int8),
            strength=np.where(known, np.sign(moved), 0.0),
            confidence=np.where(known, 1.0, 0.0),
            reason=np.where(known, np.where(moved > 0, 1, 2), 0).astype(np.int8),
        )

    def figures(self, view: View, signals: Signals) -> Figures:
        moved = view.factors["h:momentum_2"]
        way = np.where(signals.direction > 0, "up", np.where(signals.direction < 0, "down", ""))
        return {"moved": moved, "way": way}

    @property
    def words(self) -> Mapping[int, str]:
        return {
            0: "too little is known: {absent}",
            1: "rose by {h:momentum_2:.2%} in two hours, by {momentum_5:.2%} in five sessions",
            2: "fell by {h:momentum_2:.2%} in two hours",
        }


def hourly_tree(**changed: Any) -> dict[str, Any]:
    """What the book's file says; keys at its top are replaced."""
    tree: dict[str, Any] = {
        "name": "hours_of_tests",
        "title": "Three symbols by the hour",
        "initial_capital": "100000.00",
        "schedule": "hourly",
        "broker": {"kind": "paper", "account": "paper-hours"},
        "universe": {symbol: {"max_weight": 0.3, "asset_class": "equity"} for symbol in SYMBOLS},
        "strategies": {LastTwoHours.name: {"share": 1.0}},
        "regime": [{"name": "ALL"}],
        "portfolio": {"volatility_target": None},
        "limits": {"max_weight": {}},
        "quality": {"failed_share": 0.9},
    }
    return tree | changed


def hourly_book(**changed: Any) -> Book:
    """The book; keys at its top are replaced."""
    return parse_book(hourly_tree(**changed), "a test")


@lru_cache(maxsize=2)
def hourly_panel(market: Path, first: date = ORIGIN, last: date = LAST) -> Panel:
    """The real hours and days of the book."""
    return read_market(hourly_book(), first, last, [f"files:{market}"]).panel
