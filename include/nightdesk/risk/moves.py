"""Moves between drawdown levels in words."""

from __future__ import annotations

from nightdesk.book import Levels
from nightdesk.risk.levels import LIQUIDATED, REVIEWED, Change

_CAUSES = {
    "drawdown": "the drawdown asks for it",
    "correlation": "what is held and wanted moves together",
    "person": "a person has set it",
    "recovered": "neither the drawdown nor the correlations ask for a level any more",
    "way back": "the portfolio that the book wants was calm long enough, without a new low of the drawdown",
}


def describe(change: Change, levels: Levels) -> str:
    """A move with its numbers, and what it means for the book."""
    by = f" ({change.who})" if change.who else ""
    where = f"NAV {change.nav:,.2f} is {change.drawdown:.2%} below the peak of {change.peak:,.2f} dollars"
    return (
        f"Drawdown level {change.before} became {change.after} on {change.session}: "
        f"{_CAUSES[change.cause]}{by}. {where}. {_meaning(change, levels)}"
    )


def _meaning(change: Change, levels: Levels) -> str:
    if change.cause == "way back":
        return (
            f"Recovery begins after {change.sessions} sessions: sizes are {levels.ramp_step:.0%} of normal "
            f"and grow by as much every {levels.ramp_sessions} sessions; the drawdown is measured from this "
            f"NAV on.{_still_together(change, levels)}"
        )
    return (f"{_cut(change, levels)}{entries_at(change.after, levels)}").strip()


def _still_together(change: Change, levels: Levels) -> str:
    """What level 1 means for a book that comes back to it, because everything still moves together."""
    return f" {entries_at(change.after, levels)}" if change.after else ""


def _cut(change: Change, levels: Levels) -> str:
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
                f", and nothing is bought of {' and '.join(levels.first_out)}" if levels.first_out else ""
            )
            return f"Entries need a confidence of {levels.min_confidence:g}{barred}."
        case 2:
            return "Nothing is opened until the way back."
        case 3:
            bought = (
                f"Only {' and '.join(levels.havens)} may be bought" if levels.havens else "Nothing is opened"
            )
            return f"{bought} until the way back, before which a person reviews."
        case _:
            return "Nothing is opened until the way back, which a person has to confirm."


def asks_for(level: int) -> str:
    """What a person is asked for at a level: "review", "confirm", or nothing."""
    return "confirm" if level >= LIQUIDATED else "review" if level == REVIEWED else ""
