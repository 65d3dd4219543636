"""Moves between drawdown levels in words."""

from __future__ import annotations

import math

from nightdesk.core.drawdown_levels import Levels
from nightdesk.risk.levels import LIQUIDATED, LOWEST_LASTING, REVIEWED, LevelChange, RiskState

_CAUSES = {
    "drawdown": "the drawdown asks for it",
    "correlation": "what is held and wanted moves together",
    "person": "a person has set it",
    "recovered": "neither the drawdown nor the correlations ask for a level any more",
    "way back": "the portfolio that the book wants was calm long enough, without a new low of the drawdown",
}


def describe(change: LevelChange, levels: Levels) -> str:
    """A move with its numbers, and what it means for the book."""
    by = f" ({change.who})" if change.who else ""
    where = f"NAV {change.nav:,.2f} is {change.drawdown:.2%} below the peak of {change.peak:,.2f} dollars"
    return (
        f"Drawdown level {change.before} became {change.after} on {change.session}: "
        f"{_CAUSES[change.cause]}{by}. {where}. {_meaning(change, levels)}"
    )


def _meaning(change: LevelChange, levels: Levels) -> str:
    if change.cause == "way back":
        return (
            f"Recovery begins after {change.sessions} sessions: sizes are {levels.ramp_step:.0%} of normal "
            f"and grow by as much every {levels.ramp_sessions} sessions; the drawdown is measured from this "
            f"NAV on.{_still_together(change, levels)}"
        )
    return (f"{_cut(change, levels)}{entries_at(change.after, levels)}").strip()


def _still_together(change: LevelChange, levels: Levels) -> str:
    """What level 1 means for a book that comes back to it, because everything still moves together."""
    return f" {entries_at(change.after, levels)}" if change.after else ""


def _cut(change: LevelChange, levels: Levels) -> str:
    """What is sold on entering the level; nothing on the way up."""
    if change.after < change.before or change.after < 2:
        return ""
    if change.after == LIQUIDATED and levels.keep[-1] == 0.0:
        return "Everything is liquidated. "
    keep, first_out = levels.keep[change.after - 1], " and ".join(levels.first_out)
    if keep == 1.0:
        return f"{first_out} closed. " if first_out else ""
    return f"Every position is cut to {keep:.0%}{f', {first_out} closed' if first_out else ''}. "


def entries_at(level: int, levels: Levels) -> str:
    """What may be opened at a level."""
    match level:
        case 0:
            return "No level limits entries any more."
        case 1:
            barred = (
                f", and nothing is opened in {' and '.join(levels.first_out)}" if levels.first_out else ""
            )
            return f"Entries need a confidence of {levels.min_confidence:g}{barred}."
        case 2:
            return "Nothing is opened until the way back."
        case 3:
            opened = (
                f"Only {' and '.join(levels.havens)} may be opened" if levels.havens else "Nothing is opened"
            )
            return f"{opened} until the way back, before which a person reviews."
        case _:
            return "Nothing is opened until the way back, which a person has to confirm."


def asks_for(level: int) -> str:
    """What a person is asked for at a level: "review", "confirm", or nothing."""
    return "confirm" if level >= LIQUIDATED else "review" if level == REVIEWED else ""


def in_short(state: RiskState) -> str:
    """The level in one line, without a word on what it allows."""
    where = f"drawdown level {state.level}"
    if state.recovery is not None:
        where += f", in recovery for {_count(state.recovery, 'session')}"
    elif state.level and state.since is not None:
        where += f" since {state.since}"
    if state.waits():
        where += f", waits for a person to {asks_for(state.level)}"
    return where


def stands(state: RiskState, levels: Levels, correlation: float = math.nan) -> str:
    """The level with its numbers: what it allows, and what the way out of it still wants.

    Parameters
    ----------
    state : RiskState
        After the decision.
    levels : Levels
        The book's.
    correlation : float
        Average over the pairs that are held or wanted; NaN where none is known.
    """
    said = [f"{_capital(in_short(state))}: {drawdown_words(state)}."]
    if state.recovery is not None:
        said.append(
            f"Sizes are {state.size(levels):.0%} of normal and grow by {levels.ramp_step:.0%} of it every "
            f"{_count(levels.ramp_sessions, 'session')}; until they are whole nothing is opened beyond "
            f"a gross exposure of {levels.recovery_leverage:.0%} of NAV."
        )
    if state.level:
        said.append(entries_at(state.level, levels))
    if state.level == 1:
        said.append(_end_of_first(levels, correlation))
    if state.level >= LOWEST_LASTING:
        said.append(_way_back(state, levels))
    return " ".join(said)


def _end_of_first(levels: Levels, correlation: float) -> str:
    """What ends level 1: two conditions, whichever of them it was entered by."""
    now = "no pair of them is known now" if math.isnan(correlation) else f"now {correlation:.2f}"
    return (
        f"It ends when the drawdown is under {levels.first_ends_below:.0%} and the correlation of what is "
        f"held and wanted is at most {levels.average_correlation:g} on average ({now})."
    )


def drawdown_words(state: RiskState) -> str:
    """How far the book is below its peak; and where a recovery has reset that, below its highest NAV too."""
    if state.peak == state.highest:
        return f"the book is {state.drawdown:.2%} below its highest NAV of {state.highest:,.2f} dollars"
    return (
        f"the book is {state.drawdown:.2%} below {state.peak:,.2f} dollars, the peak since the last recovery "
        f"began, from which the levels count, and {state.drawdown_from_highest:.2%} below its highest NAV "
        f"of {state.highest:,.2f} dollars"
    )


def _way_back(state: RiskState, levels: Levels) -> str:
    calm = (
        f"{min(state.calm, levels.calm_sessions)} of {_count(levels.calm_sessions, 'calm session')} running"
    )
    low = f"{min(state.since_low, levels.low_sessions)} of {levels.low_sessions} without a new low"
    person = ""
    if asks_for(state.level):
        given = f"given by {state.answered_by}" if state.answered_by else "not given yet"
        person = f", and a person's word, {given}"
    return f"The way back has {calm}, {low}{person}."


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
