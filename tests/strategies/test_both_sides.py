"""A strategy on whole bars that trades both sides keeps what every strategy must keep."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.engine.desks import desk

from nightdesk import factors
from nightdesk.core.withheld import Withheld
from nightdesk.engine import observe
from nightdesk.strategies import Direction, SignalAction, Signals, SignalSide, Strategy, View
from nightdesk.strategies.comparing import above, below
from nightdesk.strategies.strategy import BAR
from nightdesk.strategies.swing import confidences, first_that_holds
from nightdesk.strategies.words import TOO_LITTLE_HISTORY
from nightdesk.testing.random_panels import random_panel
from nightdesk.testing.strategy_contract import VIX, StrategyContract, view_of


class Reversal(Strategy):
    """Buy a session that closes near its high, sell one that closes near its low, where much was traded."""

    name = "reversal_of_a_test"
    factors = ("dollar_volume_20",)
    sides = frozenset({SignalSide.LONG, SignalSide.SHORT})

    def signals(self, view: View) -> Signals:
        place = (view.close - view.low) / np.where(view.high > view.low, view.high - view.low, np.nan)
        much = above(view.volume * view.open, view.factors["dollar_volume_20"])
        direction, reason = first_that_holds(
            [
                (1, Direction.BUY, above(place, 0.8) & much),
                (2, Direction.SELL, below(place, 0.2) & much),
                (3, Direction.BUY, above(place, 0.6)),
                (4, Direction.HOLD, np.isnan(place * view.volume * view.open) | np.isnan(place)),
            ],
            0,
        )
        side = np.select(
            [reason == 2, reason == 3], [SignalSide.SHORT, SignalSide.SHORT], SignalSide.LONG
        ).astype(np.int8)
        sure = confidences(np.where(direction == 0, 0, 1).astype(np.int8), np.full(place.shape, 0.8))
        return Signals(direction, np.sign(direction).astype(np.float64), sure, reason, side)

    @property
    def words(self) -> Mapping[int, str]:
        bar = "{close:.2f} between {low:.2f} and {high:.2f}"
        much = "{volume:.0f} units at {open:.2f} are much"
        return {
            0: f"in the middle: {bar}",
            1: f"near the high: {bar}, {much}",
            2: f"near the low: {bar}, {much}",
            3: f"above the middle: {bar}",
            4: TOO_LITTLE_HISTORY,
        }

    @property
    def needs(self) -> tuple[str, ...]:
        return (*BAR, *self.factors)


class TestReversal(StrategyContract):
    name: ClassVar[str] = Reversal.name

    @pytest.fixture
    def strategy(self) -> Strategy:
        return Reversal(Reversal.Params())

    test_it_is_registered_and_its_factors_exist = None  # type: ignore[assignment]


def test_it_enters_and_leaves_on_both_sides() -> None:
    strategy = Reversal(Reversal.Params())
    found = strategy.signals(view_of(strategy, random_panel(1)))
    said = set(zip(found.side.flat, found.action.flat, strict=True))
    assert said >= {
        (SignalSide.LONG, SignalAction.ENTER),
        (SignalSide.SHORT, SignalAction.ENTER),
        (SignalSide.SHORT, SignalAction.LEAVE),
    }


def test_a_bar_that_is_withheld_is_missing_in_all_its_fields() -> None:
    made, panel = desk(), random_panel(1)
    others = tuple(f"X{n}" for n in range(len(panel.symbols) - 3))
    panel = replace(panel, symbols=("GLD", "SPY", *others, VIX))
    found = factors.compute(panel, made.factor_names, benchmark="SPY", universe=2)
    bars = np.zeros(panel.close.shape, dtype=bool)
    bars[300, 0] = True
    view = observe(made, panel, found, withheld=replace(Withheld.nothing(panel), bars=bars)).view
    for name in BAR:
        seen = getattr(view, name)
        assert np.isnan(seen[300, 0])
        assert_array_equal(seen[299], getattr(panel, name)[299, :2])
        assert_array_equal(seen[300, 1], getattr(panel, name)[300, 1])
