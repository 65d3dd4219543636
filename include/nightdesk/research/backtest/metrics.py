"""The figures of a backtest, as `metrics.json` holds them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal

import numpy as np

from nightdesk import performance
from nightdesk.accounting.ledger import unrealised
from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import ZERO
from nightdesk.orders.slippage import slippage_of, total
from nightdesk.research.backtest.calendar_share import calendar_share
from nightdesk.research.backtest.model_skill import model_figures
from nightdesk.research.backtest.run import Result
from nightdesk.version import code_version

#: Where a profit came from, and what it comes to.
PROFITS = ("realised", "unrealised", "dividends", "commission", "borrow", "profit")


def metrics(result: Result) -> dict[str, object]:
    """All figures of a backtest, NaN as None; the same result gives the same document.

    Beside those of `nightdesk.performance`: `exposure` is the mean of gross, `slippage` what the fills cost
    against the open (less than nothing where limit orders came out better). `max_drawdown` is measured from
    the highest NAV so far, which is never reset; `max_drawdown_since_reset` from the peak that the drawdown
    levels count from, which begins anew with each of the `peak_resets`. `dividends_paid` counts payments, a
    symbol and session each, those of capital gains included; `dividends` and `interest` (negative where more
    was owed than earned) are dollars received, `borrow` dollars paid for borrowed units; `interest_rate`,
    `debit_rate` and `borrow_rate` are the book's a year, without those of single symbols. `panel_hash` stands
    for the bars as far as they were looked at. `models` is the skill of strategies that learn, out of sample;
    `calendar` how much of what strategies show is the day of the year.
    """
    marks = [one.state.mark for one in result.decided]
    nav, figures = result.closing_nav, results_of(result).by_name()
    commission, slippage = _costs(result)
    rolling = performance.rolling_sharpe(nav)
    document: dict[str, object] = {
        "book": result.desk.book.name,
        "code_version": code_version(result.desk),
        "config_hash": result.desk.book.config_hash,
        "panel_hash": _panel_hash(result),
        "first": str(marks[0].session),
        "last": str(marks[-1].session),
        "sessions": len(nav),
        "initial_nav": float(marks[0].nav),
        "final_nav": float(marks[-1].nav),
        "benchmark": result.desk.book.benchmark,
        **figures,
        **_since_reset(result),
        "exposure": float(np.mean([mark.gross for mark in marks])),
        "commission": float(commission),
        "slippage": float(slippage),
        **_received(result),
        "interest_rate": result.desk.book.rates.credit_rate,
        "debit_rate": result.desk.book.rates.debit_rate,
        "borrow_rate": result.desk.book.rates.borrow_rate,
        "orders": sum(len(one.orders) for one in result.decided),
        "fills": sum(len(one.fills) for one in result.decided),
        "rolling_sharpe_last": float(rolling[-1]),
        "rolling_sharpe_worst": float(np.nanmin(rolling)) if np.isfinite(rolling).any() else math.nan,
        "targets": target_document(performance.judge_targets(result.desk.book.targets, figures)),
        "quarantines": [one.document() for one in result.quarantines],
        "accepted": [f"{symbol}:{session}" for symbol, session in result.accepted],
        "per_strategy": _profits(result, by_strategy=True),
        "per_symbol": _profits(result, by_strategy=False),
        "models": model_figures(result),
        "calendar": calendar_share(result),
    }
    return {key: _plain(one) for key, one in document.items()}


def results_of(result: Result) -> performance.Results:
    """The figures of a backtest that any span of sessions has, stored ones too.

    They are those of sessions, of an hourly book from close to close: so books of either rhythm, and their
    benchmarks, are compared by the same figures.
    """
    return performance.results(
        performance.Past(
            nav=result.closing_nav,
            benchmark=result.benchmark[result.closing],
            benchmark_returns=result.benchmark_returns[result.closing],
            traded=result.traded,
            costs=sum(_costs(result), ZERO),
            trips=result.trips[0],
        )
    )


def target_document(judged: Iterable[performance.Aimed]) -> dict[str, dict[str, object]]:
    """The book's targets by figure, each with what was reached and whether that is enough."""
    return {
        one.figure: {
            "value": one.value,
            **one.target.model_dump(mode="json"),
            "outcome": one.outcome,
            "beyond_the_range": one.beyond,
        }
        for one in judged
    }


def _since_reset(result: Result) -> dict[str, object]:
    """The deepest drawdown from the peak of the levels, and how often that began anew."""
    deepest, resets = ZERO, 0
    for one in result.decided:
        # The session that resets the peak tells of the drawdown before in its move.
        change, risk = one.gated.judged.change, one.gated.judged.risk
        deepest = max(deepest, risk.drawdown, ZERO if change is None else change.drawdown)
        resets += change is not None and change.cause == "way back"
    return {"max_drawdown_since_reset": float(deepest), "peak_resets": resets}


def _received(result: Result) -> dict[str, object]:
    """What the book was paid, and paid, beside its trades."""
    dividends = [one for one in result.entries if one.kind in ("dividend", "capital_gain")]
    interest = (one.cash for one in result.entries if one.kind == "interest")
    borrow = (-one.cash for one in result.entries if one.kind == "borrow")
    return {
        "dividends_paid": len({(one.session, one.symbol) for one in dividends}),
        "dividends": float(sum((one.cash for one in dividends), ZERO)),
        "interest": float(sum(interest, ZERO)),
        "borrow": float(sum(borrow, ZERO)),
    }


def _costs(result: Result) -> tuple[Decimal, Decimal]:
    """Commission and slippage paid, dollars."""
    fills = [fill for one in result.decided for fill in one.fills]
    commission = sum((fill.commission for fill in fills), ZERO)
    return commission, total(slippage_of(fill, fill.price) for fill in fills).realised


def _profits(result: Result, *, by_strategy: bool) -> dict[str, dict[str, float]]:
    """Where the profit came from; the totals of each group add up to NAV less capital and interest."""
    last = result.decided[-1]
    prices = result.market.prices(last.t)
    out: dict[str, dict[str, float]] = {}
    for position in sorted(last.state.ledger.positions.values(), key=lambda one: (one.strategy, one.symbol)):
        group = out.setdefault(
            position.strategy if by_strategy else position.symbol,
            dict.fromkeys(PROFITS, 0.0),
        )
        contract = result.desk.contracts.get(position.symbol, PLAIN)
        open_profit = unrealised(position, prices[position.symbol], contract)
        commission, borrow = position.commission, position.borrow
        total = position.realised + open_profit + position.dividends - commission - borrow
        amounts = (position.realised, open_profit, position.dividends, commission, borrow, total)
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
    if any(market.happened):
        digest.update(repr(market.happened).encode())
    return digest.hexdigest()


def _plain(one: object) -> object:
    if isinstance(one, float):
        return one if math.isfinite(one) else None
    if isinstance(one, Mapping):
        return {key: _plain(inner) for key, inner in one.items()}
    if isinstance(one, list):
        return [_plain(inner) for inner in one]
    return one
