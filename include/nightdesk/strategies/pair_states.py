"""Where a strategy stands with each of its pairs: a pure function of the state before and the session.

========== ====================================================== =========================================
state      what happens                                           state after
========== ====================================================== =========================================
candidate  enter < abs(z) < stop and nothing stands in the way    open: both legs are entered
open       abs(z) <= leave, or z has crossed 0                    open, being left ("reached")
open       z reaches the stop on the side that was entered        open, being left ("stop")
open       beta of the month's fit has the other sign             open, being left ("sign")
open       it is held for the most sessions                       open, being left ("age")
open       one leg is held and the other is not                   open, being left ("uneven")
open       nothing is measured of it: no list has named it        open, being left ("unlisted")
           for as long as z looks back
open       no leg is held, and its entry was decided just before  candidate: the entry came to nothing
open       no leg is held, left as "reached" or "sign"            candidate
open       no leg is held, left otherwise or by others            cooling
cooling    abs(z) <= leave                                        candidate
========== ====================================================== =========================================

A pair stays open until neither leg is held, whatever hinders its exit: so a symbol is never in two open
pairs. z is that of the fit by which the pair was entered while it is open, else that of the month's fit.
Without a z, as where a leg has no bar, an open pair is held, and the session counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from nightdesk.core.pair_records import Leaving, PairFigure, PairState
from nightdesk.factors.pair_spreads import z_of

#: After these a pair may be entered again at once; after all others it cools.
NO_COOLING: frozenset[Leaving] = frozenset({"reached", "sign"})


@dataclass(frozen=True, slots=True)
class PairTerms:
    """When a pair is entered and left: z in deviations of the spread, the age in sessions."""

    enter: float = 2.0
    leave: float = 0.5
    stop: float = 3.0
    sessions: int = 10


@dataclass(frozen=True, slots=True)
class Leg:
    """What a decision knows of a symbol: units that the strategy holds, and why it may not be entered.

    `barred` is in words, and empty where it may.
    """

    held: float = 0.0
    barred: str = ""


#: What is not traded at all.
NO_LEG = Leg(barred="is no symbol of the book now")


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A pair that would have been entered, had another one not taken a leg: `taken` is that leg.

    `winner` is the other pair, and `limit` its abs(z) where it is entered now, else 0.
    """

    state: PairState
    taken: str
    winner: str
    limit: float


@dataclass(frozen=True, slots=True)
class PairDecision:
    """The states after a decision, by name; which of them are entered now, and which gave way."""

    states: tuple[PairState, ...]
    entered: tuple[PairState, ...]
    given_up: tuple[GivenUp, ...]


def next_states(
    before: Sequence[PairState],
    figures: Sequence[PairFigure],
    legs: Mapping[str, Leg],
    terms: PairTerms,
    session: date,
    codes: Iterable[int] = (),
) -> PairDecision:
    """Every pair's state after a decision.

    Parameters
    ----------
    before : sequence of PairState
        As the decision before left them; of each pair one.
    figures : sequence of PairFigure
        Of this session, of each pair one.
    legs : mapping of symbol to Leg
    terms : PairTerms
    session : date
        Of the decision.
    codes : iterable of int
        Codes of bundles that something is held of still.

    Returns
    -------
    PairDecision
        Candidates that are not listed have no state, but for the session in which they come to be one.
    """
    known = {(one.a, one.b): one for one in figures}
    now: dict[tuple[str, str], PairState] = {}
    for state in before:
        now[state.legs] = _gone_on(state, _figure_of(state.legs, known), legs, terms, session)
    for key, figure in known.items():
        if figure.listed and key not in now:
            now[key] = PairState(*key, "candidate", session)
    cooling = {frozenset(one.legs): one for one in now.values() if one.phase == "cooling"}
    wanting: list[PairState] = []
    for key, state in list(now.items()):
        if state.phase != "candidate":
            continue
        found = known.get(key)
        if found is None or not found.listed:
            if state.reason and state.since == session:
                now[key] = replace(state, reason=_joined(state.reason, "it is not in the list any more"))
            else:
                del now[key]
            continue
        why = _in_the_way(found, legs, terms) or _cools(cooling.get(frozenset(key)))
        state = replace(state, z=found.z, reason=_joined(state.reason, why))
        now[key] = state
        if not why:
            wanting.append(state)
    taken = _taken(now.values(), legs)
    used = {one.bundle for one in now.values() if one.phase == "open"} | set(codes)
    entered, given_up = [], []
    for state in sorted(wanting, key=lambda one: (-abs(one.z), one.legs)):
        figure, held = known[state.legs], [one for one in state.legs if one in taken]
        if held:
            winner, size = taken[held[0]]
            less = f", whose abs(z) is {size:.2f}" if size else ""
            why = f"{_z(state.z)} would enter it, and {held[0]} is in {winner}{less}"
            now[state.legs] = replace(state, reason=_joined(state.reason, why))
            given_up.append(GivenUp(now[state.legs], held[0], winner, size))
            continue
        code = next(n for n in range(1, len(used) + 2) if n not in used)
        opened = _opened(state, figure, session, code)
        now[state.legs] = opened
        entered.append(opened)
        used.add(code)
        taken |= dict.fromkeys(state.legs, (state.name, abs(state.z)))
    return PairDecision(tuple(now[key] for key in sorted(now)), tuple(entered), tuple(given_up))


