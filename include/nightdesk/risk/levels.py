"""Drawdown levels: how far a book has fallen, what that allows, and the way back.

======= ======= ================================ ==================================================
level   at      on entering it                   while in it
======= ======= ================================ ==================================================
1       5 %     an alert                         entries need a confidence; nothing `first_out` opens
2       8 %     positions × 0.75, `first_out` 0  reductions only
3       12 %    positions × 0.5, `first_out` 0   only havens may be bought; a person reviews
4       15 %    everything liquidated            nothing opens before a confirmed way back
======= ======= ================================ ==================================================

Drawdown is 1 - NAV / peak. A jump over levels does the deepest one's cut only. Level 1 ends when the drawdown
is back under its own mark. Levels 2 to 4 do not end that way, since the value of a sold-out book stands
still: recovery begins when for some sessions running the wanted portfolio was calm, the drawdown has made no
new low for some sessions, and a person has answered where one is asked. Then the level is 0, the drawdown is
measured from a new peak, the NAV of that day, and sizes grow step by step.

Everything here is a pure function of the state before and the facts of one session.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Literal

from nightdesk.core.drawdown_levels import Levels

#: Levels at which a person is asked before a book may come back.
REVIEWED, LIQUIDATED = 3, 4
LOWEST_LASTING = 2

#: So many symbols must stand in known pairs before all of them moving together means level 2.
FEWEST_TOGETHER = 3

Cause = Literal["drawdown", "correlation", "person", "recovered", "way back"]

#: Who answers in a backtest, and in sessions that no person saw.
SIMULATED = "simulated person"


@dataclass(frozen=True, slots=True)
class RiskState:
    """Where a book stands after a decision.

    Attributes
    ----------
    level : int
        0 to 4.
    peak, highest : Decimal
        NAV in dollars that the drawdown is measured from, reset when recovery begins; the highest ever.
    drawdown : Decimal
        1 - NAV / peak at the decision; from the highest ever it is `drawdown_from_highest`.
    since : date or None
        Session that entered the level; None at the level 0 that a book begins with.
    sessions : int
        Sessions since then, that one not counted.
    deepest : Decimal
        Largest drawdown since then.
    since_low : int
        Sessions since it was reached.
    calm : int
        Sessions running whose wanted portfolio was under the volatility target.
    answered_by : str
        Who reviewed or confirmed; empty while nobody has.
    recovery : int or None
        Sessions since recovery began; None outside of one.
    level_caps : mapping of symbol to float
        Most units that the level's cut leaves, until no more is held.
    stop_caps : mapping of symbol to float
        The same of stops.
    halved : frozenset of str
        Symbols whose position was halved by its stop.
    """

    level: int
    peak: Decimal
    highest: Decimal
    drawdown: Decimal = Decimal(0)
    since: date | None = None
    sessions: int = 0
    deepest: Decimal = Decimal(0)
    since_low: int = 0
    calm: int = 0
    answered_by: str = ""
    recovery: int | None = None
    level_caps: Mapping[str, float] = field(default_factory=dict)
    stop_caps: Mapping[str, float] = field(default_factory=dict)
    halved: frozenset[str] = frozenset()

    @property
    def drawdown_from_highest(self) -> Decimal:
        """1 - NAV / the highest NAV ever, which no recovery resets."""
        if self.peak == self.highest:
            return self.drawdown
        return 1 - self.peak * (1 - self.drawdown) / self.highest

    def waits(self) -> bool:
        """Whether a person is asked and has not answered."""
        return self.level >= REVIEWED and not self.answered_by

    def size(self, levels: Levels) -> float:
        """Share of the normal size that positions may grow to: 1 outside of recovery."""
        if self.recovery is None:
            return 1.0
        return min(1.0, levels.ramp_step * (1 + self.recovery // levels.ramp_sessions))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said of a book that waits: `kind` "review" (serves level 3), "confirm" or "reject"."""

    session: date
    kind: Literal["review", "confirm", "reject"]
    who: str


