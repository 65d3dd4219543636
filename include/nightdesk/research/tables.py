"""A backtest's outcome as tables: rows of plain values, made when they are asked for.

Money and prices are in dollars, weights and returns are shares, quantities are in units. Floats are written
with full precision and decimals as they stand in the ledger, so that equal results are equal bytes.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from nightdesk.execution.ledger import value
from nightdesk.execution.money import ZERO
from nightdesk.execution.slippage import slippage_of
from nightdesk.research.backtest import Result
from nightdesk.risk import words
from nightdesk.strategies import Direction

Row = tuple[object, ...]


def nav_rows(result: Result) -> Iterator[Row]:
    """The book at the mark of each session."""
    for one in result.decided:
        mark = one.state.mark
        yield (
            mark.session,
            mark.cash,
            mark.positions_value,
            mark.nav,
            mark.drawdown,
            0,
            mark.gross,
            mark.net,
        )


def signal_rows(result: Result) -> Iterator[Row]:
    """What each strategy said of each symbol, with its reason in words."""
    market, desk = result.market, result.desk
    for one in result.decided:
        t, session = one.t, market.sessions[one.t]
        view = result.view(t)
        for name, strategy in desk.strategies.items():
            said = market.signals[name].row(t)
            for n, symbol in enumerate(desk.symbols):
                yield (
                    session,
                    name,
                    symbol,
                    Direction(int(said.direction[0, n])).name,
                    float(said.strength[0, n]),
                    float(said.confidence[0, n]),
                    strategy.explain(view, said, 0, n),
                )


def target_rows(result: Result) -> Iterator[Row]:
    """Positions held or wanted, before the gate, and what the gate left of them."""
    desk = result.desk
    for one in result.decided:
        wanted, left = one.targets, one.gated.quantity
        for s, name in enumerate(desk.strategies):
            for n in np.flatnonzero((wanted.held[s] != 0) | (wanted.quantity[s] != 0)).tolist():
                yield (
                    one.state.mark.session,
                    name,
                    desk.symbols[n],
                    float(wanted.held[s, n]),
                    float(wanted.quantity[s, n]),
                    float(left[s, n]),
                    float(wanted.weight[s, n]),
                    float(wanted.confidence[s, n]),
                    wanted.volatility,
                    wanted.scale,
                )


def verdict_rows(result: Result) -> Iterator[Row]:
    """The gate's words."""
    for one in result.decided:
        for verdict in one.gated.verdicts(result.desk.symbols):
            yield (
                one.state.mark.session,
                verdict.step,
                verdict.rule,
                verdict.symbol,
                verdict.action,
                verdict.value,
                verdict.limit,
                verdict.held,
                verdict.before,
                verdict.after,
                words(verdict),
            )


def order_rows(result: Result) -> Iterator[Row]:
    """Orders and what became of them at the next open; those of the last session are still planned."""
    followers = (*result.decided[1:], None)
    for one, after in zip(result.decided, followers, strict=True):
        filled = {} if after is None else {fill.client_order_id: fill.quantity for fill in after.fills}
        reasons = {} if after is None else {rest.client_order_id: rest.reason for rest in after.expired}
        for order in one.orders:
            ended = "expired" if order.client_order_id in reasons else "filled"
            yield (
                order.session,
                order.client_order_id,
                order.symbol,
                order.side,
                order.quantity,
                order.order_type,
                order.time_in_force,
                order.purpose,
                order.reference_price,
                "planned" if after is None else ended,
                filled.get(order.client_order_id, ZERO),
                reasons.get(order.client_order_id, ""),
                order.limit_price,
            )


def fill_rows(result: Result) -> Iterator[Row]:
    """Executions; their slippage is expected and realised in one, since the model makes the price."""
    for one in result.decided:
        for fill in one.fills:
            yield (
                fill.session,
                fill.execution_id,
                fill.client_order_id,
                fill.symbol,
                fill.side,
                fill.quantity,
                fill.price,
                fill.commission,
                fill.reference_price,
                slippage_of(fill, fill.price).realised_bps,
            )


def cross_rows(result: Result) -> Iterator[Row]:
    """What changes hands between the strategies, at the close that it was decided at."""
    for one in result.decided:
        for cross in one.crosses:
            for intent in cross.intents:
                yield (cross.session, intent.strategy, cross.symbol, intent.quantity, cross.price)


def position_rows(result: Result) -> Iterator[Row]:
    """Positions at the mark of each session."""
    for one in result.decided:
        prices = result.market.prices(one.t)
        for position in one.state.ledger.held():
            worth = value(position, prices[position.symbol])
            yield (
                one.state.mark.session,
                position.strategy,
                position.symbol,
                position.quantity,
                position.average_cost,
                prices[position.symbol],
                worth,
                worth - position.cost,
                position.realised,
                position.commission,
                position.dividends,
                position.entry_session,
            )


def risk_event_rows(result: Result) -> Iterator[Row]:
    """Kills and releases, given or raised by a rule, and sessions in which the breaker allowed no entries."""
    limit = next((rule.params.limit for rule in result.desk.rules if rule.name == "daily_loss"), None)
    rows: list[Row] = [(event.session, event.kind, "", "", event.reason) for event in result.events]
    for one in result.decided:
        mark = one.state.mark
        if limit is not None and mark.day_return < limit:
            rows.append((mark.session, "breaker", mark.day_return, limit, "loss since the previous mark"))
    yield from sorted(rows, key=lambda row: (str(row[0]), str(row[1])))


TABLES: dict[str, tuple[tuple[str, ...], Callable[[Result], Iterable[Row]]]] = {
    "nav": (("session", "cash", "positions_value", "nav", "drawdown", "level", "gross", "net"), nav_rows),
    "signals": (
        ("session", "strategy", "symbol", "direction", "strength", "confidence", "reason"),
        signal_rows,
    ),
    "targets": (
        (
            "session", "strategy", "symbol", "held", "wanted", "quantity", "weight", "confidence",
            "portfolio_volatility", "scale",
        ),
        target_rows,
    ),
    "verdicts": (
        (
            "session", "step", "rule", "symbol", "action", "value", "limit", "held", "before", "after",
            "words",
        ),
        verdict_rows,
    ),
    "orders": (
        (
            "session", "client_order_id", "symbol", "side", "quantity", "order_type", "time_in_force",
            "purpose", "reference_price", "state", "filled", "reason", "limit_price",
        ),
        order_rows,
    ),
    "fills": (
        (
            "session", "execution_id", "client_order_id", "symbol", "side", "quantity", "price", "commission",
            "reference_price", "slippage_bps",
        ),
        fill_rows,
    ),
    "crosses": (("session", "strategy", "symbol", "quantity", "price"), cross_rows),
    "positions": (
        (
            "session", "strategy", "symbol", "quantity", "average_cost", "price", "value", "unrealised",
            "realised", "commission", "dividends", "entry_session",
        ),
        position_rows,
    ),
    "risk_events": (("session", "kind", "value", "limit", "reason"), risk_event_rows),
}  # fmt: skip


def write_table(path: Path, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write a CSV with a header; a missing value is an empty field."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
