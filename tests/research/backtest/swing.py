"""A small swing book on hand-made bars: a dozen sessions, signals that are given, every session decided.

Bars open, and stand still, at the close unless a test says otherwise; trades cost nothing; the average true
range is 2 dollars, so that a stop at 2.5 of them is 5 dollars away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from nightdesk.core.book import Book, parse_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.panel import Action, Bars, Column, build_panel
from nightdesk.core.withheld import Withheld
from nightdesk.engine import Injection, inject, observe, resolve
from nightdesk.engine.exits import Cause
from nightdesk.research.backtest.run import Result, walk
from nightdesk.research.backtest.simulation import Progress, Simulation
from nightdesk.strategies import Direction

#: Independence Day of 2020 was observed on Friday 3 July, between the ninth and the tenth of these sessions.
FIRST = date(2020, 6, 22)
RSI, CROSS, ML, BREAKOUT = "rsi_mean_reversion", "ma_crossover", "ml_momentum", "volatility_breakout"
AAA, BBB, CCC = "AAA", "BBB", "CCC"
BUY, SELL = Direction.BUY, Direction.SELL
ATR = 2.0

#: Row of the session, strategy, symbol, direction and confidence.
Say = tuple[int, str, str, Direction, float]


def book(**changed: Any) -> Book:
    """Three symbols, four strategies on the same capital, no limits but those that a test names."""
    tree: dict[str, Any] = {
        "name": "swing",
        "title": "Swing",
        "initial_capital": 100_000,
        "broker": {"account": "paper-swing"},
        "universe": {symbol: {"max_weight": 1.0} for symbol in (AAA, BBB, CCC)},
        "strategies": {name: {"share": 1.0, "sizing": "atr_risk"} for name in (RSI, CROSS, ML, BREAKOUT)},
        "regime": [
            {"name": "LOW", "below": 15, "heat": 0.40},
            {"name": "NORMAL", "below": 25, "heat": 0.30},
            {"name": "HIGH", "heat": 0.20, "strategies_off": [CROSS, BREAKOUT]},
        ],
        "portfolio": {"capital": "shared", "volatility_target": None},
        "limits": {},
        "costs": {"commission": 0, "slippage": 0},
    }
    return parse_book({**tree, **changed}, "swing.yaml")


@dataclass(frozen=True)
class Played:
    """What came of it."""

    result: Result

    def held(self, strategy: str, symbol: str = AAA) -> list[int]:
        """Units held at the mark of each session."""
        key = (strategy, symbol)
        ledgers = (one.state.ledger.positions for one in self.result.decided)
        return [int(one[key].quantity) if key in one else 0 for one in ledgers]

    def causes(self, strategy: str, symbol: str = AAA) -> dict[int, Cause]:
        """Why the strategy wanted what it wanted, by row; rows without anything new are left out."""
        desk = self.result.desk
        at = desk.strategy_row[strategy], desk.column[symbol]
        found = {t: Cause(int(one.targets.cause[at])) for t, one in enumerate(self.result.decided)}
        return {t: cause for t, cause in found.items() if cause != Cause.NONE}

    def leaves(self, strategy: str, symbol: str = AAA) -> list[tuple[int, Cause]]:
        """Rows in which it wanted to leave, and why."""
        ends = (Cause.SIGNAL, Cause.STOP, Cause.AGE)
        return [(t, cause) for t, cause in self.causes(strategy, symbol).items() if cause in ends]

    def refused(self, t: int) -> dict[tuple[str, str], float]:
        """Rule and symbol of what the gate cut or rejected in a row, and what it left."""
        spoken = self.result.decided[t].gated.verdicts(self.result.desk.symbols)
        return {(one.rule, one.symbol): one.after for one in spoken if one.action != "approve"}


def play(
    closes: Mapping[str, Sequence[float]],
    says: Sequence[Say],
    *,
    made: Book | None = None,
    opens: Mapping[tuple[str, int], float] | None = None,
    actions: Sequence[tuple[str, int, str, float]] = (),
    quarantined: Sequence[tuple[str, int]] = (),
    vix: float = 12.0,
    atr: float = ATR,
) -> Played:
    """Decide every session of some closes (NaN: no bar), where strategies say what is given and nothing else.

    `opens` are opening prices that differ from the close, `actions` a symbol, row, kind and value.
    """
    desk = resolve(made or book())
    length = len(next(iter(closes.values())))
    sessions = get_calendar().between(FIRST, date(2020, 9, 30))[:length]
    symbols = desk.book.panel_symbols
    close = np.full((length, len(symbols)), 100.0)
    close[:, symbols.index(desk.book.volatility_index)] = vix
    for symbol, values in closes.items():
        close[:, symbols.index(symbol)] = values
    opened = close.copy()
    for (symbol, row), price in (opens or {}).items():
        opened[row, symbols.index(symbol)] = price
    there = np.isfinite(close).ravel()
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    flat = [one.ravel()[there] for one in (opened, high, low, close, np.full_like(close, 1e9))]
    day, column = np.repeat(sessions, len(symbols))[there], np.tile(np.arange(len(symbols)), length)[there]
    told = [Action(symbol, sessions[row], kind, value) for symbol, row, kind, value in actions]  # type: ignore[arg-type]
    panel = build_panel(sessions, [Column(one) for one in symbols], Bars(column, day, *flat), told)
    bad = np.zeros(close.shape, dtype=bool)
    for symbol, row in quarantined:
        bad[row, symbols.index(symbol)] = True
    factors = {name: np.full(close.shape, np.nan) for name in desk.factor_names}
    factors["atr_14"] = np.full(close.shape, atr)
    market = inject(
        observe(desk, panel, factors, withheld=Withheld(bad, bad, bad)),
        [Injection(get_calendar().close_at(as_date(sessions[row])), *rest) for row, *rest in says],
    )
    simulation = Simulation(desk, market)
    walk(range(length), (simulation.settle, simulation.decide), Progress())
    flat = (np.zeros(length), np.ones(length))
    return Played(Result(desk, market, tuple(simulation.decided), tuple(simulation.facts), *flat))


def profit(played: Played) -> Decimal:
    """What the book has earned, dollars."""
    return played.result.decided[-1].state.mark.nav - 100_000
