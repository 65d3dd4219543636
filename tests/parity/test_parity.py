"""One decision, three drivers: the steps on PostgreSQL and the backtest in memory decide the same."""

from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.bundles import spreads
from tests.conftest import PROJECT, open_connection
from tests.parity import taking_turns
from tests.parity.checks import same_sessions
from tests.session.quick_checks import check_quickly

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.engine.exits import Cause, other_of
from nightdesk.operations.verify import verify
from nightdesk.portfolio.sizing import BOTH_SIDES
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.risk_state_rows import level_changes
from nightdesk.strategies import Signals, SignalSide, View, register
from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum

#: The crash of 2020 lies within the first 80 sessions.
INCEPTION = date(2019, 12, 2)

#: The day before the crash begins; a month, in which the rotation allocates, opens in the midst of it.
BEFORE_THE_CRASH = date(2020, 2, 20)

LIMITS = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())["limits"]


@register
class SlowMomentum(TimeSeriesMomentum):
    """A second strategy beside the book's own, so that orders and fills are shared; it sells short too."""

    name = "slow_momentum_of_parity"
    sides = BOTH_SIDES

    def signals(self, view: View) -> Signals:
        said = super().signals(view)
        return replace(
            said, side=np.where(said.direction < 0, SignalSide.SHORT, SignalSide.LONG).astype(np.int8)
        )


#: Odd shares, so that units and cents do not divide evenly.
TWO_STRATEGIES = {
    "strategies": {
        "time_series_momentum": {"share": 0.61},
        "slow_momentum_of_parity": {
            "share": 0.37,
            "params": {"window": 120},
            "exits": {"stop": {"share": 0.006}, "target": {"atr": 0.6}},
        },
    },
    "regime": [
        {"name": "CALM", "below": 14, "capital": {"slow_momentum_of_parity": 0.9}},
        {"name": "REST", "capital": {"time_series_momentum": 0.8}},
    ],
    "margin": {"kind": "reg_t"},
    "financing": {"debit_rate": 0.06, "borrow_rate": 0.005},
}

#: A breaker so near that the falls of these sessions trip it: the book only reduces from then on.
BREAKER = {"limits": {**LIMITS, "daily_loss": {"limit": -0.0005, "kills": True}}}

#: Limits so close to the close that some fill at the open, some later and some not at all.
LIMIT_ORDERS = {"orders": {"type": "limit", "limit_offset_bps": -10}}


#: Buys and sells by turns, at a loss as often as not: then its purchases are refused for 30 days.
WASH_SALES = {
    **taking_turns.BOOK,
    "strategies": {taking_turns.EvenDays.name: {"share": 0.4, "sizing": taking_turns.TenUnits.name}},
    "limits": {"max_weight": {}, "wash_sale": {"purchases": "refuse"}, "pattern_day_trader": {}},
}


#: Strategies that rank five funds, beside a benchmark that may not be traded and takes no rank among them.
RANKS_OF_FIVE = {
    "strategies": {
        "cross_sectional_momentum": {"share": 0.5},
        "rotation": {"share": 0.5, "sizing": "risk_parity"},
    },
    "universe": {symbol: {"max_weight": 0.4} for symbol in ("GLD", "QQQ", "TLT", "XLE", "EEM")},
    "levels": None,
    "limits": {"max_weight": {}, "cash_buffer": {"limit": 0.05}},
}

#: Conditions on entries of which some hold, some do not and some are not known, beside a strategy's own.
ENTRY_CONDITIONS = {
    **TWO_STRATEGIES,
    "portfolio": {
        "volatility_target": 0.08,
        "entry_condition": ["vix < 14", "close > sma_5 and volume > 0", "ta.mfi(14) < 80 or rsi_14 > 0"],
    },
    "strategies": {
        **TWO_STRATEGIES["strategies"],
        "time_series_momentum": {"share": 0.61, "entry_condition": "momentum_1 / (rank_momentum_60 - 1) < 0"},
    },
}

