"""What the strategies of a backtest earned in windows of some sessions, as bands for live results."""

from __future__ import annotations

import numpy as np

from nightdesk.accounting.ledger import unrealised
from nightdesk.core.contracts import PLAIN
from nightdesk.research.backtest.run import Result
from nightdesk.risk.result_band import ResultBand, result_band


def result_bands(result: Result, sessions: int) -> dict[str, ResultBand]:
    """The band of every strategy over all windows of so many sessions.

    A strategy has earned what it realised, its open profit and its dividends, less commission and borrow
    fees: what `positions` of a live book add up to.
    """
    names = tuple(result.desk.strategies)
    profit = {name: np.zeros(len(result.decided)) for name in names}
    held = {name: np.zeros(len(result.decided), dtype=np.bool_) for name in names}
    for n, one in enumerate(result.decided):
        prices = result.market.prices(one.t)
        for position in one.state.ledger.positions.values():
            contract = result.desk.contracts.get(position.symbol, PLAIN)
            open_profit = unrealised(position, prices[position.symbol], contract)
            paid = position.commission + position.borrow
            earned = position.realised + open_profit + position.dividends - paid
            profit[position.strategy][n] += float(earned)
            held[position.strategy][n] |= bool(position.quantity)
    at, nav = result.closing, result.closing_nav
    begun = np.append(0, at[:-1] + 1)
    return {
        name: result_band(profit[name][at], np.logical_or.reduceat(held[name], begun), nav, sessions)
        for name in names
    }
