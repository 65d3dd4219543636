"""What the strategies of a backtest earned in windows of some sessions, as bands for live results."""

from __future__ import annotations

import numpy as np

from nightdesk.research.backtest.courses import strategy_profits
from nightdesk.research.backtest.run import Result
from nightdesk.risk.result_band import ResultBand, result_band


def result_bands(result: Result, sessions: int) -> dict[str, ResultBand]:
    """The band of every strategy over all windows of so many sessions.

    What a strategy has earned: see `nightdesk.research.backtest.courses.strategy_profits`.
    """
    names, profit = tuple(result.desk.strategies), strategy_profits(result)
    held = {name: np.zeros(len(result.decided), dtype=np.bool_) for name in names}
    for n, one in enumerate(result.decided):
        for position in one.state.ledger.positions.values():
            held[position.strategy][n] |= bool(position.quantity)
    at, nav = result.closing, result.closing_nav
    begun = np.append(0, at[:-1] + 1)
    return {
        name: result_band(profit[name][at], np.logical_or.reduceat(held[name], begun), nav, sessions)
        for name in names
    }
