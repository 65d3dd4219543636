"""Small books and days for decisions: two symbols, one or two strategies, round numbers."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from nightdesk.accounting import Entry, capital, fold, mark
from nightdesk.core.book import Book, parse_book
from nightdesk.engine import Day, Desk, Facts, State, resolve
from nightdesk.strategies import Direction

SESSION = date(2020, 3, 16)
PRICES = {"GLD": 100.0, "SPY": 200.0}


def book(**changed: Any) -> Book:
    """Two symbols, one strategy, and limits that do not bind unless a test says so."""
    tree: dict[str, Any] = {
        "name": "two",
        "title": "Two symbols",
        "initial_capital": 100_000,
        "broker": {"account": "paper-two"},
        "universe": {
            "GLD": {"max_weight": 0.5, "volatility_target": 0.10},
            "SPY": {"max_weight": 0.4, "volatility_target": 0.10},
        },
        "strategies": {"time_series_momentum": {}},
        "regime": [
            {"name": "NORMAL", "below": 30},
            {"name": "HIGH_VOL", "below": 40, "confidence_factor": 0.5},
            {"name": "EXTREME", "entries": False},
        ],
        "limits": {"max_weight": {}, "cash_buffer": {"limit": 0.05}},
    }
    return parse_book({**tree, **changed}, "two.yaml")


def desk(**changed: Any) -> Desk:
    """The desk of such a book."""
    return resolve(book(**changed))


def two_strategies(desk: Desk, share: float = 0.5) -> Desk:
    """The same desk with its strategy twice, under two names, each with a share of the capital."""
    (name,) = desk.strategies
    entry = desk.book.strategies[name].model_copy(update={"share": share})
    names = ("trend", "carry")
    return replace(
        desk,
        book=desk.book.model_copy(update={"strategies": dict.fromkeys(names, entry)}),
        strategies=dict.fromkeys(names, desk.strategies[name]),
        sizing=dict.fromkeys(names, desk.sizing[name]),
    )


def day(*direction: list[Direction], vix: float = 15.0, **changed: Any) -> Day:
    """A calm day at `PRICES`; one row of directions a strategy, confidence 0.8, volatility 20 %."""
    said = np.array(direction, dtype=np.int8)
    returns = np.random.default_rng(1).standard_normal((60, 2)) * 0.001
    made = Day(
        session=SESSION,
        as_of=datetime(2020, 3, 16, 20, tzinfo=UTC),
        price=np.array(list(PRICES.values())),
        has_bar=np.ones(2, dtype=bool),
        age=np.zeros(2, dtype=np.int64),
        quarantined=np.zeros(2, dtype=bool),
        factors={"volatility_60": np.array([0.20, 0.20])},
        returns=returns,
        history=returns,
        direction=said,
        confidence=np.full(said.shape, 0.8),
        previous_direction=np.zeros_like(said),
        vix=vix,
        band=0 if vix < 30 else 1 if vix < 40 else 2,
    )
    return replace(made, **changed)


def state(*held: tuple[str, str, int], facts: Facts | None = None) -> State:
    """A book of 100,000 dollars with some positions (strategy, symbol, quantity) bought at today's prices."""
    entries = [capital(SESSION, Decimal(100_000))]
    for strategy, symbol, quantity in held:
        price = Decimal(PRICES[symbol])
        cash = -price * quantity
        entries.append(
            Entry(
                SESSION,
                "fill",
                strategy,
                symbol,
                Decimal(quantity),
                price,
                cash,
                Decimal(0),
                strategy + symbol,
            )
        )
    ledger = fold(entries)
    return State(ledger, mark(ledger, SESSION, PRICES), facts or Facts())
