"""Sizing by the stop, as a table of one symbol's situation and the units that are wanted of it."""

from dataclasses import replace

import numpy as np
import pytest
from tests.portfolio.test_weight import ask as weight_ask
from tests.portfolio.test_weight import said

from nightdesk.portfolio import Ask, make
from nightdesk.strategies import Direction, SignalSide

SIZING = make("stop_risk", path="strategies.reversion.sizing")
STRONG_BUY, BUY, HOLD = Direction.STRONG_BUY, Direction.BUY, Direction.HOLD
SELL, STRONG_SELL = Direction.SELL, Direction.STRONG_SELL
NAN = float("nan")

#: 5 % of 100,000 dollars in units of 100, with costs of 0.15 %.
CAP = 5_000 / (100 * 1.0015)


def ask(direction: Direction, *, stop: float = 2.0, held: float = 0.0, price: float = 100.0) -> Ask:
    """A symbol at 100 dollars in a book of 100,000; a trade costs 0.15 % of its notional."""
    of_weight = weight_ask(direction, held=held)
    return replace(of_weight, stop_distance=np.array([stop]), price=np.array([price]))


@pytest.mark.parametrize(
    ("asked", "units"),
    [
        (ask(BUY), CAP),
        (ask(STRONG_BUY), CAP),
        (ask(BUY, stop=20.0), CAP),
        (ask(BUY, stop=25.0), 40.0),
        (ask(BUY, stop=0.0), CAP),
        (ask(BUY, stop=NAN), 0.0),
        (ask(BUY, price=NAN), 0.0),
        (ask(HOLD), 0.0),
        (ask(SELL), 0.0),
        (ask(HOLD, held=7.0), 7.0),
        (ask(BUY, held=7.0), 7.0),
        (ask(BUY, held=7.0, stop=NAN), 7.0),
        (ask(SELL, held=7.0), 0.0),
        (ask(STRONG_SELL, held=7.0, stop=NAN, price=NAN), 0.0),
    ],
)
def test_what_is_wanted_of_a_symbol(asked: Ask, units: float) -> None:
    assert SIZING.quantities(asked)[0] == pytest.approx(units)


@pytest.mark.parametrize("price", [5.0, 100.0, 4_000.0])
def test_a_stop_at_two_percent_asks_for_half_of_the_capital_so_the_cap_decides(price: float) -> None:
    asked = ask(BUY, price=price, stop=0.02 * price)
    found = {name: float(values[0]) * price for name, values in SIZING.figures(asked).items()}
    assert found == {
        "units_by_risk": pytest.approx(50_000.0),
        "units_by_share": pytest.approx(5_000.0 / 1.0015),
    }
    assert SIZING.quantities(asked)[0] * price == pytest.approx(found["units_by_share"])


def test_a_fall_to_the_stop_costs_one_percent_of_the_capital_where_the_risk_decides() -> None:
    asked = ask(BUY, stop=30.0)
    assert SIZING.quantities(asked)[0] * 30.0 == pytest.approx(0.01 * asked.capital)


def test_nothing_is_shown_of_what_is_not_opened() -> None:
    for asked in (ask(HOLD), ask(BUY, held=7.0), ask(SELL, held=7.0)):
        assert all(np.isnan(values[0]) for values in SIZING.figures(asked).values())


def test_the_regime_makes_entries_smaller_and_leaves_what_is_held() -> None:
    assert SIZING.quantities(replace(ask(BUY), entry_factor=0.5))[0] == pytest.approx(CAP / 2)
    assert SIZING.quantities(replace(ask(BUY, held=7.0), entry_factor=0.0))[0] == 7.0


@pytest.mark.parametrize(
    ("direction", "side", "held", "units"),
    [
        (SELL, SignalSide.SHORT, 0.0, -CAP),
        (SELL, SignalSide.SHORT, -7.0, -7.0),
        (SELL, SignalSide.SHORT, 7.0, -CAP),
        (BUY, SignalSide.SHORT, -7.0, 0.0),
        (BUY, SignalSide.LONG, -7.0, CAP),
        (SELL, SignalSide.EITHER, -7.0, 0.0),
    ],
)
def test_a_short_is_sized_as_a_long_is(
    direction: Direction, side: SignalSide, held: float, units: float
) -> None:
    asked = replace(ask(direction, held=held), **said(direction, HOLD, held, side, one_sided=False))
    assert SIZING.quantities(asked)[0] == pytest.approx(units)
