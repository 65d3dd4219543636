"""One decision, three drivers: the steps on PostgreSQL and the backtest in memory decide the same."""

import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.conftest import PROJECT, open_connection
from tests.parity import taking_turns

from nightdesk.book import load_book
from nightdesk.calendar import as_date, get_calendar
from nightdesk.execution.money import PRICE_STEP
from nightdesk.pipeline.context import open_context
from nightdesk.pipeline.steps import run_session
from nightdesk.pipeline.verifying import verify
from nightdesk.research.backtest import Result, backtest
from nightdesk.research.market import origin_of, read_market
from nightdesk.store import db
from nightdesk.store.decisions import signals_of, targets_of, verdicts_of
from nightdesk.store.ledger import positions_of, read_entries, read_marks
from nightdesk.store.orders import crosses_of, fills_of, orders_of, slippage_rows
from nightdesk.store.risk import kill_switch
from nightdesk.strategies import register
from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum

#: The crash of 2020 lies within the first 80 sessions.
INCEPTION = date(2019, 12, 2)


LIMITS = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())["limits"]


@register
class SlowMomentum(TimeSeriesMomentum):
    """A second strategy beside the book's own, so that orders and fills are shared."""

    name = "slow_momentum_of_parity"


#: Odd shares, so that units and cents do not divide evenly.
TWO_STRATEGIES = {
    "strategies": {
        "time_series_momentum": {"share": 0.61},
        "slow_momentum_of_parity": {"share": 0.37, "params": {"window": 120}},
    }
}

#: A breaker so near that the falls of these sessions trip it: the book only reduces from then on.
BREAKER = {"limits": {**LIMITS, "daily_loss": {"limit": -0.0005, "kills": True}}}

#: Limits so close to the close that some fill at the open, some later and some not at all.
LIMIT_ORDERS = {"orders": {"type": "limit", "limit_offset_bps": -10}}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("count", "changed"),
    [
        (60, {}),
        (15, TWO_STRATEGIES),
        (25, LIMIT_ORDERS),
        (15, BREAKER),
        (14, taking_turns.BOOK),
        pytest.param(250, {}, marks=pytest.mark.slow),
        pytest.param(250, LIMIT_ORDERS, marks=pytest.mark.slow),
    ],
    ids=[
        "crash",
        "two_strategies",
        "limit_orders",
        "breaker",
        "taking_turns",
        "year",
        "year_of_limit_orders",
    ],
)
def test_the_steps_and_the_backtest_decide_the_same_to_the_cent(
    count: int,
    changed: dict[str, object],
    database: str,
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    tree["feeds"] = {"daily": [f"files:{market}"]}
    tree |= changed
    path = tmp_path / "multi_asset.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    book = load_book(path)
    sessions = [as_date(one) for one in get_calendar().between(INCEPTION, date(2021, 12, 31))[:count]]

    panel = read_market(book, origin_of(book, INCEPTION), sessions[-1]).panel
    result = backtest(book, panel, sessions[0], sessions[-1])
    with open_connection(database) as conn:
        for session in sessions:
            with open_context(path, session, conn=conn, turn_seconds=0) as context:
                run_session(context)
        for at, session in enumerate(sessions):
            _same_signals(result, at, conn, session)
            _same_targets(result, at, conn, session)
            _same_trades(result, at, conn, session)
        assert read_marks(conn, book.name) == tuple(one.state.mark for one in result.decided)
        stored = sorted(read_entries(conn, book.name), key=repr)
        assert stored == sorted(result.entries, key=repr)
        assert verify(conn, book.name).differences == ()
        switch = kill_switch(conn, book.name, date.max)
        assert [event.session for event in result.events] == ([switch.session] if switch.on else [])
        assert switch.on == (changed is BREAKER)

    fills = [fill for one in result.decided for fill in one.fills]
    assert len(fills) >= count / 4, "a parity without trades shows nothing"
    if changed is taking_turns.BOOK:
        assert sum(len(one.crosses) for one in result.decided) >= 3 * count, "nothing changed hands"
    if changed is LIMIT_ORDERS:
        ends = _ends(result)
        assert min(ends.values()) >= 2, f"not every end of a limit order is shown: {ends}"


def _ends(result: Result) -> dict[str, int]:
    """How many limit orders were filled at the open, at their limit, and not at all."""
    limit = {order.client_order_id: order.limit_price for one in result.decided for order in one.orders}
    fills = [fill for one in result.decided for fill in one.fills]
    at_limit = sum(fill.price == limit[fill.client_order_id] for fill in fills)
    reasons = [rest.reason for one in result.decided for rest in one.expired]
    missed = sum("was not reached" in reason for reason in reasons)
    return {"open": len(fills) - at_limit, "limit": at_limit, "missed": missed}


def _same_signals(result: Result, at: int, conn: db.Connection, session: date) -> None:
    decided, desk = result.decided[at], result.desk
    stored = {(row["strategy"], row["symbol"]): row for row in signals_of(conn, desk.book.name, session)}
    assert len(stored) == len(desk.strategies) * len(desk.symbols)
    for (strategy, symbol), row in stored.items():
        n, said = desk.column[symbol], result.market.signals[strategy]
        for name in ("direction", "strength", "confidence", "reason"):
            assert row[name] == getattr(said, name)[decided.t, n], (session, symbol, name)


def _same_targets(result: Result, at: int, conn: db.Connection, session: date) -> None:
    decided, desk = result.decided[at], result.desk
    stored = {(row["strategy"], row["symbol"]): row for row in targets_of(conn, desk.book.name, session)}
    for s, strategy in enumerate(desk.strategies):
        for n, symbol in enumerate(desk.symbols):
            row = stored[strategy, symbol]
            for name in ("held", "quantity", "weight", "confidence"):
                assert float(row[name]) == getattr(decided.targets, name)[s, n], (session, symbol, name)
    spoken = sorted(decided.gated.verdicts(desk.symbols), key=lambda one: (one.step, one.symbol))
    kept = verdicts_of(conn, desk.book.name, session)
    assert len(kept) == len(spoken)
    for one, other in zip(kept, spoken, strict=True):
        for name in one.__dataclass_fields__:
            mine, theirs = getattr(one, name), getattr(other, name)
            assert mine == theirs or (math.isnan(mine) and np.isnan(theirs)), (session, one, other)


def _same_trades(result: Result, at: int, conn: db.Connection, session: date) -> None:
    decided, book = result.decided[at], result.desk.book.name
    orders = {one.order.client_order_id: one.order for one in orders_of(conn, book, session)}
    assert orders == {order.client_order_id: order for order in decided.orders}
    assert fills_of(conn, book, session) == tuple(sorted(decided.fills, key=lambda fill: fill.execution_id))
    for one, fill in zip(slippage_rows(conn, book, session), fills_of(conn, book, session), strict=True):
        # What the model makes of the stored open is what the broker made of the open before it was rounded.
        assert abs(one.expected - one.realised) <= fill.quantity * PRICE_STEP
    assert crosses_of(conn, book, session) == tuple(sorted(decided.crosses, key=lambda one: one.symbol))
    positions = {(row["strategy"], row["symbol"]): row for row in positions_of(conn, book, session)}
    assert positions.keys() == decided.state.ledger.positions.keys()
    for key, position in decided.state.ledger.positions.items():
        for name in position.__dataclass_fields__:
            assert positions[key][name] == getattr(position, name), (session, key, name)