def under_new_names(
    states: Sequence[PairState], successors: Mapping[str, tuple[str, float]]
) -> tuple[PairState, ...]:
    """The states with symbols that become others in a session under their new names.

    A pair whose legs become one symbol is none any more; what is left of it is held by no pair.
    """
    if not successors:
        return tuple(states)

    def new(symbol: str) -> str:
        return successors[symbol][0] if symbol in successors else symbol

    out = {(new(one.a), new(one.b)): replace(one, a=new(one.a), b=new(one.b)) for one in states}
    return tuple(one for (a, b), one in out.items() if a != b)


def _figure_of(key: tuple[str, str], known: Mapping[tuple[str, str], PairFigure]) -> PairFigure | None:
    """The figures of a pair; where it is listed the other way round, those say how far apart the legs are."""
    return known.get(key) or known.get((key[1], key[0]))


def _gone_on(
    state: PairState,
    figure: PairFigure | None,
    legs: Mapping[str, Leg],
    terms: PairTerms,
    session: date,
) -> PairState:
    """A state before anything is entered in the session."""
    if state.phase == "candidate":
        return replace(state, reason="")
    if state.phase == "cooling":
        return _cooled(state, math.nan if figure is None else figure.z, terms, session)
    held = [legs.get(one, NO_LEG).held for one in state.legs]
    if held == [0.0, 0.0]:
        return _flat(state, figure, terms, session)
    sides = [np.sign(one) for one in held]
    own = figure if figure is not None and (figure.a, figure.b) == state.legs else None
    z = math.nan if own is None else _z_by(own, state.beta)
    state = replace(state, sessions=state.sessions + 1, z=z)
    if state.leaving:
        return replace(state, reason=f"{_z(z)}; held still, though {_BEING_LEFT[state.leaving]}")
    leaving: Leaving = ""
    if sides != [state.side, -state.side]:
        leaving = "uneven"
    elif own is None:
        leaving = "unlisted"  # without figures neither its stop nor its mean would ever be reached
    elif state.side * z <= -terms.stop:
        leaving = "stop"
    elif state.side * z >= -terms.leave:
        leaving = "reached"
    elif own.beta * state.beta <= 0.0:
        leaving = "sign"
    elif state.sessions >= terms.sessions:
        leaving = "age"
    state = replace(state, leaving=leaving)
    if leaving:
        return replace(state, reason=f"left: {_words(state, terms)}")
    return replace(state, reason=f"held {_count(state.sessions)}, {_z(z)}")


def _z_by(figure: PairFigure, beta: float) -> float:
    """How far the spread by the slope of another fit lies from its mean, in deviations."""
    moments = (figure.gap_a, figure.gap_b, figure.var_a, figure.var_b, figure.covariance)
    return float(z_of(*(np.array(one) for one in (beta, *moments))))


