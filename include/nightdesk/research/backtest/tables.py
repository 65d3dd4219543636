"""A backtest's outcome as tables: columns of plain values, some rows at a time, made when they are asked for.

Money and prices are in dollars, weights and returns are shares, quantities are in units. Floats are written
with full precision and decimals as they stand in the ledger, so that equal results are equal bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import wraps
from itertools import batched, chain
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.accounting import Position
from nightdesk.accounting.tax import TaxLedger, form_8949, in_order, market_split, tax_terms, trades_of
from nightdesk.accounting.tax.form_8949 import COLUMNS
from nightdesk.core.cell_figures import figures_of_cell
from nightdesk.core.money import ZERO, exact
from nightdesk.core.panel import Floats
from nightdesk.engine import measure, sizing_figures
from nightdesk.engine.injection import WORDS
from nightdesk.orders.slippage import slippage_of
from nightdesk.performance import Valued, by_strategy
from nightdesk.research.backtest.pair_trades import pair_rows
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.run import Result
from nightdesk.research.backtest.simulation import Decided
from nightdesk.research.backtest.table_columns import ROWS_AT_ONCE, Block, Coded
from nightdesk.research.backtest.trades import dropped_rows, trade_rows
from nightdesk.risk import tail_risk
from nightdesk.risk.concentration import concentration
from nightdesk.risk.distances import nearest
from nightdesk.risk.gate import sentence, verdict_cells
from nightdesk.risk.moves import describe
from nightdesk.strategies import Direction, SignalAction, Signals, SignalSide, View


def tax_ledger(result: Result) -> TaxLedger:
    """Lots and sales of a whole backtest, which knows its own book alone."""
    book, market = result.desk.book, result.market
    splits = [
        market_split(symbol, market.sessions[one.t], exact(ratio))
        for one in result.decided
        for symbol, ratio in market.splits(one.t).items()
    ]
    trades = trades_of(book.name, result.entries)
    return TaxLedger({book.name: tax_terms(book)}).apply(in_order((*splits, *trades)))


def form_rows(result: Result) -> Iterator[tuple[object, ...]]:
    """Sales of all years as the tax form has them, by date of sale and without totals."""
    ledger = tax_ledger(result)
    disposals = ledger.disposals
    for year in sorted({one.sold.year for one in disposals}):
        for row in form_8949(disposals, year, ledger.terms).rows:
            yield tuple(getattr(row, name) for name in COLUMNS)


Row = tuple[object, ...]


PERFORMANCE_COLUMNS = columns_of("performance")[1:]
#: Sessions of signals that are put into words at a time.
SESSIONS_AT_ONCE = 256

DIRECTIONS = tuple(one.name for one in sorted(Direction))
SIDES = tuple(one.name.lower() for one in sorted(SignalSide))
ACTIONS = tuple(one.name.lower() for one in sorted(SignalAction))


def nav_rows(result: Result) -> Iterator[Row]:
    """The book at the mark of each decision."""
    for one in result.decided:
        mark = one.state.mark
        yield (
            *result.when(one),
            mark.cash,
            mark.positions_value,
            mark.nav,
            mark.drawdown,
            float(one.gated.judged.risk.drawdown),
            one.gated.judged.risk.level,
            mark.gross,
            mark.net,
        )


def performance_rows(result: Result) -> Iterator[Row]:
    """The profit of each decision by strategy, and what no strategy moved."""
    amounts = attrgetter(*PERFORMANCE_COLUMNS)
    before = Valued() if result.before is None else _valued(result.before, result.worth_of(result.before))
    for one, worth in zip(result.decided, result.worth, strict=True):
        after = _valued(one, worth)
        for day in by_strategy(tuple(result.desk.strategies), before, after, one.entries):
            yield (*result.when(one), *amounts(day))
        before = after


def _valued(one: Decided, worth: Mapping[tuple[str, str], Decimal]) -> Valued:
    return Valued(one.state.mark.nav, one.state.ledger.positions, worth)


def signal_blocks(result: Result) -> Iterator[Block]:
    """What each strategy said of each symbol from the first decision on, with its reason in words.

    That is known of all decisions before the first of them is made, but where a strategy speaks in turn: then
    it is of those alone that were made.
    """
    first, end = result.decided[0].t, len(result.market.sessions)
    if result.desk.in_turn:
        end = result.decided[-1].t + 1
    starts = range(first, end, SESSIONS_AT_ONCE)
    return (_signals(result, t, min(t + SESSIONS_AT_ONCE, end)) for t in starts)


def _signals(result: Result, first: int, stop: int) -> Block:
    """Those of the rows from `first` up to, and without, `stop`; by session, strategy and symbol."""
    market, desk, view = result.market, result.desk, result.view.rows(first, stop)
    said = {name: market.signals[name].rows(first, stop) for name in desk.strategies}
    words = {name: one.explanations(view, said[name]) for name, one in desk.strategies.items()}
    sessions = market.sessions[first:stop]
    injected = np.zeros((len(sessions), len(said), len(desk.symbols)), dtype=bool)
    for t, name, symbol in result.injected:
        if first <= t < stop:
            words[name][t - first, desk.column[symbol]] = WORDS
            injected[t - first, desk.strategy_row[name], desk.column[symbol]] = True

    def column(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
        return np.stack(list(parts), axis=1).ravel()

    places = np.indices(injected.shape).reshape(3, -1)
    return (
        Coded(sessions, places[0]),
        *([Coded(market.closes[first:stop], places[0])] if result.hourly else []),
        *map(Coded, (tuple(desk.strategies), desk.symbols), places[1:]),
        Coded(DIRECTIONS, column(one.direction for one in said.values()) - min(Direction)),
        Coded(SIDES, column(one.side for one in said.values()) - min(SignalSide)),
        Coded(ACTIONS, column(one.action for one in said.values()) - min(SignalAction)),
        column(one.strength for one in said.values()),
        column(one.confidence for one in said.values()),
        column(words.values()).tolist(),
        Coded((False, True), injected.ravel().astype(np.int8)),
        *([_figures(result, view, said, injected)] if "signals" in desk.tables_with_figures else []),
    )


def _figures(
    result: Result, view: View, said: Mapping[str, Signals], injected: NDArray[np.bool_]
) -> list[str]:
    """What the strategies show of each signal, as JSON; by session, strategy and symbol."""
    shown = [one.figures(view, said[name]) for name, one in result.desk.strategies.items()]
    out = []
    for t, s, n in np.ndindex(*injected.shape):
        of_cell = None if injected[t, s, n] else figures_of_cell(shown[s], t, n)
        out.append("" if of_cell is None else json.dumps(of_cell, allow_nan=False))
    return out


def target_blocks(result: Result) -> Iterator[Block]:
    """Positions held, wanted or allocated, before the gate, and what the gate left of them."""
    places, numbers, shown = [], [], list[str]()
    with_figures = "targets" in result.desk.tables_with_figures
    for one in result.decided:
        targets, carried = one.targets, one.targets.carried
        told = np.nonzero((targets.held != 0) | (targets.quantity != 0) | (carried.allocation != 0))
        sizes = (targets.held, targets.quantity, one.gated.quantity, targets.weight, targets.confidence)
        places.append(told)
        if with_figures:
            shown += _sizing_figures(result, one, told)
        legs = () if targets.bundles is None else (targets.bundles.code, targets.bundles.uneven)
        numbers.append([array[told] for array in (*sizes, carried.allocation, carried.reduce_to, *legs)])
    strategy, symbol = map(np.concatenate, zip(*places, strict=True))
    if not len(symbol):
        return
    counts = [len(found) for found, _ in places]
    columns: list[Floats] = list(map(np.concatenate, zip(*numbers, strict=True)))
    yield (
        *_keys(result, counts),
        Coded(tuple(result.desk.strategies), strategy),
        Coded(result.desk.symbols, symbol),
        *columns[:5],
        Coded.repeated([one.targets.volatility for one in result.decided], counts),
        Coded.repeated([one.targets.scale for one in result.decided], counts),
        *columns[5:7],
        *(one.tolist() for one in columns[7:]),
        *([shown] if with_figures else []),
    )


def _sizing_figures(result: Result, decided: Decided, told: tuple[NDArray[np.intp], ...]) -> Iterator[str]:
    """What is shown of the targets in these places of a decision, as JSON."""
    figures = sizing_figures(result.desk, decided.state, result.market.day(decided.t))
    cells = (figures_of_cell(figures, s, n) for s, n in zip(*told, strict=True))
    return (json.dumps(one, allow_nan=False) for one in cells)


def _keys(result: Result, counts: Sequence[int]) -> Iterator[Coded]:
    """The key of each decision, in so many rows."""
    keys = zip(*map(result.when, result.decided), strict=True)
    return (Coded.repeated(column, counts) for column in keys)


def verdict_blocks(result: Result) -> Iterator[Block]:
    """What the gate said of every wanted trade."""
    symbols = result.desk.symbols
    cells = [tuple(verdict_cells(one.gated.passage, symbols)) for one in result.decided]
    columns = tuple(zip(*chain.from_iterable(cells), strict=True))
    if columns:
        keys = _keys(result, list(map(len, cells)))
        yield (*keys, *columns, list(map(sentence, *columns)))


def order_rows(result: Result) -> Iterator[Row]:
    """Orders and what became of them: at the next open, or as long as they rested; those of the last session
    are still planned, and what still rests is submitted.
    """
    followers = (*result.decided[1:], result.after)
    rested = _rested(result)
    for one, after in zip(result.decided, followers, strict=True):
        filled = {} if after is None else {fill.client_order_id: fill.quantity for fill in after.fills}
        reasons = {} if after is None else {rest.client_order_id: rest.reason for rest in after.expired}
        for order in one.orders:
            name = order.client_order_id
            ended = "expired" if name in reasons else "filled"
            became = ("planned" if after is None else ended, filled.get(name, ZERO), reasons.get(name, ""))
            if order.rests and after is not None:
                became = rested[name]
            yield (
                *result.when(one),
                name,
                order.symbol,
                order.side,
                order.quantity,
                order.order_type,
                order.time_in_force,
                order.purpose,
                order.reference_price,
                *became,
                order.limit_price,
                *((" ".join(order.bundles),) if result.desk.has_bundles else ()),
                *_account_of(result, order.symbol),
            )


def _rested(result: Result) -> dict[str, tuple[str, Decimal, str]]:
    """State, units filled and reason of every order that rests, as the last decision leaves it."""
    out: dict[str, tuple[str, Decimal, str]] = {}
    wanted: dict[str, Decimal] = {}
    for one in (*result.decided, *(() if result.after is None else (result.after,))):
        for fill in (each for each in one.fills if each.client_order_id in out):
            units = out[fill.client_order_id][1] + fill.quantity
            state = "filled" if units == wanted[fill.client_order_id] else "partially_filled"
            out[fill.client_order_id] = (state, units, "")
        for rest in (each for each in one.expired if each.client_order_id in out):
            out[rest.client_order_id] = ("expired", out[rest.client_order_id][1], rest.reason)
        for said in (each for each in one.protected if each.releases and each.resting in out):
            out[said.resting] = ("cancelled", out[said.resting][1], said.words)
        for order in (each for each in one.orders if each.rests):
            out[order.client_order_id] = ("submitted", ZERO, "")
            wanted[order.client_order_id] = order.quantity
    return out


def fill_rows(result: Result) -> Iterator[Row]:
    """Executions; their slippage is expected and realised in one, since the model makes the price."""
    for one in result.decided:
        for fill in one.fills:
            yield (
                *result.when(one),
                fill.execution_id,
                fill.client_order_id,
                fill.symbol,
                fill.side,
                fill.quantity,
                fill.price,
                fill.commission,
                fill.reference_price,
                slippage_of(fill, fill.price).realised_bps,
                *_account_of(result, fill.symbol),
            )


def _account_of(result: Result, symbol: str) -> tuple[str, ...]:
    """The account that a symbol goes to; nothing in a book of one."""
    desk = result.desk
    return (desk.book.account_of(symbol),) if len(desk.accounts) > 1 else ()


def cross_rows(result: Result) -> Iterator[Row]:
    """What changes hands between the strategies, at the close that it was decided at."""
    for one in result.decided:
        for cross in one.crosses:
            for intent in cross.intents:
                yield (*result.when(one), intent.strategy, cross.symbol, intent.quantity, cross.price)


def position_blocks(result: Result) -> Iterator[Block]:
    """Positions at the mark of each decision."""
    held = [one.state.ledger.held() for one in result.decided]
    rows = list(chain.from_iterable(held))
    if not rows:
        return
    positions = Coded.alike(rows)
    worth = [
        worth[at.strategy, at.symbol] for worth, some in zip(result.worth, held, strict=True) for at in some
    ]
    yield (
        *_keys(result, list(map(len, held))),
        *(positions.each(attrgetter(name)) for name in ("strategy", "symbol", "quantity", "average_cost")),
        list(chain.from_iterable(_prices(result, held))),
        worth,
        [amount - at.cost for amount, at in zip(worth, rows, strict=True)],
        *(positions.each(attrgetter(name)) for name in ("realised", "commission", "dividends", "borrow")),
        positions.each(attrgetter("entry_session")),
    )


def _prices(result: Result, held: Iterable[Sequence[Position]]) -> Iterator[list[float]]:
    """Those of the positions of each session."""
    for one, some in zip(result.decided, held, strict=True):
        prices = result.market.prices(one.t)
        yield [prices[at.symbol] for at in some]


def risk_rows(result: Result) -> Iterator[Row]:
    """The risk of what is held at the mark of each decision, and the limit that is nearest."""
    desk, groups = result.desk, result.desk.book.groups
    for one in result.decided:
        day = result.market.day(one.t)
        measured = measure(desk, one.state, day, one.gated, tightest_stop=True)
        tail = tail_risk(measured.weights, day.history, measured.past)
        spread = concentration(measured.weights, desk.symbols, groups)
        limit = nearest(desk.rules, measured)
        *_, known = measured.pairs
        figures = (
            measured.volatility,
            tail.historical.var,
            tail.historical.cvar,
            tail.normal.var,
            tail.normal.cvar,
            tail.sessions,
            spread.herfindahl,
            spread.effective_positions,
        )
        yield (
            *result.when(one),
            *("" if math.isnan(figure) else figure for figure in figures),
            spread.largest,
            spread.largest_weight,
            spread.largest_group,
            spread.largest_group_weight,
            float(known.mean()) if len(known) else "",
            *(("", "", "") if limit is None else (limit.rule, limit.subject, limit.room_share)),
        )


def risk_event_rows(result: Result) -> Iterator[Row]:
    """Kills and releases, given or raised by a rule, sessions in which the breaker allowed no entries, and
    moves between drawdown levels.
    """
    undated = ("",) if result.hourly else ()
    rows: list[Row] = [(one.session, *undated, one.kind, "", "", one.reason) for one in result.events]
    for decided in result.decided:
        when = result.when(decided)
        rows += [(*when, one.event, one.value, one.limit, one.note) for one in decided.gated.breaches]
        change, levels = decided.gated.judged.change, result.desk.book.levels
        if change is not None and levels is not None:
            move = f"level {change.before} to {change.after}"
            rows.append((*when, move, float(change.drawdown), "", describe(change, levels)))
    yield from sorted(rows, key=lambda row: list(map(str, row[:-3])))


def in_blocks(rows: Callable[[Result], Iterable[Row]]) -> Callable[[Result], Iterator[Block]]:
    """The rows of a table, some at a time, as columns."""

    @wraps(rows)
    def blocks(result: Result) -> Iterator[Block]:
        return (tuple(zip(*some, strict=True)) for some in batched(rows(result), ROWS_AT_ONCE))

    return blocks


#: What makes the columns of each table; see `columns_of` for their names.
TABLES: dict[str, Callable[[Result], Iterable[Block]]] = {
    "nav": in_blocks(nav_rows),
    "signals": signal_blocks,
    "targets": target_blocks,
    "verdicts": verdict_blocks,
    "orders": in_blocks(order_rows),
    "fills": in_blocks(fill_rows),
    "crosses": in_blocks(cross_rows),
    "positions": position_blocks,
    "performance": in_blocks(performance_rows),
    "trades": in_blocks(trade_rows),
    "pairs": in_blocks(pair_rows),
    "dropped": in_blocks(dropped_rows),
    "risk": in_blocks(risk_rows),
    "form_8949": in_blocks(form_rows),
    "risk_events": in_blocks(risk_event_rows),
}

#: The tables whose rows of a decision are known as soon as the next one is made; those of all come in order.
GROWING = (
    "risk", "verdicts", "positions", "targets", "performance", "nav", "orders", "fills", "crosses", "dropped",
)  # fmt: skip
