"""Stops: positions far below their average entry, cut once and until it is done."""

from decimal import Decimal

import numpy as np
import pytest

from nightdesk.core.exit_plan import Stop
from nightdesk.risk import Holding, RiskState, begin, carry, stop_out

STOP = Stop(halve=0.12, leave=0.18)
STOPS = {"SPY": STOP, "GLD": Stop(halve=0.05, leave=0.06)}


def after(*holdings: tuple[str, float, float], state: RiskState | None = None) -> RiskState:
    """The state after a session with these positions: symbol, units, fall since the average entry."""
    held = {symbol: Holding(units, fall) for symbol, units, fall in holdings}
    return stop_out(carry(state or begin(Decimal(100_000)), held, {}), held, STOPS)


@pytest.mark.parametrize(
    ("fall", "cap"),
    [
        (-0.50, None),
        (0.0, None),
        (0.12, None),
        (0.1201, 50.0),
        (0.18, 50.0),
        (0.1801, 0.0),
        (np.nan, None),
    ],
)
def test_a_position_is_halved_and_left_beyond_its_marks_not_at_them(fall: float, cap: float | None) -> None:
    assert after(("SPY", 100.0, fall)).stop_caps.get("SPY") == cap


def test_a_symbol_has_its_own_stop_or_none() -> None:
    state = after(("GLD", 10.0, 0.055), ("TLT", 10.0, 0.90))
    assert state.stop_caps == {"GLD": 5.0}


def test_a_position_is_halved_once() -> None:
    first = after(("SPY", 100.0, 0.13))
    second = after(("SPY", 50.0, 0.14), state=first)
    assert (second.stop_caps, second.halved) == ({}, {"SPY"})
    assert after(("SPY", 50.0, 0.19), state=second).stop_caps == {"SPY": 0.0}


def test_a_cut_that_was_not_filled_is_asked_again_and_no_deeper() -> None:
    state = after(("SPY", 100.0, 0.13))
    for _ in range(20):  # halted for weeks: no price of the session, no fill
        state = after(("SPY", 100.0, np.nan), state=state)
        assert state.stop_caps == {"SPY": 50.0}
    assert after(("SPY", 60.0, np.nan), state=state).stop_caps == {"SPY": 50.0}
    assert after(("SPY", 50.0, 0.13), state=state).stop_caps == {}


def test_a_position_that_was_closed_starts_anew() -> None:
    state = after(state=after(("SPY", 100.0, 0.13)))
    assert (state.stop_caps, state.halved) == ({}, set())
    assert after(("SPY", 80.0, 0.13), state=state).stop_caps == {"SPY": 40.0}


def test_a_short_position_is_stopped_by_its_size() -> None:
    assert after(("SPY", -100.0, 0.13)).stop_caps == {"SPY": 50.0}


def test_a_split_restates_what_is_still_to_be_cut() -> None:
    state = after(("SPY", 100.0, 0.13))
    carried = carry(state, {"SPY": Holding(400.0, 0.13)}, {"SPY": 4.0})
    assert carried.stop_caps == {"SPY": 200.0}


def test_a_stop_that_leaves_before_it_halves_is_refused() -> None:
    with pytest.raises(ValueError, match=r"halve 0\.2 lies beyond leave 0\.1"):
        Stop(halve=0.2, leave=0.1)
