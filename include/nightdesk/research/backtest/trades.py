"""The trades of a backtest: every position from flat to flat, what it earned, and why it began and ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from nightdesk.accounting.booking import order_behind
from nightdesk.accounting.ledger import exposure
from nightdesk.core.contracts import PLAIN
from nightdesk.engine.exits import (
    UNEVEN_WORDS,
    Cause,
    age_words,
    bundle_words,
    dropped_words,
    other_of,
    rested_words,
    sessions_held,
    stop_words,
    target_words,
)
from nightdesk.engine.injection import WORDS
from nightdesk.performance.round_trips import RoundTrip
from nightdesk.risk import words

if TYPE_CHECKING:
    from nightdesk.engine import Desk
    from nightdesk.research.backtest.run import Result
    from nightdesk.research.backtest.simulation import Decided

Row = tuple[object, ...]

_ENDS = {
    "expiry": "expired worth nothing",
    "exercise": "exercised at its expiry",
    "assignment": "assigned at its expiry",
}


def trades(result: Result) -> list[RoundTrip]:
    """All trades: those that are closed in the order of their ends, then the open ones at the last mark.

    Their profits add up to what the book has earned, to the cent, while no cash moves for the whole book.
    """
    done, going, positions = result.trips
    prices = result.market.prices(result.decided[-1].t)
    contracts = result.desk.contracts
    worth = {key: exposure(positions[key], prices[key[1]], contracts.get(key[1], PLAIN)) for key in going}
    return done + [replace(one, profit=one.profit + worth[key]) for key, one in sorted(going.items())]


def trade_rows(result: Result) -> Iterator[Row]:
    """The trades with their reasons; of an open one exit session, price and reason are empty.

    `quantity` is what the position grew to in all, restated for splits and negative of a short one;
    `sessions` counts the first and, of an open trade, the last mark; `return` is of what was paid.
    """
    calendar, marks = result.desk.book.calendar, [one.state.mark.session for one in result.decided]
    decided_at = [at for at, one in enumerate(result.decided) for _ in one.entries]
    open_still = ("", "") if result.hourly else ("",)
    for one in trades(result):
        opened, closed = decided_at[one.opened_by], None if one.closed is None else decided_at[one.closed_by]
        last = marks[-1] if closed is None else marks[closed - 1]
        yield (
            one.strategy,
            one.symbol,
            *result.when(result.decided[opened]),
            one.entry_price,
            *(open_still if closed is None else result.when(result.decided[closed])),
            "" if closed is None else one.exit_price,
            one.entered * one.side,
            sessions_held(calendar, marks[opened], max(last, marks[opened])),
            one.profit,
            float(one.profit / one.paid) if one.paid else "",
            _said(result, replace(one, symbol=one.opened_as or one.symbol), opened - 1),
            "" if closed is None else _why_left(result, one, closed, marks[opened]),
        )


def _said(result: Result, trade: RoundTrip, at: int) -> str:
    """The strategy's words on the symbol in the decision that stands at `at`."""
    t, desk = result.decided[at].t, result.desk
    if (t, trade.strategy, trade.symbol) in result.injected:
        return WORDS
    said = result.market.signals[trade.strategy]
    return desk.strategies[trade.strategy].explain(result.view, said, t, desk.column[trade.symbol])


def _why_left(result: Result, trade: RoundTrip, closed: int, entered: date) -> str:
    """Why the decision before the session in which a trade closed left nothing of it."""
    if trade.ended_by in ("adjustment", "redemption"):
        return "paid out after a corporate action"
    if trade.ended_by in _ENDS:
        return _ENDS[trade.ended_by]
    rested = _rested_words(result, trade, closed)
    if rested:
        return rested
    desk, decided = result.desk, result.decided[closed - 1]
    s, n = desk.strategy_row[trade.strategy], desk.column[trade.symbol]
    position = decided.state.ledger.positions.get((trade.strategy, trade.symbol))
    match Cause(int(decided.targets.cause[s, n])):
        case (Cause.STOP | Cause.TARGET) as cause if position is not None:
            carried, price = decided.targets.carried, float(result.market.price[decided.t, n])
            contract = desk.contracts.get(trade.symbol, PLAIN)
            average = float((position.average_cost or 0) / contract.multiplier)
            if cause == Cause.STOP:
                return stop_words(price, average, float(carried.stop_distance[s, n]))
            return target_words(price, average, float(carried.target_distance[s, n]))
        case Cause.AGE:
            most = desk.exit_plans[trade.strategy].sessions or 0
            return age_words(sessions_held(desk.book.calendar, entered, decided.state.mark.session), most)
        case Cause.BUNDLE:
            return bundle_words(*_deciding_leg(decided, desk, s, n))
        case Cause.UNEVEN:
            return UNEVEN_WORDS
    if decided.targets.quantity[s, n] != 0:
        cuts = [
            verdict
            for verdict in decided.gated.verdicts(desk.symbols)
            if verdict.symbol == trade.symbol and verdict.action != "approve"
        ]
        if cuts:
            return words(cuts[-1])
    return _said(result, trade, closed - 1)


def _rested_words(result: Result, trade: RoundTrip, closed: int) -> str:
    """Which order that rested for a trade has ended it; empty where none did."""
    entries = [
        one
        for one in result.decided[closed].entries
        if (one.strategy, one.symbol, one.kind) == (trade.strategy, trade.symbol, "fill")
    ]
    if not entries or not result.desk.protective:
        return ""
    last = entries[-1]
    placed = (order for one in reversed(result.decided[:closed]) for order in one.orders)
    order = next(one for one in placed if one.client_order_id == order_behind(last.reference))
    if not order.meets_stop:
        return ""
    return rested_words(order, last.price)


def _deciding_leg(decided: Decided, desk: Desk, s: int, n: int) -> tuple[str, str]:
    """The leg by which its bundle was left, and what was reached; both empty where none is known."""
    bundles, cause = decided.targets.bundles, decided.targets.cause
    if bundles is not None:
        for other in np.flatnonzero(bundles.code[s] == bundles.code[s, n]).tolist():
            if cause[s, other] not in (Cause.NONE, Cause.OPENS, Cause.BUNDLE):
                return desk.symbols[other], f"left by its {Cause(int(cause[s, other])).name.lower()}"
    return "", ""


def dropped_rows(result: Result) -> Iterator[Row]:
    """Entries that the book's filters took away before the gate."""
    strategies, symbols = tuple(result.desk.strategies), result.desk.symbols
    for one in result.decided:
        for gone in one.targets.dropped:
            other = other_of(result.desk, gone)
            yield (
                *result.when(one),
                strategies[gone.strategy],
                symbols[gone.symbol],
                gone.filter,
                other,
                gone.value,
                gone.limit,
                dropped_words(gone.filter, other, gone.value, gone.limit, gone.words),
            )