@dataclass(frozen=True, slots=True)
class Signs:
    """What the levels of one session are judged by.

    Attributes
    ----------
    session : date
    nav : Decimal
        Dollars at the mark.
    held : mapping of symbol to float
        Net units, without flat symbols.
    calm : bool
        Whether the wanted portfolio's volatility is known and under the book's target; read at a level only.
    average_correlation, lowest_correlation : float
        Over the pairs of symbols that are held or wanted; NaN where none is known, or none can matter.
    correlated : int
        Symbols in those pairs.
    answer : Answer or None
        The newest up to the session.
    asked : date or None
        Newest session up to this one of which a person was asked, since it could be seen by one.
    simulates : bool
        Whether the simulated person answers where no real one was asked.
    forced : int
        Level that a person has set from this session on; 0 where none did.
    forced_by : str
        Who did.
    closes : bool
        Whether the session is over with this decision: what counts sessions moves on there alone.
    """

    session: date
    nav: Decimal
    held: Mapping[str, float]
    calm: bool
    average_correlation: float = math.nan
    lowest_correlation: float = math.nan
    correlated: int = 0
    answer: Answer | None = None
    asked: date | None = None
    simulates: bool = True
    forced: int = 0
    forced_by: str = ""
    closes: bool = True


@dataclass(frozen=True, slots=True)
class LevelChange:
    """One move between levels, with the numbers that made it.

    `who` is the person behind a level that was set, or behind the way back; empty where no one was asked.
    """

    session: date
    before: int
    after: int
    cause: Cause
    drawdown: Decimal
    nav: Decimal
    peak: Decimal
    who: str = ""
    sessions: int = 0


def begin(peak: Decimal) -> RiskState:
    """The state before a book's first decision, or of one whose earlier states were never kept.

    `peak` is the highest NAV known; the first decision judges the drawdown from there.
    """
    return RiskState(level=0, peak=peak, highest=peak)


def advance(levels: Levels, before: RiskState, signs: Signs) -> tuple[RiskState, LevelChange | None]:
    """The state after one more decision, and the move between levels if there was one.

    Parameters
    ----------
    levels : Levels
        The book's numbers.
    before : RiskState
        After the session before; caps and halved symbols as `nightdesk.risk.stops.carry` left them.
    signs : Signs
        The session's facts.
    """
    peak = max(before.peak, signs.nav)
    drawdown = 1 - signs.nav / peak if peak > 0 else Decimal(1)
    recovery = before.recovery
    if recovery is not None and signs.closes:
        recovery = None if recovery + 1 >= _ramp_length(levels) else recovery + 1
    fallen = _fallen_to(levels, drawdown)
    together = _correlated_level(levels, signs)
    due = max(fallen, together, signs.forced)
    quiet = not due and not before.level
    state = replace(
        before,
        peak=peak,
        highest=max(before.highest, signs.nav),
        drawdown=drawdown,
        recovery=recovery,
        sessions=before.sessions + signs.closes if quiet else before.sessions,
    )
    if quiet:
        return state, None
    if due > state.level:
        entered = _enter(levels, state, due, signs)
        cause: Cause = "drawdown" if due == fallen else "correlation" if due == together else "person"
        return entered, _change(state, entered, cause, signs, signs.forced_by if cause == "person" else "")
    state = _age(levels, state, signs)
    if state.level < LOWEST_LASTING:
        if due or drawdown >= _exact(levels.first_ends_below):
            return state, None
        after = replace(_fresh(state, signs), level=0)
        return after, _change(state, after, "recovered", signs)
    state = replace(state, answered_by=_answered_by(levels, state, signs))
    # The drawdown itself does not stand in the way back: it is measured from the new peak from then on.
    elsewhere = max(together, signs.forced)
    if elsewhere >= LOWEST_LASTING or not _may_come_back(levels, state):
        return state, None
    back = replace(state, peak=signs.nav, drawdown=Decimal(0), recovery=0, level_caps={})
    after = replace(_fresh(back, signs), level=elsewhere)
    return after, _change(state, after, "way back", signs, state.answered_by)


