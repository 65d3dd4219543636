"""The course of a backtest: its NAV, the same capital in its benchmark, and what each strategy has earned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np

from nightdesk.accounting.ledger import unrealised
from nightdesk.core.contracts import PLAIN
from nightdesk.core.panel import Floats
from nightdesk.research.backtest.run import Result
from nightdesk.store.backtest_rows import BacktestSeries


def strategy_profits(result: Result) -> dict[str, Floats]:
    """What each strategy has earned up to the mark of every decision, dollars; shape (n_decided,).

    It has earned what it realised, its open profit and its dividends, less commission and borrow fees: what
    `positions` of a live book add up to.
    """
    profit: dict[str, Floats] = {name: np.zeros(len(result.decided)) for name in result.desk.strategies}
    settled: dict[int, Decimal] = {}  # most positions stay the same object from one session to the next
    for n, one in enumerate(result.decided):
        prices = result.market.prices(one.t)
        for position in one.state.ledger.positions.values():
            earned = settled.get(id(position))
            if earned is None:
                paid = position.commission + position.borrow
                earned = settled[id(position)] = position.realised + position.dividends - paid
            if position.quantity:
                contract = result.desk.contracts.get(position.symbol, PLAIN)
                earned += unrealised(position, prices[position.symbol], contract)
            profit[position.strategy][n] += float(earned)
    return profit


def course_of(result: Result) -> tuple[BacktestSeries, ...]:
    """A value for every decided session, at its last mark."""
    at = result.closing
    sessions = [result.decided[n].state.mark.session for n in at.tolist()]
    nav, growth = result.closing_nav, result.benchmark[at]
    begun = growth[np.flatnonzero(np.isfinite(growth))[:1]]
    scaled = growth * (nav[0] / begun[0]) if len(begun) else growth
    return (
        _series("nav", "", sessions, nav),
        _series("benchmark", "", sessions, scaled),
        *(_series("strategy", name, sessions, all_[at]) for name, all_ in strategy_profits(result).items()),
    )


def _series(kind: str, strategy: str, sessions: Sequence[date], dollars: Floats) -> BacktestSeries:
    return BacktestSeries(kind, strategy, sessions, dollars.tolist())  # type: ignore[arg-type] # a list of floats
