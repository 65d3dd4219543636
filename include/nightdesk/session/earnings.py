"""What the period up to a decision earned by strategy, and what the book has come to, from the store."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from nightdesk.accounting.ledger import Mark
from nightdesk.alerts.result_lines import ResultsSection
from nightdesk.core.money import ZERO
from nightdesk.core.panel import Floats
from nightdesk.orders.slippage import slippage_of, total
from nightdesk.performance import (
    Past,
    StrategyDay,
    Valued,
    by_strategy,
    growth_of,
    judge_targets,
    results,
    round_trips,
)
from nightdesk.session.context import Context
from nightdesk.session.writing import Saver
from nightdesk.store.ledger_rows import dated_entries, positions_of, read_ledger, read_mark, read_marks
from nightdesk.store.order_rows import fills_between
from nightdesk.store.performance_rows import performance_rows


@dataclass(frozen=True)
class Earnings:
    """What the period up to a decision and all before it earned.

    Attributes
    ----------
    marks : tuple of Mark
        From the book's inception to the decision.
    growth : ndarray of shape (n_marks,)
        Value of the benchmark at them, as of `nightdesk.performance.growth_of`, by the bars that the decision
        knows.
    by_strategy : tuple of StrategyDay
        Of the period, that of no strategy last.
    results : ResultsSection or None
        None while there is one mark alone.
    """

    marks: tuple[Mark, ...]
    growth: Floats
    by_strategy: tuple[StrategyDay, ...]
    results: ResultsSection | None

    def benchmark_return(self, sessions: int) -> float:
        """Return of the benchmark over the newest sessions, a share; NaN where it is not known."""
        return float(self.growth[-1] / self.growth[-sessions]) - 1.0


def session_earnings(context: Context) -> Earnings:
    """What the period up to the decision and all before it earned."""
    conn, book, as_of = context.conn, context.book, context.as_of
    marks = tuple({mark.session: mark for mark in read_marks(conn, book.name, last=as_of)}.values())
    dated = dated_entries(conn, book.name, last=as_of)
    entries = [entry for _, entry in dated]
    days = by_strategy(
        tuple(book.strategies),
        _before(context),
        _valued(context),
        (entry for booked, entry in dated if booked == as_of),
    )
    history = context.checked().history
    sessions = context.calendar.between(context.record.origin, context.session)
    rows = np.searchsorted(sessions, np.array([mark.session for mark in marks], dtype="datetime64[D]"))
    if as_of != context.schedule.last_of(context.session):
        rows[-1] -= 1  # the session is not over, and the benchmark of no hour is known
    growth = growth_of(history.benchmark)[rows]
    section = None
    if len(marks) > 1:
        fills = fills_between(conn, book.name, last=as_of)
        traded = dict.fromkeys((mark.session for mark in marks), ZERO)
        for fill in fills:
            traded[fill.session] += fill.notional
        past = Past(
            nav=np.array([float(mark.nav) for mark in marks]),
            benchmark=growth,
            benchmark_returns=history.benchmark_returns[rows],
            traded=np.array([float(amount) for amount in traded.values()]),
            costs=sum((fill.commission for fill in fills), ZERO)
            + total(slippage_of(fill, fill.price) for fill in fills).realised,
            trips=round_trips(entries),
        )
        found = results(past)
        aimed = judge_targets(book.targets, found.by_name())
        section = ResultsSection(marks[0].session, len(marks), book.benchmark, found, aimed)
    return Earnings(marks, growth, days, section)


def keep_earnings(context: Context, save: Saver, earned: Earnings) -> None:
    """Keep the profits by strategy, and what the benchmark has made since the book's inception."""
    save.rows("performance", performance_rows(earned.by_strategy))
    beside = {
        "symbol": context.book.benchmark,
        "since": earned.marks[0].session,
        "sessions": len(earned.marks) - 1,
        "total_return": earned.benchmark_return(len(earned.marks)),
    }
    save.rows("benchmarks", [beside])


def _before(context: Context) -> Valued:
    previous = context.previous
    return Valued() if previous is None else _valued(context.at(previous))


def _valued(context: Context) -> Valued:
    conn, book, as_of = context.conn, context.book.name, context.as_of
    ledger, mark = read_ledger(conn, book, as_of), read_mark(conn, book, as_of)
    if ledger is None or mark is None:
        raise LookupError(f"{book} {context.name} has no mark")
    worth: dict[tuple[str, str], Decimal] = {
        (row["strategy"], row["symbol"]): row["market_value"]
        for row in positions_of(conn, book, as_of)
        if row["quantity"]
    }
    return Valued(mark.nav, ledger.positions, worth)
