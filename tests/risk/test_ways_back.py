"""No drawdown level keeps a book for ever but those that wait for a person, whatever happened before."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.random_books import levels

from nightdesk.core.drawdown_levels import Levels, MaxDrawdownLimit, WayBack
from nightdesk.core.exit_plan import Stop
from nightdesk.risk import Answer, Holding, RiskState, Signs, advance, begin, carry, stop_out

FIRST = date(2020, 1, 1)
#: Of a session: NAV against the one before, calm, correlations (average, lowest, symbols), a level set by
#: hand, a person's word, whether a person was asked.
PAST = st.lists(
    st.tuples(
        st.sampled_from([0.90, 0.96, 0.99, 0.9999, 1.0, 1.0, 1.01, 1.05]),
        st.booleans(),
        st.sampled_from([(0.1, 0.0, 5), (0.1, 0.0, 5), (0.1, 0.0, 5), (0.6, 0.1, 5), (0.9, 0.85, 5)]),
        st.sampled_from([0] * 8 + [1, 2, 3, 4]),
        st.sampled_from(["", "", "", "review", "confirm", "reject"]),
        st.booleans(),
    ),
    max_size=40,
)
HELD = {"SPY": 100.0, "GLD": 40.0}


@st.composite
def any_levels(draw: st.DrawFn) -> Levels:
    """Drawdown levels, or the one level that a largest drawdown is."""
    made = draw(levels())
    if draw(st.booleans()):
        return made
    way_back = {name: getattr(made, name) for name in WayBack.model_fields}
    return MaxDrawdownLimit(limit=draw(st.sampled_from([0.02, 0.15, 0.4])), **way_back).levels


def lived(chosen: Levels, past: list[Any]) -> tuple[RiskState, Signs]:
    """The state that a past leads to, and the signs of its last session."""
    state, nav, answer, asked = begin(Decimal(100_000)), Decimal(100_000), None, None
    signs = Signs(FIRST, nav, HELD, calm=True)
    for number, (move, calm, (average, lowest, symbols), forced, said, shown) in enumerate(past):
        session, nav = FIRST + timedelta(days=number), nav * Decimal(str(move))
        answer = Answer(session, said, "ann") if said else answer
        asked = session if shown and state.waits() else asked
        signs = Signs(session, nav, HELD, calm, average, lowest, symbols, answer, asked, True, forced, "ann")
        before = state
        state, change = advance(chosen, state, signs)
        counts_make_sense(chosen, before, state, signs)
        assert (change is not None) == (before.level != state.level or back(before, state))
    return state, signs


def back(before: RiskState, after: RiskState) -> bool:
    return after.recovery == 0 and before.level >= 2


def counts_make_sense(chosen: Levels, before: RiskState, after: RiskState, signs: Signs) -> None:
    assert after.peak >= signs.nav
    assert after.highest >= after.peak
    assert after.drawdown == 1 - signs.nav / after.peak
    assert after.deepest >= after.drawdown or after.level == 0
    assert min(after.sessions, after.since_low, after.calm) >= 0
    assert after.sessions in (0, before.sessions + 1, before.sessions)
    assert after.calm <= after.sessions or after.level <= 1
    fallen = max((n for n, at in chosen.beyond(0) if after.drawdown >= Decimal(repr(at))), default=0)
    assert after.level >= fallen
    assert not (after.level >= 2 and after.recovery is not None)
    assert 0.0 < after.size(chosen) <= 1.0
    assert after.waits() <= (after.level >= 3)


def onward(signs: Signs, **changed: Any) -> Signs:
    """A calm session in which nothing moves."""
    return replace(
        signs,
        session=signs.session + timedelta(days=1),
        calm=True,
        average_correlation=0.1,
        lowest_correlation=0.0,
        forced=0,
        **changed,
    )


def longest_way_back(chosen: Levels) -> int:
    return max(chosen.calm_sessions, chosen.low_sessions, chosen.confirm_after_sessions) + 1


def comes_back(chosen: Levels, past: list[Any], simulated: bool) -> None:
    state, signs = lived(chosen, past)
    lasts = state.level
    signs = onward(signs, answer=None, asked=None)
    if not simulated:
        signs = replace(signs, simulates=False, answer=Answer(signs.session, "confirm", "ann"))
    for _ in range(longest_way_back(chosen)):
        state, _ = advance(chosen, state, signs)
        signs = onward(signs)
    assert state.level <= min(lasts, 1)
    assert lasts < 2 or (state.level, state.recovery is not None or state.size(chosen) == 1.0) == (0, True)
    if state.level == 1:  # not a frozen book: sure entries pass, and it ends with the drawdown
        signs = replace(signs, nav=state.peak)
        state, _ = advance(chosen, state, signs)
        assert state.level == 0
    ramp = 0
    while state.recovery is not None:
        state, _ = advance(chosen, state, onward(signs))
        ramp += 1
    assert ramp <= chosen.ramp_sessions * round(1 / chosen.ramp_step + 0.5)
    assert (state.level, state.size(chosen)) == (0, 1.0)


def waits_for_ever(chosen: Levels, past: list[Any]) -> None:
    state, signs = lived(chosen, past)
    if not state.waits():
        return
    for _ in range(200):
        signs = onward(signs, answer=None, simulates=False)
        before, (state, change) = state, advance(chosen, state, signs)
        assert (state.level, change, state.waits()) == (before.level, None, True)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(any_levels(), PAST, st.booleans())
def test_every_state_leads_back_within_the_time_of_the_rule(
    chosen: Levels, past: list[Any], simulated: bool
) -> None:
    comes_back(chosen, past, simulated)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(any_levels(), PAST)
def test_only_a_book_that_nobody_answers_for_stays(chosen: Levels, past: list[Any]) -> None:
    waits_for_ever(chosen, past)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=5_000, deadline=None)
@given(any_levels(), PAST, st.booleans())
def test_five_thousand_states_lead_back_or_wait_for_a_person(
    chosen: Levels, past: list[Any], simulated: bool
) -> None:
    comes_back(chosen, past, simulated)
    waits_for_ever(chosen, past)


FALLS = st.lists(st.tuples(st.floats(-0.5, 0.5) | st.just(float("nan")), st.floats(0.0, 1.0)), max_size=15)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(FALLS)
def test_what_a_stop_asks_for_never_grows_while_the_position_is_held(
    falls: list[tuple[float, float]],
) -> None:
    """Whatever part of the sale is filled in a session, and wherever the price goes."""
    state, quantity, halvings = begin(Decimal(100_000)), 100.0, 0
    for fall, filled in falls:
        held = {"SPY": Holding(quantity, fall)} if quantity else {}
        carried = carry(state, held, {})
        due = carried.stop_caps.get("SPY", quantity)
        state = stop_out(carried, held, {"SPY": Stop()})
        left = state.stop_caps.get("SPY", quantity)
        assert left <= due
        assert fall > 0.12 or left == due
        halvings += 0.0 < left < due
        quantity -= float(int((quantity - left) * filled))
    assert halvings <= 1
