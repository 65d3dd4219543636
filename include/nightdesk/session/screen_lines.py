"""The screen that a decision used, in sentences: its age, what is leaving or off, what has failed since."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime

from nightdesk.core.screen_weeks import LONGEST_IN_FORCE, NEW_YORK
from nightdesk.store.db import Connection
from nightdesk.store.screen_rows import StoredScreen, newest_screens, off_in_session

#: Symbols of a kind that a sentence names; the others are counted.
NAMED = 12


def decision_screen_lines(
    conn: Connection,
    book: str,
    as_of: datetime,
    session: date,
    known_by: datetime,
    leaving: Collection[str],
) -> tuple[str, ...]:
    """The screen in force at a decision, as it was known.

    Parameters
    ----------
    conn : Connection
    book : str
    as_of, session : datetime, date
        The decision.
    known_by : datetime
        Screens and checks that were stored later are left out.
    leaving : collection of str
        Symbols that are held and no members any more.

    Returns
    -------
    tuple of str
        Empty of a book that no screen is stored of.
    """
    attempts = newest_screens(conn, book, as_of, known_by)
    good = next((one for one in attempts if one.good), None)
    failed = [one for one in attempts if not one.good]
    if good is None:
        return tuple(_failed(one) for one in failed[:1])
    lines = [_in_force(good, as_of)]
    if failed:
        until = (good.screened_at + LONGEST_IN_FORCE).astimezone(NEW_YORK).date()
        lines.append(f"{_failed(failed[0])} The one before stays in force until {until} at most.")
    if leaving:
        lines.append(f"Leaving, only reduced: {_named(sorted(leaving))}.")
    off = off_in_session(conn, book, session, known_by)
    if off:
        lines.append(f"Off in this session, nothing is opened in them: {_named(_with_reasons(off))}.")
    return tuple(lines)


def _in_force(screen: StoredScreen, as_of: datetime) -> str:
    days = (as_of - screen.screened_at).days
    age = "of the day before" if days == 0 else f"{days} day{'' if days == 1 else 's'} old"
    pairs = ""
    if screen.tests:
        noun = "pair" if screen.admitted == 1 else "pairs"
        pairs = (
            f", {screen.admitted:,} {noun} of {screen.tests:,} tests, of which {screen.expected_false:.1f} "
            "false ones are to be expected"
        )
    return (
        f"Screen of {_day(screen)}, {age}: {screen.members:,} members of {screen.pool:,} stocks, "
        f"{screen.passed:,} pass{pairs}."
    )


def _failed(screen: StoredScreen) -> str:
    return f"The screen of {_day(screen)} failed: {screen.reason.rstrip('.')}."


def _day(screen: StoredScreen) -> date:
    return screen.screened_at.astimezone(NEW_YORK).date()


def _with_reasons(off: dict[str, str]) -> Iterator[str]:
    return (f"{symbol} ({reason})" for symbol, reason in off.items())


def _named(words: Collection[str] | Iterator[str]) -> str:
    every = list(words)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more
