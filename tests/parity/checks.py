"""What must be the same of one session, whichever driver has decided it."""

import math
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from nightdesk.core.cell_figures import figures_of_cell
from nightdesk.core.money import PRICE_STEP
from nightdesk.engine import Carried, risk_report, sizing_figures
from nightdesk.engine.exits import other_of
from nightdesk.portfolio import Bundles
from nightdesk.research.backtest.run import Decided, Result
from nightdesk.store import db
from nightdesk.store.decision_rows import signals_of, targets_of, verdicts_of
from nightdesk.store.ledger_rows import positions_of, read_entries, read_marks
from nightdesk.store.order_rows import crosses_of, fills_of, orders_of, slippage_rows
from nightdesk.store.risk_report_rows import read_risk_report
from nightdesk.store.risk_state_rows import read_risk_state
from nightdesk.store.rows import read_row, read_rows


def same_sessions(result: Result, conn: db.Connection) -> None:
    """All decisions, one by one, then the marks and the ledger of them all."""
    for at, one in enumerate(result.decided):
        as_of = result.market.closes[one.t]
        same_signals(result, at, conn, as_of)
        same_targets(result, at, conn, as_of)
        same_trades(result, at, conn, as_of)
        assert read_risk_state(conn, result.desk.book.name, as_of) == one.gated.judged.risk
        same_risk(result, at, conn, as_of)
    name = result.desk.book.name
    assert read_marks(conn, name) == tuple(one.state.mark for one in result.decided)
    assert sorted(read_entries(conn, name), key=repr) == sorted(result.entries, key=repr)


def same_signals(result: Result, at: int, conn: db.Connection, as_of: datetime) -> None:
    decided, desk = result.decided[at], result.desk
    stored = {(row["strategy"], row["symbol"]): row for row in signals_of(conn, desk.book.name, as_of)}
    assert len(stored) == len(desk.strategies) * len(desk.symbols)
    view = result.view.rows(decided.t, decided.t + 1)
    for (strategy, symbol), row in stored.items():
        n, said = desk.column[symbol], result.market.signals[strategy]
        shown = desk.strategies[strategy].figures(view, said.row(decided.t))
        expected = None if row["injected"] else figures_of_cell(shown, 0, n)
        assert row["figures"] == expected, (as_of, symbol)
        for name in ("direction", "strength", "confidence", "reason"):
            assert row[name] == getattr(said, name)[decided.t, n], (as_of, symbol, name)
        for name in ("bundle", "ratio"):
            spoken = getattr(said, name)
            assert (row[name] or 0) == (0 if spoken is None else spoken[decided.t, n]), (as_of, symbol, name)


def same_targets(result: Result, at: int, conn: db.Connection, as_of: datetime) -> None:
    decided, desk = result.decided[at], result.desk
    stored = {(row["strategy"], row["symbol"]): row for row in targets_of(conn, desk.book.name, as_of)}
    figures = sizing_figures(desk, decided.state, result.market.day(decided.t))
    for s, strategy in enumerate(desk.strategies):
        for n, symbol in enumerate(desk.symbols):
            row = stored[strategy, symbol]
            for name in ("held", "quantity", "weight", "confidence", "cause"):
                assert float(row[name]) == getattr(decided.targets, name)[s, n], (as_of, symbol, name)
            for name in Carried.names():
                assert row[name] == getattr(decided.targets.carried, name)[s, n], (as_of, symbol, name)
            assert row["figures"] == figures_of_cell(figures, s, n), (as_of, symbol)
            same_bundle(decided.targets.bundles, row, s, n)
    same_dropped(result, at, conn, as_of)
    spoken = sorted(decided.gated.verdicts(desk.symbols), key=lambda one: (one.step, one.symbol))
    kept = verdicts_of(conn, desk.book.name, as_of)
    assert len(kept) == len(spoken)
    for one, other in zip(kept, spoken, strict=True):
        for name in one.__dataclass_fields__:
            mine, theirs = getattr(one, name), getattr(other, name)
            assert mine == theirs or (math.isnan(mine) and np.isnan(theirs)), (as_of, one, other)


def same_bundle(bundles: Bundles | None, row: dict[str, Any], s: int, n: int) -> None:
    """Which bundle a position is a leg of, by its row of targets."""
    if bundles is None or not bundles.code[s, n]:
        assert (row["bundle"], row["ratio"], row["uneven"]) == (None, None, None)
        return
    mine = (bundles.code[s, n], bundles.ratio[s, n], bundles.uneven[s, n])
    assert (row["bundle"], row["ratio"], row["uneven"]) == mine, row


