"""zipline-reloaded: whole shares, filled at the close after the one that decided them: its rule of fills."""

import os
import tempfile

import numpy as np
import pandas as pd
import told
from zipline import run_algorithm
from zipline.api import order, set_commission, set_slippage, symbol
from zipline.data.bundles import ingest, register
from zipline.finance.commission import PerDollar
from zipline.finance.slippage import FixedSlippage
from zipline.utils.calendar_utils import get_calendar

CALENDAR = get_calendar("XNYS")
BUNDLE = "peers"


def days_of(count):
    """So many sessions of the exchange; which ones is of no account."""
    return CALENDAR.sessions_in_range(pd.Timestamp("2006-01-03"), pd.Timestamp("2024-12-31"))[:count]


def bars_of(closes, days):
    """Bars of one price each."""
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    return pd.DataFrame({**prices, "volume": 10**9}, index=days)


def lay_out(task):
    """Write the closes as a bundle; the time of it is no part of a backtest."""
    os.environ["ZIPLINE_ROOT"] = tempfile.mkdtemp(prefix="nightdesk-peers-zipline-")
    days = days_of(len(task.close))
    names = [f"S{n:04}" for n in range(task.close.shape[1])]

    def write(environ, assets, minutes, daily, adjustments, calendar, start, end, cache, progress, folder):
        frame = pd.DataFrame(
            {
                "symbol": names, "asset_name": names, "exchange": "NYSE",
                "start_date": days[0], "end_date": days[-1], "auto_close_date": days[-1] + pd.Timedelta("1D"),
            }
        )  # fmt: skip
        assets.write(equities=frame)
        daily.write((n, bars_of(task.close[:, n], days)) for n in range(len(names)))
        adjustments.write()

    register(BUNDLE, write, calendar_name="XNYS", start_session=days[0], end_session=days[-1])
    ingest(BUNDLE, show_progress=False)
    return days, names


_LAID_OUT = []


def run(task: told.PeerTask) -> float:
    """Equity at the last close."""
    if not _LAID_OUT:
        _LAID_OUT.append(lay_out(task))
    days, names = _LAID_OUT[0]

    def initialize(context):
        context.t = -1
        context.assets = [symbol(one) for one in names]
        set_slippage(FixedSlippage(spread=0.0))
        set_commission(PerDollar(cost=task.cost))

    def handle_data(context, data):
        context.t += 1
        wanted, price = task.weights[context.t], task.close[context.t]
        if np.isnan(wanted[0]):
            return
        worth, positions = context.portfolio.portfolio_value, context.portfolio.positions
        held = np.array([positions[one].amount if one in positions else 0 for one in context.assets])
        change = wanted - held * price / worth
        change[np.abs(change) < task.threshold] = 0.0
        for n in np.flatnonzero(change):
            order(context.assets[n], round(change[n] * worth / price[n]))

    result = run_algorithm(
        start=days[0], end=days[-1], initialize=initialize, handle_data=handle_data, bundle=BUNDLE,
        capital_base=task.capital, data_frequency="daily",
        benchmark_returns=pd.Series(0.0, index=days), trading_calendar=CALENDAR,
    )  # fmt: skip
    return float(result.portfolio_value.iloc[-1])


told.tell(run)
