"""The figures of a backtest, as `metrics.json` holds them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal

import numpy as np

from nightdesk import performance
from nightdesk.execution.ledger import value
from nightdesk.execution.money import ZERO
from nightdesk.execution.slippage import slippage_of, total
from nightdesk.research.backtest import Result
from nightdesk.version import code_version


def metrics(result: Result) -> dict[str, object]:
    """All figures of a backtest, NaN as None; the same result gives the same document.

    Beside those of `nightdesk.performance`: `exposure` is the mean of gross, `slippage` what the fills cost
    against the open (less than nothing where limit orders came out better), `cost_drag` commission and
    slippage a year over the mean NAV, `turnover_monthly` a twelfth of the yearly one. `panel_hash` stands
    for the bars as far as they were looked at.
    """
    marks = [one.state.mark for one in result.decided]
    nav = result.nav
    traded = np.array([float(sum((fill.notional for fill in one.fills), ZERO)) for one in result.decided])
    figures = asdict(performance.nav_figures(nav, result.benchmark_returns))
    trips = performance.round_trips(result.entries)
    yearly = performance.turnover(traded, nav)
    years = max(len(nav) - 1, 1) / performance.SESSIONS_A_YEAR
    commission, slippage = _costs(result)
    rolling = performance.rolling_sharpe(nav)
    document: dict[str, object] = {
        "book": result.desk.book.name,
        "code_version": code_version(),
        "config_hash": result.desk.book.config_hash,
        "panel_hash": _panel_hash(result),
        "first": str(marks[0].session),
        "last": str(marks[-1].session),
        "sessions": len(marks),
        "initial_nav": float(marks[0].nav),
        "final_nav": float(marks[-1].nav),
        **figures,
        **asdict(performance.trade_figures(trips)),
        "turnover": yearly,
        "turnover_monthly": yearly / 12,
        "exposure": float(np.mean([mark.gross for mark in marks])),
        "commission": float(commission),
        "slippage": float(slippage),
        "cost_drag": float(commission + slippage) / years / float(nav.mean()),
        "orders": sum(len(one.orders) for one in result.decided),
        "fills": sum(len(one.fills) for one in result.decided),
        "rolling_sharpe_last": float(rolling[-1]),
        "rolling_sharpe_worst": float(np.nanmin(rolling)) if np.isfinite(rolling).any() else math.nan,
        "per_strategy": _profits(result, by_strategy=True),
        "per_symbol": _profits(result, by_strategy=False),
    }
    return {key: _plain(one) for key, one in document.items()}


def _costs(result: Result) -> tuple[Decimal, Decimal]:
    """Commission and slippage paid, dollars."""
    fills = [fill for one in result.decided for fill in one.fills]
    commission = sum((fill.commission for fill in fills), ZERO)
    return commission, total(slippage_of(fill, fill.price) for fill in fills).realised


def _profits(result: Result, *, by_strategy: bool) -> dict[str, dict[str, float]]:
    """Where the profit came from; the totals of each group add up to NAV less capital."""
    last = result.decided[-1]
    prices = result.market.prices(last.t)
    out: dict[str, dict[str, float]] = {}
    for position in sorted(last.state.ledger.positions.values(), key=lambda one: (one.strategy, one.symbol)):
        group = out.setdefault(
            position.strategy if by_strategy else position.symbol,
            {"realised": 0.0, "unrealised": 0.0, "dividends": 0.0, "commission": 0.0, "profit": 0.0},
        )
        open_profit = value(position, prices[position.symbol]) - position.cost if position.quantity else ZERO
        total = position.realised + open_profit + position.dividends - position.commission
        amounts = (position.realised, open_profit, position.dividends, position.commission, total)
        for key, amount in zip(group, amounts, strict=True):
            group[key] = round(group[key] + float(amount), 2)
    return out


def _panel_hash(result: Result) -> str:
    """SHA-256 over the arrays that prices and fills were taken from."""
    digest = hashlib.sha256()
    market = result.market
    for array in (
        market.price,
        market.fill_open,
        market.fill_low,
        market.fill_high,
        market.fill_volume,
        market.dividend,
        market.split,
        market.vix,
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _plain(one: object) -> object:
    if isinstance(one, float):
        return one if math.isfinite(one) else None
    if isinstance(one, Mapping):
        return {key: _plain(inner) for key, inner in one.items()}
    return one