def _fallen_to(levels: Levels, drawdown: Decimal) -> int:
    """The level that a drawdown asks for; those at which levels begin rise from one to the next."""
    fallen = 0
    for level, at in enumerate(levels.at, 1):
        if at is None:
            continue
        if drawdown < _exact(at):
            break
        fallen = level
    return fallen


def _ramp_length(levels: Levels) -> int:
    """Sessions from the beginning of recovery to full size."""
    return (math.ceil(1.0 / levels.ramp_step - 1e-9) - 1) * levels.ramp_sessions


def _correlated_level(levels: Levels, signs: Signs) -> int:
    """The level that the correlations of what is held and wanted ask for at least."""
    if signs.correlated >= FEWEST_TOGETHER and signs.lowest_correlation > levels.every_correlation:
        return 2
    return 1 if signs.average_correlation > levels.average_correlation else 0


def _enter(levels: Levels, state: RiskState, level: int, signs: Signs) -> RiskState:
    """The state that enters a deeper level, with the most units that its cut leaves of each position."""
    caps: dict[str, float] = {}
    if level >= LOWEST_LASTING:
        keep = levels.keep[level - 1]
        for symbol, quantity in signs.held.items():
            cap = 0.0 if symbol in levels.first_out else abs(quantity) * keep
            caps[symbol] = min(cap, state.level_caps.get(symbol, math.inf))
    lasting = level >= LOWEST_LASTING
    return replace(
        _fresh(state, signs),
        level=level,
        recovery=None if lasting else state.recovery,
        level_caps=caps,
    )


def _fresh(state: RiskState, signs: Signs) -> RiskState:
    """The state with the counters of a level that was just entered."""
    return replace(
        state,
        since=signs.session,
        sessions=0,
        deepest=state.drawdown,
        since_low=0,
        calm=0,
        answered_by="",
    )


def _age(levels: Levels, state: RiskState, signs: Signs) -> RiskState:
    """The state with the counters of a level that goes on; at level 3, havens are free to be bought now."""
    lower = state.drawdown > state.deepest
    free = levels.havens if state.level == REVIEWED else ()
    return replace(
        state,
        level_caps={symbol: cap for symbol, cap in state.level_caps.items() if symbol not in free},
        sessions=state.sessions + signs.closes,
        deepest=max(state.deepest, state.drawdown),
        since_low=0 if lower else state.since_low + signs.closes,
        calm=state.calm + signs.closes if signs.calm else 0,
    )


def _answered_by(levels: Levels, state: RiskState, signs: Signs) -> str:
    """Who has let the book come back; empty while nobody has, or where nobody is asked."""
    if state.level < REVIEWED or state.since is None:
        return ""
    said = signs.answer
    if said is not None and said.session >= state.since:
        serves = said.kind == "confirm" or (said.kind == "review" and state.level == REVIEWED)
        return said.who if serves else ""
    seen = signs.asked is not None and signs.asked >= state.since
    if signs.simulates and not seen and state.sessions >= levels.confirm_after_sessions:
        return SIMULATED
    return ""


def _may_come_back(levels: Levels, state: RiskState) -> bool:
    """Whether the market has been quiet long enough, and a person has answered where one is asked."""
    return (
        state.calm >= levels.calm_sessions
        and state.since_low >= levels.low_sessions
        and (state.level < REVIEWED or bool(state.answered_by))
    )


def _change(before: RiskState, after: RiskState, cause: Cause, signs: Signs, who: str = "") -> LevelChange:
    return LevelChange(
        session=signs.session,
        before=before.level,
        after=after.level,
        cause=cause,
        drawdown=before.drawdown,
        nav=signs.nav,
        peak=before.peak,
        who=who,
        sessions=before.sessions,
    )


@cache
def _exact(share: float) -> Decimal:
    """The decimal that a share is written as."""
    return Decimal(repr(share))