def same_dropped(result: Result, at: int, conn: db.Connection, as_of: datetime) -> None:
    strategies, symbols = tuple(result.desk.strategies), result.desk.symbols
    mine = [
        {
            "strategy": strategies[one.strategy],
            "symbol": symbols[one.symbol],
            "filter": one.filter,
            "other": other_of(result.desk, one),
            "observed": one.value,
            "filter_limit": one.limit,
            "words": one.words or None,
        }
        for one in result.decided[at].targets.dropped
    ]
    stored = read_rows(conn, "dropped_entries", book=result.desk.book.name, as_of=as_of)
    assert stored == sorted(mine, key=lambda one: (one["symbol"], one["strategy"]))


def same_risk(result: Result, at: int, conn: db.Connection, as_of: datetime) -> None:
    decided = result.decided[at]
    mine = risk_report(result.desk, decided.state, result.market.day(decided.t), decided.gated)
    theirs = read_risk_report(conn, result.desk.book.name, as_of)
    assert theirs is not None
    # As text, NaN is itself, and a float is told to its last bit.
    assert repr(replace(theirs, picture=mine.picture)) == repr(mine)
    assert theirs.picture.symbols == mine.picture.symbols
    assert np.array_equal(theirs.picture.matrix, mine.picture.matrix, equal_nan=True)


def same_trades(result: Result, at: int, conn: db.Connection, as_of: datetime) -> None:
    decided, book = result.decided[at], result.desk.book.name
    orders = {one.order.client_order_id: one.order for one in orders_of(conn, book, as_of)}
    assert orders == {order.client_order_id: order for order in decided.orders}
    assert fills_of(conn, book, as_of) == tuple(sorted(decided.fills, key=lambda fill: fill.execution_id))
    for one, fill in zip(slippage_rows(conn, book, as_of), fills_of(conn, book, as_of), strict=True):
        # What the model makes of the stored open is what the broker made of the open before it was rounded.
        assert abs(one.expected - one.realised) <= fill.quantity * PRICE_STEP
    assert crosses_of(conn, book, as_of) == tuple(sorted(decided.crosses, key=lambda one: one.symbol))
    positions = {(row["strategy"], row["symbol"]): row for row in positions_of(conn, book, as_of)}
    assert positions.keys() == decided.state.ledger.positions.keys()
    for key, position in decided.state.ledger.positions.items():
        for name in position.__dataclass_fields__:
            assert positions[key][name] == getattr(position, name), (as_of, key, name)


def same_listed_decision(result: Result, one: Decided, conn: db.Connection) -> None:
    """The decision of a book whose members change: rows are stored where they say something."""
    as_of, desk, name = result.market.closes[one.t], result.desk, result.desk.book.name
    column, row = desk.column, desk.strategy_row
    signals = signals_of(conn, name, as_of)
    said = np.zeros((len(desk.strategies), len(desk.symbols)), dtype=np.int8)
    for signal in signals:
        n, spoken = column[signal["symbol"]], result.market.signals[signal["strategy"]]
        said[row[signal["strategy"]], n] = signal["direction"]
        for field in ("direction", "strength", "confidence", "reason"):
            assert signal[field] == getattr(spoken, field)[one.t, n], (as_of, signal)
    listed = [n for n, symbol in enumerate(desk.symbols) if symbol in known_symbols(conn, name, as_of)]
    np.testing.assert_array_equal(said[:, listed], result.market.direction[one.t][:, listed])
    targets = targets_of(conn, name, as_of)
    for field in ("held", "quantity", "cause"):
        found = np.zeros(said.shape)
        for target in targets:
            found[row[target["strategy"]], column[target["symbol"]]] = target[field]
        np.testing.assert_array_equal(found, getattr(one.targets, field), err_msg=f"{as_of} {field}")
    for target in targets:
        place = row[target["strategy"]], column[target["symbol"]]
        for field in Carried.names():
            assert target[field] == pytest.approx(getattr(one.targets.carried, field)[place], rel=1e-9)
    told = [(kept.rule, kept.symbol, kept.action, kept.after) for kept in verdicts_of(conn, name, as_of)]
    ours = [(kept.rule, kept.symbol, kept.action, kept.after) for kept in one.gated.verdicts(desk.symbols)]
    assert sorted(told) == sorted(ours), as_of
    for table, count in (("signals", len(signals)), ("targets", len(targets))):
        silent = read_row(conn, "silent_count", book=name, as_of=as_of, table_name=table)
        assert silent is not None
        assert silent["strategies"] == len(desk.strategies)
        assert count < len(desk.strategies) * len(listed), f"every row of {table} is there"


def known_symbols(conn: db.Connection, book: str, as_of: object) -> set[str]:
    """The symbols that the decision's panel had."""
    with conn.cursor() as cursor:
        cursor.execute("SELECT symbol FROM nightdesk.factors WHERE book = %s AND as_of = %s", (book, as_of))
        return {row[0] for row in cursor.fetchall()}
