"""Leverage sizing, as tables of one symbol's situation and what is wanted of it; and as properties."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.core.errors import Refused
from nightdesk.portfolio import Ask, make
from nightdesk.portfolio.sizing import entered, left
from nightdesk.strategies import Direction, SignalSide

LONG, SHORT = SignalSide.LONG, SignalSide.SHORT
STRONG_BUY, STRONG_SELL, HOLD = Direction.STRONG_BUY, Direction.STRONG_SELL, Direction.HOLD
EQUITY, PRICE = 100_000.0, 50.0
#: Units of a position at a leverage of 1.
UNLEVERED = EQUITY * 0.20 / PRICE


def sizing(**params: float) -> Any:
    return make("leverage", params, path="strategies.five.sizing")


def ask(
    strength: float,
    confidence: float = 1.0,
    held: float = 0.0,
    said: tuple[Direction, SignalSide] | None = None,
    price: float = PRICE,
    entry_factor: float = 1.0,
) -> Ask:
    """A symbol in a book of 100,000 dollars; entered on the side of the strength unless `said` is given."""
    way = said or ((STRONG_BUY, LONG) if strength > 0 else (STRONG_SELL, SHORT))
    direction, side = (np.array([one], dtype=np.int8) for one in way)
    units = np.array([held])
    return Ask(
        held=units,
        direction=direction,
        previous_direction=np.zeros(1, dtype=np.int8),
        enters=entered(direction, side),
        leaves=left(direction, side, units),
        left_before=np.zeros(1, dtype=bool),
        confidence=np.array([confidence]),
        strength=np.array([strength]),
        factors={},
        price=np.array([price]),
        capital=EQUITY,
        max_weight=np.array([0.60]),
        volatility_target=np.array([0.15]),
        buy_fraction=0.6,
        entry_factor=entry_factor,
        returns=np.zeros((60, 1)),
        costs=np.array([0.0015]),
        allocation=np.zeros(1),
        reduce_to=np.zeros(1),
        opens_month=False,
    )


def wanted(*given: Any, params: dict[str, float] | None = None, **also: Any) -> float:
    (units,) = sizing(**(params or {})).quantities(ask(*given, **also)).tolist()
    return float(units)


@pytest.mark.parametrize(
    ("strength", "confidence", "units"),
    [
        (0.5, 1.0, UNLEVERED * (1 + 2 * math.tanh(1.0))),
        (-0.5, 1.0, -UNLEVERED * (1 + 2 * math.tanh(1.0))),
        (0.25, 0.7, UNLEVERED * (1 + 2 * 0.7 * math.tanh(0.5))),
        (-0.06, 0.9, -UNLEVERED * (1 + 2 * 0.9 * math.tanh(0.12))),
        (1.0, 1.0, UNLEVERED * (1 + 2 * math.tanh(2.0))),
    ],
)
def test_the_notional_follows_the_conviction_with_its_side(
    strength: float, confidence: float, units: float
) -> None:
    assert wanted(strength, confidence) == pytest.approx(units, rel=1e-12)


@pytest.mark.parametrize(
    ("strength", "confidence", "held", "units"),
    [
        (0.04, 1.0, 0.0, 0.0),  # c = 0.08: nothing opens,
        (-0.04, 1.0, 0.0, 0.0),
        (0.04, 1.0, 300.0, 300.0),  # what is on the same side stays as it is,
        (-0.04, 1.0, -300.0, -300.0),
        (0.04, 1.0, -300.0, 0.0),  # and what is on the other side is closed
        (-0.04, 1.0, 300.0, 0.0),
        (0.5, 0.0, 300.0, 300.0),  # no confidence is no conviction
        (0.5, 0.0, -300.0, 0.0),
        (0.06, 1.0, -300.0, UNLEVERED * (1 + 2 * math.tanh(0.12))),  # outside a position is turned
        (-0.06, 1.0, 300.0, -UNLEVERED * (1 + 2 * math.tanh(0.12))),
    ],
)
def test_the_dead_band(strength: float, confidence: float, held: float, units: float) -> None:
    assert wanted(strength, confidence, held) == pytest.approx(units, rel=1e-12)


def test_the_edge_of_the_dead_band_is_outside_of_it() -> None:
    edge = math.tanh(2 * 0.05)
    assert wanted(0.05, params={"dead_band": edge}) > 0.0
    assert wanted(0.05, params={"dead_band": math.nextafter(edge, 1.0)}) == 0.0


def test_without_a_band_the_smallest_conviction_opens_a_fifth_of_the_capital() -> None:
    """The jump at zero that the formula has as designed."""
    none = {"dead_band": 0.0}
    assert wanted(1e-9, params=none) == pytest.approx(UNLEVERED)
    assert wanted(-1e-9, params=none) == pytest.approx(-UNLEVERED)
    assert wanted(0.0, said=(STRONG_BUY, LONG), params=none) == 0.0


@pytest.mark.parametrize(
    ("said", "held", "units"),
    [
        ((HOLD, LONG), 300.0, 300.0),
        ((HOLD, SHORT), -300.0, -300.0),
        ((STRONG_SELL, LONG), 300.0, 0.0),
        ((Direction.SELL, LONG), 300.0, 0.0),
        ((STRONG_BUY, SHORT), -300.0, 0.0),
        ((STRONG_BUY, SignalSide.EITHER), -300.0, 0.0),
    ],
)
def test_a_hold_keeps_and_a_signal_to_leave_ends(
    said: tuple[Direction, SignalSide], held: float, units: float
) -> None:
    assert wanted(0.9, held=held, said=said) == units


def test_a_position_is_capped_by_the_largest_leverage() -> None:
    assert wanted(1.0, params={"slope": 9.0}) == pytest.approx(UNLEVERED * 3.0)
    assert wanted(-1.0, params={"slope": 9.0, "max_leverage": 2.0}) == pytest.approx(-UNLEVERED * 2.0)


@pytest.mark.parametrize(
    ("held", "factor", "units"),
    [
        (0.0, 0.5, 0.5 * UNLEVERED * (1 + 2 * math.tanh(1.0))),
        (900.0, 0.5, 900.0),  # more than half is held: it is kept
        (2000.0, 0.5, UNLEVERED * (1 + 2 * math.tanh(1.0))),  # a reduction is whole
        (-900.0, 0.0, 0.0),  # a turn leaves the old side and opens nothing
        (0.0, 0.0, 0.0),
    ],
)
def test_the_regime_makes_additions_smaller_and_sells_nothing(
    held: float, factor: float, units: float
) -> None:
    assert wanted(0.5, held=held, entry_factor=factor) == pytest.approx(units, rel=1e-12)


@pytest.mark.parametrize("held", [0.0, 300.0, -300.0])
@pytest.mark.parametrize("strength", [0.5, 0.04, -0.04])
def test_without_a_price_nothing_changes(held: float, strength: float) -> None:
    assert wanted(strength, held=held, price=math.nan) == held


def test_people_see_how_it_came_to_its_quantity() -> None:
    found = sizing().figures(ask(-0.25, 0.7))
    assert {name: values.tolist() for name, values in found.items()} == {
        "conviction": [pytest.approx(-0.7 * math.tanh(0.5))],
        "leverage": [pytest.approx(1 + 1.4 * math.tanh(0.5))],
        "wanted_units": [pytest.approx(-UNLEVERED * (1 + 1.4 * math.tanh(0.5)))],
        "equity_cap": [pytest.approx(UNLEVERED * 3.0)],
        "in_dead_band": [0.0],
    }
    assert sizing().figures(ask(0.04))["in_dead_band"].tolist() == [1.0]


def test_nothing_is_told_of_a_symbol_that_is_not_entered() -> None:
    found = sizing().figures(ask(0.5, held=300.0, said=(HOLD, LONG)))
    assert all(np.isnan(values).all() for values in found.values())


SURE = st.floats(0.0, 1.0)


@given(st.floats(-1.0, 1.0), SURE, st.floats(-4000.0, 4000.0), st.sampled_from([0.0, 0.05, 0.1, 0.5]))
def test_no_position_is_above_its_cap_and_none_grows_inside_the_band(
    strength: float, confidence: float, held: float, band: float
) -> None:
    params = {"dead_band": band}
    units = wanted(strength, confidence, held, params=params)
    c = math.tanh(2 * abs(strength)) * confidence
    if c < band or c == 0.0:
        assert units in (held, 0.0)
    else:
        assert UNLEVERED * (1 - 1e-12) <= abs(units) <= UNLEVERED * 3.0
        assert units * strength > 0


@given(SURE, SURE, SURE, st.floats(-4000.0, 4000.0))
def test_more_strength_or_confidence_never_wants_less(
    one: float, other: float, confidence: float, held: float
) -> None:
    less, more = sorted((one, other))
    assert wanted(less, confidence, said=(STRONG_BUY, LONG)) <= wanted(
        more, confidence, said=(STRONG_BUY, LONG)
    )
    assert wanted(confidence, less, said=(STRONG_BUY, LONG)) <= wanted(
        confidence, more, said=(STRONG_BUY, LONG)
    )


@given(st.floats(-1.0, 1.0).filter(bool), SURE, st.floats(-4000.0, 4000.0))
def test_a_short_is_the_mirror_of_a_long(strength: float, confidence: float, held: float) -> None:
    assert wanted(strength, confidence, held) == -wanted(-strength, confidence, -held)


@pytest.mark.parametrize(
    ("params", "place"),
    [
        ({"share": 0.0}, "share"),
        ({"dead_band": 1.0}, "dead_band"),
        ({"slope": -1.0}, "slope"),
        ({"x": 1}, "x"),
    ],
)
def test_an_impossible_number_is_refused_with_its_place(params: dict[str, float], place: str) -> None:
    with pytest.raises(Refused, match=rf"sizing_params\.{place}"):
        sizing(**params)
