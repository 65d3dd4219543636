"""Why a position ends or an entry was taken away, in words with their numbers: the same for every reader."""

from __future__ import annotations

from datetime import date

from nightdesk.core.calendar import get_calendar


def stop_words(price: float, average: float, distance: float) -> str:
    """A stop that was reached.

    Parameters
    ----------
    price, average, distance : float
        The session's close, the average entry and the distance of the stop from it, dollars a unit.
    """
    apart = abs(average - price)
    side = "below" if price <= average else "above"
    return (
        f"stop: the close {price:.2f} is {apart:.2f} {side} the average entry {average:.2f}, "
        f"{distance:.2f} are allowed"
    )


def target_words(price: float, average: float, distance: float) -> str:
    """A target that was reached; the arguments are those of `stop_words`."""
    apart = abs(price - average)
    side = "above" if price >= average else "below"
    return (
        f"target: the close {price:.2f} is {apart:.2f} {side} the average entry {average:.2f}, "
        f"{distance:.2f} were aimed at"
    )


def age_words(held: int, most: int) -> str:
    """An age that was reached, in sessions."""
    return f"age: held for {held} sessions, at most {most}"


def sessions_held(calendar: str, entered: date, session: date) -> int:
    """Sessions of a calendar from the one that opened a position to `session`, both counted."""
    known = get_calendar(calendar)
    return known.index(session) - known.index(entered) + 1


def dropped_words(filter_name: str, other: str, value: float, limit: float) -> str:
    """Why a filter took an entry away; the arguments are those of `nightdesk.portfolio.Dropped`, by name."""
    if filter_name == "superseded":
        return f"superseded by {other}: its confidence is {limit:.2f}, of this entry {value:.2f}"
    return f"correlated {value:.2f} with {other}, at most {limit:.2f}"
