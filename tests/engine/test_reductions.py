"""A SELL through many decisions: what the gate holds back, or no market takes, is asked for until done."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from tests.engine.desks import book, day, desk, state
from tests.research.backtest.panels import LAST, seeded_panel

from nightdesk.engine import Carried, Desk, State, gate, targets
from nightdesk.research.backtest.run import backtest
from nightdesk.strategies import Direction

SELL, HOLD, BUY = Direction.SELL, Direction.HOLD, Direction.BUY
TREND = "time_series_momentum"
TURNED = np.array([[SELL, HOLD]], dtype=np.int8)


def decided(made: Desk, now: State, said: Direction, before: Direction, **changed: Any) -> tuple[Any, Any]:
    """Targets of a session in which gold is said so of, and was so before; and what the gate leaves."""
    previous = np.array([[before, HOLD]], dtype=np.int8)
    today = day([said, HOLD], previous_direction=previous, **changed)
    wanted = targets(made, now, today)
    return wanted, gate(made, now, today, wanted).quantity


def holding(quantity: int, reduce_to: float) -> State:
    carried = replace(Carried.nothing((1, 2)), reduce_to=np.array([[reduce_to, 0.0]]))
    return replace(state((TREND, "GLD", quantity)), carried=carried)


def test_what_the_gate_holds_back_is_asked_for_again_until_it_is_done() -> None:
    """The session's turnover lets a tenth of the sale through: the next sessions ask for the rest."""
    made = desk(limits={"max_weight": {}, "turnover_per_day": {"limit": 0.04}})
    quantity, before, owed, found = 200, HOLD, 0.0, []
    for _ in range(5):
        wanted, left = decided(made, holding(quantity, owed), SELL, before)
        found.append((float(wanted.quantity[0, 0]), float(wanted.carried.reduce_to[0, 0]), float(left[0, 0])))
        quantity, before, owed = int(left[0, 0]), SELL, float(wanted.carried.reduce_to[0, 0])
    assert found == [
        *((100.0, 100.0, 160.0), (100.0, 100.0, 120.0), (100.0, 100.0, 100.0)),
        *((100.0, 0.0, 100.0), (100.0, 0.0, 100.0)),
    ]


def test_a_signal_that_turns_ends_what_is_still_to_be_sold() -> None:
    wanted, _ = decided(desk(), holding(200, 100.0), BUY, SELL)
    assert wanted.carried.reduce_to[0, 0] == 0.0
    assert wanted.quantity[0, 0] != 100.0


@pytest.mark.parametrize("ratio", [4.0, 0.5])
def test_a_split_restates_what_is_still_to_be_sold(ratio: float) -> None:
    held = int(200 * ratio)
    wanted, _ = decided(desk(), holding(held, 100.0), SELL, SELL, splits={"GLD": ratio})
    assert wanted.carried.reduce_to[0, 0] == wanted.quantity[0, 0] == 100.0 * ratio


def test_a_split_after_it_is_done_asks_for_no_more() -> None:
    wanted, _ = decided(desk(), holding(150, 50.0), SELL, SELL, splits={"GLD": 3.0})
    assert (wanted.carried.reduce_to[0, 0], wanted.quantity[0, 0]) == (0.0, 150.0)


def test_in_quarantine_nothing_is_sold_and_nothing_is_forgotten() -> None:
    shut = np.array([True, False])
    wanted, left = decided(desk(), holding(200, 0.0), SELL, HOLD, quarantined=shut)
    assert (wanted.carried.reduce_to[0, 0], left[0, 0]) == (100.0, 200.0)


#: Limit orders that ask for a better price than the close: many of them find no market.
MISSED = {"type": "limit", "limit_offset_bps": -60}


@pytest.mark.parametrize(
    "changed",
    [
        {"limits": {"max_weight": {}, "turnover_per_day": {"limit": 0.03}}},
        {"limits": {"max_weight": {}, "rebalance_threshold": {"limit": 0.10}}},
        {"orders": MISSED},
    ],
    ids=["turnover", "threshold", "no market"],
)
def test_every_sell_of_a_backtest_goes_on_until_it_is_done_or_turned(changed: dict[str, Any]) -> None:
    made = book(quality={"failed_share": 0.6}, **changed)
    result = backtest(made, seeded_panel(made), date(2019, 1, 2), LAST)
    again = done = 0
    for one in result.decided:
        said, owed = result.market.direction[one.t], one.targets.carried.reduce_to
        held, wanted = one.targets.held, one.targets.quantity
        asks = (owed > 0) & (said == SELL)
        assert (wanted[asks] <= owed[asks]).all()
        assert (held[asks] > owed[asks]).all()
        assert (owed[said > HOLD] == 0).all()
    for before, after in zip(result.decided, result.decided[1:], strict=False):
        still = (before.targets.carried.reduce_to > 0) & (result.market.direction[after.t] == SELL)
        undone = after.targets.held > before.targets.carried.reduce_to
        assert ((after.targets.carried.reduce_to > 0) == undone)[still].all()
        again, done = again + int((still & undone).sum()), done + int((still & ~undone).sum())
    assert again >= 5, "nothing was ever held back"
    assert done >= 1, "nothing was ever done"
