"""ATR sizing, as a table of one symbol's situation and the units that are wanted of it."""

from dataclasses import replace

import numpy as np
import pytest
from tests.portfolio.test_weight import ask as weight_ask
from tests.portfolio.test_weight import said

from nightdesk.portfolio import Ask, make
from nightdesk.strategies import Direction, SignalSide

SIZING = make("atr_risk", path="strategies.swing.sizing")
STRONG_BUY, BUY, HOLD = Direction.STRONG_BUY, Direction.BUY, Direction.HOLD
SELL, STRONG_SELL = Direction.SELL, Direction.STRONG_SELL
NAN = float("nan")


def ask(direction: Direction, *, atr: float = 8.0, held: float = 0.0, price: float = 100.0) -> Ask:
    """A symbol at 100 dollars in a book of 100,000; a trade costs 0.15 % of its notional."""
    of_weight = weight_ask(direction, held=held)
    return replace(of_weight, factors={"atr_14": np.array([atr])}, price=np.array([price]))


@pytest.mark.parametrize(
    ("asked", "units"),
    [
        (ask(BUY), 1_000 / (2 * 8.0)),
        (ask(STRONG_BUY), 62.5),
        (ask(BUY, atr=4.0), 10_000 / (100 * 1.0015)),
        (ask(BUY, atr=10_000 / 1_000), 50.0),
        (ask(BUY, atr=0.0), 10_000 / (100 * 1.0015)),
        (ask(BUY, atr=NAN), 0.0),
        (ask(BUY, price=NAN), 0.0),
        (ask(HOLD), 0.0),
        (ask(SELL), 0.0),
        (ask(HOLD, held=7.0), 7.0),
        (ask(BUY, held=7.0), 7.0),
        (ask(BUY, held=7.0, atr=NAN), 7.0),
        (ask(SELL, held=7.0), 0.0),
        (ask(STRONG_SELL, held=7.0, atr=NAN, price=NAN), 0.0),
    ],
)
def test_what_is_wanted_of_a_symbol(asked: Ask, units: float) -> None:
    assert SIZING.quantities(asked)[0] == pytest.approx(units)


def test_a_fall_of_two_average_true_ranges_costs_one_percent_of_the_capital() -> None:
    asked = ask(BUY, atr=8.0)
    assert SIZING.quantities(asked)[0] * 2 * 8.0 == pytest.approx(0.01 * asked.capital)


def test_a_position_at_the_cap_costs_no_more_than_the_cap_with_its_costs() -> None:
    dear = replace(ask(BUY, atr=0.5), costs=np.array([0.05]))
    assert SIZING.quantities(dear)[0] * 100 * 1.05 == pytest.approx(10_000)


def test_the_regime_makes_entries_smaller_and_leaves_what_is_held() -> None:
    assert SIZING.quantities(replace(ask(BUY), entry_factor=0.5))[0] == pytest.approx(31.25)
    assert SIZING.quantities(replace(ask(BUY), entry_factor=0.0))[0] == 0.0
    assert SIZING.quantities(replace(ask(BUY, held=7.0), entry_factor=0.0))[0] == 7.0


@pytest.mark.parametrize(
    ("direction", "side", "held", "units"),
    [
        (SELL, SignalSide.SHORT, 0.0, -62.5),
        (SELL, SignalSide.SHORT, -7.0, -7.0),
        (SELL, SignalSide.SHORT, 7.0, -62.5),
        (BUY, SignalSide.SHORT, -7.0, 0.0),
        (BUY, SignalSide.SHORT, 7.0, 7.0),
        (SELL, SignalSide.LONG, -7.0, -7.0),
        (SELL, SignalSide.EITHER, -7.0, 0.0),
        (BUY, SignalSide.LONG, -7.0, 62.5),
    ],
)
def test_a_short_is_sized_as_a_long_is(
    direction: Direction, side: SignalSide, held: float, units: float
) -> None:
    asked = replace(ask(direction, held=held), **said(direction, HOLD, held, side, one_sided=False))
    assert SIZING.quantities(asked)[0] == pytest.approx(units)
