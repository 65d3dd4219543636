"""The states of pairs: scenario tables, a session a line, and what holds whatever happens."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as draw

from nightdesk.core.pair_records import PairFigure, PairState
from nightdesk.strategies.pair_states import Leg, PairDecision, PairTerms, next_states, under_new_names

TERMS = PairTerms()
FIRST = date(2024, 1, 2)
PAIR = ("AA", "BB")


def figure(z: float, a: str = "AA", b: str = "BB", **changed: object) -> PairFigure:
    """A pair that is `z` from its mean by any slope of 1: A moves by 10 %, B stands still on average."""
    found = PairFigure(
        a,
        b,
        listed=True,
        fit_month=FIRST,
        alpha=0.0,
        beta=1.0,
        spread=z * 0.1,
        z=z,
        sigma=0.1,
        volatility=0.02,
        volatility_mean=0.01,
        gap_a=z * 0.1,
        gap_b=0.0,
        var_a=0.01,
        var_b=0.01,
        covariance=0.005,
    )
    return replace(found, **changed)  # type: ignore[arg-type]


def walk(lines: str, terms: PairTerms = TERMS) -> None:
    """Play a table: z, what is held of A and B, what is said of them -> state and the words in its reason.

    What is held is written as the strategy finds it when it decides; ``-`` is a z that is not known.
    """
    states: tuple[PairState, ...] = ()
    for number, line in enumerate(lines.strip().splitlines()):
        given_, expected = (one.split() for one in line.split("->"))
        z, a, b, *said = given_
        changed: dict[str, object] = {"listed": False} if "unlisted" in said else {}
        changed |= {"beta": -1.0} if "turned" in said else {}
        changed |= {"volatility": 0.005} if "calm" in said else {}
        barred = "is in quarantine" if "quarantined" in said else ""
        legs = {"AA": Leg(float(a), barred), "BB": Leg(float(b))}
        session = FIRST + timedelta(days=number)
        measured = figure(math.nan if z == "-" else float(z), **changed)
        figures = [] if "unmeasured" in said else [measured]
        decision = next_states(states, figures, legs, terms, session)
        states = decision.states
        found = next(iter(states), None)
        state, *words = expected
        name = "none" if found is None else found.phase
        if found is not None and found.phase == "open":
            name = "long" if found.side == 1 else "short"
            name += f":{found.leaving}" if found.leaving else ""
        reason = "" if found is None else found.reason
        assert name == state, (number, line, found)
        assert " ".join(words) in reason, (number, line, reason)


SCENARIOS = {
    "a pair that no list has named for long is left, and cools while it is not measured": """
         2.1  0  0               -> short          z +2.10
         -   -9  9               -> short          held 1 session, z is not known
         2.0 -9  9  unlisted     -> short          held 2 sessions
         -   -9  9  unmeasured   -> short:unlisted left: no list names it any more
         -   -9  9  unmeasured   -> short:unlisted z is not known; held still, though no list names it
         -    0  0  unmeasured   -> cooling        it was left (unlisted)
    """,
    "a short is entered, comes back and may be entered again": """
         1.9  0  0  -> candidate z +1.90 lies within 2
         2.1  0  0  -> short     z +2.10: BB is bought and AA is sold
         1.2 -9  9  -> short     held 1 session
         0.5 -9  9  -> short:reached the mean is reached
         0.2  0  0  -> candidate it was left; z +0.20 lies within 2
         2.5  0  0  -> short     z +2.50
    """,
    "a long is entered and z crosses 0 at once": """
        -2.4  0  0  -> long      z -2.40: AA is bought and BB is sold
         1.7  9 -9  -> long:reached z +1.70, the mean is reached
         2.2  0  0  -> short     it was left; z +2.20
    """,
    "the stop is on the side that was entered, and the pair cools after it": """
         2.9  0  0  -> short     z +2.90
        3.0  -9  9  -> short:stop the stop of 3 is reached
         2.5  0  0  -> cooling   it was left (stop); z +2.50
         2.5  0  0  -> cooling   cools until abs(z) is 0.5 or less
         0.5  0  0  -> candidate z +0.50 has come back
         2.5  0  0  -> short     z +2.50
    """,
    "a short whose z falls far below is no stop but the mean reached": """
         2.9  0  0  -> short     z +2.90
        -3.5 -9  9  -> short:reached the mean is reached
    """,
    "beyond the stop nothing is entered": """
         3.0  0  0  -> candidate lies beyond the stop of 3
        -3.1  0  0  -> candidate lies beyond the stop of 3
        -2.9  0  0  -> long      z -2.90
    """,
    "the age is counted with sessions without a z": """
         2.1  0  0  -> short     z +2.10
         1.0 -9  9  -> short     held 1 session
           - -9  9  -> short     held 2 sessions, z is not known
           - -9  9  -> short     held 3 sessions, z is not known
         1.0 -9  9  -> short     held 4 sessions
         1.0 -9  9  -> short     held 5 sessions
         1.0 -9  9  -> short     held 6 sessions
         1.0 -9  9  -> short     held 7 sessions
         1.0 -9  9  -> short     held 8 sessions
         1.0 -9  9  -> short     held 9 sessions
           - -9  9  -> short:age held 10 sessions, at most 10
           -  0  0  -> cooling   it was left (age); z is not known
         0.1  0  0  -> candidate has come back
    """,
    "beta changes its sign": """
         2.1  0  0         -> short      z +2.10
         1.5 -9  9         -> short      held 1 session
         1.5 -9  9 turned  -> short:sign beta has changed its sign
         2.5  0  0 turned  -> candidate  is not above 0
         2.5  0  0         -> short      z +2.50
    """,
    "an entry that was refused whole may be entered again, also at once": """
         2.1  0  0  -> short     z +2.10
         2.2  0  0  -> short     its entry came to nothing; z +2.20
         1.2  0  0  -> candidate its entry came to nothing; z +1.20 lies within 2
    """,
    "one leg was refused: the other is left, and the pair cools": """
         2.1  0  0  -> short     z +2.10
         2.2 -9  0  -> short:uneven one leg is held without the other
         2.2 -9  0  -> short:uneven held still, though one leg was held without the other
         2.2  0  0  -> cooling   it was left (uneven)
    """,
    "what others closed cools": """
         2.1  0  0  -> short     z +2.10
         1.8 -9  9  -> short     held 1 session
         1.8  0  0  -> cooling   ended, and not by its own signal
    """,
    "an exit that finds no market is asked for again until nothing is held": """
         2.1  0  0  -> short     z +2.10
         0.4 -9  9  -> short:reached the mean is reached
         2.6 -9  9  -> short:reached held still, though its mean was reached
           -  0  9  -> short:reached held still
         2.6  0  0  -> short     it was left; z +2.60
    """,
    "a pair that leaves the list runs to its own exit": """
         2.1  0  0           -> short     z +2.10
         1.8 -9  9 unlisted  -> short     held 1 session
         0.4 -9  9 unlisted  -> short:reached the mean is reached
         2.4  0  0 unlisted  -> candidate it is not in the list any more
         2.4  0  0 unlisted  -> none
         2.4  0  0           -> short     z +2.40
    """,
    "a pair that leaves the list while it cools goes on cooling": """
         2.1  0  0           -> short      z +2.10
         3.1 -9  9           -> short:stop the stop
         2.4  0  0 unlisted  -> cooling    it was left (stop)
         2.4  0  0           -> cooling    z +2.40
         0.4  0  0 unlisted  -> candidate  has come back; it is not in the list any more
         0.4  0  0 unlisted  -> none
    """,
    "a quarantined leg and a calm spread bar the entry, and not the exit": """
         2.1  0  0 quarantined  -> candidate AA is in quarantine
         2.1  0  0 calm         -> candidate volatility 0.500% is not above its mean 1.000%
         2.1  0  0              -> short     z +2.10
         0.1 -9  9 quarantined  -> short:reached the mean is reached
    """,
    "without a z nothing is entered": """
           -  0  0  -> candidate z is not known
    """,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_states_of_a_scenario(name: str) -> None:
    walk(SCENARIOS[name])


def test_an_open_pair_keeps_the_fit_of_its_entry_over_the_end_of_a_month() -> None:
    legs = {"AA": Leg(-9.0), "BB": Leg(9.0)}
    opened = next_states((), [figure(2.1)], {"AA": Leg(), "BB": Leg()}, TERMS, FIRST).states
    later = figure(0.2, beta=0.4, alpha=3.0, gap_a=0.15)  # the month's z has come back, that of the entry not
    [state] = next_states(opened, [later], legs, TERMS, FIRST + timedelta(days=30)).states
    assert (state.beta, state.alpha) == (1.0, 0.0)
    assert state.z == pytest.approx(1.5)
    assert (state.phase, state.leaving) == ("open", "")


def three(z_first: float, z_second: float, held: dict[str, float] | None = None) -> PairDecision:
    """AA/BB and AA/CC in one session."""
    figures = [figure(z_first), figure(z_second, "AA", "CC")]
    legs = {one: Leg((held or {}).get(one, 0.0)) for one in ("AA", "BB", "CC")}
    return next_states((), figures, legs, TERMS, FIRST)


def test_of_two_pairs_that_share_a_symbol_the_one_that_is_farther_is_entered_then_the_name() -> None:
    farther = three(2.3, -2.8)
    assert [one.name for one in farther.entered] == ["AA/CC"]
    [gone] = farther.given_up
    assert (gone.state.name, gone.taken, gone.winner, gone.limit) == ("AA/BB", "AA", "AA/CC", 2.8)
    assert gone.state.phase == "candidate"
    assert gone.state.reason == "z +2.30 would enter it, and AA is in AA/CC, whose abs(z) is 2.80"
    assert [one.name for one in three(2.5, 2.5).entered] == ["AA/BB"]


def test_a_symbol_that_is_held_by_no_open_pair_is_in_no_new_one() -> None:
    decision = three(2.3, 2.8, {"CC": 5.0})
    assert [one.name for one in decision.entered] == ["AA/BB"]
    [gone] = decision.given_up
    assert (gone.taken, gone.winner) == ("CC", "no pair, and held")


def test_pairs_that_are_open_at_once_have_codes_of_their_own_and_none_of_what_is_held_still() -> None:
    figures = [figure(2.1), figure(2.2, "CC", "DD"), figure(2.3, "EE", "FF")]
    legs = {one: Leg() for one in ("AA", "BB", "CC", "DD", "EE", "FF")}
    decision = next_states((), figures, legs, TERMS, FIRST, codes={2})
    assert {one.name: one.bundle for one in decision.entered} == {"EE/FF": 1, "CC/DD": 3, "AA/BB": 4}


def test_the_other_way_round_a_pair_cools_with_the_same_legs() -> None:
    cooling = PairState("AA", "BB", "cooling", FIRST, reason="it was left (stop)")
    legs = {"AA": Leg(), "BB": Leg()}
    turned = figure(2.4, "BB", "AA")
    decision = next_states((cooling,), [turned], legs, TERMS, FIRST + timedelta(days=1))
    assert [(one.name, one.phase) for one in decision.states] == [
        ("AA/BB", "cooling"),
        ("BB/AA", "candidate"),
    ]
    assert decision.states[1].reason == "its legs cool as AA/BB"
    back = next_states(decision.states, [figure(0.2, "BB", "AA")], legs, TERMS, FIRST + timedelta(days=2))
    assert {one.phase for one in back.states} == {"candidate"}
    again = next_states(back.states, [turned], legs, TERMS, FIRST + timedelta(days=3))
    assert [one.name for one in again.entered] == ["BB/AA"]


def test_a_leg_that_is_renamed_stays_in_its_pair_and_one_that_becomes_the_other_ends_it() -> None:
    state = PairState("AA", "BB", "open", FIRST, side=1, beta=1.0, alpha=0.0, bundle=1, reason="held")
    assert under_new_names((state,), {"AA": ("ZZ", 1.0)}) == (replace(state, a="ZZ"),)
    assert under_new_names((state,), {"AA": ("BB", 0.5)}) == ()
    assert under_new_names((state,), {}) == (state,)


Step = tuple[float | None, tuple[bool, bool], bool, bool]
steps = draw.lists(
    draw.tuples(
        draw.one_of(draw.none(), draw.floats(-4.0, 4.0)),
        draw.tuples(draw.booleans(), draw.booleans()),
        draw.booleans(),
        draw.booleans(),
    ),
    max_size=40,
)


def played(
    before: tuple[PairState, ...], taken: list[Step], fills: Callable[[Step], tuple[bool, bool]]
) -> PairState:
    """The state of one pair after steps of (z, which legs fill, quarantined, beta turned)."""
    states, held = before, [0.0, 0.0]
    for number, step in enumerate(taken):
        z, _, quarantined, turned = step
        measured = figure(math.nan if z is None else z, beta=-1.0 if turned else 1.0)
        barred = "is in quarantine" if quarantined else ""
        legs = {one: Leg(units, barred) for one, units in zip(PAIR, held, strict=True)}
        session = FIRST + timedelta(days=number)
        decision = next_states(states, [measured], legs, TERMS, session)
        assert repr(decision) == repr(next_states(states, [measured], legs, TERMS, session))
        states = decision.states
        [state] = states
        assert state.reason
        assert (state.phase == "open") == (state.side != 0) == (state.bundle != 0)
        if held != [0.0, 0.0]:
            assert state.phase == "open", "what is held belongs to an open pair"
        wanted = [state.side, -state.side] if state.phase == "open" and not state.leaving else [0, 0]
        held = [
            9.0 * want if does else had for want, does, had in zip(wanted, fills(step), held, strict=True)
        ]
    return states[0] if states else PairState(*PAIR, "candidate", FIRST)


@given(steps)
def test_from_every_state_a_candidate_is_reached_once_there_are_data_and_a_market(taken: list[Step]) -> None:
    """Whatever legs were filled and whatever was not known before: no state is absorbing."""
    calm: list[Step] = [(0.1, (True, True), False, False)] * (TERMS.sessions + 4)
    state = played((), [*taken, *calm], lambda step: step[1])
    assert state.phase == "candidate"