#: Sessions.
A_YEAR = 250


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("first", "count", "changed"),
    [
        (BEFORE_THE_CRASH, 15, {}),
        (INCEPTION, 12, TWO_STRATEGIES),
        (INCEPTION, 10, LIMIT_ORDERS),
        (INCEPTION, 8, ENTRY_CONDITIONS),
        (INCEPTION, 9, BREAKER),
        (INCEPTION, 8, taking_turns.BOOK),
        (INCEPTION, 7, WASH_SALES),
        (INCEPTION, 8, RANKS_OF_FIVE),
        (BEFORE_THE_CRASH, 12, spreads.BOOK),
        pytest.param(INCEPTION, A_YEAR, {}, marks=pytest.mark.slow),
        pytest.param(INCEPTION, A_YEAR, LIMIT_ORDERS, marks=pytest.mark.slow),
    ],
    ids=[
        "crash",
        "two_strategies",
        "limit_orders",
        "entry_conditions",
        "breaker",
        "taking_turns",
        "wash_sales",
        "ranks_of_five",
        "bundles",
        "year",
        "year_of_limit_orders",
    ],
)
def test_the_steps_and_the_backtest_decide_the_same_to_the_cent(
    first: date,
    count: int,
    changed: dict[str, object],
    database: str,
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    if count < A_YEAR:
        check_quickly(monkeypatch)
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    tree["feeds"] = {"daily": [f"files:{market}"]}
    tree |= changed
    path = tmp_path / "multi_asset.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    book = load_book(path)
    sessions = [as_date(one) for one in get_calendar().between(first, date(2021, 12, 31))[:count]]

    panel = read_market(book, origin_of(book, first), sessions[-1]).panel
    result = backtest(book, panel, sessions[0], sessions[-1])
    assert ("rotation" in book.strategies) == any(
        one.targets.carried.allocation.any() for one in result.decided
    )
    with open_connection(database) as conn:
        for session in sessions:
            with open_context(path, session, conn=conn, turn_seconds=0) as context:
                run_session(context)
        same_sessions(result, conn)
        moves = (one.gated.judged.change for one in result.decided)
        assert level_changes(conn, book.name) == tuple(move for move in moves if move is not None)
        assert verify(conn, book.name).differences == ()
        switch = kill_switch(conn, book.name, date.max)
        assert [event.session for event in result.events] == ([switch.session] if switch.on else [])
        assert switch.on == (changed is BREAKER)

    fills = [fill for one in result.decided for fill in one.fills]
    assert len(fills) >= count / 4, "a parity without trades shows nothing"
    if not changed:
        owed = [one.targets.carried.reduce_to > 0 for one in result.decided]
        again = [(before & after).any() for before, after in pairwise(owed)]
        assert sum(again) >= 3, "no sale was asked for again"
    if changed is TWO_STRATEGIES:
        told = {int(cause) for one in result.decided for cause in one.targets.cause.flat}
        assert {Cause.STOP, Cause.TARGET} <= told, "no stop or no target was reached"
        assert any((one.targets.held[1] < 0).any() for one in result.decided), "nothing was sold short"
        assert len({int(result.market.band[one.t]) for one in result.decided}) == 2, "one regime only"
    if changed is ENTRY_CONDITIONS:
        _show_conditions(result)
    if changed is taking_turns.BOOK:
        assert sum(len(one.crosses) for one in result.decided) >= 3 * count, "nothing changed hands"
    if changed is WASH_SALES:
        spoken = [verdict for one in result.decided for verdict in one.gated.verdicts(result.desk.symbols)]
        refused = [one for one in spoken if one.rule == "wash_sale" and one.action == "reject"]
        assert len(refused) >= 5, "no purchase was refused"
    if changed is spreads.BOOK:
        spreads.shows_everything(result)
    if changed is LIMIT_ORDERS:
        ends = _ends(result)
        assert min(ends.values()) >= 2, f"not every end of a limit order is shown: {ends}"


def _show_conditions(result: Result) -> None:
    """Several conditions took entries away, for one strategy or both, and one of them divided by zero."""
    gone = [dropped for one in result.decided for dropped in one.targets.dropped]
    assert {dropped.filter for dropped in gone} == {"condition"}
    assert len({other_of(result.desk, dropped) for dropped in gone}) >= 2
    assert {dropped.strategy for dropped in gone} == {0, 1}


def _ends(result: Result) -> dict[str, int]:
    """How many limit orders were filled at the open, at their limit, and not at all."""
    limit = {order.client_order_id: order.limit_price for one in result.decided for order in one.orders}
    fills = [fill for one in result.decided for fill in one.fills]
    at_limit = sum(fill.price == limit[fill.client_order_id] for fill in fills)
    reasons = [rest.reason for one in result.decided for rest in one.expired]
    missed = sum("was not reached" in reason for reason in reasons)
    return {"open": len(fills) - at_limit, "limit": at_limit, "missed": missed}
