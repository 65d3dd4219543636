"""Orders that rest on paper: the steps on PostgreSQL and the backtest in memory decide and fill the same."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import PROJECT, open_connection
from tests.parity.checks import same_sessions
from tests.parity.test_parity import BEFORE_THE_CRASH, INCEPTION, TWO_STRATEGIES
from tests.session.quick_checks import check_quickly
from tests.session.resting_terms import COIN

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.operations.verify import verify
from nightdesk.orders.order import entry_id, leg_filled
from nightdesk.orders.resting import protects
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.tables import order_rows
from nightdesk.research.backtest.trades import trade_rows
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.db import Connection
from nightdesk.store.protection_rows import protections_of

#: So near that both legs are reached within days, by longs and by shorts, and bars reach both.
NEAR = {"protective": {"stop": 0.006, "target": 0.008}}
#: Where the strategies' own exits are, of those that have some.
BY_STRATEGY = {
    "strategies": {
        **TWO_STRATEGIES["strategies"],
        "slow_momentum_of_parity": {
            **TWO_STRATEGIES["strategies"]["slow_momentum_of_parity"],
            "protective": {"stop": "strategy", "target": "strategy"},
        },
    }
}
#: The same, and what rests goes to the broker together with the entry.
BRACKETS = {"protective": {**NEAR["protective"], "bracket": True}}
STOPS_IN_BRACKETS = {"protective": {"stop": 0.006, "bracket": True}}
#: So little volume may be taken that what rests is executed in parts.
LITTLE_VOLUME = {"broker": {"account": "paper-main", "max_volume_share": 0.000002}}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("first", "count", "changed"),
    [
        (INCEPTION, 14, {**TWO_STRATEGIES, **NEAR}),
        (INCEPTION, 10, {**TWO_STRATEGIES, **BY_STRATEGY}),
        (BEFORE_THE_CRASH, 8, {"protective": {"stop": 0.03}}),
        (BEFORE_THE_CRASH, 8, {"protective": {"stop": 0.01}, **LITTLE_VOLUME}),
        (INCEPTION, 12, {**TWO_STRATEGIES, **BRACKETS}),
        (BEFORE_THE_CRASH, 8, STOPS_IN_BRACKETS),
        (BEFORE_THE_CRASH, 6, {**STOPS_IN_BRACKETS, **LITTLE_VOLUME}),
        pytest.param(INCEPTION, 120, {**TWO_STRATEGIES, **NEAR}, marks=pytest.mark.slow),
    ],
    ids=[
        "near",
        "by_strategy",
        "crash",
        "in_parts",
        "brackets",
        "brackets_of_stops",
        "brackets_in_parts",
        "half_a_year",
    ],
)
def test_what_rests_is_planned_and_filled_the_same_to_the_cent(
    first: date,
    count: int,
    changed: dict[str, Any],
    database: str,
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    tree["feeds"] = {"daily": [f"files:{market}"]}
    brackets = bool(changed.get("protective", {}).get("bracket"))
    if brackets:  # of whole units
        del tree["universe"][COIN]
        tree["levels"]["first_out"] = [one for one in tree["levels"]["first_out"] if one != COIN]
    path = tmp_path / "multi_asset.yaml"
    path.write_text(yaml.safe_dump(tree | changed, sort_keys=False))
    book = load_book(path)
    sessions = [as_date(one) for one in get_calendar().between(first, date(2021, 12, 31))[:count]]
    panel = read_market(book, origin_of(book, first), sessions[-1]).panel
    result = backtest(book, panel, sessions[0], sessions[-1])
    with open_connection(database) as conn:
        for session in sessions:
            with open_context(path, session, conn=conn, turn_seconds=0) as context:
                run_session(context)
        same_sessions(result, conn)
        assert verify(conn, book.name).differences == ()
        for one in result.decided:
            stored = protections_of(conn, book.name, result.market.closes[one.t])
            mine = sorted(one.protected, key=lambda each: (each.strategy, each.symbol, each.resting))
            names = ("strategy", "symbol", "action", "held", "wanted", "resting", "words")
            assert [[asdict(each)[name] for name in names] for each in stored] == [
                [asdict(each)[name] for name in names] for each in mine
            ]
            placed = ["" if each.order is None else each.order.client_order_id for each in mine]
            assert [each.placed for each in stored] == placed
        became = {
            name: (status, filled)
            for name, status, filled in query(conn, "SELECT client_order_id, status, filled_quantity")
        }
    newest = {order.client_order_id for order in result.decided[-1].orders}
    for row in order_rows(result):
        if row[1] not in newest:
            assert (row[9], row[10]) == became[row[1]], row
    _never_more_than_is_held(result)
    assert any("the order that rested at" in str(row[-1]) for row in trade_rows(result))
    shown = _shown(result)
    assert shown["stop"] >= 2, shown
    if brackets:
        _brought_with_their_entries(result)
    if changed.get("protective") == NEAR["protective"]:
        assert shown["target"] >= 2, shown


def _brought_with_their_entries(result: Result) -> None:
    """Exits rest for entries that were filled whole alone, some are executed in the session of their entry,
    and what is left of a position after it is protected once.
    """
    entries = {order.client_order_id: order for one in result.decided for order in one.orders}
    at_once = 0
    for one in result.decided:
        filled = {fill.client_order_id: fill.quantity for fill in one.fills}
        for fill in one.fills:
            entry = entry_id(fill.client_order_id)
            if entry is not None and entry in filled:
                assert filled[entry] == entries[entry].quantity
                at_once += 1
        protected = [(said.strategy, said.symbol) for said in one.protected if said.action != "cancel"]
        assert len(protected) == len(set(protected))
    assert at_once or "max_volume_share" in str(result.desk.book.broker)


def query(conn: Connection, columns: str) -> list[tuple[Any, ...]]:
    """Columns of all orders."""
    with conn.cursor() as cursor:
        cursor.execute(f"{columns} FROM nightdesk.orders")
        return cursor.fetchall()


def _never_more_than_is_held(result: Result) -> None:
    """No protective order was filled beyond its position: none has changed its side by one."""
    orders = {order.client_order_id: order for one in result.decided for order in one.orders}
    for before, one in zip(result.decided, result.decided[1:], strict=False):
        for fill in one.fills:
            order = orders[fill.client_order_id]
            if protects(order):
                key = (order.intents[0].strategy, order.symbol)
                held, now = (
                    0 if (found := at.state.ledger.positions.get(key)) is None else found.quantity
                    for at in (before, one)
                )
                assert held * now >= 0, (key, held, now)
                brought = entry_id(fill.client_order_id)
                opened = sum(each.quantity for each in one.fills if each.client_order_id == brought)
                assert fill.quantity <= abs(held) + opened


def _shown(result: Result) -> dict[str, int]:
    """How often each leg was filled, and how often what rests was kept and replaced."""
    orders = {order.client_order_id: order for one in result.decided for order in one.orders}
    counts = dict.fromkeys(("stop", "target", "keep", "replace", "cancel", "place"), 0)
    for one in result.decided:
        for fill in one.fills:
            order = orders[fill.client_order_id]
            if protects(order) and order.rests:
                counts[leg_filled(order, fill.price)] += 1
        for said in one.protected:
            counts[said.action] = counts.get(said.action, 0) + 1
    return counts
