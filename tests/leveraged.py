"""The book of five leveraged stocks for tests: its file as it is, and small days and markets made by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from nightdesk.accounting import Entry, capital, fold, mark
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.panel import Action, Bars, Column, Panel, build_panel
from nightdesk.engine import Day, Desk, Gated, Injection, State, gate, plan, targets
from nightdesk.strategies import Direction, SignalSide

FILE = Path(__file__).parents[1] / "books" / "leveraged_five.yaml"
#: What makes a book of sessions of it, on the daily composite alone.
DAILY = {"schedule": "daily", "strategies.five_signals.params.hourly": "0"}
STRATEGY = "five_signals"
SYMBOLS = ("AAPL", "MSFT", "GOOGL", "AMZN", "NVDA")
NAV = 1_000_000
SESSION = date(2020, 3, 16)
XNYS = get_calendar()


def daily_book(**changed: str) -> Book:
    """The book on sessions; keys with two underscores for a dot are set over it."""
    return load_book(FILE, DAILY | {key.replace("__", "."): value for key, value in changed.items()})


def row(values: Mapping[str, float], other: float) -> np.ndarray:
    """One number a symbol."""
    return np.array([values.get(symbol, other) for symbol in SYMBOLS])


def day(composites: Mapping[str, float], *, confidence: float = 1.0, **changed: Any) -> Day:
    """A decision at which all cost 100 dollars and trade a million shares a session.

    A symbol whose composite is not given is held.
    """
    said = row(composites, 0.0)[None, :]
    returns = np.random.default_rng(1).standard_normal((60, len(SYMBOLS))) * 0.001
    direction = np.where(said > 0, Direction.STRONG_BUY, np.where(said < 0, Direction.STRONG_SELL, 0))
    nothing = np.zeros_like(said)
    made = Day(
        session=SESSION,
        as_of=datetime(2020, 3, 16, 20, tzinfo=UTC),
        price=row({}, 100.0),
        has_bar=np.ones(len(SYMBOLS), dtype=bool),
        age=np.zeros(len(SYMBOLS), dtype=np.int64),
        quarantined=np.zeros(len(SYMBOLS), dtype=bool),
        factors={"adv_20": row({}, 1e6)},
        returns=returns,
        history=returns,
        direction=direction.astype(np.int8),
        side=np.where(said < 0, SignalSide.SHORT, SignalSide.LONG).astype(np.int8),
        confidence=np.where(said != 0.0, confidence, 0.0),
        strength=said,
        previous_direction=nothing.astype(np.int8),
        previous_side=np.ones_like(nothing, dtype=np.int8),
        vix=15.0,
        band=0,
    )
    return replace(made, **changed)


def state(prices: Mapping[str, float] | None = None, **held: int) -> State:
    """A book that had a million dollars and holds units bought at 100, marked at these prices or at that."""
    entries = [capital(SESSION, Decimal(NAV))]
    for symbol, units in held.items():
        price, quantity = Decimal(100), Decimal(units)
        entries.append(
            Entry(SESSION, "fill", STRATEGY, symbol, quantity, price, -price * quantity, Decimal(0), symbol)
        )
    ledger = fold(entries)
    return State(ledger, mark(ledger, SESSION, dict.fromkeys(SYMBOLS, 100.0) | dict(prices or {})))


def decided(desk: Desk, now: State, today: Day) -> tuple[Gated, dict[str, int]]:
    """What the gate made of a decision, and its orders as signed units by symbol."""
    gated = gate(desk, now, today, targets(desk, now, today))
    orders = plan(desk, now, today, gated.quantity)
    return gated, {one.symbol: int(one.quantity) * (1 if one.side == "buy" else -1) for one in orders}


def sessions_from(first: date, count: int) -> np.ndarray:
    return XNYS.between(first, date(first.year + 2, 12, 31))[:count]


def market(
    first: date, closes: Mapping[str, Sequence[float]], actions: Sequence[Action] = (), before: int = 30
) -> Panel:
    """Sessions in which five stocks have these closes, of which the next session opens where one closed.

    Other symbols stay at 100 dollars (the volatility index at 15); so do all in `before` sessions before.
    """
    count = max(map(len, closes.values()))
    sessions = XNYS.between(XNYS.shift(first, -before), sessions_from(first, count)[-1].item())
    symbols = daily_book().panel_symbols
    flat = [[15.0 if one.startswith("^") else 100.0] * len(sessions) for one in symbols]
    close = np.array(flat).T
    for symbol, values in closes.items():
        close[before : before + len(values), symbols.index(symbol)] = values
    opens = np.vstack([close[:1], close[:-1]])
    day_of, column = (one.ravel() for one in np.indices(close.shape))
    fields = (opens, np.maximum(opens, close), np.minimum(opens, close), close, np.full(close.shape, 1e7))
    bars = Bars(column, sessions[day_of], *(one.ravel() for one in fields))
    return build_panel(sessions, [Column(symbol) for symbol in symbols], bars, actions)


def says(session: date, side: SignalSide, *symbols: str, confidence: float = 1.0) -> list[Injection]:
    """Entries on one side, of the full strength, that are said at the close of a session."""
    way = Direction.STRONG_BUY if side == SignalSide.LONG else Direction.STRONG_SELL
    return [Injection(XNYS.close_at(session), STRATEGY, symbol, way, confidence, side) for symbol in symbols]
