"""Whether a price waits for a person's word, and what to say where it does not."""

from __future__ import annotations

from datetime import date

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.feeds.checks import CHECKS, Spoils
from nightdesk.feeds.hourly_quality import examine_hours
from nightdesk.feeds.quality import Quality, examine

#: The checks that a person's word answers.
ANSWERED = ("price_jump", "adjustment_jump")

#: The checks of a bar itself, which only the vendor answers by correcting it.
OF_THE_BAR = tuple(one.name for one in CHECKS if one.spoils is Spoils.BAR and one.name not in ANSWERED)


def must_be_a_session_of(book: Book, symbol: str, session: date) -> None:
    """Raise `Refused` where the book does not know the symbol, or its calendar the session."""
    if symbol not in book.panel_symbols:
        raise Refused(
            f"{symbol} is no symbol of book {book.name}: its symbols are {', '.join(book.panel_symbols)}"
        )
    get_calendar(book.calendar).index(session)


def must_wait(panel: Panel, book: Book, symbol: str, session: date) -> None:
    """Raise `Refused` where no price of a symbol waits for an answer at a session, nor in one of its hours.

    Parameters
    ----------
    panel : Panel
        Of a span that holds the symbol, of days or hours, with all words that were given before.
    book : Book
        Its limits say what waits.
    symbol : str
    session : date
        A session.

    Raises
    ------
    Refused
        With what waits of the symbol instead.
    """
    if panel.hours is not None:
        if _waits_by_the_hour(panel, book, symbol, session):
            return
        if np.datetime64(session, "D") in panel.sessions[~np.isin(panel.sessions, panel.days.sessions)]:
            raise Refused(f"nothing of {symbol} waits for an answer in the hours of {session} so far")
    quality = examine(panel.days, book)
    panel, n = quality.panel, quality.panel.column(symbol)
    t = int(np.searchsorted(panel.sessions, np.datetime64(session, "D")))
    first, last = as_date(panel.sessions[0]), as_date(panel.sessions[-1])
    if not first <= session <= last:
        raise Refused(
            f"there is no bar of {symbol} at {session}: the book's bars reach from {first} to {last}"
        )
    if not np.isfinite(panel.close[t, n]):
        raise Refused(f"{symbol} has no bar of {session}: nothing to accept. {_what_waits(quality, symbol)}")
    faults = [name for name in OF_THE_BAR if quality.failed[name][t, n]]
    if faults:
        raise Refused(
            f"the bar of {symbol} of {session} failed {', '.join(faults)}: nobody's word makes a price of "
            "it. The vendor must correct the bar"
        )
    if not any(quality.failed[name][t, n] for name in ANSWERED):
        raise Refused(f"nothing of {symbol} waits for an answer at {session}: {_what_waits(quality, symbol)}")


def _waits_by_the_hour(panel: Panel, book: Book, symbol: str, session: date) -> bool:
    """Whether an hour of the session jumped whose bar passes the checks of the bar itself."""
    checks, n = examine_hours(panel, book), panel.column(symbol)
    faulty = np.any([checks.failed[name][:, n] for name in OF_THE_BAR], axis=0)
    own = panel.sessions == np.datetime64(session, "D")
    return bool((own & checks.failed["price_jump"][:, n] & np.isfinite(panel.close[:, n]) & ~faulty).any())


def _what_waits(quality: Quality, symbol: str) -> str:
    """The spells of a symbol that a person's word would end, in words."""
    waiting = [
        f"{one.first}" if one.sessions == 1 else f"{one.first} to {one.last}"
        for one in quality.spells()
        if one.symbol == symbol and not set(ANSWERED).isdisjoint(one.checks)
    ]
    if not waiting:
        return f"no price of {symbol} waits at any session from {quality.panel.sessions[0]} on"
    return f"what waits of it is {', '.join(waiting)}; accept the first session of it"