def _flat(state: PairState, figure: PairFigure | None, terms: PairTerms, session: date) -> PairState:
    """A state of which no leg is held any more, or yet."""
    if state.sessions == 0:
        return PairState(*state.legs, "candidate", session, reason="its entry came to nothing")
    if state.leaving in NO_COOLING:
        return PairState(*state.legs, "candidate", session, reason="it was left")
    why = f"left ({state.leaving})" if state.leaving else "ended, and not by its own signal"
    cooling = PairState(*state.legs, "cooling", session, reason=f"it was {why}")
    return _cooled(cooling, math.nan if figure is None else figure.z, terms, session)


def _cooled(state: PairState, z: float, terms: PairTerms, session: date) -> PairState:
    if abs(z) <= terms.leave:
        return PairState(*state.legs, "candidate", session, z=z, reason=f"{_z(z)} has come back")
    first = state.reason if state.since == session else ""
    why = f"{_z(z)}, and it cools until abs(z) is {terms.leave:g} or less"
    return replace(state, z=z, reason=_joined(first, why))


def _in_the_way(figure: PairFigure, legs: Mapping[str, Leg], terms: PairTerms) -> str:
    """Why a candidate is not entered, in words; empty where nothing says so."""
    barred = [f"{one} {why}" for one in (figure.a, figure.b) if (why := legs.get(one, NO_LEG).barred)]
    size = abs(figure.z)
    if barred:
        return "; ".join(barred)
    if math.isnan(figure.beta):
        return "no fit: there is too little history, or a leg does not move"
    if math.isnan(figure.z):
        return "z is not known"
    if not size > terms.enter:
        return f"{_z(figure.z)} lies within {terms.enter:g}"
    if size >= terms.stop:
        return f"{_z(figure.z)} lies beyond the stop of {terms.stop:g}"
    if not figure.beta > 0.0:
        return f"beta {figure.beta:.3f} is not above 0: one leg would be no hedge of the other"
    if math.isnan(figure.volatility_mean) or math.isnan(figure.volatility):
        return "too little history to say how volatile the spread is"
    if not figure.volatility > figure.volatility_mean:
        return (
            f"the spread's volatility {figure.volatility:.3%} is not above its mean "
            f"{figure.volatility_mean:.3%}"
        )
    return ""


def _cools(other: PairState | None) -> str:
    """Why a pair waits for the one that has its legs the other way round."""
    return "" if other is None else f"its legs cool as {other.name}"


def _taken(states: Iterable[PairState], legs: Mapping[str, Leg]) -> dict[str, tuple[str, float]]:
    """Symbols that no pair may be entered with: by whom each is taken, and 0."""
    out = {symbol: ("no pair, and held", 0.0) for symbol, leg in legs.items() if leg.held != 0.0}
    for one in states:
        if one.phase == "open":
            out |= dict.fromkeys(one.legs, (one.name, 0.0))
    return out


def _opened(state: PairState, figure: PairFigure, session: date, code: int) -> PairState:
    side = -1 if figure.z > 0.0 else 1
    bought, sold = state.legs if side == 1 else state.legs[::-1]
    return replace(
        state,
        phase="open",
        since=session,
        side=side,
        alpha=figure.alpha,
        beta=figure.beta,
        bundle=code,
        reason=_joined(state.reason, f"{_z(figure.z)}: {bought} is bought and {sold} is sold"),
    )


#: Why a pair is being left that is held still.
_BEING_LEFT: Mapping[Leaving, str] = {
    "reached": "its mean was reached",
    "stop": "its stop was reached",
    "age": "it was held for the most sessions",
    "sign": "beta changed its sign",
    "uneven": "one leg was held without the other",
    "unlisted": "no list names it any more",
}


def _words(state: PairState, terms: PairTerms) -> str:
    """Why a pair is left."""
    return {
        "reached": f"{_z(state.z)}, the mean is reached",
        "stop": f"{_z(state.z)}, the stop of {terms.stop:g} is reached",
        "age": f"held {_count(state.sessions)}, at most {terms.sessions}",
        "sign": "beta has changed its sign",
        "uneven": "one leg is held without the other",
        "unlisted": "no list names it any more, so that nothing is measured of it",
    }[state.leaving or "uneven"]


def _joined(*parts: str) -> str:
    return "; ".join(one for one in parts if one)


def _count(sessions: int) -> str:
    return "1 session" if sessions == 1 else f"{sessions} sessions"


def _z(z: float) -> str:
    return "z is not known" if math.isnan(z) else f"z {z:+.2f}"
